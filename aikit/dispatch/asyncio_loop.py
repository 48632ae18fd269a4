"""
A loop of asyncio.
"""

from __future__ import annotations

import asyncio
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

    @classmethod
    def found(cls, loop: asyncio.AbstractEventLoop | None) -> Self:
        """
        Return *loop*, or else the running one.

        Raises:
            RuntimeError: Neither is there.
        """
        return cls(loop if loop is not None else asyncio.get_running_loop())

    def attach(self, _: LoopDispatcher, /) -> None:
        """
        Do nothing: whether a loop is closed can be asked.
        """

    def wake(self, turn: Callable[[], None], /) -> None:
        """
        Have *turn* called in the loop.
        """
        self.loop.call_soon_threadsafe(turn)

    def later(self, delay_ms: int, turn: Callable[[], None], /) -> object:
        """
        Have *turn* called after a while.
        """
        return self.loop.call_later(delay_ms / 1000, turn)

    def is_here(self) -> bool:
        """
        Tell whether this thread is in the loop.
        """
        try:
            return asyncio.get_running_loop() is self.loop
        except RuntimeError:
            return False

    def is_gone(self) -> bool:
        """
        Tell whether the loop is closed.
        """
        return self.loop.is_closed()
