"""
Many requests of a batch at once: as many as the other end bears, each until it has its answer.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from aikit.http.context import CallContext
from aikit.http.retry import RetryPolicy
from aikit.providers.local.batches.answerer import Answer, Answerer, Task, Throttled, TryAgain, Unreachable
from aikit.providers.local.batches.concurrency import ConcurrencyLimit
from aikit.providers.local.clock import Clock, ForwardTime
from aikit.types.errors import CancelledError

_LOOK_S: Final = 0.05
"""Real seconds after which the calling thread looks around: what is due, what takes too long, is it time to stop."""
_GRACE_S: Final = 1.0
"""Real seconds that what is under way has to end in, when it is time to stop: Ctrl-C is to be obeyed within two."""
_LONGEST_S: Final = 1_800.0
_log: Final = logging.getLogger("aikit.providers.local")


@attrs.frozen
class Executor:
    """
    Answers tasks with as many threads as requests may be under way, fewer while the answerer has too much.

    Each thread draws a task, has it answered, reports it, and draws the next: no queue lies between, so nothing is held
    that is not under way, and a line wakes no thread but its own. What is to be asked again is parked and holds none.

    Thread safety: all that is shared is in `_Run`. It is read and changed under one lock, with three exceptions: what
    belongs to one worker is written by that worker, and others only call its watch's ``cancel``, which is made for
    that; *on_answer* runs under a lock of its own, so that a slow disk does not keep others from beginning; *tasks* is
    drawn under the first lock. Nobody takes the first while holding the second, nor calls the answerer with either.
    Waiting threads have no time-out of their own: the calling thread looks around and wakes them, by the clock.

    Attributes:
        answerer: What answers.

        clock: What tells when a pause is over.

        concurrency: The most requests under way. An answerer that computes says ``most_at_once`` itself.

        longest_s: Real seconds that a try may take, however slowly its bytes drip.
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
        Have all of *tasks* answered, in whatever order; return when nothing is under way any more.

        Args:
            tasks: Drawn one by one, when there is room for another.

            on_answer: Called once for each task that has its answer, by one thread at a time.

            should_stop: Asked before each task and twenty times a second, so it must be quick. Once it is true nothing
                is begun, and what has not ended a second later is cut off and not reported.

        Raises:
            Exception: What *tasks*, *on_answer* or *should_stop* raised; nothing was begun afterwards.
        """
        most = min(self.concurrency, getattr(self.answerer, "most_at_once", self.concurrency))
        _Run(self, tasks, on_answer, should_stop, ConcurrencyLimit(most), ForwardTime(self.clock)).to_its_end()


@attrs.define(eq=False)
class _Worker:
    """
    What one thread is at.

    Attributes:
        number: Of the request, in the order of their beginning.

        again_at: When its task is to be asked again, by the clock; ``None`` when it has ended.

        ends_at: Monotonic seconds after which its try takes too long.
    """

    context: CallContext = attrs.field(factory=CallContext)
    task: Task | None = None
    number: int = 0
    again_at: float | None = None
    ends_at: float = float("inf")
    is_late: bool = False


@attrs.define(eq=False)
class _Run:
    """
    One call of `Executor.run`; see there for who may touch what.
    """

    _of: Executor
    _tasks: Iterator[Task]
    _on_answer: Callable[[Task, Answer], None]
    _should_stop: Callable[[], bool]
    _pace: ConcurrencyLimit
    _time: ForwardTime
    _backoff: RetryPolicy = attrs.field(factory=lambda: RetryPolicy(max_delay_s=30.0))
    _state: threading.Condition = attrs.field(factory=threading.Condition)
    _reporting: Any = attrs.field(factory=threading.Lock)
    _ended: threading.Event = attrs.field(factory=threading.Event)
    _workers: dict[threading.Thread, _Worker] = attrs.field(factory=dict)
    _alive: int = 0
    _under_way: int = 0
    _parked: list[tuple[float, int, Task]] = attrs.field(factory=list)
    _order: Iterator[int] = attrs.field(factory=itertools.count)
    _is_drawn_out: bool = False
    _is_stopping: bool = False
    _cut_at: float = float("inf")
    _failure: BaseException | None = None

    def to_its_end(self) -> None:
        """
        Start the threads, look around until they have ended, and raise what went wrong.
        """
        try:
            self._start_all()
            while not self._ended.wait(_LOOK_S):
                self._look_around()
        except BaseException as error:
            self._fail(error)
            self._cut_off()
            raise
        finally:
            for thread in list(self._workers):
                thread.join()
        if self._failure is not None:
            raise self._failure

    def _start_all(self) -> None:
        """
        Start as many threads as there may be requests, or tasks.
        """
        self._alive = 1  # this thread, so that the first cannot be the last before the second is there
        for number in range(1, self._pace.most + 1):
            if self._is_drawn_out or self._is_stopping or not self._has_started(number):
                break
        self._leave()

    def _has_started(self, number: int) -> bool:
        worker = _Worker()
        thread = threading.Thread(target=self._work, args=(worker,), name=f"aikit-batch-{number}", daemon=True)
        with self._state:
            self._alive += 1
        try:
            thread.start()
        except RuntimeError:  # the machine has no more; those that run will do
            self._leave()
            if number == 1:
                raise
            return False
        self._workers[thread] = worker
        return True

    def _work(self, worker: _Worker) -> None:
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

    def _take(self, worker: _Worker) -> bool:
        """
        Give *worker* its next task, waiting for one where that may help; false when there will be none.
        """
        with self._state:
            self._put_back(worker)
            while not self._is_over():
                task = self._next()
                if task is not None:
                    self._begin(worker, task)
                    return True
                if not self._is_over():
                    self._state.wait()
            self._state.notify_all()
            return False

    def _is_over(self) -> bool:
        return self._is_stopping or (self._is_drawn_out and not self._parked)

    def _begin(self, worker: _Worker, task: Task) -> None:
        if worker.context.is_cancelled:
            worker.context, worker.is_late = CallContext(), False
        worker.task, worker.number = task, self._pace.begin()
        worker.ends_at = time.monotonic() + self._of.longest_s
        self._under_way += 1
        if self._has_room():
            self._state.notify()  # who wakes does the same: no more than are needed

    def _has_room(self) -> bool:
        """
        Tell whether something can be begun now.
        """
        now = self._time.now()
        if self._is_stopping or not self._pace.may_begin(self._under_way, now):
            return False
        is_due = bool(self._parked) and self._parked[0][0] <= now
        return is_due or not (self._is_drawn_out or len(self._parked) >= self._pace.most)

    def _put_back(self, worker: _Worker) -> None:
        if worker.task is None:
            return
        self._under_way -= 1
        if worker.again_at is not None:
            heapq.heappush(self._parked, (worker.again_at, next(self._order), worker.task))
        worker.task = worker.again_at = None

    def _next(self) -> Task | None:
        """
        Return what is to be begun now: what is due before what is new, and little new while much is parked.
        """
        now = self._time.now()
        if not self._pace.may_begin(self._under_way, now):
            return None
        if self._should_stop():
            self._stop()
            return None
        if self._parked and self._parked[0][0] <= now:
            return heapq.heappop(self._parked)[2]
        if self._is_drawn_out or len(self._parked) >= self._pace.most:
            return None
        task = next(self._tasks, None)
        self._is_drawn_out = task is None
        return task

    def _settle(self, worker: _Worker) -> None:
        """
        Have the worker's task answered, and report it or say when it is to be asked again.
        """
        task = worker.task
        assert task is not None, "only a worker with a task settles it"  # noqa: S101  for the type checker
        try:
            answer = self._of.answerer.answer(task, worker.context)
        except CancelledError as error:
            if self._is_stopping and not worker.is_late:
                return  # the run is being cut off
            answer = _too_late(self._of.longest_s) if worker.is_late else _crashed(error)
            self._note_overload(worker)
        except TryAgain as wish:
            self._ask_again(worker, task, wish)
            return
        except Throttled as wish:
            self._ask_later(worker, task, wish)
            return
        except Unreachable as fault:
            self._wait_for_somebody(worker, fault)
            return
        except Exception as error:  # noqa: BLE001  one line must not end the others
            _log.exception("line %d could not be answered", task.line)
            answer = _crashed(error)
        else:
            self._note_success()
        with self._reporting:
            if self._failure is None:
                self._on_answer(task, answer)

    def _note_success(self) -> None:
        with self._state:
            is_back = self._pace.ended_well()
        if is_back:
            _log.info("what answers the lines of batches is there again")

    def _note_overload(self, worker: _Worker, until: float = 0.0) -> None:
        with self._state:
            self._pace.ended_in_overload(worker.number, until)

    def _ask_again(self, worker: _Worker, task: Task, wish: TryAgain) -> None:
        worker.task = attrs.evolve(task, attempt=task.attempt + 1)
        worker.again_at = self._time.now() + wish.after_s
        if wish.is_overload:
            self._note_overload(worker)

    def _ask_later(self, worker: _Worker, task: Task, wish: Throttled) -> None:
        now = self._time.now()
        after_s = wish.retry_after_s
        worker.task = attrs.evolve(task, attempt=task.attempt + 1)
        worker.again_at = now + (after_s if after_s is not None else self._backoff.delay_s(task.attempt, {}) or 0.0)
        self._note_overload(worker, now + after_s if after_s is not None else 0.0)

    def _wait_for_somebody(self, worker: _Worker, fault: Unreachable) -> None:
        with self._state:
            is_first = self._pace.ended_nowhere(self._time.now())
            worker.again_at = self._pace.held_until
        if is_first:
            _log.warning("no line of the batch can be answered: %s; it goes on when that is mended", fault.message)

    def _look_around(self) -> None:
        """
        Wake who has something to do by now, stop when it is time, and cut off what takes too long.
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
        if now >= self._cut_at:
            self._cut_off()

    def _stop(self) -> None:
        """
        Begin nothing more; called with the lock.
        """
        self._is_stopping = True
        self._cut_at = time.monotonic() + _GRACE_S
        self._state.notify_all()

    def _fail(self, error: BaseException) -> None:
        with self._state:
            self._failure = self._failure or error
            self._stop()
            self._cut_at = 0.0  # nothing can be reported any more

    def _cut_off(self) -> None:
        for worker in self._workers.values():
            worker.context.cancel()


def _too_late(longest_s: float) -> Answer:
    message = f"This request was not answered within {longest_s:g} seconds."
    return Answer(status_code=None, error=("request_timeout", message))


def _crashed(error: Exception) -> Answer:
    return Answer(status_code=None, error=("server_error", f"{type(error).__name__}: {error}"))
