"""
Tk's main loop, with a root whose time passes when the test says so.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

from aikit import dispatch


@attrs.define(eq=False)
class HandRoot:
    """
    As much of a ``tkinter.Tk`` as the dispatcher needs.

    Attributes:
        now_ms: The time.

        timers: What is to be called, and when, by their ids.

        on_destroy: What is called when it is destroyed.
    """

    now_ms: int = 0
    timers: dict[str, tuple[int, Callable[[], None]]] = attrs.field(factory=dict)
    on_destroy: Callable[[Any], None] = attrs.field(default=lambda _: None)
    _numbers: Iterator[int] = attrs.field(factory=itertools.count, init=False)

    def after(self, delay_ms: int, work: Callable[[], None]) -> str:
        """
        Keep it.
        """
        timer = f"after#{next(self._numbers)}"
        self.timers[timer] = (self.now_ms + delay_ms, work)
        return timer

    def after_cancel(self, timer: str) -> None:
        """
        Keep it no longer.
        """
        del self.timers[timer]

    def bind(self, _: str, on_destroy: Callable[[Any], None], *, add: str) -> None:
        """
        Keep what wants to know of the end.
        """
        assert add == "+"
        self.on_destroy = on_destroy

    def destroy(self) -> None:
        """
        Tell what wants to know.
        """
        self.on_destroy(attrs.make_class("Event", ["widget"])(self))

    def pass_a_millisecond(self) -> None:
        """
        Call what is due by now.
        """
        self.now_ms += 1
        due = [timer for timer, (at, _) in self.timers.items() if at <= self.now_ms]
        for _, work in [self.timers.pop(timer) for timer in due]:
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


@pytest.mark.parametrize("is_busy", [False, True])
def test_a_window_that_goes_leaves_no_timer_behind(*, is_busy: bool) -> None:
    """Where other windows live on, Tcl would call what went with this one, and complain."""
    root = HandRoot()
    dispatcher = dispatch.tk(root)
    dispatcher.clock = lambda: root.now_ms / 1000

    def job() -> None:
        root.now_ms += 15

    for _ in range(5 if is_busy else 0):
        dispatcher.deliver(job)
    for _ in range(20):
        root.pass_a_millisecond()
    assert len(root.timers) == (2 if is_busy else 1)
    root.destroy()

    assert root.timers == {}
