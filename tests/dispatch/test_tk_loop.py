"""
Tk's main loop, with a root whose time passes when the test says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from aikit import dispatch


@attrs.define(eq=False)
class HandRoot:
    """
    As much of a ``tkinter.Tk`` as the dispatcher needs.

    Attributes:
        now_ms: The time.

        timers: What is to be called, and when.
    """

    now_ms: int = 0
    timers: list[tuple[int, Callable[[], None]]] = attrs.field(factory=list)

    def after(self, delay_ms: int, work: Callable[[], None]) -> None:
        """
        Keep it.
        """
        self.timers.append((self.now_ms + delay_ms, work))

    def bind(self, _: str, __: Callable[[Any], None], *, add: str) -> None:
        """
        Never be destroyed.
        """

    def pass_a_millisecond(self) -> None:
        """
        Call what is due by now.
        """
        self.now_ms += 1
        due = [timer for timer in self.timers if timer[0] <= self.now_ms]
        self.timers = [timer for timer in self.timers if timer not in due]
        for _, work in due:
            work()


def test_a_long_queue_has_one_timer_beside_the_poll() -> None:
    """However long callbacks keep the window busy, no poll begins a chain of timers of its own."""
    root, ran = HandRoot(), list[int]()
    dispatcher = dispatch.tk(root)
    dispatcher.clock = lambda: root.now_ms / 1000

    def job() -> None:
        root.now_ms += 4
        ran.append(root.now_ms)

    for _ in range(300):
        dispatcher.deliver(job)
    most = 0
    while len(ran) < 300 and root.now_ms < 10_000:
        root.pass_a_millisecond()
        most = max(most, len(root.timers))

    assert (len(ran), most) == (300, 2)
