"""
Where callbacks run: on the client's threads, when the program pumps, or in the main loop of a window or of asyncio.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, Final

from aikit.dispatch.dispatchers import Dispatcher, ImmediateDispatcher, Job, Newest, QueueDispatcher
from aikit.dispatch.loop_dispatcher import Loop, LoopDispatcher

__all__ = (
    "Dispatcher",
    "ImmediateDispatcher",
    "Job",
    "Loop",
    "LoopDispatcher",
    "Newest",
    "QueueDispatcher",
    "asyncio",
    "dispatcher_of",
    "immediate",
    "pumped",
    "qt",
    "tk",
    "wx",
)


def immediate() -> ImmediateDispatcher:
    """
    Return a dispatcher that runs callbacks on the client's threads; the default.
    """
    return ImmediateDispatcher()


def pumped() -> QueueDispatcher:
    """
    Return a dispatcher that keeps callbacks for ``client.pump()``, for a program with a timer or a loop of its own.
    """
    return QueueDispatcher()


def tk(root: Any) -> LoopDispatcher:
    """
    Return a dispatcher that runs callbacks in Tk's main loop; call it in the thread of that loop.

    Calls may start before ``mainloop()`` does. Once *root* is destroyed, callbacks are dropped and logged.

    Args:
        root: A ``tkinter.Tk``, or any widget.

    Raises:
        RuntimeError: This is another thread than that of *root*.
        TypeError: *root* is no widget.
    """
    return LoopDispatcher(of_windows().TkLoop(root))


def qt(parent: Any = None) -> LoopDispatcher:
    """
    Return a dispatcher that runs callbacks in Qt's main loop, with PySide6 or PyQt6, whichever the program uses.

    Call it in the main thread, when there is a ``QApplication``; calls may start before its ``exec()`` does. Once
    *parent* or the application is destroyed, callbacks are dropped and logged. What ``exec()`` left behind runs in
    ``client.close()``.

    Args:
        parent: A ``QObject``, for example the window; without one, the application.

    Raises:
        ModuleNotFoundError: Neither PySide6 nor PyQt6 is installed.
        RuntimeError: There is no application yet, or this is not its thread.
        TypeError: *parent* is no ``QObject``.
    """
    return LoopDispatcher(of_windows().QtLoop.found(parent))


def wx(window: Any = None) -> LoopDispatcher:
    """
    Return a dispatcher that runs callbacks in wxPython's main loop.

    Call it in the main thread, when there is a ``wx.App``; calls may start before its ``MainLoop()`` does. Once that
    has returned, callbacks are dropped and logged, unless it runs again; or once *window* is destroyed.

    Args:
        window: A ``wx.Window``, for a program with several of them, which go one by one.

    Raises:
        ModuleNotFoundError: wxPython is not installed.
        RuntimeError: There is no application yet, or this is not its thread.
        TypeError: *window* is no ``wx.Window``.
    """
    return LoopDispatcher(of_windows().WxLoop.found(window))


def asyncio(loop: Any = None) -> LoopDispatcher:
    """
    Return a dispatcher that runs callbacks in *loop*, by default the running one; async ones as tasks of it.

    The loop may run already or later. What it left behind when it was stopped runs when it goes on, or else in its
    thread in ``client.close()`` and at the end of the program. Once it is closed, callbacks are dropped and logged.

    Raises:
        RuntimeError: No *loop* was given and none is running, or it is closed.
        TypeError: *loop* is none of asyncio's.
    """
    from aikit.dispatch.asyncio_loop import AsyncioDispatcher, AsyncioLoop  # noqa: PLC0415  others need no asyncio

    return AsyncioDispatcher(AsyncioLoop.found(loop))


def of_windows() -> Any:
    """
    Return the module that knows windows.
    """
    from aikit.dispatch import windows  # noqa: PLC0415  only those who have a window pay for it

    return windows


_NAMED: Final[dict[str, Callable[[], Dispatcher]]] = {
    "immediate": immediate,
    "queue": pumped,
    "asyncio": asyncio,
    "qt": qt,
    "wx": wx,
}


def dispatcher_of(value: Any) -> Dispatcher:
    """
    Return the dispatcher that *value* names or is.

    Raises:
        TypeError: It is none.
        ValueError: There is none of that name.
        ModuleNotFoundError: It names a toolkit that is not installed.
        RuntimeError: It names a loop, and there is none.
    """
    if value is None:
        return immediate()
    if isinstance(value, str):
        if value not in _NAMED:
            raise ValueError(f"dispatcher {value!r} is not one of {', '.join(_NAMED)}; for Tk pass dispatch.tk(root)")
        return _NAMED[value]()
    if isinstance(value, type | FunctionType):
        raise TypeError(f"dispatcher must be made, as by dispatch.tk(root); call {value.__name__}, which makes one")
    if not callable(getattr(value, "deliver", None)):
        raise TypeError(f"dispatcher must be one of aikit.dispatch, not {type(value).__name__}")
    dispatcher: Dispatcher = value
    return dispatcher
