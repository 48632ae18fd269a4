"""
What a caller gets: a result that is a handle while the call runs and an answer when it has terminated.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from functools import partial
from operator import ne
from types import MappingProxyType
from typing import Any, Final, Generic, Protocol, Self, TypeVar

import attrs

from aikit.http.messages import Request, Response
from aikit.types.errors import OpenAIError
from aikit.types.interruptions import suppress
from aikit.types.page import Page
from aikit.types.rate_limit import RateLimit, rate_limit_of

T = TypeVar("T")

_lock = threading.RLock()  # shared: ten thousand waiting results need no lock each
_LOOK_S: Final = 0.1  # how often a worker that waits for a call looks whether the call needs a thread
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


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

        outcome: How the call ended.

        is_terminated: Whether *outcome* is final.

        is_delivered: Whether the callbacks ran or were handed to the dispatcher.
    """

    # `_lock` guards `is_delivered`, `delivering` and `_watchers`, and no user code runs under it. *handle* is set
    # before the call begins and *outcome* by the one thread that ends it; both are set in one go.

    handle: Handle | None = None
    outcome: Outcome = _RUNNING
    is_terminated: bool = False
    is_delivered: bool = False
    delivering: int | None = None
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
                self.is_delivered, self.delivering, self.handle = True, None, None
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


@attrs.define(eq=False, slots=True, repr=False)
class OpenAIResult(Generic[T]):
    """
    The result of a call.

    While ``terminated`` is false it is the handle of a running call: `wait` for it, `cancel` it, or ``await`` it.

    """

    _state: CallState = attrs.field(factory=CallState)

    def __repr__(self) -> str:
        """What came of the call, and no content, which may be large."""
        return f"{type(self).__name__}({', '.join(f'{key}={value}' for key, value in self._shown())})"

    def _shown(self) -> Iterator[tuple[str, Any]]:
        yield "terminated", self.terminated
        if self.terminated:
            yield "success", self.success
        if self.errors:
            yield "errors", [f"{error.code}: {error}" if error.code else str(error) for error in self.errors[:3]]
        if more := self.errors[3:]:
            yield "more_errors", len(more)

    @property
    def terminated(self) -> bool:
        """Whether the call is over; what it carries does not change any more."""
        return self._state.is_terminated

    @property
    def _outcome(self) -> Outcome:
        return self._state.outcome

    @property
    def success(self) -> bool:
        """Whether the call is over without any problem."""
        return self.terminated and not self._outcome.errors

    @property
    def errors(self) -> tuple[OpenAIError, ...]:
        """All problems; empty after success and while running."""
        return self._outcome.errors

    @property
    def request(self) -> Request | None:
        """The last request; ``None`` while running and when nothing was sent."""
        return self._outcome.request

    @property
    def response(self) -> Response | None:
        """The last answer; ``None`` while running and when none came."""
        return self._outcome.response

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes beside the answer, such as that an interrupted upload was resumed, or can be."""
        return self._outcome.notes

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of the last answer, found in any spelling."""
        return self.response.headers if self.response is not None else _NO_HEADERS

    @property
    def rate_limit(self) -> RateLimit:
        """What the provider lets through."""
        return rate_limit_of(self.headers)

    @property
    def usage(self) -> Any:
        """What the answer says it cost; ``None`` for most calls."""
        return _usage(self.response)

    def throw(self) -> Self:
        """
        Raise the first error, with notes of the others; return the result if there is none.
        """
        if not self.errors:
            return self
        first, others = self.errors[0], self.errors[1:]
        if others and not getattr(first, "__notes__", None):
            for other in others:
                first.add_note(f"also: {other}")
        raise first

    def wait(self, timeout: float | None = None) -> bool:
        """
        Wait until the call is over and its callbacks ran or were handed to the dispatcher.

        Args:
            timeout: Seconds; ``None`` waits as long as it takes.

        Returns:
            Whether it is over. Inside the call's own callbacks it is; inside its *on_progress* it never can be, so
            this returns at once. Inside callbacks of other calls its own callbacks are not waited for: they may wait
            for this one.
        """
        state, handle = self._state, self._state.handle
        if state.delivering == threading.get_ident():
            return True
        if handle is not None and handle.is_driven_here():
            return self.terminated
        until = None if timeout is None else time.monotonic() + timeout
        while handle is not None and not self.terminated and handle.run_if_idle(until):
            if state.wait_for_delivery(until, _LOOK_S) or (until is not None and time.monotonic() >= until):
                return self.terminated
        if handle is not None and self.terminated and handle.run_if_idle(until):
            return True
        return state.wait_for_delivery(until)

    def cancel(self, *, keep: bool = False) -> bool:
        """
        Ask a running call to stop; its result then has an error with code ``"cancelled"``.

        Args:
            keep: ``True`` leaves what has arrived of a file in parts at the provider: within the hour, the same call
                goes on with it.

        Returns:
            Whether there was still something to stop.
        """
        handle = self._state.handle
        if self.terminated or handle is None:
            return False
        handle.cancel(keep=keep)
        return True

    def pause(self) -> bool:
        """
        Let no bytes of a running call move until `resume`; return whether it was running.

        A provider that hears nothing for long hangs up; what was under way is then sent or asked for again.
        """
        return self._set_paused(is_on=True)

    def resume(self) -> bool:
        """
        Let the bytes of a running call move again; return whether it was running.
        """
        return self._set_paused(is_on=False)

    def _set_paused(self, *, is_on: bool) -> bool:
        handle = self._state.handle
        if self.terminated or handle is None:
            return False
        handle.pause(is_on=is_on)
        return True

    def __await__(self) -> Generator[Any, None, Self]:
        import asyncio  # noqa: PLC0415  only those who await pay for it

        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._state.notify(partial(wake, loop, future))
        try:
            yield from future
        except asyncio.CancelledError:
            self.cancel()
            raise
        return self

    def __getstate__(self) -> tuple[bool, Outcome]:
        if not self.terminated:
            raise TypeError("the result of a running call cannot be pickled or copied; wait() for it first")
        return self.terminated, self._outcome

    def __setstate__(self, state: tuple[bool, Outcome]) -> None:
        type(self).__init__(self, CallState(None, state[1], is_terminated=True, is_delivered=True))


