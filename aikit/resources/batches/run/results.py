"""
What a caller gets of a run: a handle while it is under way, and what came of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import attrs

from aikit.resources.arguments import require_path
from aikit.resources.batches.run.joining import RunRows
from aikit.resources.batches.run.progress import RunTracker
from aikit.runtime.result import OpenAIResult
from aikit.types.batch_rows import OpenAIBatchProblem, OpenAIBatchRow
from aikit.types.batch_runs import OpenAIBatchRun, OpenAIBatchRunProgress
from aikit.types.batches import OpenAIBatch
from aikit.types.costs import OpenAIBatchCost, OpenAIBatchEstimate
from aikit.types.wire import NOTHING


@attrs.frozen(eq=False)
class RunEnd:
    """
    How a run ended.

    Attributes:
        rows: Its rows, unless they were written to a file.
    """

    run: OpenAIBatchRun
    rows: RunRows | None = None


@attrs.define(eq=False, slots=True, repr=False, getstate_setstate=False)  # pickled as its parent says
class OpenAIBatchRunResult(OpenAIResult[OpenAIBatchRun]):
    """
    The result of ``batches.run``.

    Without an output file it has the rows: iterating waits for a run that is under way, raises the first error of one
    that failed, and can be done as often as needed. The rows stand in temporary files, which go away at the end of the
    ``with`` block, by `close`, or with the result itself.
    """

    _carried = ("path", "lines", "counts", "reasons", "batches", "cost", "problems", "problem_count")
    _tracker: RunTracker = attrs.field(factory=RunTracker, kw_only=True)

    @property
    def run(self) -> OpenAIBatchRun | None:
        """All that came of the run; ``None`` while running and after errors."""
        return self._outcome.value.run if self._outcome.value else None

    @property
    def progress(self) -> OpenAIBatchRunProgress:
        """How far it has come, also while it runs."""
        return self._tracker.progress

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes beside the answer, also while it runs, such as that an earlier run was resumed."""
        return self._outcome.notes or self._tracker.notes

    @property
    def path(self) -> Path | None:
        """The file with the rows; ``None`` while running, after errors, and where none was asked for."""
        return self.run.path if self.run else None

    @property
    def lines(self) -> int:
        """How many requests there are; 0 until the input was checked."""
        return self.run.lines if self.run else self.progress.total

    @property
    def counts(self) -> Mapping[str, int]:
        """Rows by status; empty while running and after errors."""
        return self.run.counts if self.run else NOTHING

    @property
    def reasons(self) -> Mapping[str, int]:
        """Why rows failed, by code of their error; of rows that were written to a file."""
        return self.run.reasons if self.run else NOTHING

    @property
    def batches(self) -> tuple[OpenAIBatch, ...]:
        """The last batch of each part of the input that has one, also while it runs and after errors."""
        return self.run.batches if self.run else self.progress.batches

    @property
    def batch_ids(self) -> tuple[str, ...]:
        """Their ids, also of those that were not looked at."""
        return self.run.batch_ids if self.run else self.progress.batch_ids

    @property
    def cost(self) -> OpenAIBatchCost | None:
        """What all batches cost; ``None`` while running and after errors."""
        return self.run.cost if self.run else None

    @property
    def costs(self) -> tuple[OpenAIBatchCost, ...]:
        """What each batch cost, those included that were resubmitted."""
        return self.run.costs if self.run else ()

    @property
    def estimate(self) -> OpenAIBatchEstimate | None:
        """What it may cost, also after errors; ``None`` unless *confirm* or *max_cost* asked for that."""
        return self.run.estimate if self.run else self._tracker.estimate

    @property
    def problems(self) -> tuple[OpenAIBatchProblem, ...]:
        """What in the files of the batches could not be joined as it stands, of each the first hundred."""
        return self.run.problems if self.run else ()

    @property
    def problem_count(self) -> int:
        """How many there are."""
        return self.run.problem_count if self.run else 0

    def _unwrapped(self) -> OpenAIBatchRun:
        end: RunEnd = self._outcome.value
        return end.run

    def __len__(self) -> int:
        return sum(self._finished().throw().counts.values())

    def __iter__(self) -> Iterator[OpenAIBatchRow]:
        return iter(self._rows())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, path: str | os.PathLike[str]) -> int:
        """
        Write the rows of a run without an output file, as comma-separated values or JSON lines, by the path's name.

        Returns:
            How many rows.

        Raises:
            TypeError: *path* is no path.
            ValueError: *path* is empty, or the rows were written to a file by the run itself.
            OpenAIError: The run failed, or the file cannot be written.
        """
        place = Path(require_path("path", path))
        return self._rows().write(place)

    def close(self) -> None:
        """
        Remove the temporary files, once no iteration reads from them; a run that is under way is cancelled.
        """
        if self.cancel():
            self.wait()
        rows = self._outcome.value.rows if self._outcome.value is not None else None
        if rows is not None:
            rows.close()

    def _rows(self) -> RunRows:
        end: RunEnd = self._finished().throw()._outcome.value  # noqa: SLF001  itself
        if end.rows is None:
            raise ValueError(f"the rows were written to {end.run.path}; leave out output to iterate over them")
        return end.rows
