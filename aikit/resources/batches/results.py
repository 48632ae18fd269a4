"""
What a caller gets of a call about batches.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from aikit.resources.arguments import require_path
from aikit.resources.batches.rows.write import write_csv, write_jsonl
from aikit.runtime.parameters import is_flag
from aikit.runtime.result import OpenAIListResult, OpenAIResult
from aikit.types.batches import OpenAIBatch
from aikit.types.wire import NOTHING

if TYPE_CHECKING:
    from aikit.resources.batches.rows.join import BatchRows
    from aikit.types.batch_rows import OpenAIBatchProblem, OpenAIBatchRow
    from aikit.types.costs import OpenAIBatchCost, OpenAIBatchEstimate


class OpenAIBatchResult(OpenAIResult[OpenAIBatch]):
    """
    The result of the calls about one batch: create, retrieve, cancel, wait and resubmit.
    """

    __slots__ = ()
    _carried = ("batch",)

    @property
    def batch(self) -> OpenAIBatch | None:
        """The batch; ``None`` while running, and after errors unless they are about how the batch ended."""
        return self._outcome.value  # type: ignore[no-any-return]  # the flow's type


class OpenAIBatchEstimateResult(OpenAIResult["OpenAIBatchEstimate"]):
    """
    The result of ``batches.estimate``.
    """

    __slots__ = ()
    _carried = ("estimate",)

    @property
    def estimate(self) -> OpenAIBatchEstimate | None:
        """What it will take, low and high; ``None`` while running and after errors."""
        return self._outcome.value  # type: ignore[no-any-return]  # the flow's type


class OpenAIBatchCostResult(OpenAIResult["OpenAIBatchCost"]):
    """
    The result of ``batches.cost``.
    """

    __slots__ = ()
    _carried = ("cost",)

    @property
    def cost(self) -> OpenAIBatchCost | None:
        """What it cost; ``None`` while running and after errors."""
        return self._outcome.value  # type: ignore[no-any-return]  # the flow's type


class OpenAIBatchListResult(OpenAIListResult[OpenAIBatch]):
    """
    The result of ``batches.list``.
    """

    __slots__ = ()
    _carried = ("batches", "first_id", "last_id", "has_more")

    @property
    def batches(self) -> tuple[OpenAIBatch, ...]:
        """The batches, newest first; empty while running, and after errors those that came before."""
        return self._page.items


class OpenAIBatchRowsResult(OpenAIResult["OpenAIBatchRowsResult"]):
    """
    The result of ``batches.results``: one row for each line of the input, in its order, however often it is iterated.

    Iterating, and its length, wait for a call that is under way, and raise the first error of one that failed. The rows
    stand in temporary files, which go away at the end of the ``with`` block, by `close`, or with the result itself; an
    iteration that is under way gets the rest. A result that succeeded cannot be pickled.
    """

    __slots__ = ()
    _carried = ("batch", "counts", "problem_count", "problems")

    @property
    def batch(self) -> OpenAIBatch | None:
        """The batch; ``None`` while running and after errors."""
        return self._outcome.value.batch if self._outcome.value else None

    @property
    def counts(self) -> Mapping[str, int]:
        """Rows by status: all of ok, failed, expired, cancelled and missing; empty while running and after errors."""
        return self._outcome.value.counts if self._outcome.value else NOTHING

    @property
    def problems(self) -> tuple[OpenAIBatchProblem, ...]:
        """What in the files could not be joined as it stands, the first hundred."""
        return self._outcome.value.problems if self._outcome.value else ()

    @property
    def problem_count(self) -> int:
        """How many problems there are, also those beyond a hundred."""
        return self._outcome.value.problem_count if self._outcome.value else 0

    def _unwrapped(self) -> Self:
        return self

    def __iter__(self) -> Iterator[OpenAIBatchRow]:
        return iter(self._rows())

    def __len__(self) -> int:
        return sum(self._rows().counts.values())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write_jsonl(self, path: str | os.PathLike[str]) -> int:
        """
        Write one line for each row: the provider's own, or one in its shape that says why there is none.

        At the end of each line stand *line*, *status* and *batch_id*. The file appears under its name when it is
        complete; one of that name is replaced.

        Returns:
            How many rows.

        Raises:
            TypeError: *path* is no path.
            ValueError: *path* is empty, or the result is closed.
            OpenAIError: The call failed, or the file cannot be written.
        """
        place = Path(require_path("path", path))
        return write_jsonl(self._rows(), place)

    def write_csv(self, path: str | os.PathLike[str], *, escape_formulas: bool = True) -> int:
        """
        Write a heading and one record for each row.

        The columns: line, custom_id, status, status_code, model, text, error_code, error_message, input_tokens,
        cached_tokens, output_tokens, reasoning_tokens, request_id, batch_id. UTF-8, CRLF, quotes where needed.

        Args:
            path: The file appears under that name when it is complete; one of that name is replaced.

            escape_formulas: An apostrophe is put before text that begins with ``= + - @``, a tab, a line break or an
                apostrophe and is no number: spreadsheets would run it, and what a model says is not the caller's own.
                Taking off one leading apostrophe gives the text back. ``False`` writes it as it is.

        Returns:
            How many rows.

        Raises:
            TypeError: *path* is no path, or *escape_formulas* no truth value.
            ValueError: *path* is empty, or the result is closed.
            OpenAIError: The call failed, or the file cannot be written.
        """
        is_flag("escape_formulas", escape_formulas)
        place = Path(require_path("path", path))
        return write_csv(self._rows(), place, escape_formulas=escape_formulas)

    def close(self) -> None:
        """
        Remove the temporary files, once no iteration reads from them; a call that is under way is cancelled.
        """
        if self.cancel():
            self.wait()
        if self._outcome.value is not None:
            self._outcome.value.close()

    def _rows(self) -> BatchRows:
        rows: BatchRows = self._finished().throw()._outcome.value  # noqa: SLF001  itself
        return rows
