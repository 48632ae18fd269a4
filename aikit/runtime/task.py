"""
Tasks: flows under way.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import attrs

from aikit.http.context import CallContext
from aikit.http.flow import Flow, Gather, Pause, Room, Step, Work
from aikit.http.messages import Request, Reservoir, Response, Rest, Transport
from aikit.http.signal import Signal
from aikit.runtime.call_state import Outcome
from aikit.runtime.driver import Driver, Group
from aikit.types.errors import UNEXPECTED, CancelledError, OpenAIError, Rejected, strip
from aikit.types.interruptions import let_through, suppress

log: Final = logging.getLogger("aikit")
_CLEANUP_S: Final = 0.9  # for all clean-up requests of a cancelled call together
_SHORTEST_S: Final = 0.01  # a time-out of none at all would be an endless one
_LOOK_S: Final = 0.1  # how often a thread that sleeps looks whether its task was cancelled


@attrs.define(eq=False)
class Task:
    """
    One flow under way: its steps are run by one thread at a time, and its end is told once.

    Attributes:
        transport: Returns what answers requests; called by the first one.

        on_done: Called once with the outcome.

        driver: The scheduler that runs it; ``None`` for the thread that made the call.

        parent: The task that waits for this one, if it is one of several side by side.

        is_long: Whether it moves contents, or waits for a task that does.

        due: When a parked task may continue, in monotonic seconds.

        ticket: Its number on the timer while it is parked.

        group: The flows side by side that it waits for.

        full: The sink whose reader it waits for.

        signal: What ends its pause early.

        outcome: How it ended; ``None`` before.
    """

    # One thread at a time runs a task: the one that holds `_run_lock`, which is tried and never waited for. While flows
    # side by side run, their group holds it. `due`, `group`, `full`, `signal`, `outcome` and private fields belong to
    # the holder; others read them. `ticket` belongs to the timer's lock, being ready or pending to the scheduler's, and
    # the list of children to the group's. No thread holds one of those three while it takes another, and no user code
    # runs under any of them; flows and callbacks run under `_run_lock`.

    flow: Flow[Any]
    transport: Callable[[], Transport]
    context: CallContext
    on_done: Callable[[Outcome], None]
    driver: Driver[Task] | None = None
    parent: Task | None = None
    is_long: bool = False
    due: float = 0.0
    ticket: int | None = None
    group: Group | None = None
    full: Reservoir | None = None
    signal: Signal | None = None
    outcome: Outcome | None = None
    _began: float = attrs.field(factory=time.monotonic)
    _cleanup_until: float = 0.0
    _is_waiting: bool = False
    _request: Request | None = None
    _response: Response | None = None
    _rest: Rest | None = None
    _run_lock: Any = attrs.field(factory=threading.Lock)

    @property
    def ancestors(self) -> Iterator[Task]:
        """The task itself, its parent, and so on."""
        one: Task | None = self
        while one is not None:
            yield one
            one = one.parent

    def child(
        self, flow: Flow[Any], context: CallContext, on_done: Callable[[Outcome], None], driver: Driver[Task] | None
    ) -> Task:
        """
        Return a task for one of the flows that this one waits for.
        """
        return Task(flow, self.transport, context, on_done, driver, self, self.is_long)

    def cancel(self, why: CancelledError | None = None, *, keep: bool = False) -> None:
        """
        Ask the task to stop, also while it is parked; with *keep*, what has arrived stays.
        """
        why = why or CancelledError(keeps=keep)
        if self.driver is not None:
            self.driver.cancel(self, why)
        else:
            self.stop(why)

    def stop(self, why: CancelledError | None = None) -> None:
        """
        Ask the task to stop at its next step or in its present exchange, and its group with it.
        """
        self.context.cancel(why)
        group = self.group
        if group is not None:
            group.cancel()

    def pause(self, *, is_on: bool) -> None:
        """
        Let no bytes move, or let them move again.
        """
        if self.driver is not None:
            self.driver.pause(self, is_on=is_on)
        else:
            self.context.is_paused = is_on

    def run_if_idle(self, until: float | None) -> bool:
        """
        If this is a worker thread and the task is idle, run it here; return whether this is a worker thread.
        """
        return self.driver is not None and self.driver.run_if_idle(self, until)

    def is_driven_here(self) -> bool:
        """
        Return whether this very thread is running the task, or a flow that it waits for.
        """
        return self.driver is not None and self.driver.is_driving(self)

    @property
    def is_due(self) -> bool:
        """Whether a parked task may continue, or is to stop."""
        has_room = self.full is not None and self.full.has_room
        is_told = self.signal is not None and self.signal.is_set
        return has_room or is_told or self.context.is_cancelled or self.due <= time.monotonic()

    def try_lock(self) -> bool:
        """
        Take the run lock; return whether no other thread had it.
        """
        return bool(self._run_lock.acquire(blocking=False))

    def unlock(self) -> None:
        """
        Give the run lock back.
        """
        self._run_lock.release()

    def park(self, seconds: float) -> None:
        """
        Note that the flow waits so long from now on.
        """
        self.due = time.monotonic() + min(seconds, self.context.left_s)

    def adopt(self, group: Group) -> None:
        """
        Note that the flow waits for *group*, which has the run lock from now on.
        """
        self.group = group

    def resume(self) -> None:
        """
        Note that the group is over: the task may continue, and the run lock is given back.
        """
        self.due = 0.0
        self.unlock()

    def sleep_until_due(self, until: float | None = None) -> bool:
        """
        Sleep in this thread until the task is due or cancelled; return false if *until* came first.
        """
        told = threading.Event()
        if self.signal is not None and self.driver is None:  # else it wakes the task, wherever that is parked
            self.signal.when_set(told.set)
        while not self.is_due:
            if until is not None and time.monotonic() >= until:
                return False
            told.wait(min(max(self.due - time.monotonic(), 0.0), _LOOK_S))
        return True

    def run_here(self, gather: Callable[[Task, Gather], None]) -> None:
        """
        Run the task in this thread to its end, or until its reader is to take something, after which it may be run on.

        *gather* runs the flows that it waits for.
        """
        try:
            while (step := self.step()) is not None:
                if isinstance(step, Room):
                    return
                if isinstance(step, Pause):
                    self.park(step.seconds)
                    self.sleep_until_due()
                else:
                    gather(self, step)
        except BaseException:
            self.let_go()  # Ctrl-C: let go of files before the caller's frames unwind
            raise
        self.finish()

    def step(self) -> Pause | Gather | Room | None:
        """
        Run the flow until it has to wait; return what for, ``None`` when it is over.
        """
        try:
            step = self._stopped() if self.context.is_cancelled else self._started_or_resumed()
            while isinstance(step, Request | Work):
                step = self._exchange(step) if isinstance(step, Request) else self._work(step)
        except StopIteration as stop:
            if not _is_from_here(stop):
                let_through(stop)
            self._end(stop.value)
        except Exception as error:  # noqa: BLE001  results instead of exceptions, also for faults of the library itself
            let_through(error)
            value = error.value if isinstance(error, Rejected) else None
            self._end(value, _errors_of(error))
        else:
            self._is_waiting = True
            if isinstance(step, Room):
                self._wait_for(step.sink)
            else:
                self.signal = step.until if isinstance(step, Pause) else None
                if self.signal is not None and self.driver is not None:
                    self.signal.when_set(partial(self.driver.wake, self))
                self._request = self._response = None  # waiting tasks hold no answers
            return step
        finally:
            if self.outcome is not None:
                self.let_go()
        return None

    def _wait_for(self, sink: Reservoir) -> None:
        self.full = sink
        if self.driver is not None:
            sink.when_room(partial(self.driver.wake, self))

    def let_go(self) -> None:
        """
        Let go of files and connections; the task is not run any more.
        """
        self._drop_rest()
        self.flow.close()

    def _drop_rest(self) -> None:
        rest, self._rest, self.full = self._rest, None, None
        if rest is not None:
            rest.close()

    def _stopped(self) -> Step:
        self._drop_rest()
        return self.flow.throw(self.context.stopped())

    def _started_or_resumed(self) -> Step:
        rest, self._rest, self.full, self.signal = self._rest, None, None, None
        if rest is not None:
            return self._answered(lambda: self._resumed(rest))
        if not self._is_waiting:
            return next(self.flow)
        group, self.group = self.group, None
        if group is None:
            return self.flow.send(time.monotonic() - self._began)
        return self.flow.send(group.results) if group.error is None else self.flow.throw(group.error)

    def finish(self) -> None:
        """
        Tell how the task ended.
        """
        self.on_done(self.outcome or Outcome(errors=(CancelledError(),)))

    def fail(self, error: BaseException) -> None:
        """
        End the task although its thread is asked to end: its parent or a caller waits for it.
        """
        try:
            self.let_go()
        except Exception:
            log.exception("a call could not let go of all that it held")
        is_ctrl_c = isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread()
        self._end(None, (CancelledError(keeps=True) if is_ctrl_c else _unexpected(error),))

    def _exchange(self, request: Request) -> Step:
        return self._answered(lambda: self._answer(request))

    def _answered(self, answer: Callable[[], Response]) -> Step:
        """
        Run the flow on with an answer, or wait for room for the rest of that.
        """
        try:
            response = answer()
        except Exception as error:  # noqa: BLE001  for the flow, which may hold a file open, or try again
            let_through(error)
            return self.flow.throw(error)
        self._rest = response.rest
        if self._rest is not None:
            self._response = attrs.evolve(response, rest=None)
            return Room(self._rest.sink)
        return self.flow.send(response)

    def _resumed(self, rest: Rest) -> Response:
        response = self._response = rest.resume()
        return response

    def _answer(self, request: Request) -> Response:
        if not request.is_cleanup:
            return self._sent(request, self.context)
        if not self.context.is_cancelled:
            with suppress(CancelledError):  # on its way: it may have arrived or not
                return self._sent(request, self.context)
        return self._sent(attrs.evolve(request, timeout_s=min(request.timeout_s, self._left_s())), CallContext())

    def _left_s(self) -> float:
        """
        Return how many seconds of the clean-up are left; it begins with its first request.
        """
        now = time.monotonic()
        self._cleanup_until = self._cleanup_until or now + _CLEANUP_S
        if now >= self._cleanup_until:
            raise self.context.stopped()
        return self._cleanup_until - now

    def _sent(self, request: Request, context: CallContext) -> Response:
        context.raise_if_cancelled()
        if context.left_s < request.timeout_s:
            request = attrs.evolve(request, timeout_s=max(context.left_s, _SHORTEST_S))
        if request.is_best_effort:
            with context.without_progress():
                return self.transport().send(request, context)
        self._request = request
        self._response = response = self.transport().send(request, context)
        return response

    def _work(self, work: Work) -> Step:
        try:
            self.context.raise_if_cancelled()
            value = work.run(self.context)
        except Exception as error:  # noqa: BLE001  likewise
            let_through(error)
            return self.flow.throw(error)
        return self.flow.send(value)

    def _end(self, value: Any, errors: tuple[OpenAIError, ...] = ()) -> None:
        for error in errors:
            strip(error)
        self.outcome = Outcome(
            value=value, errors=errors, request=self._request, response=self._response, notes=self.context.notes
        )


def _errors_of(error: Exception) -> tuple[OpenAIError, ...]:
    if isinstance(error, Rejected):
        return error.errors
    return (error if isinstance(error, OpenAIError) else _unexpected(error),)


def _is_from_here(stop: StopIteration) -> bool:
    """
    Return whether *stop* is the end of a flow, which leaves no frame of its own behind.
    """
    trace = stop.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_filename == __file__


def _unexpected(error: BaseException) -> OpenAIError:
    log.error("a call failed with an error that aikit does not know; please report it", exc_info=error)
    wrapped = OpenAIError(message=f"{type(error).__name__}: {error}", code=UNEXPECTED)
    wrapped.__cause__ = error
    return wrapped
