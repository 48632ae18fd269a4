"""
How a call stands: its handle while it runs, its outcome when it is over.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import partial
from operator import ne
from typing import Any, Final, Protocol

import attrs

from aikit.http.messages import Request, Response
from aikit.types.errors import OpenAIError
from aikit.types.interruptions import suppress

_lock = threading.RLock()  # shared: ten thousand waiting results need no lock each


class Handle(Protocol):
    """
    The hold a result has on its running call.
    """

    def cancel(self, *, keep: bool = False) -> None:
        """Ask the call to stop; with *keep*, what has arrived stays."""
        ...

    def pause(self, *, is_on: bool) -> None:
        """Let no bytes move, or let them move again."""
        ...

    def run_if_idle(self, until: float | None) -> bool:
        """If this is a worker thread and the call is idle, run it here, *until* then; return whether this is one."""
        ...

    def is_driven_here(self) -> bool:
        """Tell whether this very thread is driving the call."""
        ...


@attrs.frozen(kw_only=True)
class Outcome:
    """
    How a call ended.

    Attributes:
        value: What the flow returned, or came with errors all the same.

        notes: What is worth knowing beside it.
    """

    value: Any = None
    errors: tuple[OpenAIError, ...] = ()
    request: Request | None = None
    response: Response | None = None
    notes: tuple[str, ...] = ()


_RUNNING: Final = Outcome()


@attrs.define(eq=False, slots=True)
class CallState:
    """
    How a call stands: written by the library, shown by the result.

    Attributes:
        handle: The hold on a call that runs in the background.

        before_wait: Called with the result before a thread waits for such a call.

        outcome: How the call ended.

        is_terminated: Whether *outcome* is final.

        is_delivered: Whether the callbacks ran or were handed to the dispatcher.
    """

    # `_lock` guards `is_delivered`, `delivering` and `_watchers`, and no user code runs under it. *handle* and
    # *before_wait* are set before the call begins, *outcome* by the one thread that ends it; each is set in one go.

    handle: Handle | None = None
    outcome: Outcome = _RUNNING
    is_terminated: bool = False
    is_delivered: bool = False
    delivering: int | None = None
    before_wait: Callable[[Any], None] | None = None
    _watchers: list[Callable[[], None]] | None = None

    def settle(self, outcome: Outcome, deliver: Callable[[], None] | None = None) -> None:
        """
        End the call: first the answer is there, then *deliver* hands out callbacks, then waiters go on.
        """
        self.outcome, self.delivering = outcome, threading.get_ident()
        self.is_terminated = True
        try:
            if deliver is not None:
                deliver()
        finally:
            with _lock:
                self.is_delivered, self.delivering, self.handle, self.before_wait = True, None, None, None
                watchers, self._watchers = self._watchers or (), None
            for watcher in watchers:
                watcher()

    def notify(self, watcher: Callable[[], None]) -> None:
        """
        Call *watcher* when the callbacks have run; at once if they have.
        """
        with _lock:
            if not self.is_delivered:
                self._watchers = [*(self._watchers or ()), watcher]
                return
        watcher()

    def wait_for_delivery(self, until: float | None, at_most: float | None = None) -> bool:
        """
        Wait until the callbacks have run, *until* then and *at_most* so many seconds; return whether they have.
        """
        left_s = None if until is None else min(max(0.0, until - time.monotonic()), threading.TIMEOUT_MAX)
        bounds = [bound for bound in (left_s, at_most) if bound is not None]
        gate = threading.Lock()  # not a condition, which Ctrl-C may leave locked
        gate.acquire()
        try:
            self.notify(gate.release)
            return gate.acquire(timeout=min(bounds, default=-1))
        finally:
            with _lock:
                # no loop of Python's own: in 3.13 Ctrl-C where one turns back leaves the lock held
                self._watchers = list(filter(partial(ne, gate.release), self._watchers or ())) or None


def wake(loop: Any, future: Any) -> None:
    """
    Have *loop* go on with what awaits *future*.
    """
    with suppress(RuntimeError):  # the loop was closed meanwhile
        loop.call_soon_threadsafe(lambda: future.done() or future.set_result(None))


def _after_fork_in_child() -> None:
    global _lock  # noqa: PLW0603  a lock that another thread held when this process was made is held for ever
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
