"""
Tk's main loop.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from aikit.dispatch.loop_dispatcher import LoopDispatcher

_POLL_MS: Final = 15
_interpreters: Final[list[Any]] = []
"""Tcl ends the process when its interpreter is freed by another thread, and Python's collector runs in any."""


def is_widget(value: Any) -> bool:
    """
    Return whether *value* is a ``tkinter.Tk`` or another widget.
    """
    is_like_one = callable(getattr(value, "after", None)) and callable(getattr(value, "bind", None))
    return is_like_one and not isinstance(value, type)


def when_tk_is_gone(widget: Any, tell: Callable[[], None]) -> None:
    """
    Have *tell* called, in the thread of the main loop, when *widget* is destroyed.

    Raises:
        RuntimeError: It is destroyed already.
    """

    def on_destroy(event: Any) -> None:
        if str(event.widget) == str(widget):  # a window hears of its children, too
            tell()

    try:
        widget.bind("<Destroy>", on_destroy, add="+")
    except getattr(sys.modules.get("_tkinter"), "TclError", ()) as error:
        raise RuntimeError("the window is destroyed already") from error


def _require_own_thread(widget: Any) -> None:
    # Most of Tcl waits for the main loop when another thread asks; eval() is of those that refuse.
    tcl = getattr(widget, "tk", None)
    try:
        if tcl is not None:
            tcl.eval("")
    except RuntimeError:
        raise RuntimeError("dispatch.tk() must be called in the thread that the window was made in") from None


@attrs.define(eq=False)
class TkLoop:
    """
    The main loop of a Tk window.

    Attributes:
        root: A ``tkinter.Tk``, or any widget.
    """

    # Tcl is asked only from its own thread: a poll, since Tk's after() from other threads needs a running main loop.

    root: Any = attrs.field()
    gone: str = attrs.field(default="the window is gone", init=False)
    _is_gone: bool = attrs.field(default=False, init=False)
    _poll: Any = attrs.field(default=None, init=False)
    _timer: Any = attrs.field(default=None, init=False)
    _thread: int = attrs.field(factory=threading.get_ident, init=False)

    @root.validator
    def _is_widget(self, _: Any, root: Any) -> None:
        if not is_widget(root):
            raise TypeError(f"dispatch.tk() needs a tkinter.Tk or another widget, not {type(root).__name__}")
        _require_own_thread(root)

    def attach(self, dispatcher: LoopDispatcher, /) -> None:
        """
        Look for callbacks from now on, until the window is destroyed.
        """
        tcl = getattr(self.root, "tk", None)
        if threading.current_thread() is threading.main_thread() and all(tcl is not kept for kept in _interpreters):
            _interpreters.append(tcl)

        def poll() -> None:
            if not self._is_gone:
                self._poll = self.root.after(_POLL_MS, poll)
                if self._timer is None:  # else each poll would begin one more chain of timers
                    dispatcher.turn()

        def on_destroyed() -> None:
            self._is_gone = True
            for timer in filter(None, (self._poll, self._timer)):  # Tcl would call what is no more
                self.root.after_cancel(timer)
            dispatcher.end()

        when_tk_is_gone(self.root, on_destroyed)
        poll()

    def wake(self, _: Callable[[], None], /) -> None:
        """
        Do nothing: the next poll will see.
        """

    def later(self, delay_ms: int, turn: Callable[[], None], /) -> object:
        """
        Have *turn* called after a while, and let polls wait for it.
        """

        def on_time() -> None:
            self._timer = None
            turn()

        self._timer = self.root.after(delay_ms, on_time)
        return self._timer

    def is_here(self) -> bool:
        """
        Tell whether this is the thread that the window was made in.
        """
        return threading.get_ident() == self._thread

    def is_gone(self) -> bool:
        """
        Tell whether the window is destroyed.
        """
        return self._is_gone
