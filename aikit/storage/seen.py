"""
Which of many texts have come before, in sixteen bytes of memory each.
"""

from __future__ import annotations

from array import array
from typing import Final

from aikit.storage.spill import DiskCounter

_ALL_BITS: Final = 2**64 - 1
_SLOTS: Final = 1024
_HELD_MAX: Final = 2_000_000


class SeenTexts:
    """
    Tells whether a text has come before; of 100,000 texts two are taken for the same once in 3 billion times.

    Texts are remembered by their 64-bit hashes, which nobody can foresee: Python's are different in each process.
    Those beyond *held_max* are counted on disk.
    """

    def __init__(self, held_max: int = _HELD_MAX) -> None:
        self._slots = _empty(_SLOTS)  # open addressing: a hash stands at its place, or at the next one that was free
        self._used = 0
        self._held_max = held_max
        self._others: DiskCounter | None = None

    def count(self, text: str) -> int:
        """
        Return 1 for a text that is new, and more for one that is not.

        Raises:
            OpenAIError: There is no room on disk for so many (code ``"insufficient_storage"``).
        """
        slots = self._slots
        mask = len(slots) - 1
        key = hash(text) & _ALL_BITS or 1  # 0 is a free place
        place = key & mask
        while held := slots[place]:
            if held == key:
                return 2
            place = (place + 1) & mask
        if self._used >= self._held_max:
            self._others = self._others or DiskCounter(held_max=0)
            return self._others.count(text)
        slots[place] = key
        self._used += 1
        if self._used * 2 > mask:
            self._slots = _larger(slots)
        return 1


def _larger(slots: array[int]) -> array[int]:
    larger = _empty(2 * len(slots))
    mask = len(larger) - 1
    for key in slots:
        if key:
            place = key & mask
            while larger[place]:
                place = (place + 1) & mask
            larger[place] = key
    return larger


def _empty(size: int) -> array[int]:
    return array("Q", [0]) * size
