"""
Where callbacks run: on the pool's thread, when the program pumps, in Tk's main loop, or in an asyncio loop.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any, Final, Protocol

import attrs

log: Final = logging.getLogger("aikit")
_POLL_MS: Final = 15

Job = Callable[[], None]
"""Callbacks to run; never raises."""


class Dispatcher(Protocol):
    """
    Delivers callbacks to the thread where they may run.

    One that keeps them until it is asked has also ``pump() -> int``: run in this thread what waits, return how many.
    """

    def deliver(self, job: Job, /) -> None:
        """Run *job* there, now or later; must not raise."""
        ...


@attrs.define
class ImmediateDispatcher:
    """
    Runs callbacks at once, on the thread that ended the call.
    """

    def deliver(self, job: Job, /) -> None:
        """
        Run *job* now.
        """
        job()


@attrs.define(eq=False)
class QueueDispatcher:
    """
    Keeps callbacks until the program asks for them with ``client.pump()``, in the thread that asks.
    """

    _jobs: queue.SimpleQueue[Job] = attrs.field(factory=queue.SimpleQueue, init=False)

    def deliver(self, job: Job, /) -> None:
        """
        Keep *job* for the next pump.
        """
        self._jobs.put(job)

    def pump(self) -> int:
        """
        Run what was there when the pump began; what callbacks add waits for the next one.
        """
        count = self._jobs.qsize()
        for done in range(count):
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:  # another thread pumps too
                return done
            job()
        return count


@attrs.define(eq=False)
class TkDispatcher:
    """
    Runs callbacks in Tk's main loop; make it in the thread of that loop.

    Calls may start before ``mainloop()`` does. Once the window is gone, callbacks are dropped and logged.

    Attributes:
        root: A ``tkinter.Tk``, or any widget.
    """

    # Tcl is asked only from its own thread: a poll, since Tk's after() from other threads needs a running main loop.

    root: Any
    _queue: QueueDispatcher = attrs.field(factory=QueueDispatcher, init=False)
    _is_gone: bool = attrs.field(default=False, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)
    _thread: int = attrs.field(factory=threading.get_ident, init=False)

    def __attrs_post_init__(self) -> None:
        self.root.bind("<Destroy>", self._on_destroy, add="+")
        self._poll()

    def deliver(self, job: Job, /) -> None:
        """
        Run *job* in the main loop, soon.
        """
        with self._lock:
            if not self._is_gone:
                self._queue.deliver(job)
                return
        log.warning("the window is gone: callbacks of a call were dropped")

    def pump(self) -> int:
        """
        Run what waits, in the main loop's thread; elsewhere nothing.
        """
        return self._queue.pump() if threading.get_ident() == self._thread else 0

    def _poll(self) -> None:
        self.pump()
        if not self._is_gone:
            self.root.after(_POLL_MS, self._poll)

    def _on_destroy(self, event: Any) -> None:
        if event.widget is self.root:
            with self._lock:
                self._is_gone = True


@attrs.define(eq=False)
class AsyncioDispatcher:
    """
    Runs callbacks in an asyncio loop. Once the loop is closed, callbacks are dropped and logged.

    Attributes:
        loop: The loop, running or not yet.
    """

    loop: Any

    def deliver(self, job: Job, /) -> None:
        """
        Run *job* in the loop, soon.
        """
        try:
            self.loop.call_soon_threadsafe(job)
        except RuntimeError:
            log.warning("the asyncio loop is closed: callbacks of a call were dropped")


def immediate() -> ImmediateDispatcher:
    """
    Return a dispatcher that runs callbacks on the pool's threads; what a client does by itself.
    """
    return ImmediateDispatcher()


def pumped() -> QueueDispatcher:
    """
    Return a dispatcher that keeps callbacks for ``client.pump()``.
    """
    return QueueDispatcher()


def tk(root: Any) -> TkDispatcher:
    """
    Return a dispatcher that runs callbacks in *root*'s main loop.
    """
    return TkDispatcher(root)


def asyncio(loop: Any = None) -> AsyncioDispatcher:
    """
    Return a dispatcher that runs callbacks in *loop*, by default the running one.

    Raises:
        RuntimeError: No *loop* was given and none is running.
    """
    from asyncio import get_running_loop  # noqa: PLC0415  only those who use it pay for it

    return AsyncioDispatcher(loop if loop is not None else get_running_loop())


_NAMED: Final[dict[str, Callable[[], Dispatcher]]] = {"immediate": immediate, "queue": pumped, "asyncio": asyncio}


def dispatcher_of(value: Any) -> Dispatcher:
    """
    Return the dispatcher that *value* names or is.

    Raises:
        TypeError: It is none.
        ValueError: There is none of that name.
    """
    if value is None:
        return immediate()
    if isinstance(value, str):
        if value not in _NAMED:
            raise ValueError(f"dispatcher {value!r} is not one of {', '.join(_NAMED)}; for Tk pass dispatch.tk(root)")
        return _NAMED[value]()
    if not callable(getattr(value, "deliver", None)):
        raise TypeError(f"dispatcher must be one of aikit.dispatch, not {type(value).__name__}")
    dispatcher: Dispatcher = value
    return dispatcher
