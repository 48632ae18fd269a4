"""
Runs the requests of a batch side by side, with retries, as many at once as the server bears.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from aikit.http.context import CallContext
from aikit.providers.local.batches.answerer import (
    Answer,
    Answerer,
    Task,
    Throttled,
    TryAgain,
    Unreachable,
    failed_answer,
)
from aikit.providers.local.batches.concurrency import ConcurrencyLimit, ParkedTasks
from aikit.providers.local.batches.outcomes import Outcomes, Worker
from aikit.providers.local.clock import Clock, MonotonicTime
from aikit.types.errors import CancelledError

_LOOK_S: Final = 0.05
"""Real seconds between two checks of the calling thread: for due retries, time-outs, and the wish to stop."""
_GRACE_S: Final = 1.0
"""Real seconds that running requests have to finish after a stop: Ctrl-C is promised to take two."""
_LONGEST_S: Final = 1_800.0
_log: Final = logging.getLogger("aikit.providers.local")


@attrs.frozen
class Executor:
    """
    A thread pool for the tasks of one batch, whose size is the number of requests that may be under way.

    Each thread takes a task, has it answered, reports it, and takes the next. No queue lies between, so memory holds
    only what is under way, and an answer wakes no other thread. A task that waits for its retry occupies no thread.

    Locks: `_Run._state` (a condition) guards every field of `_Run`, its limit, its outcomes, and the iterator *tasks*,
    which is advanced under it. `_Run._reporting` serialises *on_answer*, so that a slow disk does not keep requests
    from starting; `_state` is never taken under it, nor the other way round. A `Worker` is written by its own thread;
    other threads read its times under `_state` and call `CallContext.cancel`, which is safe from any thread. The
    answerer runs under neither lock; *should_stop* and *tasks* run under `_state`, so they must be quick and must not
    call back. Waiting threads have no time-out: the calling thread wakes them when, by the clock, a retry is due.

    Attributes:
        answerer: Answers one task at a time, in any thread.

        clock: Measures pauses before retries.

        concurrency: Upper bound of requests under way; an answerer with ``most_at_once`` lowers it.

        longest_s: Real seconds that one attempt may take in all.
    """

    answerer: Answerer
    clock: Clock = attrs.field(kw_only=True)
    concurrency: int = attrs.field(kw_only=True, validator=attrs.validators.ge(1))
    longest_s: float = attrs.field(kw_only=True, default=_LONGEST_S)

    def run(
        self,
        tasks: Iterator[Task],
        on_answer: Callable[[Task, Answer], None],
        should_stop: Callable[[], bool],
    ) -> None:
        """
        Answer all *tasks*, in any order; return when none is under way.

        Args:
            tasks: Advanced when there is room for another task.

            on_answer: Called once for each answered task, by one thread at a time.

            should_stop: Called before each task and twenty times a second, so it must be quick. Once it returns true no
                task starts, and tasks that have not ended a second later are cancelled and not reported.

        Raises:
            Exception: Raised by *tasks*, *on_answer* or *should_stop*; no task started afterwards.
        """
        most = min(self.concurrency, getattr(self.answerer, "most_at_once", self.concurrency))
        _Run(self, tasks, on_answer, should_stop, ConcurrencyLimit(most), MonotonicTime(self.clock)).run()


@attrs.define(eq=False)
class _Run:
    """
    One call of `Executor.run`; the locks are described there.
    """

    _executor: Executor
    _tasks: Iterator[Task]
    _on_answer: Callable[[Task, Answer], None]
    _should_stop: Callable[[], bool]
    _limit: ConcurrencyLimit
    _time: MonotonicTime
    _state: threading.Condition = attrs.field(factory=threading.Condition)
    _outcomes: Outcomes = attrs.field(init=False)
    _reporting: Any = attrs.field(factory=threading.Lock)
    _ended: threading.Event = attrs.field(factory=threading.Event)
    _workers: dict[threading.Thread, Worker] = attrs.field(factory=dict)
    _alive: int = 0
    _under_way: int = 0
    _parked: ParkedTasks = attrs.field(factory=ParkedTasks)
    _is_alone: bool = False
    _is_exhausted: bool = False
    _is_stopping: bool = False
    _cancel_at: float = float("inf")
    _failure: BaseException | None = None

    @_outcomes.default
    def _make_outcomes(self) -> Outcomes:
        return Outcomes(self._limit, self._time, self._state)

    def run(self) -> None:
        """
        Start the threads, watch over them until they have ended, and raise the first failure.
        """
        try:
            self._start_all()
            while not self._ended.wait(_LOOK_S):
                self._tick()
        except BaseException as error:
            self._fail(error)
            self._cancel_all()
            raise
        finally:
            for thread in list(self._workers):
                thread.join()
        if self._failure is not None:
            raise self._failure

    def _start_all(self) -> None:
        """
        Start one thread for each request that may be under way, but no more than there are tasks.
        """
        self._alive = 1  # this thread: else the first to end might count as the last
        for number in range(1, self._limit.most + 1):
            if self._is_exhausted or self._is_stopping or not self._has_started(number):
                break
        if not self._workers:  # none can be had, as at the interpreter's end from Python 3.12 on
            self._is_alone = True
            self._work(Worker())
        else:
            self._leave()

    def _has_started(self, number: int) -> bool:
        worker = Worker()
        thread = threading.Thread(target=self._work, args=(worker,), name=f"aikit-batch-{number}", daemon=True)
        with self._state:
            self._alive += 1
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads; those that run suffice
            self._leave()
            return False
        self._workers[thread] = worker
        return True

    def _work(self, worker: Worker) -> None:
        try:
            while self._take(worker):
                self._settle(worker)
        except BaseException as error:  # noqa: BLE001  raised by `run`, in the thread that called it
            self._fail(error)
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._state:
            self._alive -= 1
            if not self._alive:
                self._ended.set()

    def _take(self, worker: Worker) -> bool:
        """
        Give *worker* its next task, waiting until one is due; return ``False`` when there will be none.
        """
        with self._state:
            self._put_back(worker)
            while not self._is_over():
                if self._is_alone:
                    self._tick()
                task = self._next()
                if task is not None:
                    self._begin(worker, task)
                    return True
                if not self._is_over():
                    self._state.wait(_LOOK_S if self._is_alone else None)
            self._state.notify_all()
            return False

    def _is_over(self) -> bool:
        return self._is_stopping or (self._is_exhausted and not self._parked)

    def _begin(self, worker: Worker, task: Task) -> None:
        if worker.context.is_cancelled:
            worker.context, worker.is_late = CallContext(), False
        worker.task, worker.number = task.restarted(self._limit.answered), self._limit.start()
        worker.ends_at = time.monotonic() + self._executor.longest_s
        self._under_way += 1
        if self._has_room():
            self._state.notify()  # each that starts wakes the next: no more wake than are needed

    def _has_room(self) -> bool:
        """
        Return whether a task can start now.
        """
        now = self._time.now()
        if self._is_stopping or not self._limit.can_start(self._under_way, now):
            return False
        return self._parked.has_due(now) or self._can_draw()

    def _can_draw(self) -> bool:
        """
        Return whether a new task may be drawn; while most requests fail, few are parked, for all would be.
        """
        is_crowded = len(self._parked) >= self._limit.most and (self._limit.is_failing or self._parked.is_full)
        return not (self._is_exhausted or is_crowded)

    def _put_back(self, worker: Worker) -> None:
        if worker.task is None:
            return
        self._under_way -= 1
        if worker.retry_at is not None:
            self._parked.park(worker.task, worker.retry_at)
        worker.task = worker.retry_at = None

    def _next(self) -> Task | None:
        """
        Return the next task to start: due retries first, but while most requests fail, others may fare better.
        """
        now = self._time.now()
        if not self._limit.can_start(self._under_way, now):
            return None
        if self._should_stop():
            self._stop()
            return None
        is_due = self._parked.has_due(now)
        if self._can_draw() and (not is_due or self._limit.is_failing):
            task = next(self._tasks, None)
            if task is not None:
                return task
            self._is_exhausted = True
        return self._parked.take() if is_due else None

    def _settle(self, worker: Worker) -> None:
        """
        Answer the worker's task, and report the answer or schedule a retry.
        """
        task = worker.task
        assert task is not None, "only a worker with a task settles it"  # noqa: S101  for the type checker
        try:
            answer = self._executor.answerer.answer(task, worker.context)
        except CancelledError as error:
            if self._is_stopping and not worker.is_late:
                return  # the run is being stopped
            answer = _too_late(self._executor.longest_s) if worker.is_late else _crashed(error)
            self._outcomes.note_throttled(worker)
        except TryAgain as request:
            self._outcomes.retry(worker, task, request)
            return
        except Throttled as request:
            self._outcomes.retry_later(worker, task, request)
            return
        except Unreachable as fault:
            self._outcomes.has_paused(worker, fault.message)
            return
        except Exception as error:  # noqa: BLE001  one line must not end the others
            _log.exception("line %d could not be answered", task.line)
            answer = _crashed(error)
        else:
            if answer.is_denial and self._outcomes.is_denied(worker, task, answer):
                return
            self._outcomes.note_answered(answer)
        with self._reporting:
            if self._failure is None:
                self._on_answer(task, answer)

    def _tick(self) -> None:
        """
        Wake a thread for what is due, stop when asked to, and cancel attempts that time out.
        """
        now = time.monotonic()
        with self._state:
            if not self._is_stopping and self._should_stop():
                self._stop()
            if self._has_room():
                self._state.notify()
            for worker in self._workers.values():
                if worker.task is not None and now >= worker.ends_at and not worker.is_late:
                    worker.is_late = True
                    worker.context.cancel()
        if now >= self._cancel_at:
            self._cancel_all()

    def _stop(self) -> None:
        """
        Start no more tasks; called with the lock.
        """
        self._is_stopping = True
        self._cancel_at = time.monotonic() + _GRACE_S
        self._state.notify_all()

    def _fail(self, error: BaseException) -> None:
        with self._state:
            self._failure = self._failure or error
            self._stop()
            self._cancel_at = 0.0  # no answer can be reported any more

    def _cancel_all(self) -> None:
        for worker in self._workers.values():
            worker.context.cancel()


def _too_late(longest_s: float) -> Answer:
    return failed_answer("request_timeout", f"This request was not answered within {longest_s:g} seconds.")


def _crashed(error: Exception) -> Answer:
    return failed_answer("server_error", f"{type(error).__name__}: {error}")
