"""
How a run stands: written by its flow, read by its result, told to its caller.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import attrs

from aikit.http.context import CallContext
from aikit.resources.batches.run.state import RunState
from aikit.types.batch_runs import OpenAIBatchRunProgress
from aikit.types.batches import OpenAIBatch, OpenAIBatchProgress
from aikit.types.costs import OpenAIBatchEstimate
from aikit.types.progress import Progress

_WAITING: Final = "waiting"
_WITHOUT_BYTES: Final = frozenset(("creating", _WAITING, "writing"))


@attrs.define(eq=False)
class RunTracker:
    """
    The progress and the notes of one run.

    Attributes:
        progress: How far it has come.

        estimate: What the run may cost, if that was asked for.
    """

    # `_lock` guards all fields: the batches of a run are looked at by several threads, and the program reads them in
    # its own. No other lock is taken and no user code runs under it.

    progress: OpenAIBatchRunProgress = attrs.field(factory=OpenAIBatchRunProgress, init=False)
    estimate: OpenAIBatchEstimate | None = attrs.field(default=None, init=False)
    _context: CallContext = attrs.field(factory=CallContext, init=False)
    _on_progress: Callable[[Any], None] | None = attrs.field(default=None, init=False)
    _batches: dict[int, OpenAIBatch] = attrs.field(factory=dict, init=False)
    _done: dict[int, int] = attrs.field(factory=dict, init=False)
    _lock: Any = attrs.field(factory=threading.Lock, init=False, repr=False)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth knowing, in sentences, from whatever step."""
        return self._context.notes

    def listen(self, context: CallContext) -> None:
        """
        Take in what is reported to *context*, and pass on to its callback what that makes of the whole run.
        """
        self._context, self._on_progress = context, context.on_progress
        context.on_progress = self._take

    def note(self, text: str) -> None:
        """
        Add a note, which can be read at once.
        """
        self._context.note(text)

    def begin(self, phase: str) -> None:
        """
        Tell that a phase has begun that moves no bytes.
        """
        self._context.report(phase, 0, 0)  # also so that the bytes of the next part count from 0

    def begin_part(self, number: int) -> None:
        """
        Take in which part is uploaded, or made a batch, from now on.
        """
        with self._lock:
            self.progress = attrs.evolve(self.progress, part=number)

    def know(self, state: RunState) -> None:
        """
        Take in how many parts and lines there are, and which of them have a batch, or are over.
        """
        with self._lock:
            for part in state.parts:
                if part.is_ended or not part.is_submitted:
                    self._done[part.number] = part.lines if part.is_ended else 0
            self.progress = attrs.evolve(
                self.progress,
                parts=len(state.parts),
                total=state.lines,
                done=self._sum(),
                batch_ids=state.batch_ids,
            )

    def saw(self, number: int, batch: OpenAIBatch) -> None:
        """
        Take in the batch of part *number*.
        """
        with self._lock:
            self._batches[number] = batch
            self.progress = attrs.evolve(self.progress, batches=self._in_order())

    def watching(self, number: int) -> CallContext:
        """
        Return the context in which the batch of part *number* is waited for.
        """
        return self._context.child(partial(self._watched, number))

    def _watched(self, number: int, found: OpenAIBatchProgress) -> None:
        with self._lock:
            self._batches[number], self._done[number] = found.batch, found.done
            self.progress = attrs.evolve(
                self.progress, phase=_WAITING, total_bytes=None, batches=self._in_order(), done=self._sum()
            )
        self._context.tell(lambda: self.progress, is_last=found.batch.is_ended)

    def _take(self, told: Progress | OpenAIBatchRunProgress) -> None:
        with self._lock:
            if isinstance(told, Progress):
                total = None if told.phase in _WITHOUT_BYTES else told.total
                self.progress = attrs.evolve(self.progress, phase=told.phase, bytes=told.bytes, total_bytes=total)
            progress = self.progress
        if self._on_progress is not None:
            self._on_progress(progress)

    def _in_order(self) -> tuple[OpenAIBatch, ...]:
        return tuple(batch for _, batch in sorted(self._batches.items()))

    def _sum(self) -> int:
        return sum(self._done.values())
