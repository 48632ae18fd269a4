"""
Callbacks on their way into a main loop, with a loop that is turned by hand.
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
import pytest

from aikit import dispatch


@attrs.define(eq=False)
class HandLoop:
    """
    A loop that is turned by hand.

    Attributes:
        woken: What asked to be called soon.

        delayed: What asked to be called after a while, with the milliseconds.

        is_mine: Whether this thread is the loop's.

        is_broken: Whether it raises when it is woken.

        is_over: Whether it says that it is gone.
    """

    gone: str = "the loop is gone"
    woken: list[Callable[[], None]] = attrs.field(factory=list)
    delayed: list[tuple[int, Callable[[], None]]] = attrs.field(factory=list)
    is_mine: bool = True
    is_broken: bool = False
    is_over: bool = False

    def attach(self, _: dispatch.LoopDispatcher) -> None:
        """
        Need nothing.
        """

    def wake(self, turn: Callable[[], None]) -> None:
        """
        Keep it, unless the window went this very moment.
        """
        if self.is_broken:
            raise RuntimeError("wrapped object has been deleted")
        self.woken.append(turn)

    def later(self, delay_ms: int, turn: Callable[[], None]) -> None:
        """
        Keep it.
        """
        self.delayed.append((delay_ms, turn))

    def is_here(self) -> bool:
        """
        Tell what the test says.
        """
        return self.is_mine

    def is_gone(self) -> bool:
        """
        Tell what the test says.
        """
        return self.is_over


@attrs.define
class Clock:
    """
    Seconds that pass when the test says so.
    """

    now: float = 0.0

    def __call__(self) -> float:
        """
        Tell the time.
        """
        return self.now


def filled(count: int, cost_s: float) -> tuple[dispatch.LoopDispatcher, HandLoop, Clock, list[int]]:
    """Return a dispatcher with *count* jobs that take *cost_s* each, its loop and clock, and who ran."""
    loop, clock = HandLoop(), Clock()
    dispatcher, ran = dispatch.LoopDispatcher(loop, clock), list[int]()

    def job(number: int) -> None:
        clock.now += cost_s
        ran.append(number)

    for number in range(count):
        dispatcher.deliver(partial(job, number))
    return dispatcher, loop, clock, ran


def test_the_loop_is_woken_once_for_many_jobs() -> None:
    """While a turn is due, further jobs ring no bell."""
    _, loop, _, ran = filled(5, 0.0)

    assert (len(loop.woken), ran) == (1, [])


def test_a_turn_ends_after_a_moment_and_the_rest_follows_after_a_breath() -> None:
    """Jobs of four milliseconds run three at a time; the window has five milliseconds in between."""
    dispatcher, loop, clock, ran = filled(5, 0.004)

    dispatcher.turn()
    assert ran == [0, 1, 2]
    ((delay_ms, turn),) = loop.delayed
    assert delay_ms == 5

    clock.now += 0.005
    turn()
    assert ran == [0, 1, 2, 3, 4]


def test_a_turn_that_comes_right_after_a_slow_job_lets_the_window_breathe_first() -> None:
    """A timer that came due during a slow callback is put off, for else the window would never be drawn."""
    dispatcher, loop, clock, ran = filled(2, 0.5)

    dispatcher.turn()
    assert ran == [0]
    loop.delayed.pop()[1]()
    assert ran == [0]

    clock.now += 0.005
    loop.delayed.pop()[1]()
    assert ran == [0, 1]


def test_the_next_turn_is_arranged_before_a_job_runs() -> None:
    """A job may wait in a loop of its own, in which the others go on."""
    loop = HandLoop()
    dispatcher, ran = dispatch.LoopDispatcher(loop, Clock(float("inf"))), list[str]()
    dispatcher.clock = Clock()

    def dialog() -> None:
        ran.append("opened")
        dispatcher._ended_at = float("-inf")
        loop.delayed.pop()[1]()
        ran.append("closed")

    dispatcher.deliver(dialog)
    dispatcher.deliver(lambda: ran.append("other"))
    dispatcher.turn()

    assert ran == ["opened", "other", "closed"]


def test_pump_runs_everything_in_the_loops_thread_only() -> None:
    """pump() has no time limit, and elsewhere it does nothing."""
    dispatcher, loop, _, ran = filled(4, 0.5)

    loop.is_mine = False
    assert (dispatcher.pump(), ran) == (0, [])
    loop.is_mine = True
    assert (dispatcher.pump(), ran) == (4, [0, 1, 2, 3])


def test_a_job_that_asks_the_program_to_end_does_not_end_the_dispatcher() -> None:
    """Whatever comes out of a job, the jobs behind it have a turn of their own."""
    loop, clock = HandLoop(), Clock()
    dispatcher, ran = dispatch.LoopDispatcher(loop, clock), list[int]()

    def leave() -> None:
        raise SystemExit

    dispatcher.deliver(leave)
    dispatcher.deliver(lambda: ran.append(1))
    with pytest.raises(SystemExit):
        dispatcher.turn()
    clock.now += 1
    loop.delayed.pop()[1]()

    assert ran == [1]


def test_what_waits_and_what_comes_is_dropped_and_logged_once_the_loop_is_gone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """After the end nothing runs, and the log says once how much was dropped; more is a matter of details."""
    dispatcher, _, _, ran = filled(3, 0.0)

    with caplog.at_level(logging.DEBUG, "aikit"):
        dispatcher.end()
        dispatcher.deliver(lambda: ran.append(9))
        dispatcher.turn()

    assert (ran, dispatcher.pump()) == ([], 0)
    assert caplog.messages == [f"the loop is gone: callbacks were dropped, {count} in number" for count in (3, 1)]
    assert [record.levelname for record in caplog.records] == ["WARNING", "DEBUG"]


def test_a_loop_that_runs_again_gets_what_comes_then(caplog: pytest.LogCaptureFixture) -> None:
    """What came while no loop ran is dropped; with the next loop all is as it was."""
    loop, ran = HandLoop(is_over=True), list[int]()
    dispatcher = dispatch.LoopDispatcher(loop, Clock())

    with caplog.at_level(logging.WARNING, "aikit"):
        dispatcher.deliver(lambda: ran.append(1))
    loop.is_over = False
    dispatcher.deliver(lambda: ran.append(2))
    loop.woken.pop()()

    assert (ran, len(caplog.messages)) == ([2], 1)


def test_callbacks_inside_callbacks_are_only_so_deep() -> None:
    """Where each callback lets the window go on, the next begins inside it: not all of them, but all of them run."""
    loop, clock = HandLoop(), Clock()
    dispatcher, ran, depths = dispatch.LoopDispatcher(loop, clock), list[int](), [0]

    def job(number: int) -> None:
        ran.append(number)
        depths.append(depths[-1] + 1)
        clock.now += 1
        if loop.delayed:
            loop.delayed.pop()[1]()
        depths.append(depths[-1] - 1)

    for number in range(100):
        dispatcher.deliver(partial(job, number))
    dispatcher.turn()
    while loop.delayed:
        clock.now += 1
        loop.delayed.pop()[1]()

    assert ran == list(range(100))
    assert max(depths) == 10


def test_what_no_loop_ever_ran_is_told_at_the_end() -> None:
    """A program that ends without its loop having run says how many callbacks it had."""
    source = (
        "import asyncio; from aikit import dispatch; loop = asyncio.new_event_loop(); "
        "dispatcher = dispatch.asyncio(loop); dispatcher.deliver(print)"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout) == (0, "")
    assert "callbacks were dropped, 1 in number" in done.stderr


@pytest.mark.parametrize("count", [1, 3])
def test_what_no_loop_ever_ran_is_not_told_where_the_end_was_expected(count: int) -> None:
    """A client that is closed with its window drops what the main loop left waiting without a word."""
    source = (
        "from aikit import dispatch; from tests.dispatch.test_loop_dispatcher import HandLoop\n"
        "dispatcher = dispatch.LoopDispatcher(HandLoop())\n"
        "dispatcher.expect_end()\n"
        f"for _ in range({count}): dispatcher.deliver(print)\n"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("", "")


def test_a_window_that_goes_at_this_very_moment_raises_nothing_into_the_pool(caplog: pytest.LogCaptureFixture) -> None:
    """An error of the toolkit while it is woken means that it is gone."""
    loop = HandLoop(is_broken=True)
    dispatcher = dispatch.LoopDispatcher(loop)

    with caplog.at_level(logging.WARNING, "aikit"):
        dispatcher.deliver(lambda: None)

    assert "the loop is gone" in caplog.text


def test_nothing_is_lost_or_run_twice_with_many_threads() -> None:
    """Jobs of eight threads all run in the loop's thread, each thread's in its order."""
    ran: list[tuple[int, int, int]] = []

    async def main() -> None:
        dispatcher, is_over = dispatch.asyncio(), asyncio.Event()

        def note(name: int, number: int) -> None:
            ran.append((name, number, threading.get_ident()))
            if len(ran) == 1600:
                is_over.set()

        def work(name: int) -> None:
            for number in range(200):
                dispatcher.deliver(partial(note, name, number))

        threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        await asyncio.wait_for(is_over.wait(), 10)

    asyncio.run(main())

    assert {thread for _, _, thread in ran} == {threading.get_ident()}
    assert len(ran) == 1600
    for name in range(8):
        assert [number for other, number, _ in ran if other == name] == list(range(200))


def test_an_asyncio_loop_may_run_later() -> None:
    """What is delivered before the loop runs waits for it, and close() in the loop runs the rest."""
    loop = asyncio.new_event_loop()
    dispatcher, ran = dispatch.asyncio(loop), list[int]()
    dispatcher.deliver(lambda: ran.append(1))
    assert (dispatcher.pump(), ran) == (0, [])

    async def main() -> int:
        dispatcher.deliver(lambda: ran.append(2))
        return dispatcher.pump()

    count = loop.run_until_complete(main())
    loop.close()

    assert ran == [1, 2]
    assert count in {1, 2}


def test_what_an_asyncio_loop_left_behind_runs_in_its_thread() -> None:
    """A loop that was stopped, maybe for good, leaves callbacks to close(), but not to that of another thread."""
    loop, ran = asyncio.new_event_loop(), list[int]()
    dispatcher = dispatch.asyncio(loop)
    loop.run_until_complete(asyncio.sleep(0))
    dispatcher.deliver(lambda: ran.append(1))

    thread = threading.Thread(target=dispatcher.pump)
    thread.start()
    thread.join()
    assert ran == []

    async def other() -> int:
        return dispatcher.pump()

    assert (asyncio.run(other()), ran) == (0, [])
    assert (dispatcher.pump(), ran) == (1, [1])
    loop.close()


@pytest.mark.parametrize(("name", "missing"), [("qt", "PySide6 or PyQt6"), ("wx", "wxPython")])
def test_a_missing_toolkit_is_one_clear_sentence(name: str, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for a toolkit that is not installed is told which, and what to do."""
    monkeypatch.setattr("aikit.dispatch.qt_loop.find_spec", lambda _: None)
    monkeypatch.setitem(sys.modules, "wx", None)

    with pytest.raises(ModuleNotFoundError, match=f"dispatch.{name}.. needs {missing}.*pip install"):
        dispatch.dispatcher_of(name)


