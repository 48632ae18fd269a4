"""
The bandwidth limit: bytes a second of one client, shared by all its calls.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

import attrs

UP: Final = "up"
DOWN: Final = "down"

_PORTION_S: Final = 0.05
_SLACK_S: Final = 0.1
_MIN_BYTES_PER_SECOND: Final = 1_024
_LOOK_S: Final = 0.05
_LEAST_BYTES: Final = 64


@attrs.define(eq=False)
class Bandwidth:
    """
    Bytes a second that all calls of a client share, up and down each: a line carries both ways at once.

    Nothing is saved up while nothing moves, but for a tenth of a second, so there are no bursts.

    Attributes:
        bytes_per_second: In each direction.

        clock: Monotonic seconds.

        sleep: Waits.
    """

    bytes_per_second: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _free_at: dict[str, float] = attrs.field(factory=dict, init=False)
    _lock: Any = attrs.field(factory=threading.Lock, init=False, repr=False)

    @classmethod
    def of(cls, value: Any) -> Bandwidth:
        """
        Return a bandwidth of *value* bytes a second.

        Raises:
            TypeError: *value* is no number.
            ValueError: It is less than 1,024.
        """
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"bandwidth must be a number of bytes a second, not {type(value).__name__}")
        if not _MIN_BYTES_PER_SECOND <= value < float("inf"):
            given = f"{value:,}".removesuffix(".0")
            raise ValueError(f"bandwidth must be {_MIN_BYTES_PER_SECOND:,} bytes a second or more, not {given}")
        return cls(value)

    def block_size(self, most: int) -> int:
        """
        Return how many bytes to move at once: a twentieth of a second's, *most* at most.
        """
        return min(most, max(_LEAST_BYTES, int(self.bytes_per_second * _PORTION_S)))

    def wait(self, direction: str, count: int, raise_if_cancelled: Callable[[], None]) -> None:
        """
        Wait until *count* bytes may move in *direction*; what *raise_if_cancelled* raises ends the waiting.
        """
        with self._lock:
            begins_at = max(self._free_at.get(direction, 0.0), self.clock() - _SLACK_S)
            self._free_at[direction] = begins_at + count / self.bytes_per_second
        while (left_s := begins_at - self.clock()) > 0:
            self.sleep(min(left_s, _LOOK_S))
            raise_if_cancelled()

    def after_fork_in_child(self) -> None:
        """
        In a child made by fork, take a lock of its own: another thread of the parent's may have held it.
        """
        self._lock = threading.Lock()