@attrs.define(eq=False, slots=True, repr=False, getstate_setstate=False)  # pickled as its parent says
class OpenAIListResult(OpenAIResult[Page[T]]):
    """
    The result of a call that lists: one page, or all pages in one.
    """

    _next: Callable[[str | None], Any] | None = attrs.field(default=None, kw_only=True)

    @property
    def _page(self) -> Page[T]:
        return self._outcome.value or Page(())

    @property
    def first_id(self) -> str | None:
        """Id of the first item."""
        return self._page.first_id

    @property
    def last_id(self) -> str | None:
        """Id of the last item."""
        return self._page.last_id

    @property
    def has_more(self) -> bool:
        """Whether there are more items after *last_id*."""
        return self._page.has_more

    def next_page(self) -> Self:
        """
        Ask for the page after this one, with the same parameters.

        Raises:
            ValueError: There is none; see ``has_more``.
        """
        if not self.has_more:
            raise ValueError("there is no next page: has_more is false")
        if self._next is None:
            raise ValueError("a result that was pickled has no client; list with after=result.last_id")
        following: Self = self._next(self.last_id)
        return following


def wake(loop: Any, future: Any) -> None:
    """
    Have *loop* go on with what awaits *future*.
    """
    with suppress(RuntimeError):  # the loop was closed meanwhile
        loop.call_soon_threadsafe(lambda: future.done() or future.set_result(None))


def _usage(response: Response | None) -> Any:
    """
    Return ``usage`` of a JSON object; what merely holds the word, such as the lines of a batch's output, has none.
    """
    if response is None or b'"usage"' not in response.body[:100_000]:
        return None
    try:
        answer = response.json()
    except OpenAIError:
        return None
    return answer.get("usage") if isinstance(answer, dict) else None


def _after_fork_in_child() -> None:
    global _lock  # noqa: PLW0603  a lock that another thread held when this process was made is held for ever
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
