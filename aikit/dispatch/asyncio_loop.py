"""
A loop of asyncio, and its dispatcher, which runs coroutines too.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Final, Self, cast

import attrs

from aikit.dispatch.loop_dispatcher import LoopDispatcher

log: Final = logging.getLogger("aikit")


@attrs.define(eq=False)
class AsyncioLoop:
    """
    A loop of asyncio, running or not yet.

    Attributes:
        loop: The loop.
    """

    loop: asyncio.AbstractEventLoop
    gone: str = attrs.field(default="the asyncio loop is closed", init=False)
    _thread: int | None = attrs.field(default=None, init=False)

    @classmethod
    def found(cls, loop: asyncio.AbstractEventLoop | None) -> Self:
        """
        Return *loop*, or else the running one.

        Raises:
            RuntimeError: Neither is there, or *loop* is closed.
            TypeError: *loop* is none of asyncio's.
        """
        loop = asyncio.get_running_loop() if loop is None else loop
        if not isinstance(loop, asyncio.AbstractEventLoop):
            raise TypeError(f"dispatch.asyncio() needs a loop of asyncio, not {type(loop).__name__}")
        return cls(loop)

    def attach(self, _: LoopDispatcher, /) -> None:
        """
        Notice in which thread the loop runs.
        """
        self.wake(lambda: None)

    def wake(self, turn: Callable[[], None], /) -> None:
        """
        Have *turn* called in the loop.
        """
        self.loop.call_soon_threadsafe(self._run, turn)

    def _run(self, turn: Callable[[], None]) -> None:
        self._thread = threading.get_ident()
        turn()

    def later(self, delay_ms: int, turn: Callable[[], None], /) -> object:
        """
        Have *turn* called after a while.
        """
        return self.loop.call_later(delay_ms / 1000, turn)

    def is_here(self) -> bool:
        """
        Tell whether this thread is in the loop, or was when it was stopped.
        """
        try:
            return asyncio.get_running_loop() is self.loop
        except RuntimeError:
            return self._thread == threading.get_ident() and not self.loop.is_running()

    def is_gone(self) -> bool:
        """
        Tell whether the loop is closed.
        """
        return self.loop.is_closed()


@attrs.define(eq=False)
class AsyncioDispatcher(LoopDispatcher):
    """
    Runs callbacks in a loop of asyncio, and as tasks what they return to be awaited.
    """

    # `_tasks` keeps the tasks alive, which the loop does not; only the loop's thread touches it.

    _tasks: set[asyncio.Task[Any]] = attrs.field(factory=set, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        weakref.finalize(self, _close_left, self._tasks)
        super().__attrs_post_init__()

    def spawn(self, awaitable: Awaitable[Any], over: Callable[[BaseException | None], None], /) -> None:
        """
        In the loop's thread, await *awaitable* in a task, and call *over* with what it raised when it has ended.
        """
        coroutine = awaitable if isinstance(awaitable, Coroutine) else _awaited(awaitable)
        task = self._own.loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(partial(self._end_task, over))

    def pump(self) -> int:
        """
        In the loop's thread, run what waits, coroutines to their end if the loop was stopped; elsewhere nothing.
        """
        count, loop = super().pump(), self._own
        if loop.is_gone():
            _close_left(self._tasks)
        elif self._tasks and loop.is_here() and not loop.loop.is_running():
            count += len(self._tasks)
            with suppress(RuntimeError):  # a callback stopped the loop: the next pump goes on
                loop.loop.run_until_complete(asyncio.wait(list(self._tasks)))  # a list: some end as this begins
        return count

    @property
    def _own(self) -> AsyncioLoop:
        return cast("AsyncioLoop", self.loop)

    def _end_task(self, over: Callable[[BaseException | None], None], task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        over(asyncio.CancelledError() if task.cancelled() else task.exception())


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _close_left(tasks: set[asyncio.Task[Any]]) -> None:
    """
    Close the coroutines of tasks whose loop was closed, or is not run any more.
    """
    if tasks:
        log.warning("the asyncio loop did not run to the end of callbacks: they were dropped, %d in number", len(tasks))
    while tasks:
        coroutine = tasks.pop().get_coro()
        if coroutine is not None:
            coroutine.close()
