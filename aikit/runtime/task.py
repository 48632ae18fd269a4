"""
A call under way: a flow, what answers its requests, and the eye on it.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final, Protocol

import attrs

from aikit.http.context import CallContext
from aikit.http.flow import Flow, Gather, Pause, Step, Work
from aikit.http.messages import Request, Response, Transport
from aikit.runtime.result import Outcome
from aikit.types.errors import UNEXPECTED, CancelledError, OpenAIError, Rejected, strip

log: Final = logging.getLogger("aikit")
_FAREWELL_S: Final = 0.9  # for undoing what a cancelled call has begun; more likely than not it is done by then


class Driver(Protocol):
    """
    As much of a scheduler as a task and its group need.
    """

    def enqueue(self, task: Task, /) -> None:
        """Have *task* run by a thread, as soon as there is one."""
        ...

    def cancel(self, task: Task, why: CancelledError | None = None, /) -> None:
        """Ask *task* to stop, also while it is parked."""
        ...

    def run_if_idle(self, task: Task, until: float | None, /) -> bool:
        """In a worker thread, run *task* here if no other thread does; return whether this is a worker thread."""
        ...

    def is_driving(self, task: Task, /) -> bool:
        """Return whether this thread is running *task*, or a flow that it waits for."""
        ...


class Group(Protocol):
    """
    As much of a task group as the task that waits for it needs.

    Attributes:
        results: What each flow returned, in their order.

        error: What the first that failed raised.
    """

    results: list[Any]
    error: BaseException | None

    def cancel(self) -> None:
        """Ask the flows under way to stop."""
        ...


@attrs.define(eq=False)
class Task:
    """
    One flow under way; only the thread that holds the baton drives it.

    Attributes:
        transport: Gives what answers; made by the first request.

        finish: Told once how it ended.

        pool: What drives it; ``None`` for the calling thread.

        due: When a parked call may go on, in monotonic seconds.

        ticket: Its number on the timer while it is parked.

        group: Flows side by side that it waits for.

        whole: What waits for it, if it is one of several side by side.

        is_long: Whether it moves contents, or waits for what does.
    """

    flow: Flow[Any]
    transport: Callable[[], Transport]
    context: CallContext
    finish: Callable[[Outcome], None]
    pool: Driver | None = None
    due: float = 0.0
    ticket: int | None = None
    group: Group | None = None
    parent: Task | None = None
    is_long: bool = False
    outcome: Outcome | None = None
    _began: float = attrs.field(factory=time.monotonic)
    _gone_at: float = 0.0
    _is_waiting: bool = False
    _request: Request | None = None
    _response: Response | None = None
    _run_lock: Any = attrs.field(factory=threading.Lock)

    @property
    def ancestors(self) -> Iterator[Task]:
        """Itself, what waits for it, and so on."""
        one: Task | None = self
        while one is not None:
            yield one
            one = one.parent

    def cancel(self, why: CancelledError | None = None) -> None:
        """
        Ask the call to stop.
        """
        if self.pool is not None:
            self.pool.cancel(self, why)
        else:
            self.stop(why)

    def pause(self, *, is_on: bool) -> None:
        """
        Let no bytes move, or let them move again.
        """
        self.context.is_paused = is_on

    def stop(self, why: CancelledError | None = None) -> None:
        """
        Let it notice at its next step, or in the exchange that it is in, that it is to end.
        """
        self.context.cancel(why)
        group = self.group
        if group is not None:
            group.cancel()

    def run_if_idle(self, until: float | None) -> bool:
        """
        Drive the call in this thread if it is one of the pool's and nobody else does; false if it is none.
        """
        return self.pool is not None and self.pool.run_if_idle(self, until)

    def is_driven_here(self) -> bool:
        """
        Tell whether this very thread is driving the call.
        """
        return self.pool is not None and self.pool.is_driving(self)

    def try_lock(self) -> bool:
        """
        Take the baton; false when another thread has it or the call is over.
        """
        return bool(self._run_lock.acquire(blocking=False))

    def unlock(self) -> None:
        """
        Give the baton back.
        """
        self._run_lock.release()

    def advance(self) -> Pause | Gather | None:
        """
        Drive the flow until it wants to wait; return what for, ``None`` when it is over.
        """
        try:
            step = self.flow.throw(self.context.stopped()) if self.context.is_cancelled else self._started_or_resumed()
            while isinstance(step, Request | Work):
                step = self._exchange(step) if isinstance(step, Request) else self._work(step)
        except StopIteration as stop:
            self._end(stop.value)
        except Rejected as rejected:
            self._end(rejected.value, rejected.errors)
        except OpenAIError as error:
            self._end(None, (error,))
        except Exception as error:  # noqa: BLE001  results instead of exceptions, also for what nobody thought of
            self._end(None, (_unexpected(error),))
        else:
            self._is_waiting, self._request, self._response = True, None, None  # waiting calls hold no answers
            return step
        finally:
            if self.outcome is not None:
                self.flow.close()
        return None

    def _started_or_resumed(self) -> Step:
        if not self._is_waiting:
            return next(self.flow)
        group, self.group = self.group, None
        if group is None:
            return self.flow.send(time.monotonic() - self._began)
        return self.flow.send(group.results) if group.error is None else self.flow.throw(group.error)

    def fail(self, error: BaseException) -> None:
        """
        End the call although its thread is asked to end: somebody waits for it.
        """
        self.flow.close()
        self._end(None, (_unexpected(error),))

    def _exchange(self, request: Request) -> Step:
        try:
            response = self._answer(request)
        except Exception as error:  # noqa: BLE001  the flow's to know: it may hold a file open, or try again
            return self.flow.throw(error)
        return self.flow.send(response)

    def _answer(self, request: Request) -> Response:
        if not request.is_cleanup:
            return self._sent(request, self.context)
        if not self.context.is_cancelled:
            with suppress(CancelledError):  # while it was on its way: nobody knows whether it arrived
                return self._sent(request, self.context)
        return self._sent(attrs.evolve(request, timeout_s=min(request.timeout_s, self._left_s())), CallContext())

    def _left_s(self) -> float:
        """
        Return how long undoing may still take since it was first tried.
        """
        now = time.monotonic()
        self._gone_at = self._gone_at or now + _FAREWELL_S
        if now >= self._gone_at:
            raise self.context.stopped()
        return self._gone_at - now

    def _sent(self, request: Request, context: CallContext) -> Response:
        context.raise_if_cancelled()
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
            return self.flow.throw(error)
        return self.flow.send(value)

    def _end(self, value: Any, errors: tuple[OpenAIError, ...] = ()) -> None:
        for error in errors:
            strip(error)
        self.outcome = Outcome(
            value=value, errors=errors, request=self._request, response=self._response, notes=self.context.notes
        )


def _unexpected(error: BaseException) -> OpenAIError:
    log.error("a call failed in a way nobody thought of", exc_info=error)
    wrapped = OpenAIError(message=f"{type(error).__name__}: {error}", code=UNEXPECTED)
    wrapped.__cause__ = error
    return wrapped


_Queue = deque[tuple[int, Task]]


@attrs.define(eq=False)
class ReadyQueue:
    """
    Calls that wait for a thread, in the order they came in; guarded by whoever has it.
    """

    _long: _Queue = attrs.field(factory=deque)
    _short: _Queue = attrs.field(factory=deque)
    _number: itertools.count[int] = attrs.field(factory=itertools.count)

    def __bool__(self) -> bool:
        return bool(self._long or self._short)

    def append(self, call: Task) -> None:
        """
        Put *call* behind all others.
        """
        (self._long if call.is_long else self._short).append((next(self._number), call))

    def pop(self) -> Task | None:
        """
        Take the one that waits longest; ``None`` if there is none.
        """
        is_long = self._long and not (self._short and self._short[0] < self._long[0])
        return _pop(self._long if is_long else self._short)

    def pop_short(self) -> Task | None:
        """
        Take the one that waits longest of those that move no content; ``None`` if there is none.
        """
        return _pop(self._short)


def _pop(queue: _Queue) -> Task | None:
    return queue.popleft()[1] if queue else None
