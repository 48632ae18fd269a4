"""
Rows that were read within the last second.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

import attrs

T = TypeVar("T")

_KEPT_S: Final = 0.9  # what another gateway changes shows within a second
_MOST: Final = 4096


@attrs.define(eq=False)
class Cache(Generic[T]):
    """
    Rows by id, for a moment. What is read while a row is changed is not kept.

    Attributes:
        clock: Seconds that only grow.
    """

    clock: Callable[[], float] = time.monotonic
    _rows: dict[str, tuple[float, T]] = attrs.field(factory=dict, init=False)
    _changes: int = attrs.field(default=0, init=False)
    _lock: Any = attrs.field(factory=threading.Lock, init=False)

    def get(self, name: str) -> T | None:
        """Return the row that is kept, if it is fresh."""
        found = self._rows.get(name)
        return found[1] if found is not None and self.clock() < found[0] else None

    def fetch(self, name: str, read: Callable[[], T | None]) -> T | None:
        """Return the row that is kept, or *read* it."""
        found = self.get(name)
        if found is not None:
            return found
        changes, until = self._changes, self.clock() + _KEPT_S
        row = read()
        with self._lock:
            if row is not None and changes == self._changes:
                self._rows.pop(name, None)
                self._rows[name] = until, row  # behind those that were read before
                self._drop_stale()
        return row

    def forget(self, name: str) -> None:
        """Drop a row, after it was changed."""
        with self._lock:
            self._changes += 1
            self._rows.pop(name, None)

    def clear(self) -> None:
        """Drop all rows."""
        with self._lock:
            self._changes += 1
            self._rows.clear()

    def _drop_stale(self) -> None:
        """
        Drop what nobody gets any more, oldest first: rows are large, and most are read once.
        """
        now = self.clock()
        while self._rows:
            oldest = next(iter(self._rows))
            if self._rows[oldest][0] > now and len(self._rows) <= _MOST:
                break
            del self._rows[oldest]
