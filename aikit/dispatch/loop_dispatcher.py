"""
Callbacks on their way into a main loop: in order, a moment at a time, and nowhere once the loop is gone.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

import attrs

from aikit.dispatch.dispatchers import Job, Nesting

log: Final = logging.getLogger("aikit")
_TURN_S: Final = 0.010
_BREATH_MS: Final = 5


class Loop(Protocol):
    """
    As much of a main loop as callbacks need to get into it.

    Attributes:
        gone: What is logged when callbacks come too late, for example ``"the window is gone"``.
    """

    gone: str

    def attach(self, dispatcher: LoopDispatcher, /) -> None:
        """In the loop's thread, get ready to call ``dispatcher.turn``, and ``dispatcher.end`` when the loop is gone."""
        ...

    def wake(self, turn: Callable[[], None], /) -> None:
        """From any thread, have *turn* called in the loop's thread, soon; raise if the loop is gone."""
        ...

    def later(self, delay_ms: int, turn: Callable[[], None], /) -> object:
        """In the loop's thread, have *turn* called after a while; raise if the loop is gone."""
        ...

    def is_here(self) -> bool:
        """Tell whether this is the loop's thread, so that callbacks may run here."""
        ...

    def is_gone(self) -> bool:
        """In any thread, tell whether the loop is known to be gone."""
        ...


@attrs.define(eq=False)
class LoopDispatcher:
    """
    Runs callbacks in a main loop, whether it runs already or will run later.

    Many callbacks are run a few at a time, with a breath for the window between them. Once the loop is gone, callbacks
    are dropped, and the first that are dropped are logged as a warning.

    Attributes:
        loop: The loop.
    """

    loop: Loop
    clock: Callable[[], float] = time.monotonic
    _jobs: deque[Job] = attrs.field(factory=deque, init=False, repr=False)
    _is_due: bool = attrs.field(default=False, init=False, repr=False)
    _is_over: bool = attrs.field(default=False, init=False)
    _has_warned: bool = attrs.field(default=False, init=False, repr=False)
    _nesting: Nesting = attrs.field(factory=Nesting, init=False, repr=False)
    _ended_at: float = attrs.field(default=float("-inf"), init=False, repr=False)
    _at_exit: Any = attrs.field(init=False, repr=False)
    # Of the same thread, for a window may be destroyed, and say so, while this thread is in here.
    _lock: Any = attrs.field(factory=threading.RLock, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._at_exit = weakref.finalize(self, _tell_of_the_rest, self._jobs)
        self.loop.attach(self)

    def deliver(self, job: Job, /) -> None:
        """
        Run *job* in the loop, soon.
        """
        with self._lock:
            self._jobs.append(job)
            is_gone = self._is_over or self.loop.is_gone()
            is_asleep = not is_gone and not self._is_due
            self._is_due |= is_asleep
        if is_gone:
            self._drop()
        elif is_asleep:
            self._ask(self.loop.wake)

    def turn(self) -> None:
        """
        In the loop's thread, run what waits, for a moment; the rest follows when the window had its turn.
        """
        with self._lock:
            self._is_due = False
        is_early = self.clock() - self._ended_at < _BREATH_MS / 1000  # the timer came due during a slow callback
        if is_early or not self._nesting.has_room():
            self._go_on_later()
            return
        until = self.clock() + _TURN_S
        while self.clock() < until and (job := self._next()) is not None:
            self._go_on_later()  # first, for a callback may open a dialog, which waits in a loop of its own
            try:
                self._nesting.run(job)
            finally:
                self._ended_at = self.clock()

    def pump(self) -> int:
        """
        In the loop's thread, run what waits; elsewhere nothing. Drop it if the loop is gone.
        """
        if self.loop.is_gone():
            self._drop()
        count = len(self._jobs) if self.loop.is_here() and self._nesting.has_room() else 0
        for done in range(count):
            job = self._next()
            if job is None:  # a callback closed the window
                return done
            self._nesting.run(job)
        return count

    def expect_end(self) -> None:
        """
        Log what is dropped for debugging only, and nothing of what the loop never ran: the program wants it so.
        """
        self._has_warned = True
        self._at_exit.detach()

    def end(self) -> None:
        """
        Drop what waits, and whatever comes: the loop is gone.
        """
        with self._lock:
            self._is_over = True
        self._drop()

    def start_over(self) -> None:
        """
        In a child made by fork, leave what waits to the parent, and the lock to its threads.
        """
        self._lock, self._is_due = threading.RLock(), False
        self._jobs.clear()

    def _drop(self) -> None:
        with self._lock:
            count = len(self._jobs)
            self._jobs.clear()
            self._is_due = False  # nothing was asked of a loop that is gone, and some run again
            level = logging.DEBUG if self._has_warned else logging.WARNING
            self._has_warned |= count > 0
        if count:
            log.log(level, "%s: callbacks were dropped, %d in number", self.loop.gone, count)

    def _next(self) -> Job | None:
        with self._lock:
            return self._jobs.popleft() if self._jobs else None

    def _go_on_later(self) -> None:
        with self._lock:
            if self._is_due or not self._jobs:
                return
            self._is_due = True
        self._ask(lambda turn: self.loop.later(_BREATH_MS, turn))

    def _ask(self, loop: Callable[[Callable[[], None]], object]) -> None:
        try:
            loop(self.turn)
        except Exception:  # noqa: BLE001  each toolkit has errors of its own for a window that went this very moment
            self.end()


def _tell_of_the_rest(jobs: deque[Job]) -> None:
    """
    Warn of callbacks that the loop never ran, at the end of the program or of the dispatcher.
    """
    if jobs:
        log.warning("the main loop did not run again: callbacks were dropped, %d in number", len(jobs))
