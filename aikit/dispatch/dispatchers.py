"""
What a dispatcher is, the two that need no loop, and how progress is kept from piling up.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, Final, Protocol

import attrs

_DEEPEST: Final = 10

Job = Callable[[], None]
"""Callbacks to run; never raises, but for a wish to end the program."""


class Dispatcher(Protocol):
    """
    Delivers callbacks to the thread where they may run, in the order in which it gets them.

    One that keeps them has also ``pump() -> int``: run in this thread what waits, return how many; and
    ``start_over()``: in a child made by fork, forget what waits, for the parent runs it.
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
class Nesting:
    """
    How deep this thread is in callbacks that wait in a loop of their own, in which others run, such as dialogs.

    With a thousand callbacks that each let the window go on, every one would begin inside the one before, until Python
    or the toolkit has no room left. So there is a depth at which callbacks wait until one of those under way has ended.
    """

    _here: threading.local = attrs.field(factory=threading.local, init=False)

    def has_room(self) -> bool:
        """
        Tell whether one more callback may begin now.
        """
        return self._depth < _DEEPEST

    def run(self, job: Job) -> None:
        """
        Run *job*, one deeper.
        """
        self._here.depth = self._depth + 1
        try:
            job()
        finally:
            self._here.depth -= 1

    @property
    def _depth(self) -> int:
        depth: int = getattr(self._here, "depth", 0)
        return depth


@attrs.define(eq=False)
class QueueDispatcher:
    """
    Keeps callbacks until the program asks for them with ``client.pump()``, in the thread that asks.
    """

    _jobs: queue.SimpleQueue[Job] = attrs.field(factory=queue.SimpleQueue, init=False)
    _nesting: Nesting = attrs.field(factory=Nesting, init=False)

    def deliver(self, job: Job, /) -> None:
        """
        Keep *job* for the next pump.
        """
        self._jobs.put(job)

    def start_over(self) -> None:
        """
        In a child made by fork, leave what waits to the parent.
        """
        self._jobs = queue.SimpleQueue()

    def pump(self) -> int:
        """
        Run what was there when the pump began; what callbacks add waits for the next one.
        """
        count = self._jobs.qsize() if self._nesting.has_room() else 0
        for done in range(count):
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:  # another thread pumps too
                return done
            self._nesting.run(job)
        return count


@attrs.define(eq=False)
class Newest:
    """
    The progress of one call on its way to its callback: while one report waits, a newer one takes its place.

    So a program whose callbacks are slow is never flooded. A report keeps the place of the one that it replaced, which
    is before the call's last callbacks.

    Attributes:
        dispatcher: Where the callback runs.

        show: Gets the newest report; never raises.
    """

    dispatcher: Dispatcher
    show: Callable[[Any], object]
    _waiting: Any = attrs.field(default=None, init=False)
    _lock: Any = attrs.field(factory=threading.Lock, init=False, repr=False)

    def tell(self, progress: Any) -> None:
        """
        Hand over a report, which is never ``None``.
        """
        with self._lock:
            is_first, self._waiting = self._waiting is None, progress
        if is_first:
            self.dispatcher.deliver(self._deliver)

    def _deliver(self) -> None:
        with self._lock:
            progress, self._waiting = self._waiting, None
        self.show(progress)
