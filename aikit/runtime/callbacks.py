"""
Callbacks: how they are run, and what becomes of the coroutines that they return.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import partial
from typing import Any, Final, Protocol, Self

import attrs

from aikit.runtime.callback_checks import WAY_OUT, Callback, require_callback, require_plain
from aikit.runtime.result import OpenAIResult
from aikit.types.interruptions import interruption_in

log: Final = logging.getLogger("aikit")


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


def discard(callback: Any, answer: object) -> None:
    """
    Close and log the coroutine that *callback* returned where nothing can await it; any other *answer* is of no matter.
    """
    if isinstance(answer, Coroutine):
        answer.close()
        log.error("callback %r returned a coroutine that nothing awaits here: it did not run; %s", callback, WAY_OUT)


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
