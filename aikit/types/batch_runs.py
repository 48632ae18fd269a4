"""
Runs of whole files, as frozen values: how far one has come, and what came of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

from aikit.types.batch_rows import OpenAIBatchProblem
from aikit.types.batches import OpenAIBatch
from aikit.types.costs import OpenAIBatchCost, OpenAIBatchEstimate
from aikit.types.json_form import Jsonable
from aikit.types.wire import NOTHING


@attrs.frozen(kw_only=True)
class OpenAIBatchRunProgress(Jsonable):
    """
    How far a run has come.

    Attributes:
        phase: ``"making"`` (the lines of a table), ``"reading"``, ``"checking"``, ``"estimating"``, ``"uploading"``,
            ``"creating"``, ``"waiting"``, ``"downloading"``, ``"joining"`` or ``"writing"``; empty before the first.

        bytes: Done so far of what the phase moves.

        total_bytes: In all; ``None`` while waiting, and where it is not known.

        part: Which part of the input is uploaded or made a batch, from 1 on.

        parts: How many batches the input makes; 0 until it was checked.

        done: Lines with an answer, or an error, so far.

        total: Lines of the input; 0 until it was checked.

        batches: The last batch of each part that has one, as it was when it was last looked at.

        batch_ids: Their ids, also of those that were not looked at yet.
    """

    phase: str = ""
    bytes: int = 0
    total_bytes: int | None = None
    part: int = 1
    parts: int = 0
    done: int = 0
    total: int = 0
    batches: tuple[OpenAIBatch, ...] = ()
    batch_ids: tuple[str, ...] = ()

    @property
    def fraction(self) -> float | None:
        """How much of the phase is done, between 0 and 1: of its lines while waiting, else of its bytes."""
        done, total = (self.done, self.total) if self.phase == "waiting" else (self.bytes, self.total_bytes)
        return None if total is None else min(done / total, 1.0) if total else 1.0


@attrs.frozen(kw_only=True)
class OpenAIBatchRun(Jsonable):
    """
    A run that is over: each line of its input has a row.

    Attributes:
        key: What the run is kept by: the same for the same lines, provider and options.

        path: The file that the rows were written to; ``None`` where none was asked for.

        lines: How many requests there were.

        counts: Rows by status: ok, failed, expired, cancelled and missing, those that there are.

        reasons: Why rows failed, by code of their error; of rows that were written by this call.

        batches: The last batch of each part, as far as the provider still tells.

        batch_ids: Their ids, in the order of the parts.

        costs: What each batch cost, those included that were resubmitted.

        cost: All of them together.

        estimate: What it was to cost; ``None`` unless *confirm* or *max_cost* asked for that.

        problems: What in the files of the batches could not be joined as it stands, of each the first hundred.

        problem_count: How many there are.
    """

    key: str
    path: Path | None = None
    lines: int = 0
    counts: Mapping[str, int] = attrs.field(default=NOTHING, hash=False)
    reasons: Mapping[str, int] = attrs.field(default=NOTHING, hash=False)
    batches: tuple[OpenAIBatch, ...] = ()
    batch_ids: tuple[str, ...] = ()
    costs: tuple[OpenAIBatchCost, ...] = ()
    cost: OpenAIBatchCost = attrs.field(factory=OpenAIBatchCost)
    estimate: OpenAIBatchEstimate | None = None
    problems: tuple[OpenAIBatchProblem, ...] = ()
    problem_count: int = 0

    @property
    def is_all_ok(self) -> bool:
        """Whether each line was answered with success."""
        return sum(self.counts.values()) == self.counts.get("ok", 0)
