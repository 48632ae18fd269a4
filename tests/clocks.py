"""
Clocks that tests set forward while something waits for them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from aikit.providers.local.clock import SpedUpClock


@contextmanager
def set_forward(clock: SpedUpClock, seconds: float) -> Iterator[None]:
    """
    Set *clock* forward by so many seconds ten times a second, until the block ends: whoever begins to wait meets it.
    """
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(0.1):
            clock.advance(seconds)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
