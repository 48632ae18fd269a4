"""
Task groups: flows side by side, a few at a time, while the task that gathers them holds no thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import attrs

from aikit.http.flow import Flow, Gather
from aikit.runtime.call_state import Outcome
from aikit.runtime.driver import Driver
from aikit.runtime.task import Task
from aikit.types.errors import CancelledError, Rejected
from aikit.types.interruptions import interruption_in
from aikit.types.progress import Progress


@attrs.define(eq=False)
class TaskGroup:
    """
    The flows that a task waits for.

    Attributes:
        parent: The task, suspended until the group is over.

        driver: The scheduler that runs the flows.

        on_over: Called once, when none of them is under way any more.

        results: What each returned, in their order.

        error: What the first that failed raised.
    """

    # The thread that ends a flow begins the next: none watches over them. `_lock` guards all fields but those that
    # `start` sets. No other lock is taken and no user code runs under it: the next flow is asked for without it, by the
    # one thread that has set `_is_taking`, for the caller's own iterable may be slow, or cancel the call.

    parent: Task
    driver: Driver[Task]
    on_over: Callable[[], None]
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
        self._on_progress = step.on_progress or (self._add if self.parent.context.on_progress is not None else None)
        self._begin_more()

    def cancel(self) -> None:
        """
        Ask the flows under way to stop; no further one begins.
        """
        with self._lock:
            context = self.parent.context
            why = context.stopped() if context.is_cancelled else CancelledError(keeps=True)  # another flow has failed
            self.error = self.error or why
            under_way = list(self._under_way.values())
        for child in under_way:
            self.driver.cancel(child, why)

    def _begin_more(self) -> None:
        while self._reserve_slot():
            child = self._next_child()
            if child is not None:
                self.driver.enqueue(child)
        with self._lock:
            is_last = not self._under_way and not self._is_taking and not self._is_over
            self._is_over |= is_last
        if is_last:
            self.on_over()

    def _reserve_slot(self) -> bool:
        """
        Reserve the place of the next flow; return false if there is none, no room, a failure, or another thread at it.
        """
        with self._lock:
            is_ending = self._is_exhausted or self.error is not None or self.parent.context.is_cancelled
            if is_ending or self._is_taking or len(self._under_way) >= self._at_a_time:
                return False
            self._is_taking = True
            return True

    def _next_child(self) -> Task | None:
        """
        Return a task for the next flow; ``None`` if there is none, or the group is ending.
        """
        flow, failure = self._next_flow()
        with self._lock:
            self._is_taking, self._is_exhausted = False, flow is None
            self.error = self.error or failure
            if flow is None or self.error is not None or self.parent.context.is_cancelled:
                return None
            number = len(self.results)
            self.results.append(None)
            on_progress = partial(self._on_progress, number) if self._on_progress is not None else None
            context = self.parent.context.child(on_progress)
            child = self.parent.child(flow, context, partial(self._child_ended, number), self.driver)
            self._under_way[number] = child
            return child

    def _next_flow(self) -> tuple[Flow[Any] | None, BaseException | None]:
        """
        Return the next flow, or what asking for it raised, which the flow of the parent is to know.
        """
        try:
            return next(self._flows, None), None
        except BaseException as error:  # noqa: BLE001  Ctrl-C in the main thread, or `sys.exit` in any: the parent waits
            if not isinstance(error, Exception) or interruption_in(error) is not None:
                with self._lock:
                    self.error = self.error or error
                self.cancel()
            return None, error  # after a fault of the iterable, what was begun comes to its end

    def _add(self, number: int, progress: Progress) -> None:
        """
        Report the sum of all flows; bytes that are sent again count once.
        """
        with self._lock:
            already = self._told.get(number, 0)
            self._told[number] = max(already, progress.bytes)
            self._done_bytes += max(progress.bytes - already, 0)
            done = self._done_bytes
        self.parent.context.report(progress.phase, done, self._total_bytes, progress.attempt)

    def _child_ended(self, number: int, outcome: Outcome) -> None:
        with self._lock:
            del self._under_way[number]
            self._told.pop(number, None)
            self.results[number] = outcome.value
            is_first = self.error is None and bool(outcome.errors)
            if is_first:
                self.error = outcome.errors[0] if len(outcome.errors) == 1 else Rejected(outcome.errors, outcome.value)
        if is_first:
            self.cancel()
        self._begin_more()
