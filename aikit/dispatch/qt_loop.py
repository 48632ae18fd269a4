"""
Qt's main loop, with PySide6 or PyQt6.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Self

import attrs

if TYPE_CHECKING:
    from aikit.dispatch.loop_dispatcher import LoopDispatcher

_BINDINGS: Final = ("PySide6", "PyQt6")


@attrs.define(eq=False)
class QtLoop:
    """
    The main loop of a Qt application.

    Attributes:
        core: The module ``QtCore`` of the binding.

        owner: Whose end is the end of callbacks: a window, or the application.
    """

    # A timer is the bell: starting it in its own thread is a queued event, which Qt takes from any thread, also before
    # exec(). https://doc.qt.io/qt-6/qmetaobject.html#invokeMethod (read 2026-11-22)

    core: Any
    owner: Any
    gone: str = attrs.field(default="the window is gone", init=False)
    _bell: Any = attrs.field(default=None, init=False)
    _is_gone: bool = attrs.field(default=False, init=False)
    _thread: int = attrs.field(factory=threading.get_ident, init=False)

    @classmethod
    def found(cls, parent: Any) -> Self:
        """
        Return the loop of the application that there is.

        Raises:
            ModuleNotFoundError: Neither binding is installed.
            RuntimeError: There is no application yet, or this is not its thread.
            TypeError: *parent* is no ``QObject``.
        """
        cores = [sys.modules[f"{name}.QtCore"] for name in _BINDINGS if f"{name}.QtCore" in sys.modules]
        if parent is not None:
            cores = [core for core in cores if isinstance(parent, core.QObject)]
            if not cores:
                raise TypeError(f"dispatch.qt() needs a QObject of PySide6 or PyQt6, not {type(parent).__name__}")
        elif not cores and not any(map(find_spec, _BINDINGS)):
            raise ModuleNotFoundError(
                "dispatch.qt() needs PySide6 or PyQt6, and neither is installed; pip install PySide6", name=_BINDINGS[0]
            )
        for core in cores:
            if (application := core.QCoreApplication.instance()) is not None:
                if application.thread() != core.QThread.currentThread():
                    raise RuntimeError("dispatch.qt() must be called in the thread of the QApplication")
                return cls(core, parent if parent is not None else application)
        raise RuntimeError("there is no QApplication yet; make it first, and then dispatch.qt()")

    def attach(self, dispatcher: LoopDispatcher, /) -> None:
        """
        Make the bell, and listen for the window's end.
        """

        def on_destroyed(*_: Any) -> None:
            self._is_gone = True
            dispatcher.end()

        self._bell = self.core.QTimer()
        self._bell.setSingleShot(True)
        self._bell.setInterval(0)
        self._bell.timeout.connect(dispatcher.turn)
        self.owner.destroyed.connect(on_destroyed)

    def wake(self, _: Callable[[], None], /) -> None:
        """
        Ring the bell in its own thread.
        """
        queued = self.core.Qt.ConnectionType.QueuedConnection
        self.core.QMetaObject.invokeMethod(self._bell, "start", queued)

    def later(self, delay_ms: int, turn: Callable[[], None], /) -> object:
        """
        Have *turn* called after a while.
        """
        self.core.QTimer.singleShot(delay_ms, turn)
        return None

    def is_here(self) -> bool:
        """
        Tell whether this is the application's thread.
        """
        return threading.get_ident() == self._thread

    def is_gone(self) -> bool:
        """
        Tell whether the window, or without one the application, is destroyed.
        """
        return self._is_gone or self.core.QCoreApplication.instance() is None
