"""
Dispatchers in real windows of all toolkits, on a screen that nobody looks at.
"""

from __future__ import annotations

import subprocess

import pytest

from tests.dispatch.conftest import SIZE, Played
from tests.dispatch.toolkits import Missing, Toolkit, found
from tests.examples.screen import Screen

pytestmark = pytest.mark.foreign


def test_callbacks_run_in_the_main_thread_and_in_order(played: Played) -> None:
    """What ended before the main loop ran is heard of then, each call's events in order, all in the main thread."""
    story = played("many")

    assert story["early"] == 0
    assert story["main"]
    events = {call: [event for other, event in story["heard"] if other == call] for call, _ in story["heard"]}
    assert len(events) == 5 + 1 + 19
    for call, heard in events.items():
        wanted = ["progress"] * (len(heard) - 2) if call == "upload" else []
        assert heard == [*wanted, "answer", "end"], call
    assert len(events["upload"]) > 2


def test_a_slow_window_gets_the_newest_progress_only(played: Played) -> None:
    """Reports that come while a callback takes its time are one report: the last one, and then the end is heard."""
    story = played("slow")

    *reports, end = story["heard"]
    assert end == "end"
    sizes = [size for size, _ in reports]
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == SIZE
    assert [is_over for _, is_over in reports].count(True) <= 1


def test_callbacks_go_on_while_one_of_them_shows_a_dialog(played: Played) -> None:
    """A callback that waits in a loop of its own holds up no other."""
    story = played("dialog")

    assert story["heard"] == ["opened", "other", "other", "other", "closed"]


def test_a_dialog_before_the_main_loop_is_not_the_end_of_it(played: Played) -> None:
    """Callbacks run in a dialog that is shown before the main loop, and afterwards in that."""
    story = played("prelude")

    assert story["heard"] == ["in the dialog", "in the dialog", "in the main loop"]
    assert story["said"] == ""


def test_callbacks_that_let_the_window_go_on_are_no_tower(played: Played) -> None:
    """Each does what is due, which is the next of them: only so many are inside each other, and none is lost."""
    story = played("breathing")

    assert story["failed"] == []
    assert story["ended"] == list(range(250))
    assert story["depth"] <= 10


def test_callbacks_are_dropped_and_logged_once_the_window_is_gone(played: Played) -> None:
    """What is under way when the window is closed goes on to its end, and nothing is called any more."""
    story = played("gone", "dropped")

    assert story["heard"][-1] == "closed"
    assert "end" not in story["heard"]
    assert story["succeeded"] == [True, True]
    assert "Traceback" not in story["said"]


def test_another_thread_ties_nothing_to_the_window(played: Played) -> None:
    """It is told so at once, before the main loop runs as well as during it, for a client and for a dispatcher."""
    story = played("elsewhere")

    assert len(story["told"]) == 4
    assert all("must be called in the thread" in told for told in story["told"])
    assert story["seconds"] < 0.5


def run(source: str, toolkit: Toolkit, screen: Screen) -> subprocess.CompletedProcess[str]:
    """
    Run a small program with a window.
    """
    environment = toolkit.environment(screen.environment)
    return subprocess.run(
        [toolkit.python, "-c", source], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_one_of_several_windows_goes_without_a_sound(screen: Screen) -> None:
    """A part of a Tk program is destroyed with callbacks waiting, and Tcl has nothing to complain of."""
    source = "\n".join(
        (
            "import tkinter",
            "from aikit import dispatch",
            "root = tkinter.Tk()",
            "root.tk.eval('proc bgerror {message} {puts stderr $message}')",
            "part = tkinter.Toplevel(root)",
            "dispatcher = dispatch.tk(part)",
            "root.after(50, part.destroy)",
            "root.after(200, root.destroy)",
            "root.mainloop()",
        )
    )
    done = run(source, found("tk"), screen)

    assert (done.returncode, done.stderr) == (0, "")


def test_one_of_several_wx_windows_goes_with_its_callbacks(screen: Screen) -> None:
    """What would touch a frame that is destroyed is dropped, though not before; callbacks of another frame run."""
    source = "\n".join(
        (
            "import wx",
            "from aikit import dispatch",
            "application = wx.App()",
            "frames = [wx.Frame(None, title=name) for name in ('one', 'other')]",
            "child = wx.Panel(wx.Panel(frames[0]))",
            "dispatchers = [dispatch.wx(frame) for frame in frames]",
            "for frame in frames: frame.Show()",
            "def deliver():",
            "    for dispatcher, frame in zip(dispatchers, frames):",
            "        dispatcher.deliver(lambda frame=frame: print(frame.GetTitle(), flush=True))",
            "wx.CallLater(50, child.GetParent().Destroy)",
            "wx.CallLater(150, deliver)",
            "wx.CallLater(300, frames[0].Destroy)",
            "wx.CallLater(450, deliver)",
            "wx.CallLater(600, frames[1].Destroy)",
            "application.MainLoop()",
            "try:",
            "    dispatch.wx('frame')",
            "except TypeError as error:",
            "    print(error)",
        )
    )
    try:
        wx = found("wx")
    except Missing as reason:
        pytest.skip(str(reason))
    done = run(source, wx, screen)

    refused = "dispatch.wx() needs a wx.Window, or nothing, not str"
    assert done.stdout.splitlines() == ["one", "other", "other", refused]
    assert "callbacks were dropped, 1 in number" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_window_that_is_forgotten_does_not_end_the_process(screen: Screen) -> None:
    """Tcl's interpreter is never freed by another thread, which would abort: here a thread of the pool collects."""
    source = "\n".join(
        (
            "import gc, threading, tkinter",
            "from aikit import dispatch",
            "def main():",
            "    root = tkinter.Tk()",
            "    root.cycle, dispatcher = root, dispatch.tk(root)",
            "    root.destroy()",
            "gc.disable()",
            "main()",
            "thread = threading.Thread(target=gc.collect)",
            "thread.start()",
            "thread.join()",
        )
    )
    done = run(source, found("tk"), screen)

    assert (done.returncode, done.stderr) == (0, "")
