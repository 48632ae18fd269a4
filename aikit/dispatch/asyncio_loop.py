"""
A loop of asyncio.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

import attrs

if TYPE_CHECKING:
    from aikit.dispatch.loop_dispatcher import LoopDispatcher


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
