"""
wxPython's main loop.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Self

import attrs

if TYPE_CHECKING:
    from aikit.dispatch.loop_dispatcher import LoopDispatcher

_LOOK_MS: Final = 50


def toolkit_of(window: Any) -> Any:
    """
    Return the module ``wx`` if *window* is one of its windows, without importing it.
    """
    toolkit = sys.modules.get("wx")
    return toolkit if toolkit is not None and isinstance(window, toolkit.Window) else None


def when_wx_is_gone(toolkit: Any, window: Any, tell: Callable[[], None]) -> None:
    """
    Have *tell* called, in the thread of the main loop, when *window* is destroyed.
    """

    def on_destroy(event: Any) -> None:
        event.Skip()
        if not window:  # it is deleted by then; its children tell it of their end, too
            tell()

    window.Bind(toolkit.EVT_WINDOW_DESTROY, on_destroy)


@attrs.define(eq=False)
class WxLoop:
    """
    The main loop of a wxPython application.

    Attributes:
        toolkit: The module ``wx``.

        application: The ``wx.App``.

        window: Whose end is the end of callbacks, too; ``None`` for all as long as the loop runs.
    """

    toolkit: Any
    application: Any
    window: Any = None
    gone: str = attrs.field(default="the main loop is over", init=False)
    _is_closed: bool = attrs.field(default=False, init=False)
    _has_run: bool = attrs.field(default=False, init=False)
    _thread: int = attrs.field(factory=threading.get_ident, init=False)

    @classmethod
    def found(cls, window: Any) -> Self:
        """
        Return the loop of the application that there is.

        Raises:
            ModuleNotFoundError: wxPython is not installed.
            RuntimeError: There is no application yet, or this is not its thread.
            TypeError: *window* is no ``wx.Window``.
        """
        try:
            toolkit = import_module("wx")
        except ModuleNotFoundError as error:
            text = "dispatch.wx() needs wxPython, which is not installed; pip install wxPython"
            raise ModuleNotFoundError(text, name=error.name) from None
        application = toolkit.GetApp()
        if application is None:
            raise RuntimeError("there is no wx.App yet; make it first, and then dispatch.wx()")
        if not toolkit.IsMainThread():
            raise RuntimeError("dispatch.wx() must be called in the thread of the wx.App")
        if window is not None and not isinstance(window, toolkit.Window):
            raise TypeError(f"dispatch.wx() needs a wx.Window, or nothing, not {type(window).__name__}")
        return cls(toolkit, application, window)

    def attach(self, dispatcher: LoopDispatcher, /) -> None:
        """
        Notice when the loop begins, and when the window is destroyed.
        """

        def on_destroyed() -> None:
            self._is_closed, self.gone = True, "the window is gone"
            dispatcher.end()

        if self.window is not None:
            when_wx_is_gone(self.toolkit, self.window, on_destroyed)
        # The first CallAfter of an application also prepares it, which is better not done by two threads at once.
        self.toolkit.CallAfter(self._note)

    def _note(self) -> None:
        if self.application.IsMainLoopRunning():
            self._has_run = True
        else:  # this is the loop of a dialog, or of wx.Yield, and the main one is still to come
            self.toolkit.CallLater(_LOOK_MS, self._note)

    def wake(self, turn: Callable[[], None], /) -> None:
        """
        Post *turn* to the loop.
        """
        self.toolkit.CallAfter(turn)

    def later(self, delay_ms: int, turn: Callable[[], None], /) -> object:
        """
        Have *turn* called after a while.
        """
        return self.toolkit.CallLater(delay_ms, turn)

    def is_here(self) -> bool:
        """
        Tell whether this is the application's thread.
        """
        return threading.get_ident() == self._thread

    def is_gone(self) -> bool:
        """
        Tell whether the window is destroyed, the loop has run and does not any more, or the application is deleted.
        """
        return self._is_closed or not self.application or (self._has_run and not self.application.IsMainLoopRunning())
