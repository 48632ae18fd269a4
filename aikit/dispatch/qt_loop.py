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


def _cores() -> list[Any]:
    return [sys.modules[f"{name}.QtCore"] for name in _BINDINGS if f"{name}.QtCore" in sys.modules]


def core_of(value: Any) -> Any:
    """
    Return the module ``QtCore`` of the binding that *value* is a ``QObject`` of, if any; none is imported.
    """
    return next((core for core in _cores() if isinstance(value, core.QObject)), None)


def when_qt_is_gone(core: Any, window: Any, tell: Callable[[], None]) -> None:
    """
    Have *tell* called, in the thread of the main loop, when *window* is closed or destroyed, or ``exec()`` is left.

    It may be called more than once.
    """
    # A window that is closed lives on, hidden. What it shows itself on is destroyed then, and is not when a program
    # only hides it, to be seen in the tray alone; some changes of a window make that anew, and show it again.

    def look() -> None:
        try:
            is_closed = not window.isVisible()
        except RuntimeError:  # destroyed by now
            is_closed = True
        if is_closed:
            tell()

    def event_filter(_: Any, __: Any, event: Any) -> bool:
        if event.type() == core.QEvent.Type.PlatformSurface and event.surfaceEventType() == going:
            core.QTimer.singleShot(0, look)
        return False

    if hasattr(window, "isVisible"):
        gui = sys.modules[f"{core.__name__.partition('.')[0]}.QtGui"]
        going = gui.QPlatformSurfaceEvent.SurfaceEventType.SurfaceAboutToBeDestroyed
        window.installEventFilter(type("_Filter", (core.QObject,), {"eventFilter": event_filter})(window))
    window.destroyed.connect(lambda *_: tell())
    core.QCoreApplication.instance().aboutToQuit.connect(tell)


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
        cores = _cores()
        if parent is not None:
            cores = [core for core in cores if core is core_of(parent)]
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
