"""
The pool runner: calls on threads, with a timer that holds no thread while a flow waits.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

import attrs

from aikit.http.flow import Gather, Pause
from aikit.runtime.result import Outcome
from aikit.runtime.task import ReadyQueue, Task
from aikit.runtime.timers import Timer
from aikit.types.errors import CancelledError

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from aikit.runtime.task_group import TaskGroup

log: Final = logging.getLogger("aikit")
_LOOK_S: Final = 0.1  # how often a thread that waits itself looks whether its call was cancelled

_here: Final = threading.local()
"""What this thread is driving: ``calls``, the outermost first."""

_in_wait: Final[set[Task]] = set()
"""Calls of any pool whose callbacks wait for all calls of one."""


@attrs.define(eq=False)
class Scheduler:
    """
    Drives calls on threads; those that wait are parked on a timer and hold none.

    While contents hold the threads, one more does what is short: a list of files need not wait for the end of an
    upload. A pool of one thread has no such helper: who asks for one wants one call after the other.

    Attributes:
        max_workers: Exchanges that can be under way at once.

        pump: Runs the callbacks that wait for a thread to run them; the last resort at the interpreter's end.

        survived: An error that an interactive prompt survived before the last call was made.
    """

    max_workers: int
    pump: Callable[[], int]
    survived: BaseException | None = attrs.field(default=None, init=False, repr=False)
    _executor: ThreadPoolExecutor | None = attrs.field(init=False)
    _helper: ThreadPoolExecutor | None = attrs.field(init=False)
    _timer: Timer = attrs.field(init=False)
    _pending: set[Task] = attrs.field(factory=set, init=False)
    _long_pending: int = attrs.field(default=0, init=False)
    _why: CancelledError | None = attrs.field(default=None, init=False)
    _is_late: bool = attrs.field(default=False, init=False)
    _is_left: bool = attrs.field(default=False, init=False)
    _ready: ReadyQueue = attrs.field(factory=ReadyQueue, init=False)
    _at_work: int = attrs.field(default=0, init=False)
    _is_helping: bool = attrs.field(default=False, init=False)
    _changed: threading.Condition = attrs.field(factory=threading.Condition, init=False)

    def __attrs_post_init__(self) -> None:
        self._executor, self._helper = _executor(self, self.max_workers), _executor(self, 1)
        self._timer = Timer(self.enqueue)

    def submit(self, call: Task) -> None:
        """
        Start *call*; return at once.
        """
        call.pool = self
        self.survived = getattr(sys, "last_value", None)
        with self._changed:
            self._pending.add(call)
            self._long_pending += call.is_long
            why = self._why
        if why is not None:
            call.stop(why)
        self.enqueue(call)

    def cancel(self, call: Task, why: CancelledError | None = None) -> None:
        """
        Ask *call* to stop, also while it is parked.
        """
        call.stop(why)
        if self._timer.unpark(call):
            self.enqueue(call)

    def cancel_all(self, *, keep: bool = False) -> None:
        """
        Ask every call to stop, and those that come later too.

        With *keep*, what has arrived stays where it is for the same calls to go on with.
        """
        why = CancelledError(keeps=keep)  # one for all: there may be ten thousand
        with self._changed:
            self._why, calls = why, list(self._pending)
        for call in calls:
            self.cancel(call, why)

    def resume_all(self) -> None:
        """
        Let the bytes of paused calls move again: who waits for all of them would wait for ever.
        """
        with self._changed:
            calls = list(self._pending)
        for call in calls:
            call.pause(is_on=False)

    def is_driving(self, call: Task) -> bool:
        """
        Tell whether this thread is driving *call*, or a flow that it waits for.
        """
        return any(call in one.ancestors for one in getattr(_here, "calls", ()))

    def run_if_idle(self, call: Task, until: float | None) -> bool:
        """
        In a worker thread, drive *call* here if no other thread does: it may be this very thread it waits for.

        Returns:
            Whether this is a worker thread.
        """
        if not getattr(_here, "calls", None):
            return False
        if call.outcome is None and call.try_lock():
            self._timer.unpark(call)
            if sleep_until_due(call, until):
                self._drive(call)
            else:
                call.unlock()
                self._park(call)
        elif call.group is not None and (part := self._pop()) is not None:
            self._take(part)
        return True

    def wait(self, timeout: float | None = None) -> bool:
        """
        Wait until every call is over, save those whose callbacks this thread is in; tell whether they are.
        """
        own = frozenset(call for one in getattr(_here, "calls", ()) for call in one.ancestors)
        if own:
            return self._work_until_over(own, timeout)
        with self._changed:
            return self._changed.wait_for(lambda: self._pending <= _in_wait, timeout)

    def _work_until_over(self, own: frozenset[Task], timeout: float | None) -> bool:
        """
        Wait in a callback: drive what is ready meanwhile, for this may be the only thread.
        """
        until = None if timeout is None else time.monotonic() + timeout
        _in_wait.update(own)  # callbacks that wait for all calls must not wait for each other
        try:
            while True:
                with self._changed:
                    self._changed.notify_all()
                    if self._pending <= own | _in_wait:
                        return True
                    if not self._ready:
                        self._changed.wait(_LOOK_S)
                if (call := self._pop()) is not None:
                    self._take(call)
                if until is not None and time.monotonic() >= until:
                    return False
        finally:
            _in_wait.difference_update(own)

    def close(self) -> None:
        """
        Wait for every call, then end the threads.
        """
        self.wait()
        for executor in (self._executor, self._helper):
            if executor is not None:
                executor.shutdown(wait=not getattr(_here, "calls", None))

    def leave(self) -> None:
        """
        Let the threads end by themselves, whenever that is; then nothing is under way any more.
        """
        with self._changed:
            self._is_left = True
            self._forget_if_idle()
        for executor in (self._executor, self._helper):
            if executor is not None:
                executor.shutdown(wait=False)

    def _forget_if_idle(self) -> None:
        if self._is_left and not self._at_work:
            self._pending.clear()
            self._changed.notify_all()

    def expect(self, call: Task) -> None:
        """
        Count *call* as under way here, though another thread waits for it.
        """
        with self._changed:
            self._pending.add(call)

    def settle(self, call: Task, tell: Callable[[], None]) -> None:
        """
        Count *call* no more, and *tell* who waits for it.
        """
        with self._changed:
            self._pending.discard(call)
            self._changed.notify_all()
        tell()

    def enqueue(self, call: Task) -> None:
        """
        Hand *call* to a thread: one that is at work already, or, while there may be more, another one.
        """
        with self._changed:
            self._ready.append(call)
            if self._at_work < self.max_workers:
                self._at_work += 1
                executor, work = self._executor, self._work_off
            elif self._needs_helper(call):
                self._is_helping = True
                executor, work = self._helper, self._work_off_short
            else:
                return
        try:
            if executor is not None:
                executor.submit(work)
                return
        except RuntimeError:  # the interpreter is ending
            self._is_late = True
        work()  # the thread that has the work does it

    def _needs_helper(self, call: Task) -> bool:
        is_held_up = self._long_pending > 0 and not call.is_long
        return is_held_up and not self._is_helping and self.max_workers > 1

    def _pop(self) -> Task | None:
        with self._changed:
            return self._ready.pop()

    def _work_off(self) -> None:
        while (call := self._next_ready()) is not None:
            self._take(call)

    def _work_off_short(self) -> None:
        while (call := self._next_short()) is not None:
            self._take(call)

    def _take(self, call: Task) -> None:
        """
        Drive a ready call; one that another thread drove and parked meanwhile stays parked.
        """
        if not call.try_lock():
            return
        self._timer.unpark(call)
        if call.context.is_cancelled or call.due <= time.monotonic():
            self._drive(call)
        else:
            call.unlock()
            self._park(call)

    def _next_ready(self) -> Task | None:
        with self._changed:
            call = self._ready.pop()
            if call is None:
                self._at_work = max(0, self._at_work - 1)
                self._forget_if_idle()
            return call

    def _next_short(self) -> Task | None:
        with self._changed:
            call = self._ready.pop_short()
            self._is_helping = call is not None
            return call

    def _drive(self, call: Task) -> None:
        calls = _here.__dict__.setdefault("calls", [])
        calls.append(call)
        try:
            step = self._advance(call)
            if step is None:
                self._finish(call)
                return
        finally:
            calls.remove(call)
        if isinstance(step, Pause):
            call.due = time.monotonic() + step.seconds
            call.unlock()
            self._park(call)
        else:  # the baton stays with the group: nobody drives the call until its flows are over
            call.group = group_of(call, self, partial(self._reunite, call))
            call.group.start(step)

    def _reunite(self, call: Task) -> None:
        call.due = 0.0
        call.unlock()
        self.enqueue(call)

    def _advance(self, call: Task) -> Pause | Gather | None:
        try:
            return call.advance()
        except BaseException as error:  # noqa: BLE001  whatever a callback of progress wants of this thread
            call.fail(error)
            return None

    def _park(self, call: Task) -> None:
        if self._is_late or not self._timer.park(call):
            sleep_until_due(call, None)
            self.enqueue(call)
        elif call.context.is_cancelled and self._timer.unpark(call):
            self.enqueue(call)

    def _finish(self, call: Task) -> None:
        try:
            call.finish(call.outcome or Outcome(errors=(CancelledError(),)))
        except BaseException:  # a callback may even ask this thread to exit, but others have calls in it
            log.exception("a call could not hand over its result")
        finally:
            with self._changed:
                self._long_pending -= call.is_long and call in self._pending
                self._pending.discard(call)
                self._changed.notify_all()


def group_of(call: Task, pool: Scheduler, when_over: Callable[[], None]) -> TaskGroup:
    """
    Return what drives the flows that *call* waits for, on *pool*.
    """
    from aikit.runtime.task_group import TaskGroup  # noqa: PLC0415  most calls have no flows side by side

    return TaskGroup(call, pool, when_over)


def sleep_until_due(call: Task, until: float | None) -> bool:
    """
    Sleep in this thread until *call* is due or cancelled; false if *until* came first.
    """
    while not call.context.is_cancelled and (left_s := call.due - time.monotonic()) > 0:
        if until is not None and time.monotonic() >= until:
            return False
        time.sleep(min(left_s, _LOOK_S))
    return True


def _executor(pool: Scheduler, threads: int) -> ThreadPoolExecutor | None:
    """
    Return so many threads of *pool*, and have the interpreter's end wait for them; ``None`` if it is too late.
    """
    try:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  it may be too late even to import it

        from aikit.storage import shutdown  # noqa: PLC0415  likewise

        shutdown.finish_before_exit(pool)
    except RuntimeError:
        return None
    return ThreadPoolExecutor(threads, thread_name_prefix="aikit")
