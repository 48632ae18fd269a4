"""
What comes of an attempt to answer a task: the limit learns of it, and the task is tried again or has its answer.
"""

from __future__ import annotations

import logging
import threading
from typing import Final

import attrs

from aikit.http.context import CallContext
from aikit.http.retry import RetryPolicy
from aikit.providers.local.batches.access import AccessDenials, AccessDenied, is_own_denial
from aikit.providers.local.batches.answerer import Answer, Task, Throttled, TryAgain
from aikit.providers.local.batches.concurrency import ConcurrencyLimit
from aikit.providers.local.clock import MonotonicTime

_log: Final = logging.getLogger("aikit.providers.local")


@attrs.define(eq=False)
class Worker:
    """
    State of one thread: its task, and when that times out or is retried.

    Attributes:
        number: Number of the request, counted by their start.

        retry_at: Time of the next attempt, by the clock; ``None`` when the task has ended.

        ends_at: Monotonic seconds at which the attempt times out.

        is_late: Whether its context was cancelled because it timed out.
    """

    context: CallContext = attrs.field(factory=CallContext)
    task: Task | None = None
    number: int = 0
    retry_at: float | None = None
    ends_at: float = float("inf")
    is_late: bool = False


@attrs.define(eq=False)
class Outcomes:
    """
    The outcomes of one run's attempts; to be called by the worker's own thread, without a lock.

    Attributes:
        limit: Learns how many requests the server bears.

        time: By which tasks are tried again.

        state: Guards *limit* and all other fields; see `aikit.providers.local.batches.executor.Executor`.
    """

    limit: ConcurrencyLimit
    time: MonotonicTime
    state: threading.Condition
    _backoff: RetryPolicy = attrs.field(factory=lambda: RetryPolicy(max_delay_s=60.0))
    _denials: AccessDenials = attrs.field(factory=AccessDenials)

    def note_answered(self, answer: Answer) -> None:
        """
        Tell the limit of an answer.
        """
        is_back = False
        with self.state:
            if answer.is_served:
                self._denials.end()
                is_back = self.limit.on_success()
            else:
                self.limit.on_failed()
            if answer.nothing_left_s:
                self.limit.on_nothing_left(self.time.now() + answer.nothing_left_s)
        if is_back:
            _log.info("the server that answers the lines of batches can be reached again")

    def note_throttled(self, worker: Worker, until: float = 0.0) -> None:
        """
        Tell the limit that the server had too much to do, *until* then if it said so.
        """
        with self.state:
            self.limit.on_throttled(worker.number, until)

    def retry(self, worker: Worker, task: Task, request: TryAgain) -> None:
        """
        Put off the worker's task after an attempt that failed.
        """
        worker.task = task.failed()
        worker.retry_at = self.time.now() + request.after_s
        with self.state:
            if request.is_overload:
                self.limit.on_throttled(worker.number)
            else:
                self.limit.on_failed()

    def retry_later(self, worker: Worker, task: Task, request: Throttled) -> None:
        """
        Put off the worker's task alone, for as long as the server asks; longer when it has refused all others, too.
        """
        now, asked_s = self.time.now(), request.retry_after_s
        with self.state:
            worker.task = task.refused(self.limit.answered)
            backoff_s = self._backoff.delay_s(worker.task.refusals, {}) or 0.0
            after_s = backoff_s if asked_s is None or worker.task.refusals > 1 else 0.0
            worker.retry_at = now + max(asked_s or 0.0, request.nothing_left_s, after_s)
            self.limit.on_throttled(worker.number, worker.retry_at if asked_s is not None else 0.0)
            if request.nothing_left_s:
                self.limit.on_nothing_left(now + request.nothing_left_s)

    def is_denied(self, worker: Worker, task: Task, answer: Answer) -> bool:
        """
        Put off the worker's task if the server seems to deny whatever is asked, or before that is known.

        Raises:
            AccessDenied: Waiting has not helped.
        """
        with self.state:
            if not self._denials.add(is_first=not task.failures):
                if is_own_denial(task.failures):
                    return False
                worker.task = task.failed()
                worker.retry_at = self.time.now() + (self._backoff.delay_s(worker.task.failures, {}) or 0.0)
                return True
        if self.has_paused(worker, f"the server answers with status {answer.status_code}, whatever is asked"):
            with self.state:
                self._denials.pauses += 1
                if self._denials.are_final:
                    raise AccessDenied(answer)
        return True

    def has_paused(self, worker: Worker, reason: str) -> bool:
        """
        Put off the worker's task until somebody may be there; return whether a pause begins with it.
        """
        with self.state:
            begins = self.limit.on_unreachable(worker.number, self.time.now())
            is_first = begins and self.limit.outages == 1
            worker.retry_at = self.limit.blocked_until
        if is_first:
            _log.warning("no line of the batch can be answered now, and it continues by itself: %s", reason)
        return begins
