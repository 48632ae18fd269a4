"""
Callbacks: what may be one, how they are run, and what becomes of the coroutines that they return.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import partial
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any, Final, Protocol, Self

import attrs

from aikit.runtime.result import OpenAIResult
from aikit.types.interruptions import interruption_in

log: Final = logging.getLogger("aikit")
_WAY_OUT: Final = 'make the client with dispatcher="asyncio", in the thread of the loop, or pass a plain function'

Callback = Callable[[Any], object]
"""Gets the very result that the call returned, its progress, or an event of the ledger."""


class Spawner(Protocol):
    """
    A dispatcher that can await, in the one thread where all its jobs run.
    """

    def deliver(self, job: Callable[[], None], /) -> None:
        """Run *job* there, now or later; must not raise."""
        ...

    def spawn(self, awaitable: Awaitable[Any], over: Callable[[BaseException | None], None], /) -> None:
        """Await *awaitable* in a task, and call *over* in this thread, later, with what it raised."""
        ...


def require_callback(name: str, value: Any) -> None:
    """
    Check a callback, or that there is none.

    Raises:
        TypeError: It cannot be called, or its code would not run if it were.
    """
    if value is None:
        return
    if not callable(value):
        raise TypeError(f"{name} must be callable, not {type(value).__name__}")
    if _is_made_by(isgeneratorfunction, value) or _is_made_by(isasyncgenfunction, value):
        raise TypeError(f"{name} is a generator function, whose code would not run; pass one without yield")


def require_plain(name: str, value: Any, way_out: str = _WAY_OUT) -> None:
    """
    Check a callback that is called where nothing can await; *way_out* says what to do instead.

    Raises:
        TypeError: It is an async function.
    """
    if value is not None and _is_made_by(iscoroutinefunction, value):
        raise TypeError(f"{name} is an async function, which nothing would await here; {way_out}")


def _is_made_by(is_kind: Callable[[Any], bool], callback: Any) -> bool:
    """
    Return whether *callback* is a function of that kind, a partial or method of one, or an object whose call is one.
    """
    while isinstance(callback, partial):
        callback = callback.func
    return is_kind(callback) or is_kind(type(callback).__call__)


def discard(callback: Any, answer: object) -> None:
    """
    Close and log the coroutine that *callback* returned where nothing can await it; any other *answer* is of no matter.
    """
    if isinstance(answer, Coroutine):
        answer.close()
        log.error("callback %r returned a coroutine that nothing awaits here: it did not run; %s", callback, _WAY_OUT)


def checked_plain(name: str, callback: Any) -> Callable[[Any], None] | None:
    """
    Return *callback* for where nothing can await.

    Raises:
        TypeError: It is none, or an async function.
    """
    require_callback(name, callback)
    require_plain(name, callback)
    return None if callback is None else lambda value: discard(callback, callback(value))


@attrs.define(eq=False)
class CallbackQueue:
    """
    The callbacks of one call on their way into a loop: each begins when the one before is over, awaiting included.

    Attributes:
        dispatcher: Runs them.

        is_awaiting: Whether one of them goes on in a task.
    """

    # Only the one thread in which the dispatcher runs its jobs touches the fields.

    dispatcher: Spawner
    is_awaiting: bool = attrs.field(default=False, init=False)
    _later: deque[Callable[[], None]] = attrs.field(factory=deque, init=False)

    @classmethod
    def on(cls, dispatcher: Any) -> Self | None:
        """
        Return a queue on *dispatcher*; ``None`` if that cannot await.
        """
        return cls(dispatcher) if hasattr(dispatcher, "spawn") else None

    def deliver(self, job: Callable[[], None], /) -> None:
        """
        Run *job* there, now or later.
        """
        self.dispatcher.deliver(partial(self._run, job))

    def run_next(self, job: Callable[[], None]) -> None:
        """
        Run *job* before all that waits, when what is awaited now is over.
        """
        self._later.appendleft(job)

    def await_answer(self, callback: Any, answer: object) -> None:
        """
        Go on with what *callback* returned, if that is to be awaited; calls that it began go on by themselves.
        """
        if isinstance(answer, Awaitable) and not isinstance(answer, OpenAIResult):
            self.dispatcher.spawn(answer, partial(self._end, callback))
            self.is_awaiting = True

    def _run(self, job: Callable[[], None]) -> None:
        if self.is_awaiting:
            self._later.append(job)
        else:
            job()

    def _end(self, callback: Any, error: BaseException | None) -> None:
        self.is_awaiting = False
        if error is not None:
            what = "raised" if isinstance(error, Exception) else "was ended before it was over"
            log.error("callback %r %s", callback, what, exc_info=error)
        while self._later and not self.is_awaiting:
            self._later.popleft()()


def finish_elsewhere(dispatcher: Any, callback: Any, answer: object) -> None:
    """
    Go on with what *callback* returned on *dispatcher*, or discard it where that cannot await.
    """
    queue = CallbackQueue.on(dispatcher)
    if queue is None:
        discard(callback, answer)
    elif isinstance(answer, Awaitable):
        queue.deliver(partial(queue.await_answer, callback, answer))


def run_callbacks(callbacks: Iterable[Callback], value: Any, queue: CallbackQueue | None = None) -> None:
    """
    Call each with *value*; one that raises is logged and changes nothing else.

    In the main thread a wish to end the program (Ctrl-C, ``sys.exit``), or what another signal handler raised, is kept
    until all have run.
    """
    left, wish = deque(callbacks), None
    finish = discard if queue is None else queue.await_answer
    while left and not (queue is not None and queue.is_awaiting):
        callback = left.popleft()
        try:
            finish(callback, callback(value))
        except BaseException as error:
            is_fault = isinstance(error, Exception) and interruption_in(error) is None
            if is_fault:
                log.exception("callback %r raised", callback)
            elif threading.current_thread() is threading.main_thread():
                wish = wish or error
            else:
                log.exception("callback %r asked a worker thread to end", callback)
    if left and queue is not None:
        queue.run_next(partial(run_callbacks, left, value, queue))
    if wish is not None:
        raise wish


def checked_hooks(hooks: Any, *, is_kept: bool, can_await: bool) -> tuple[Callback, ...]:
    """
    Return the hooks of a ledger as a tuple.

    Raises:
        TypeError: *hooks* are no callables, or async ones where nothing can await.
        ValueError: There are hooks, and no ledger.
    """
    if isinstance(hooks, str) or not isinstance(hooks, Iterable):
        raise TypeError(f"hooks must be a list of callables, not {type(hooks).__name__}")
    checked = tuple(hooks)
    for hook in checked:
        if not callable(hook):
            raise TypeError(f"hooks must be a list of callables; {hook!r} is none")
        require_callback(f"hook {hook!r}", hook)
        if not can_await:
            require_plain(f"hook {hook!r}", hook)
    if checked and not is_kept:
        raise ValueError("hooks need the ledger, which decides who calls them; leave out ledger=False, or the hooks")
    return checked
