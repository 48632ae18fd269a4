"""
The number of requests under way at once, adapted to the answers of the server, and those that wait for a retry. Pure.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from typing import Final

import attrs

from aikit.http.rate_limiter import RecentAnswers
from aikit.providers.local.batches.answerer import Task

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0
_MOST_DOUBLINGS: Final = 10
_RECENT: Final = 16
_ENOUGH_TO_HALVE: Final = 4
_PARKED_BYTES: Final = 16 * 1024 * 1024
_TASK_BYTES: Final = 1_024
"""Memory of a task beside its body."""


@attrs.define
class ConcurrencyLimit:
    """
    A limit that grows by one per round of successes and halves when the server is overloaded.

    A server is overloaded while most of its recent answers are refusals: one now and then is about its own request.
    Times are seconds of any monotonic clock. The limit starts at *most*, for most servers have room.

    Attributes:
        most: Upper bound of *limit*.

        limit: Requests that may be under way.

        blocked_until: No request starts before this time.

        outages: Pauses in a row because the server was unreachable; until they end, one request at a time probes it.

        answered: Requests that were answered.
    """

    # Additive increase, multiplicative decrease: Chiu and Jain 1989, doi:10.1016/0169-7552(89)90019-6

    most: int
    limit: float = attrs.Factory(lambda self: float(self.most), takes_self=True)
    blocked_until: float = 0.0
    outages: int = 0
    answered: int = 0
    _refusals: RecentAnswers = attrs.field(factory=lambda: RecentAnswers(_RECENT))
    _failures: RecentAnswers = attrs.field(factory=lambda: RecentAnswers(_RECENT))
    _overloaded_until: float = 0.0
    _started: int = 0
    _started_before: int = 0
    _started_before_pause: int = 0

    @property
    def is_failing(self) -> bool:
        """Whether most of the recent requests were refused or failed."""
        return self._failures.are_mostly_bad

    def can_start(self, under_way: int, now: float) -> bool:
        """
        Return whether another request may start beside those *under_way*.
        """
        if now < self.blocked_until or (now < self._overloaded_until and self._refusals.are_mostly_bad):
            return False
        return under_way < (1 if self.outages else int(self.limit))

    def start(self) -> int:
        """
        Count a request that starts now, and return its number.
        """
        self._started += 1
        return self._started

    def on_success(self) -> bool:
        """
        Raise the limit by a fraction, so that a full round of successes adds one; return whether an outage is over.
        """
        self.answered += 1
        self._refusals.add(is_bad=False)
        self._failures.add(is_bad=False)
        self.limit = min(self.limit + 1 / self.limit, self.most)
        was_out, self.outages = self.outages > 0, 0
        return was_out

    def on_failed(self) -> None:
        """
        Note a request that failed for another reason than overload.
        """
        self._refusals.add(is_bad=False)
        self._failures.add(is_bad=True)

    def on_throttled(self, number: int, until: float = 0.0) -> None:
        """
        Note that request *number* was refused; if most are, block new ones *until* then, and halve the limit.

        Refusals of requests that started before the last halving do not count: sixty-four at a time halve it once.
        """
        self._refusals.add(is_bad=True)
        self._failures.add(is_bad=True)
        self._overloaded_until = max(self._overloaded_until, until)
        if not self._refusals.are_mostly_bad or self._refusals.count < min(_ENOUGH_TO_HALVE, self.most):
            return
        if number > self._started_before:
            self.limit = max(self.limit / 2, 1.0)
            self._started_before = self._started

    def on_nothing_left(self, until: float) -> None:
        """
        Block new requests *until* then, because the server said that no request is left to this client.
        """
        self.blocked_until = max(self.blocked_until, until)

    def on_unreachable(self, number: int, now: float) -> bool:
        """
        Note that request *number* met nobody, and block new ones, for twice as long each time; return whether it did.

        Requests that started before the last pause say nothing new, however late they fail.
        """
        if number <= self._started_before_pause or now < self.blocked_until:
            return False
        pause_s = min(_FIRST_PAUSE_S * 2 ** min(self.outages, _MOST_DOUBLINGS), _LONGEST_PAUSE_S)
        self.outages += 1
        self.blocked_until = now + pause_s
        self._started_before_pause = self._started
        return True


@attrs.define
class ParkedTasks:
    """
    Tasks that wait for their next attempt, the first due first.
    """

    _heap: list[tuple[float, int, Task]] = attrs.field(factory=list, init=False)
    _order: Iterator[int] = attrs.field(factory=itertools.count, init=False)
    _size_bytes: int = attrs.field(default=0, init=False)

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def is_full(self) -> bool:
        """Whether they take as much memory as they may."""
        return self._size_bytes >= _PARKED_BYTES

    def has_due(self, now: float) -> bool:
        """
        Return whether one is due.
        """
        return bool(self._heap) and self._heap[0][0] <= now

    def park(self, task: Task, until: float) -> None:
        """
        Keep *task* until it is due.
        """
        heapq.heappush(self._heap, (until, next(self._order), task))
        self._size_bytes += len(task.body) + _TASK_BYTES

    def take(self) -> Task:
        """
        Remove the first and return it.
        """
        task = heapq.heappop(self._heap)[2]
        self._size_bytes -= len(task.body) + _TASK_BYTES
        return task
