"""
The scheduler: runs tasks on threads, with a timer so that a flow that waits holds no thread.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import attrs

from aikit.http.flow import Gather, Pause, Room
from aikit.runtime.ready_queue import ReadyQueue
from aikit.runtime.task import Task
from aikit.runtime.task_group import TaskGroup
from aikit.runtime.timers import Timer
from aikit.types.errors import CancelledError
from aikit.types.interruptions import AudibleCondition

log: Final = logging.getLogger("aikit")
_LOOK_S: Final = 0.1  # how often a callback that waits for all calls looks whether one is ready
_LINGER_S: Final = 2.0  # for which a thread without work waits for some

_here: Final = threading.local()
"""What this thread is running: ``tasks``, the outermost first."""

_in_wait: Final[list[frozenset[Task]]] = []
"""Tasks of any scheduler whose callbacks wait for all calls of one: of each thread, and of each wait within a wait."""


@attrs.define(eq=False)
class Scheduler:
    """
    Runs tasks on threads of its own; tasks that wait are parked on a timer and hold none.

    While contents hold the threads, one more runs what is short: a list of files need not wait for the end of an
    upload. A scheduler of one thread has no such helper: it runs one call after the other.

    Attributes:
        max_workers: Threads that run tasks.

        pump: Runs the callbacks that wait for a thread to run them; the last resort at the interpreter's end.

        is_awaited: Whether the interpreter's end waits for all calls; the threads of one that is not are daemons.

        survived: An error that an interactive prompt survived before the last call was made.
    """

    # `_lock` guards all fields. `_changed` wakes threads that wait for the end of calls, `_has_work` workers without
    # work. No other lock is taken and no user code runs under it. A thread is counted in `_workers` or `_is_helping`
    # before it is started, which happens without the lock.

    max_workers: int
    pump: Callable[[], int] = int
    is_awaited: bool = True
    survived: BaseException | None = attrs.field(default=None, init=False, repr=False)
    _timer: Timer = attrs.field(init=False)
    _ready: ReadyQueue = attrs.field(factory=ReadyQueue, init=False)
    _pending: set[Task] = attrs.field(factory=set, init=False)
    _long_pending: int = attrs.field(default=0, init=False)
    _why: CancelledError | None = attrs.field(default=None, init=False)
    _threads: set[threading.Thread] = attrs.field(factory=set, init=False)
    _workers: int = attrs.field(default=0, init=False)
    _idle: int = attrs.field(default=0, init=False)
    _is_helping: bool = attrs.field(default=False, init=False)
    _is_late: bool = attrs.field(default=False, init=False)
    _is_ending: bool = attrs.field(default=False, init=False)
    _can_pause: bool = attrs.field(default=True, init=False)
    _lock: Any = attrs.field(factory=threading.RLock, init=False)
    _changed: threading.Condition = attrs.field(init=False)
    _has_work: threading.Condition = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._timer = Timer(self.enqueue)
        self._changed, self._has_work = AudibleCondition(self._lock), threading.Condition(self._lock)

    def submit(self, task: Task) -> None:
        """
        Begin *task*; return at once.
        """
        task.driver = self
        if threading.current_thread() is threading.main_thread():  # others may call while Ctrl-C ends the program
            self.survived = getattr(sys, "last_value", None)
        with self._lock:
            self._pending.add(task)
            self._long_pending += task.is_long
        if self._why is not None:
            task.stop(self._why)
        self.enqueue(task)

    def cancel(self, task: Task, why: CancelledError | None = None) -> None:
        """
        Ask *task* to stop, also while it is parked.
        """
        task.stop(why)
        self.wake(task)

    def wake(self, task: Task) -> None:
        """
        Have *task* run, if it is parked.
        """
        if self._timer.unpark(task):
            self.enqueue(task)

    def cancel_all(self, *, keep: bool = False) -> None:
        """
        Ask every call to stop, and those that come later too.

        With *keep*, what has arrived stays where it is for the same calls to resume.
        """
        why = CancelledError(keeps=keep)  # one for all: there may be ten thousand
        with self._lock:
            self._why, tasks = why, list(self._pending)
        while tasks:  # one that is over is held no more, nor its error
            self.cancel(tasks.pop(), why)

    def resume_all(self) -> None:
        """
        Let the bytes of paused calls move again, and pause no call from now on: a wait for all would never end.

        What waits for a reader is cancelled.
        """
        with self._lock:
            self._can_pause = False
            for task in self._pending:
                task.context.is_paused = False
            unread = [task for task in self._pending if task.full is not None]
        for task in unread:
            self.cancel(task)

    def pause(self, task: Task, *, is_on: bool) -> None:
        """
        Let no bytes of *task* move, or let them move again; when all calls are to end, they move.
        """
        with self._lock:
            task.context.is_paused = is_on and self._can_pause

    def is_driving(self, task: Task) -> bool:
        """
        Return whether this thread is running *task*, or a flow that it waits for.
        """
        return any(task in one.ancestors for one in getattr(_here, "tasks", ()))

    def run_if_idle(self, task: Task, until: float | None) -> bool:
        """
        In a worker thread, run *task* here if no other thread does: it may wait for this very thread.

        Returns:
            Whether this is a worker thread.
        """
        if not getattr(_here, "tasks", None):
            return False
        if task.outcome is None and task.try_lock():
            self._timer.unpark(task)
            if task.sleep_until_due(until):
                self._run(task)
            else:
                task.unlock()
                self._park(task)
        elif task.group is not None and (ready := self._pop()) is not None:
            self._run_ready(ready)
        return True

    def wait(self, timeout: float | None = None) -> bool:
        """
        Wait until every call is over, save those whose callbacks this thread is in; return whether they are.
        """
        # Callbacks that wait for all calls do not wait for each other. A thread that is in none waits for these too:
        # when they have waited, they go on, and may call.
        own = frozenset(task for one in getattr(_here, "tasks", ()) for task in one.ancestors)
        if own:
            return self._work_until_over(own, timeout)
        with self._lock:
            return self._changed.wait_for(lambda: not self._pending, timeout)

    def _work_until_over(self, own: frozenset[Task], timeout: float | None) -> bool:
        """
        Wait in a callback: run what is ready meanwhile, for this may be the only thread.
        """
        until = None if timeout is None else time.monotonic() + timeout
        _in_wait.append(own)  # callbacks that wait for all calls must not wait for each other
        try:
            while True:
                with self._lock:
                    self._changed.notify_all()
                    if self._pending <= own.union(*_in_wait):
                        return True
                    if not self._ready:
                        self._changed.wait(_LOOK_S)
                if (task := self._pop()) is not None:
                    self._run_ready(task)
                if until is not None and time.monotonic() >= until:
                    return False
        finally:
            _in_wait.remove(own)

    def close(self) -> None:
        """
        Wait for every call, then end the threads, this one excepted.
        """
        self.wait()
        self.dismiss()
        if not getattr(_here, "tasks", None):
            for thread in list(self._threads):
                thread.join()

    def dismiss(self) -> None:
        """
        Have every thread end as soon as it has no work.
        """
        with self._lock:
            self._is_ending = True
            self._has_work.notify_all()

    def enqueue(self, task: Task) -> None:
        """
        Have *task* run by a thread: one without work, a new one while there may be more, or the next to have time.
        """
        with self._lock:
            self._ready.append(task)
            if len(self._ready) <= self._idle:
                self._has_work.notify()
                return
            if self._workers < self.max_workers:
                self._workers += 1
                take = self._next_ready
            elif self._long_pending and not task.is_long and not self._is_helping and self.max_workers > 1:
                self._is_helping = True
                take = self._next_short
            else:
                return
        self._is_late = not self._start(take)
        if self._is_late:
            self._do_without_thread(take)

    def _start(self, take: Callable[[], Task | None]) -> bool:
        """
        Start a thread; return false if there can be none: there are too many, or the interpreter is ending.
        """
        try:
            if self.is_awaited:
                from aikit.storage import shutdown  # noqa: PLC0415  it may be too late even to import it

                shutdown.finish_before_exit(self)
            threading.Thread(target=self._run_thread, args=(take,), name="aikit", daemon=not self.is_awaited).start()
        except RuntimeError:
            return False
        return True

    def _do_without_thread(self, take: Callable[[], Task | None]) -> None:
        """
        Leave the work to the workers there are; without any, this thread, which has the work, does it.
        """
        with self._lock:
            if take == self._next_short:
                self._is_helping = False
                return
            if self._workers > 1:
                self._workers -= 1
                return
        self._work_here(take)

    def _work_here(self, take: Callable[[], Task | None]) -> None:
        """
        Work in a thread of the program's; a wish to end it is kept until all is done, or after Ctrl-C cancelled.
        """
        try:
            self._work(take)
        except BaseException as wish:
            if isinstance(wish, KeyboardInterrupt):
                for task in list(self._pending):
                    self.cancel(task, CancelledError(keeps=True))
            self._work_here(take)
            raise

    def _run_thread(self, take: Callable[[], Task | None]) -> None:
        thread = threading.current_thread()
        with self._lock:
            self._threads.add(thread)
        try:
            self._work(take)
        finally:
            with self._lock:
                self._threads.discard(thread)

    # A thread that waits for work must not hold the last task: with it lives what its callbacks name, and a window's
    # variable that ends in this thread waits for the window's own, which may be waiting for this one.

    def _work(self, take: Callable[[], Task | None]) -> None:
        while (task := take()) is not None:
            self._run_ready(task)
            del task

    def _next_ready(self) -> Task | None:
        """
        Return the next task for a worker; ``None`` if there was none for a while, and the worker ends.
        """
        has_lingered = self._is_late
        with self._lock:
            while (task := self._ready.pop()) is None:
                if has_lingered or self._is_ending:
                    self._workers -= 1
                    return None
                self._idle += 1
                has_lingered = not self._has_work.wait(_LINGER_S)
                self._idle -= 1
            return task

    def _next_short(self) -> Task | None:
        with self._lock:
            task = self._ready.pop_short()
            self._is_helping = task is not None
            return task

    def _pop(self) -> Task | None:
        with self._lock:
            return self._ready.pop()

    def _run_ready(self, task: Task) -> None:
        """
        Run a ready task; one that another thread ran and parked meanwhile stays parked.
        """
        if not task.try_lock():
            return
        self._timer.unpark(task)
        if task.is_due:
            self._run(task)
        else:
            task.unlock()
            self._park(task)

    def _run(self, task: Task) -> None:
        """
        Run a locked task until it has to wait or is over.
        """
        tasks = _here.__dict__.setdefault("tasks", [])
        tasks.append(task)
        try:
            step = self._step(task)
        finally:
            tasks.remove(task)
        if isinstance(step, Pause | Room):
            task.park(step.seconds)
            task.unlock()
            self._park(task)
        elif step is not None:
            group = TaskGroup(task, self, partial(self._resume, task))
            task.adopt(group)
            group.start(step)

    def _step(self, task: Task) -> Pause | Gather | Room | None:
        wish = None
        try:
            if (step := task.step()) is not None:
                return step
        except BaseException as error:  # noqa: BLE001  Ctrl-C, or what a stream of the caller's wants of this thread
            task.fail(error)
            wish = error
        self._finish(task, wish)
        return None

    def _resume(self, task: Task) -> None:
        task.resume()
        self.enqueue(task)

    def _park(self, task: Task) -> None:
        if self._is_late or not self._timer.park(task):
            task.sleep_until_due()
            self.enqueue(task)
        elif task.is_due or not self._can_pause:
            self._hurry(task)

    def _hurry(self, task: Task) -> None:
        """
        Run on what needs to wait no more; what waits for a reader while all calls are to end is cancelled.
        """
        if task.full is not None and not task.full.has_room and not self._can_pause:
            self.cancel(task)
        elif task.is_due:
            self.wake(task)

    def _finish(self, task: Task, wish: BaseException | None) -> None:
        try:
            task.finish()
        except BaseException as error:  # a callback may even ask this thread to exit, but others have calls in it
            log.exception("a call could not hand over its result")
            wish = error
        finally:
            with self._lock:
                self._long_pending -= task.is_long and task in self._pending
                self._pending.discard(task)
                self._changed.notify_all()
        if wish is not None and threading.current_thread() is threading.main_thread():
            raise wish
