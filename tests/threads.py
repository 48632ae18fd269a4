"""
Threads of a test: those that other tests left in the process that all share are none of its own.
"""

from __future__ import annotations

import threading
import time

from tests.stopwatch import Stopwatch

_HANGS_S = 10


class Threads:
    """
    Threads with names that begin with *prefix* and that were not there when this was made.
    """

    def __init__(self, prefix: str = "aikit") -> None:
        self._prefix = prefix
        self._before = set(threading.enumerate())

    def now(self) -> list[str]:
        """
        Return the names of those that are there.
        """
        made = (thread.name for thread in threading.enumerate() if thread not in self._before)
        return [name for name in made if name.startswith(self._prefix)]

    def are_over(self) -> bool:
        """
        Return whether all end soon.
        """
        watch = Stopwatch()
        while self.now() and watch.seconds < _HANGS_S:
            time.sleep(0.01)
        watch.stop()
        return self.now() == []
