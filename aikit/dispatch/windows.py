"""
Windows that a client is closed with: found by what they are, and when they are gone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import attrs

from aikit.dispatch.dispatchers import Job
from aikit.dispatch.loop_dispatcher import Loop, LoopDispatcher
from aikit.dispatch.qt_loop import QtLoop, core_of, when_qt_is_gone
from aikit.dispatch.tk_loop import TkLoop, is_widget, when_tk_is_gone
from aikit.dispatch.wx_loop import WxLoop, toolkit_of, when_wx_is_gone
from aikit.storage.shutdown import end_before_exit

_GRACE_S: Final = 0.5
"""What a program waits for calls that were cancelled, and for files to be closed, when its window is gone."""


def loop_of(window: Any) -> Loop:
    """
    Return the main loop of *window*; call it in the thread of that.

    Raises:
        RuntimeError: This is another thread.
        TypeError: *window* is none of Tk, Qt or wxPython.
    """
    if core_of(window) is not None:
        return QtLoop.found(window)
    if toolkit_of(window) is not None:
        return WxLoop.found(window)
    if is_widget(window):
        return TkLoop(window)
    kinds = "a tkinter.Tk or Toplevel, a QWidget, QWindow or QApplication, or a wx.Window"
    raise TypeError(f"close_with() needs {kinds}, not {type(window).__name__}")


def _when_gone(window: Any, tell: Callable[[], None]) -> None:
    core, toolkit = core_of(window), toolkit_of(window)
    if core is not None:
        when_qt_is_gone(core, window, tell)
    elif toolkit is not None:
        when_wx_is_gone(toolkit, window, tell)
    else:
        when_tk_is_gone(window, tell)


@attrs.define(eq=False)
class Gate:
    """
    A dispatcher until it is shut: then no callback begins any more, for it would touch what is gone.

    Attributes:
        dispatcher: Runs callbacks; another client may have it, too.

        is_open: Whether they may begin.
    """

    dispatcher: Any
    is_open: bool = attrs.field(default=True, init=False)

    def __attrs_post_init__(self) -> None:
        if isinstance(self.dispatcher, LoopDispatcher):
            self.dispatcher.expect_end()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.dispatcher, name)

    def deliver(self, job: Job, /) -> None:
        """
        Run *job* there, if the gate is open now and then.
        """
        if self.is_open:
            self.dispatcher.deliver(partial(self._run, job))

    def _run(self, job: Job) -> None:
        if self.is_open:
            job()


@attrs.define(eq=False)
class Tie:
    """
    What ends a client with its windows: the last of them to go, or else the end of the program.

    Attributes:
        leave: Asks all calls to stop, and returns at once.

        close: Waits for them, and lets go of threads, sockets and files.
    """

    # Windows come and go in the thread of their loop; `_lock` guards that the end is told once.

    leave: Callable[[], None]
    close: Callable[[], None]
    _open: int = attrs.field(default=0, init=False)
    _closer: threading.Thread | None = attrs.field(default=None, init=False)
    _lock: Any = attrs.field(factory=threading.Lock, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        end_before_exit(self)

    def add(self, window: Any) -> None:
        """
        Go on until *window*, too, is gone.
        """
        is_open = [True]

        def on_gone() -> None:
            if is_open:  # Qt tells of a window that is closed, of its application, and when it is destroyed
                is_open.clear()
                self._open -= 1
                if not self._open:
                    self.begin_to_end()

        _when_gone(window, on_gone)
        self._open += 1

    def begin_to_end(self) -> None:
        """
        Have all calls stop, and the rest done by a thread: the window goes at once.
        """
        with self._lock:
            if self._closer is not None:
                return
            self._closer = threading.Thread(target=self.close, name="aikit-closing", daemon=True)
        self.leave()
        try:
            self._closer.start()
        except RuntimeError:  # the interpreter is ending, and lets go of all
            return

    def end(self) -> None:
        """
        The same, and give it a moment.
        """
        until = time.monotonic() + _GRACE_S
        self.begin_to_end()
        if self._closer is not None and self._closer.ident is not None:
            self._closer.join(max(until - time.monotonic(), 0.0))
