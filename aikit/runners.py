"""
Who drives a flow: the calling thread, or a pool with a timer that holds no thread while a flow waits.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import attrs

from aikit import interpreter_exit
from aikit.errors import CancelledError, OpenAIError, Rejected
from aikit.results import Outcome
from aikit.watch import Watch
from aikit.wire import Flow, Pause, Request, Response, Transport

log: Final = logging.getLogger("aikit")
_LOOK_S: Final = 0.1  # how often a thread that waits itself looks whether its call was cancelled


@attrs.define(eq=False)
class Call:
    """
    One flow under way; only the thread that holds the baton drives it.

    Attributes:
        transport: Gives what answers; made by the first request.

        finish: Told once how it ended.

        pool: What drives it; ``None`` for the calling thread.

        due: When a parked call may go on, in monotonic seconds.

        ticket: Its number on the timer while it is parked.
    """

    flow: Flow[Any]
    transport: Callable[[], Transport]
    watch: Watch
    finish: Callable[[Outcome], None]
    pool: Pool | None = None
    due: float = 0.0
    ticket: int | None = None
    outcome: Outcome | None = None
    _began: float = attrs.field(factory=time.monotonic)
    _is_pausing: bool = False
    _request: Request | None = None
    _response: Response | None = None
    _baton: Any = attrs.field(factory=threading.Lock)

    def cancel(self) -> None:
        """
        Ask the call to stop.
        """
        if self.pool is not None:
            self.pool.cancel(self)

    def assist(self) -> None:
        """
        Drive the call in this thread if nobody else can.
        """
        if self.pool is not None:
            self.pool.assist(self)

    def claim(self) -> bool:
        """
        Take the baton; false when another thread has it or the call is over.
        """
        return bool(self._baton.acquire(blocking=False))

    def park(self, delay_s: float) -> None:
        """
        Give the baton back until *delay_s* seconds have passed.
        """
        self.due = time.monotonic() + delay_s
        self._baton.release()

    def advance(self) -> float | None:
        """
        Drive the flow until it wants to wait; return the seconds, ``None`` when it is over.
        """
        try:
            self.watch.raise_if_cancelled()
            step = self._started_or_resumed()
            while isinstance(step, Request):
                step = self._exchange(step)
        except StopIteration as stop:
            self._end(stop.value)
        except Rejected as rejected:
            self._end(rejected.value, rejected.errors)
        except OpenAIError as error:
            self._end(None, (error,))
        except Exception as error:  # noqa: BLE001  results instead of exceptions, also for what nobody thought of
            self._end(None, (_unexpected(error),))
        else:
            self._is_pausing, self._request, self._response = True, None, None  # waiting calls hold no answers
            return step.seconds
        finally:
            if self.outcome is not None:
                self.flow.close()
        return None

    def _started_or_resumed(self) -> Request | Pause:
        return self.flow.send(time.monotonic() - self._began) if self._is_pausing else next(self.flow)

    def _exchange(self, request: Request) -> Request | Pause:
        try:
            self.watch.raise_if_cancelled()
            self._request = request
            response = self.transport().send(request, self.watch)
        except Exception as error:  # noqa: BLE001  the flow's to know: it may hold a file open, or try again
            return self.flow.throw(error)
        self._response = response
        return self.flow.send(response)

    def _end(self, value: Any, errors: tuple[OpenAIError, ...] = ()) -> None:
        for error in errors:
            error.__traceback__ = None  # its frames would keep bodies and files alive
        self.outcome = Outcome(value=value, errors=errors, request=self._request, response=self._response)


def run_inline(call: Call) -> None:
    """
    Drive *call* in this thread to its end.
    """
    try:
        while (delay_s := call.advance()) is not None:
            time.sleep(delay_s)
    except BaseException:
        call.flow.close()  # Ctrl-C: let go of files before the caller's frames unwind
        raise
    call.finish(call.outcome or Outcome())


@attrs.define(eq=False)
class Pool:
    """
    Drives calls on threads; those that wait are parked on a timer and hold none.

    Attributes:
        max_workers: Exchanges that can be under way at once.

        pump: Runs the callbacks that wait for a thread to run them; the last resort at the interpreter's end.
    """

    max_workers: int
    pump: Callable[[], int]
    _executor: ThreadPoolExecutor = attrs.field(init=False)
    _timer: _Timer = attrs.field(init=False)
    _pending: set[Call] = attrs.field(factory=set, init=False)
    _ready: deque[Call] = attrs.field(factory=deque, init=False)
    _at_work: int = attrs.field(default=0, init=False)
    _changed: threading.Condition = attrs.field(factory=threading.Condition, init=False)
    _worker: threading.local = attrs.field(factory=threading.local, init=False)

    def __attrs_post_init__(self) -> None:
        self._executor = ThreadPoolExecutor(self.max_workers, thread_name_prefix="aikit")
        self._timer = _Timer(self._resume)
        interpreter_exit.finish_first(self)

    def submit(self, call: Call) -> None:
        """
        Start *call*; return at once.
        """
        call.pool = self
        with self._changed:
            self._pending.add(call)
        self._resume(call)

    def cancel(self, call: Call) -> None:
        """
        Ask *call* to stop, also while it is parked.
        """
        call.watch.cancel()
        if self._timer.unpark(call):
            self._resume(call)

    def cancel_all(self) -> None:
        """
        Ask every call to stop.
        """
        with self._changed:
            calls = list(self._pending)
        for call in calls:
            self.cancel(call)

    def assist(self, call: Call) -> None:
        """
        In a worker thread, drive *call* here if no other thread does: it may be this very thread it waits for.
        """
        if not getattr(self._worker, "calls", None):
            return
        while call.outcome is None and call.claim():
            self._timer.unpark(call)
            while not call.watch.is_cancelled and (left_s := call.due - time.monotonic()) > 0:
                time.sleep(min(left_s, _LOOK_S))
            self._drive(call)

    def wait(self, timeout: float | None = None) -> bool:
        """
        Wait until every call is over, save those whose callbacks this thread is in; tell whether they are.
        """
        own = set(getattr(self._worker, "calls", ()))
        with self._changed:
            return self._changed.wait_for(lambda: self._pending <= own, timeout)

    def close(self) -> None:
        """
        Wait for every call, then end the threads.
        """
        self.wait()
        self._executor.shutdown(wait=not getattr(self._worker, "calls", None))

    def _resume(self, call: Call) -> None:
        """
        Hand *call* to a thread: one that is at work already, or, while there may be more, another one.
        """
        with self._changed:
            self._ready.append(call)
            if self._at_work == self.max_workers:
                return
            self._at_work += 1
        try:
            self._executor.submit(self._work_off)
        except RuntimeError:  # the interpreter is ending: the thread that has the work does it
            self._work_off()

    def _work_off(self) -> None:
        while (call := self._next_ready()) is not None:
            if call.claim():
                self._drive(call)

    def _next_ready(self) -> Call | None:
        with self._changed:
            if self._ready:
                return self._ready.popleft()
            self._at_work -= 1
            return None

    def _drive(self, call: Call) -> None:
        calls = self._worker.__dict__.setdefault("calls", [])
        calls.append(call)
        try:
            delay_s = call.advance()
            if delay_s is None:
                self._finish(call)
                return
        finally:
            calls.remove(call)
        call.park(delay_s)
        self._timer.park(call)
        if call.watch.is_cancelled and self._timer.unpark(call):
            self._resume(call)

    def _finish(self, call: Call) -> None:
        try:
            call.finish(call.outcome or Outcome(errors=(CancelledError(),)))
        except BaseException:  # a callback may even ask this thread to exit, but others have calls in it
            log.exception("a call could not hand over its result")
        finally:
            with self._changed:
                self._pending.discard(call)
                self._changed.notify_all()


@attrs.define(eq=False)
class _Timer:
    """
    Wakes parked calls when they are due, on one thread that ends when nothing is parked.
    """

    _wake: Callable[[Call], None]
    _heap: list[tuple[float, int, Call]] = attrs.field(factory=list)
    _parked: int = 0
    _number: itertools.count[int] = attrs.field(factory=itertools.count)
    _changed: threading.Condition = attrs.field(factory=threading.Condition)
    _thread: threading.Thread | None = None

    def park(self, call: Call) -> None:
        with self._changed:
            self._parked += call.ticket is None
            call.ticket = number = next(self._number)
            heapq.heappush(self._heap, (call.due, number, call))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="aikit-timer")
                self._thread.start()
            elif self._heap[0][1] == number:
                self._changed.notify()

    def unpark(self, call: Call) -> bool:
        """
        Take *call* off the timer; false if it was not there.
        """
        with self._changed:
            was_there, call.ticket = call.ticket is not None, None
            self._parked -= was_there
            if not self._parked:
                self._heap.clear()
                self._changed.notify()
            return was_there

    def _run(self) -> None:
        while (call := self._next_due()) is not None:
            self._wake(call)

    def _next_due(self) -> Call | None:
        with self._changed:
            while self._heap:
                due, number, call = self._heap[0]
                if call.ticket != number:
                    heapq.heappop(self._heap)
                elif (left_s := due - time.monotonic()) > 0:
                    self._changed.wait(left_s)
                else:
                    heapq.heappop(self._heap)
                    call.ticket, self._parked = None, self._parked - 1
                    return call
            self._thread = None
            return None


def _unexpected(error: Exception) -> OpenAIError:
    log.error("a call failed in a way nobody thought of", exc_info=error)
    wrapped = OpenAIError(message=f"{type(error).__name__}: {error}", code="unexpected_error")
    wrapped.__cause__ = error
    return wrapped
