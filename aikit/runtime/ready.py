"""
Calls that wait for a thread.
"""

from __future__ import annotations

import itertools
from collections import deque
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from aikit.runtime.task import Call

_Queue = deque[tuple[int, "Call"]]


@attrs.define(eq=False)
class Ready:
    """
    Calls that wait for a thread, in the order they came in; guarded by whoever has it.
    """

    _long: _Queue = attrs.field(factory=deque)
    _short: _Queue = attrs.field(factory=deque)
    _number: itertools.count[int] = attrs.field(factory=itertools.count)

    def __bool__(self) -> bool:
        return bool(self._long or self._short)

    def append(self, call: Call) -> None:
        """
        Put *call* behind all others.
        """
        (self._long if call.is_long else self._short).append((next(self._number), call))

    def popped(self) -> Call | None:
        """
        Take the one that waits longest; ``None`` if there is none.
        """
        is_long = self._long and not (self._short and self._short[0] < self._long[0])
        return _popped(self._long if is_long else self._short)

    def popped_short(self) -> Call | None:
        """
        Take the one that waits longest of those that move no content; ``None`` if there is none.
        """
        return _popped(self._short)


def _popped(queue: _Queue) -> Call | None:
    return queue.popleft()[1] if queue else None
