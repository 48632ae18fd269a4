"""
Pauses between two questions about the same thing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_GROWTH: Final = 1.5
_MAX_GROWTH: Final = 10


def growing_pauses(interval_s: float) -> Iterator[float]:
    """
    Yield seconds without end: *interval_s* first, then half as long again each time, ten times *interval_s* at most.
    """
    pause_s = interval_s
    while True:
        yield pause_s
        pause_s = min(pause_s * _GROWTH, interval_s * _MAX_GROWTH)
