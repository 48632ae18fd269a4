"""
The eye on a running call: its progress, its pace, and its being cancelled.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import attrs

from aikit.http.bandwidth import Bandwidth
from aikit.types.errors import CancelledError
from aikit.types.progress import Progress

_noting: Final = threading.Lock()
_GAP_S: Final = 0.11  # at most ten reports a second, the last one included
_LOOK_S: Final = 0.05


@attrs.define(eq=False, slots=True)
class CallContext:
    """
    The eye on a running call: whoever moves bytes reports here, and learns here that the call was cancelled.

    Attributes:
        on_progress: Gets a value at most ten times a second; a `Progress` never goes backwards within a phase.

        clock: Monotonic seconds.

        bandwidth: What the bytes of this call share with those of others.

        whole: The eye on the call that this is a part of.

        notes: What whoever called should know beside the answer.

        is_paused: Whether no bytes are to move for now.
    """

    on_progress: Callable[[Any], None] | None = None
    clock: Callable[[], float] = time.monotonic
    bandwidth: Bandwidth | None = None
    parent: CallContext | None = None
    notes: tuple[str, ...] = ()
    is_paused: bool = False
    _stop: CancelledError | None = None
    _abort: Callable[[], None] | None = None
    _last: Progress | None = None
    _last_at: float = float("-inf")

    @property
    def is_cancelled(self) -> bool:
        """Whether the call was asked to stop."""
        return self._stop is not None

    def cancel(self, why: CancelledError | None = None) -> None:
        """
        Ask the call to stop; a blocked exchange is cut off. The first reason counts.
        """
        self._stop = self._stop or why or CancelledError()
        abort = self._abort
        if abort is not None:
            with suppress(Exception):  # it may end by itself at this very moment
                abort()

    def raise_if_cancelled(self) -> None:
        """
        Raise `CancelledError` once the call was asked to stop.
        """
        if self._stop is not None:
            raise self.stopped()

    def stopped(self) -> CancelledError:
        """
        Return why the call stops, made anew for each who raises it.
        """
        return attrs.evolve(self._stop or CancelledError())

    def note(self, text: str) -> None:
        """
        Tell whoever called something beside the answer.
        """
        with _noting:  # parts and files side by side
            self.notes = (*self.notes, text)

    def block_size(self, most: int) -> int:
        """
        Return how many bytes to move at once, *most* at most.
        """
        return most if self.bandwidth is None else self.bandwidth.block_size(most)

    def throttle(self, direction: str, count: int) -> None:
        """
        Wait until *count* bytes may move: while the call is paused, and as the client's bandwidth says.

        Raises:
            CancelledError: It is time to stop.
        """
        while self._is_held():
            self.raise_if_cancelled()
            time.sleep(_LOOK_S)
        if self.bandwidth is not None:
            self.bandwidth.wait(direction, count, self.raise_if_cancelled)

    def _is_held(self) -> bool:
        return self.is_paused or (self.parent is not None and self.parent._is_held())  # noqa: SLF001  its own kind

    @contextmanager
    def aborting(self, abort: Callable[[], None]) -> Iterator[None]:
        """
        While inside, `cancel` calls *abort*, which unblocks what this thread is blocked in.
        """
        self._abort = abort
        try:
            self.raise_if_cancelled()
            yield
        finally:
            self._abort = None

    @contextmanager
    def without_progress(self) -> Iterator[None]:
        """
        While inside, nobody is told of progress.
        """
        on_progress, self.on_progress = self.on_progress, None
        try:
            yield
        finally:
            self.on_progress = on_progress

    def report(self, phase: str, done: int, total: int | None, attempt: int = 1) -> None:
        """
        Tell that *done* of *total* bytes are through; raises `CancelledError` when it is time to stop.
        """
        self.raise_if_cancelled()
        last = self._last
        if self.on_progress is None or (last is not None and last.phase == phase and done <= last.bytes):
            return
        if self._is_due(is_last=done == total):
            self._last = Progress(done, total, phase, attempt)
            self.on_progress(self._last)

    def tell(self, progress: Any, *, is_last: bool = False) -> None:
        """
        Pass on *progress* that is not about bytes, unless it comes too early after another.

        Raises:
            CancelledError: It is time to stop.
        """
        self.raise_if_cancelled()
        if self.on_progress is not None and self._is_due(is_last=is_last):
            self.on_progress(progress)

    def _is_due(self, *, is_last: bool) -> bool:
        now = self.clock()
        if now - self._last_at < _GAP_S and not is_last:
            return False
        self._last_at = now
        return True


@attrs.define(eq=False)
class _SharedProgress:
    """
    The progress of parts side by side, added up into one of the whole; what a part sends again counts once.

    Attributes:
        whole: Gets the sum.

        total: Bytes of all parts; ``None`` when nobody knows.

        done: Bytes that are through.
    """

    parent: CallContext
    total: int | None
    done: int = 0
    _lock: Any = attrs.field(factory=threading.Lock)

    def new(self) -> CallContext:
        """
        Return the watch of one more part.
        """
        context = CallContext(clock=self.parent.clock, bandwidth=self.parent.bandwidth, parent=self.parent)
        if self.parent.on_progress is not None:
            context.on_progress = _Share(self).tell
        return context

    def add(self, progress: Progress, already: int) -> None:
        """
        Tell the whole of *progress* of a part, of which *already* bytes were told.
        """
        with self._lock:
            self.done += max(progress.bytes - already, 0)
            self.parent.report(progress.phase, self.done, self.total, progress.attempt)


@attrs.define(eq=False)
class _Share:
    """
    What one part has told.
    """

    _shares: _SharedProgress
    _told: int = 0

    def tell(self, progress: Progress) -> None:
        """
        Pass on what the part tells now.
        """
        already, self._told = self._told, max(self._told, progress.bytes)
        self._shares.add(progress, already)
