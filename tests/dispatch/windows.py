"""
The same small window in each toolkit, as much of it as the tried programs need.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

from aikit import dispatch

TITLE = "a window"


class Window(Protocol):
    """
    A window of some toolkit, shown, whose main loop does not run yet.

    Attributes:
        widget: The window itself, as its toolkit knows it.
    """

    widget: Any

    def dispatcher(self) -> dispatch.LoopDispatcher:
        """Return the dispatcher of this toolkit."""
        ...

    def later(self, delay_ms: int, work: Callable[[], None]) -> None:
        """Do *work* in the main loop after a while."""
        ...

    def wait(self, delay_ms: int) -> None:
        """Stay in a loop of one's own for a while, as a dialog does."""
        ...

    def breathe(self) -> None:
        """Do what is due, as callbacks that take long like to."""
        ...

    def run(self) -> None:
        """Run the main loop until the window is closed."""
        ...

    def close(self) -> None:
        """Close the window, and thereby end its main loop."""
        ...

    def leave(self) -> None:
        """End the main loop, whatever becomes of the window."""
        ...

    def touch(self) -> object:
        """Ask something of the window, which raises if it is no more."""
        ...


class TkWindow:
    """
    Tk's.
    """

    def __init__(self) -> None:
        self.widget = import_module("tkinter").Tk()
        self.widget.title(TITLE)
        self.later, self.breathe = self.widget.after, self.widget.update
        self.run, self.close, self.leave = self.widget.mainloop, self.widget.destroy, self.widget.quit
        self.touch = self.widget.title

    def dispatcher(self) -> dispatch.LoopDispatcher:
        """Return the dispatcher of this toolkit."""
        return dispatch.tk(self.widget)

    def wait(self, delay_ms: int) -> None:
        """Stay in a loop of one's own for a while, as a dialog does."""
        is_over = import_module("tkinter").BooleanVar(self.widget)
        self.widget.after(delay_ms, lambda: is_over.set(True))
        self.widget.wait_variable(is_over)


class QtWindow:
    """
    Qt's, with either binding.
    """

    def __init__(self, binding: str) -> None:
        self._core, widgets = import_module(f"{binding}.QtCore"), import_module(f"{binding}.QtWidgets")
        self._application = widgets.QApplication([])
        self.widget = widgets.QWidget(windowTitle=TITLE)
        self.widget.setAttribute(self._core.Qt.WidgetAttribute.WA_DeleteOnClose)
        self.widget.show()
        self.close, self.breathe = self.widget.close, self._application.processEvents
        self.run, self.leave = self._application.exec, self._application.quit
        self.touch = self.widget.windowTitle

    def dispatcher(self) -> dispatch.LoopDispatcher:
        """Return the dispatcher of this toolkit."""
        return dispatch.qt(self.widget)

    def later(self, delay_ms: int, work: Callable[[], None]) -> None:
        """Do *work* in the main loop after a while."""
        self._core.QTimer.singleShot(delay_ms, work)

    def wait(self, delay_ms: int) -> None:
        """Stay in a loop of one's own for a while, as a dialog does."""
        loop = self._core.QEventLoop()
        self._core.QTimer.singleShot(delay_ms, loop.quit)
        loop.exec()


class WxWindow:
    """
    wxPython's.
    """

    def __init__(self) -> None:
        self._wx = import_module("wx")
        self._application = self._wx.App()
        self.widget = self._wx.Frame(None, title=TITLE)
        self.widget.Show()
        self.later = self._wx.CallLater
        self.run, self.close = self._application.MainLoop, self.widget.Close
        self.leave, self.touch = self._application.ExitMainLoop, self.widget.GetTitle

    def dispatcher(self) -> dispatch.LoopDispatcher:
        """Return the dispatcher of this toolkit."""
        return dispatch.wx()

    def breathe(self) -> None:
        """Do what is due, as callbacks that take long like to."""
        self._application.Yield(onlyIfNeeded=True)

    def wait(self, delay_ms: int) -> None:
        """Stay in a loop of one's own for a while, as a dialog does."""
        with self._wx.Dialog(self.widget) as dialog:
            self._wx.CallLater(delay_ms, dialog.EndModal, 0)
            dialog.ShowModal()


def opened(toolkit: str) -> Any:
    """
    Open the window.
    """
    kinds = {"tk": TkWindow, "wx": WxWindow}
    return kinds[toolkit]() if toolkit in kinds else QtWindow(toolkit)


class Heartbeat:
    """
    A timer of the window that notices how late it is called.

    Attributes:
        latest_ms: How late it was at the worst.

        beats: How often it was called.
    """

    GAP_MS = 10

    def __init__(self, window: Window) -> None:
        self._window = window
        self.latest_ms, self.beats = 0.0, 0
        self._due_at = time.perf_counter()
        self._go_on()

    def _beat(self) -> None:
        self.latest_ms = max(self.latest_ms, (time.perf_counter() - self._due_at) * 1000)
        self.beats += 1
        self._go_on()

    def _go_on(self) -> None:
        self._due_at = time.perf_counter() + self.GAP_MS / 1000
        self._window.later(self.GAP_MS, self._beat)
