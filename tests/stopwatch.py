"""
A stopwatch for tests on machines that have other things to do.
"""

from __future__ import annotations

import threading
import time
from typing import Final

_TICK_S: Final = 0.01
_FORGOTTEN_S: Final = 300


class Stopwatch:
    """
    The time that this process could use, from when this was made: what stands still with all its threads counts not.

    A thread wakes every hundredth of a second; when it wakes late, others have the processors, and no more than two
    hundredths count. On a machine at rest that is the time of a clock. What waits for the wrong thing is told by it all
    the same; what was held up by another program is not.
    """

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()
        self.seconds = self.wall_s = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stopwatch", daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """
        Return the seconds that this process could use; ``seconds`` tells them meanwhile, ``wall_s`` those of the clock.
        """
        if self._thread.is_alive():
            self._is_over.set()
            self._thread.join()
            self._tick()
            self.wall_s = self._last - self._began
        return self.seconds

    def _run(self) -> None:
        while not self._is_over.wait(_TICK_S) and self._last - self._began < _FORGOTTEN_S:
            self._tick()

    def _tick(self) -> None:
        now = time.monotonic()
        self.seconds += min(now - self._last, 2 * _TICK_S)
        self._last = now