def test_a_toolkit_without_an_application_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Qt that is installed needs an application first; so does wx."""
    monkeypatch.setattr("aikit.dispatch.qt_loop.find_spec", lambda _: object())
    wx = attrs.make_class("wx", ["GetApp"])(lambda: None)
    monkeypatch.setitem(sys.modules, "wx", wx)

    with pytest.raises(RuntimeError, match="no QApplication yet"):
        dispatch.qt()
    with pytest.raises(RuntimeError, match=r"no wx\.App yet"):
        dispatch.wx()


def test_no_toolkit_is_imported_by_who_does_not_ask_for_it() -> None:
    """A client with callbacks on the pool's threads or in pump() loads no toolkit, and no asyncio."""
    source = (
        "import sys, aikit; client = aikit.OpenAIClient('k', dispatcher='queue'); client.dispatcher; "
        "sys.exit(' '.join({'tkinter', 'PySide6', 'PyQt6', 'wx', 'asyncio'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("make", "wanted"), [(dispatch.tk, r"tkinter\.Tk"), (dispatch.qt, "QObject"), (dispatch.asyncio, "loop of asyncio")]
)
def test_what_is_no_window_is_refused(make: Callable[[Any], Any], wanted: str) -> None:
    """A number is no window."""
    with pytest.raises(TypeError, match=f"{wanted}.* not int"):
        make(5)
