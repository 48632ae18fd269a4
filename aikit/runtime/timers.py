"""
The timer: wakes what waits, on one thread however much it is.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import attrs

log: Final = logging.getLogger("aikit")
_SPARE_TICKETS: Final = 64


class Parked(Protocol):
    """
    Something that waits.

    Attributes:
        due: When it may go on, in monotonic seconds.

        ticket: Its number here while it waits; ``None`` before and after.
    """

    due: float
    ticket: int | None


@attrs.define(eq=False)
class Timer:
    """
    Wakes parked tasks when they are due, on one thread that ends when nothing is parked.
    """

    # `_lock` guards all fields, and *ticket* of what is parked; *due* is set before it is parked. No other lock is
    # taken and no user code runs under it. The thread is started under it, so that two that park at once start one, and
    # `_wake` is called without it. The entry of an unparked task stays in the heap, where its number is out of date.

    _wake: Callable[[Any], None]
    _heap: list[tuple[float, int, Parked]] = attrs.field(factory=list)
    _parked: int = 0
    _number: itertools.count[int] = attrs.field(factory=itertools.count)
    _thread: threading.Thread | None = None
    _lock: Any = attrs.field(factory=threading.RLock)
    _changed: threading.Condition = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._changed = threading.Condition(self._lock)

    def park(self, task: Parked) -> bool:
        """
        Wake *task* when it is due; false if no thread can be had for that.
        """
        with self._lock:
            if not self._is_running():
                return False
            number = next(self._number)
            heapq.heappush(self._heap, (task.due, number, task))
            task.ticket, self._parked = number, self._parked + (task.ticket is None)
            if self._heap[0][1] == number:
                self._changed.notify()
            return True

    def _is_running(self) -> bool:
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="aikit-timer", daemon=False)
            try:
                thread.start()
            except RuntimeError:  # too many threads, or the interpreter is ending
                return False
            self._thread = thread
        return True

    def unpark(self, task: Parked) -> bool:
        """
        Take *task* off the timer; false if it was not there.
        """
        with self._lock:
            was_there = task.ticket is not None
            task.ticket, self._parked = None, self._parked - was_there
            if len(self._heap) > _SPARE_TICKETS + self._parked * 9 // 8:  # what is over is not held for long
                self._heap = list(filter(_is_waiting, self._heap))  # no loop under a lock: see `CallState`
                heapq.heapify(self._heap)
            if not self._parked:
                self._changed.notify()
            return was_there

    def _run(self) -> None:
        while (task := self._next_due()) is not None:
            try:
                self._wake(task)
            except Exception:
                log.exception("what was due could not be woken")

    def _next_due(self) -> Parked | None:
        with self._lock:
            while self._heap:
                due, number, task = self._heap[0]
                if task.ticket != number:
                    heapq.heappop(self._heap)
                elif (left_s := due - time.monotonic()) > 0:
                    self._changed.wait(min(left_s, threading.TIMEOUT_MAX))
                else:
                    heapq.heappop(self._heap)
                    task.ticket, self._parked = None, self._parked - 1
                    return task
            self._thread = None
            return None


def _is_waiting(entry: tuple[float, int, Parked]) -> bool:
    return entry[2].ticket == entry[1]


@attrs.define(eq=False)
class Deadline:
    """
    The end of a call's time; one thread is enough for all calls, and ends when none of them has one.

    Attributes:
        seconds: How long the call may take.

        expire: Called when it has taken that long.
    """

    seconds: float
    expire: Callable[[], object]
    due: float = 0.0
    ticket: int | None = None

    def begin(self) -> bool:
        """
        Let the time run; false if no thread can be had that calls *expire*.
        """
        self.due = time.monotonic() + self.seconds
        return _deadlines.park(self)

    def end(self) -> None:
        """
        Forget the call: it is over.
        """
        _deadlines.unpark(self)


def _new_timer() -> Timer:
    return Timer(lambda deadline: deadline.expire())


_deadlines = _new_timer()


def _after_fork_in_child() -> None:
    global _deadlines  # noqa: PLW0603  in a child made by fork, the timer's thread is not there
    _deadlines = _new_timer()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
