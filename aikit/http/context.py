"""
Cancellation, progress and throttling of one running call.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import attrs

from aikit.http.bandwidth import Bandwidth
from aikit.types.errors import CancelledError
from aikit.types.interruptions import suppress
from aikit.types.progress import Progress

_GAP_S: Final = 0.11  # at most ten reports a second, the last one included
_LOOK_S: Final = 0.05


@attrs.define(eq=False, slots=True)
class CallContext:
    """
    Cancel token, progress, pause and bandwidth of one running call, for all that move its bytes.

    What a call runs side by side gets a `child` of it, which is cancelled, paused and throttled with it.

    Attributes:
        on_progress: Gets a value at most ten times a second; a `Progress` never goes backwards within a phase.

        clock: Monotonic seconds.

        bandwidth: Shared with other calls.

        parent: The context of the call that this one is a part of.

        notes: For the caller, beside the answer.

        is_paused: Whether no bytes are to move for now.
    """

    # `_lock` guards `notes`, `_is_telling` and `_waiting`; `_last` and `_told_at` belong to the thread that set
    # `_is_telling`. No other lock is taken and no user code runs under it. The other fields are set in one go.

    on_progress: Callable[[Any], None] | None = None
    clock: Callable[[], float] = time.monotonic
    bandwidth: Bandwidth | None = None
    parent: CallContext | None = None
    notes: tuple[str, ...] = ()
    is_paused: bool = False
    _stop: CancelledError | None = None
    _expiry: tuple[float, CancelledError] | None = None
    _abort: Callable[[], None] | None = None
    _last: Progress | None = None
    _told_at: float = float("-inf")
    _is_telling: bool = False
    _waiting: Callable[[], Any] | None = None
    _lock: Any = attrs.field(factory=threading.Lock, repr=False)

    def child(self, on_progress: Callable[[Any], None] | None = None) -> CallContext:
        """
        Return the context of a part of this call, with a progress of its own.
        """
        return CallContext(on_progress, self.clock, self.bandwidth, parent=self)

    @property
    def is_cancelled(self) -> bool:
        """Whether the call was asked to stop, or one that it is a part of."""
        return self._reason() is not None

    def cancel(self, why: CancelledError | None = None) -> None:
        """
        Ask the call to stop; a blocked exchange is cut off. The first reason counts.
        """
        self._stop = self._stop or why or CancelledError()
        abort = self._abort
        if abort is not None:
            with suppress(Exception):  # it may end by itself at this very moment
                abort()

    def expire_at(self, due: float, why: CancelledError) -> None:
        """
        Have the call stop when it looks at the time then, for no thread can be had to `cancel` it.
        """
        self._expiry = due, why

    @property
    def left_s(self) -> float:
        """Seconds until the call stops by itself."""
        if self.parent is not None:
            return self.parent.left_s
        return math.inf if self._expiry is None else max(self._expiry[0] - self.clock(), 0.0)

    def raise_if_cancelled(self) -> None:
        """
        Raise `CancelledError` once the call was asked to stop.
        """
        if self._reason() is not None:
            raise self.stopped()

    def stopped(self) -> CancelledError:
        """
        Return why the call stops, made anew for each that raises it.
        """
        return attrs.evolve(self._reason() or CancelledError())

    def _reason(self) -> CancelledError | None:
        if self._expiry is not None and self.clock() >= self._expiry[0]:
            self._stop = self._stop or self._expiry[1]
        if self._stop is not None or self.parent is None:
            return self._stop
        return self.parent._reason()  # noqa: SLF001  its own kind

    def note(self, text: str) -> None:
        """
        Add a note for the caller of the whole call.
        """
        if self.parent is not None:
            self.parent.note(text)
            return
        with self._lock:
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
        return self.is_paused or (self.parent is not None and self.parent._is_held())  # noqa: SLF001  likewise

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

    def abort_with(self, abort: Callable[[], None]) -> None:
        """
        Have `cancel` call *abort* also outside of `aborting`, until the call goes on: what is held is cut off at once.
        """
        self._abort = abort

    @contextmanager
    def without_progress(self) -> Iterator[None]:
        """
        While inside, no progress is told.
        """
        on_progress, self.on_progress = self.on_progress, None
        try:
            yield
        finally:
            self.on_progress = on_progress

    def report(self, phase: str, done: int, total: int | None, attempt: int = 1) -> None:
        """
        Tell that *done* of *total* bytes are through; several threads may.

        Raises:
            CancelledError: It is time to stop.
        """
        self.raise_if_cancelled()
        if self.on_progress is not None:
            self._tell(lambda: self._newer(Progress(done, total, phase, attempt)), is_last=done == total)

    def _newer(self, progress: Progress) -> Progress | None:
        last = self._last
        if last is not None and last.phase == progress.phase and progress.bytes <= last.bytes:
            return None
        self._last = progress
        return progress

    def tell(self, progress: Callable[[], Any], *, is_last: bool = False) -> None:
        """
        Tell what *progress* returns, which is not about bytes, unless it is too early after the last time.

        Raises:
            CancelledError: It is time to stop.
        """
        self.raise_if_cancelled()
        if self.on_progress is not None:
            self._tell(progress, is_last=is_last)

    def _tell(self, progress: Callable[[], Any], *, is_last: bool) -> None:
        """
        Call *on_progress*, one thread at a time, so that no later report overtakes; the others do not wait for it.
        """
        with self._lock:
            if self._is_telling:
                self._waiting = progress if is_last else self._waiting
                return
            if not is_last and self.clock() - self._told_at < _GAP_S:
                return
            self._is_telling = True
        try:
            self._tell_now(progress)
            while (following := self._next_waiting()) is not None:
                self._tell_now(following)
        except BaseException:
            self._is_telling = False
            raise

    def _next_waiting(self) -> Callable[[], Any] | None:
        with self._lock:
            following, self._waiting = self._waiting, None
            self._is_telling = following is not None
            return following

    def _tell_now(self, progress: Callable[[], Any]) -> None:
        told, on_progress = progress(), self.on_progress
        if told is not None and on_progress is not None:
            self._told_at = self.clock()
            on_progress(told)
