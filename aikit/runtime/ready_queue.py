"""
The queue of tasks that wait for a thread.
"""

from __future__ import annotations

import itertools
from collections import deque

import attrs

from aikit.runtime.task import Task

_Queue = deque[tuple[int, Task]]


@attrs.define(eq=False)
class ReadyQueue:
    """
    Tasks that wait for a thread, in the order they came in; guarded by the lock of its scheduler.
    """

    _long: _Queue = attrs.field(factory=deque)
    _short: _Queue = attrs.field(factory=deque)
    _number: itertools.count[int] = attrs.field(factory=itertools.count)

    def __len__(self) -> int:
        return len(self._long) + len(self._short)

    def append(self, task: Task) -> None:
        """
        Put *task* behind all others.
        """
        (self._long if task.is_long else self._short).append((next(self._number), task))

    def pop(self) -> Task | None:
        """
        Take the task that waits longest; ``None`` if there is none.
        """
        is_long = self._long and not (self._short and self._short[0] < self._long[0])
        return _pop(self._long if is_long else self._short)

    def pop_short(self) -> Task | None:
        """
        Take the task that waits longest of those that move no content; ``None`` if there is none.
        """
        return _pop(self._short)


def _pop(queue: _Queue) -> Task | None:
    return queue.popleft()[1] if queue else None
