"""
Memory that threads give back.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

from aikit.types.interruptions import suppress

_M_ARENA_MAX: Final = -8  # of glibc's malloc.h
_ARENAS: Final = 1


def share_one_heap() -> None:
    """
    Have all threads share one heap, which glibc does not: each of its heaps keeps what it once needed.

    To be called before there are threads. It costs no time, since Python's threads take turns anyway.
    """
    # https://man7.org/linux/man-pages/man3/mallopt.3.html (read 2026-11-30)
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
