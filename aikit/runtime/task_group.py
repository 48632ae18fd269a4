"""
Flows side by side: a few at a time on a pool's threads, while the call that asked for them waits and holds none.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import attrs

from aikit.http.flow import Flow, Gather
from aikit.runtime.result import Outcome
from aikit.runtime.task import Driver, Task
from aikit.types.errors import CancelledError, Rejected
from aikit.types.progress import Progress


@attrs.define(eq=False)
class TaskGroup:
    """
    The flows that a call waits for.

    Attributes:
        call: What waits for them; nobody drives it meanwhile.

        pool: What drives them.

        when_over: Called once, when none of them is under way any more.

        results: What each returned, in their order.

        error: What the first that failed raised.
    """

    # Whoever ends a flow, begins the next: no thread watches over them. The lock guards all fields; nothing that may
    # block or drive a flow is done while it is held. The next flow is taken without it, by one thread at a time: the
    # caller's own iterable may be behind it, which may be slow, or cancel the call.

    call: Task
    pool: Driver
    when_over: Callable[[], None]
    results: list[Any] = attrs.field(factory=list, init=False)
    error: BaseException | None = attrs.field(default=None, init=False)
    _flows: Iterator[Flow[Any]] = attrs.field(init=False)
    _at_a_time: int = attrs.field(init=False)
    _on_progress: Callable[[int, Any], None] | None = attrs.field(default=None, init=False)
    _total_bytes: int | None = attrs.field(default=None, init=False)
    _done_bytes: int = attrs.field(default=0, init=False)
    _told: dict[int, int] = attrs.field(factory=dict, init=False)
    _under_way: dict[int, Task] = attrs.field(factory=dict, init=False)
    _is_taking: bool = attrs.field(default=False, init=False)
    _is_exhausted: bool = attrs.field(default=False, init=False)
    _is_over: bool = attrs.field(default=False, init=False)
    _lock: Any = attrs.field(factory=threading.Lock, init=False)

    def start(self, step: Gather) -> None:
        """
        Begin with the flows of *step*.
        """
        self._flows, self._at_a_time = iter(step.flows), max(step.at_a_time, 1)
        self._total_bytes, self._done_bytes = step.total_bytes, step.done_bytes
        self._on_progress = step.on_progress or (self._add if self.call.context.on_progress is not None else None)
        self._go_on()

    def cancel(self) -> None:
        """
        Ask those under way to stop; no further one begins.
        """
        with self._lock:
            is_wish = self.call.context.is_cancelled
            why = self.call.context.stopped() if is_wish else CancelledError(keeps=True)  # another's failure is no wish
            self.error = self.error or why
            under_way = list(self._under_way.values())
        for part in under_way:
            self.pool.cancel(part, why)

    def _go_on(self) -> None:
        while self._may_take():
            part = self._taken()
            if part is not None:
                self.pool.enqueue(part)
        with self._lock:
            is_last = not self._under_way and not self._is_taking and not self._is_over
            self._is_over |= is_last
        if is_last:
            self.when_over()

    def _may_take(self) -> bool:
        """
        Claim the taking of the next flow; false if there is none, or no room, or one has failed, or others are at it.
        """
        with self._lock:
            is_ending = self._is_exhausted or self.error is not None or self.call.context.is_cancelled
            if is_ending or self._is_taking or len(self._under_way) >= self._at_a_time:
                return False
            self._is_taking = True
            return True

    def _taken(self) -> Task | None:
        """
        Take the next flow; ``None`` if there is none, or it is not wanted any more.
        """
        flow, failure = self._asked_for()
        with self._lock:
            self._is_taking, self._is_exhausted = False, flow is None
            self.error = self.error or failure
            if flow is None or self.error is not None or self.call.context.is_cancelled:
                return None
            number = len(self.results)
            self.results.append(None)
            on_progress = partial(self._on_progress, number) if self._on_progress is not None else None
            context = self.call.context.child(on_progress)
            part = Task(flow, self.call.transport, context, partial(self._ended, number), self.pool)
            part.parent, part.is_long = self.call, self.call.is_long
            self._under_way[number] = part
            return part

    def _asked_for(self) -> tuple[Flow[Any] | None, BaseException | None]:
        """
        Ask for the next flow; what goes wrong is the waiting flow's to know, whatever the thread here was asked for.
        """
        try:
            return next(self._flows, None), None
        except Exception as error:  # noqa: BLE001  what was begun comes to its end
            return None, error
        except BaseException as error:  # noqa: BLE001  Ctrl-C in the main thread, or `sys.exit` in any: nobody may wait
            with self._lock:
                self.error = self.error or error
            self.cancel()
            return None, error

    def _add(self, number: int, progress: Progress) -> None:
        """
        Report the sum of all parts; what a part sends again counts once.
        """
        with self._lock:
            already = self._told.get(number, 0)
            self._told[number] = max(already, progress.bytes)
            self._done_bytes += max(progress.bytes - already, 0)
            done = self._done_bytes
        self.call.context.report(progress.phase, done, self._total_bytes, progress.attempt)

    def _ended(self, number: int, outcome: Outcome) -> None:
        with self._lock:
            del self._under_way[number]
            self._told.pop(number, None)
            self.results[number] = outcome.value
            is_first = self.error is None and bool(outcome.errors)
            if is_first:
                self.error = outcome.errors[0] if len(outcome.errors) == 1 else Rejected(outcome.errors, outcome.value)
        if is_first:
            self.cancel()
        self._go_on()
