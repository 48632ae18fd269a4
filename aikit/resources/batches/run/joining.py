"""
The rows of a run: what became of each line of its input, in the input's order, whatever batch it was in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import attrs

from aikit.http.context import CallContext
from aikit.http.flow import Flow, Pause
from aikit.http.sinks import FileSink
from aikit.http.sources import source_of
from aikit.resources.batches.fetch import Answers, fetch_and_join, output_missing
from aikit.resources.batches.recording import record_end_of_rows
from aikit.resources.batches.rows.folder import Folder
from aikit.resources.batches.rows.join import SETTLED_S, BatchRows, lacks_answers, lacks_output
from aikit.resources.batches.run.plan import Fingerprint
from aikit.resources.batches.run.state import Part, RunState
from aikit.resources.polling import growing_pauses
from aikit.storage import is_file
from aikit.types.batch_rows import OpenAIBatchProblem, OpenAIBatchRow
from aikit.types.errors import OpenAIError
from aikit.validation.lines import iter_lines, parsed

if TYPE_CHECKING:
    from aikit.billing.recorder import BillingRecorder
    from aikit.providers import Provider

_LINE_MAX: Final = 1 << 40
_LATE_S: Final = 1.0


@attrs.frozen
class AskedLines:
    """
    The lines of a run, as they were when they were read.

    Attributes:
        own_parts: A folder with the files of all parts that the run does not remove when it is finished.
    """

    path: Path
    mark: Fingerprint
    own_parts: Path | None = None

    def require_same(self) -> None:
        """
        Check that they are unchanged: they tell the order of the rows.

        Raises:
            OpenAIError: They were changed (code ``"input_changed"``).
        """
        if not self.mark.is_of(self.path):
            message = (
                f"{self.path} was changed while its batches were under way, so the order of their lines is lost; put "
                "back its former content and call again"
            )
            raise OpenAIError(message=message, code="input_changed", param="file")

    def of(self, part: Part) -> Path | None:
        """
        Return the path of the lines of *part* on this machine, if they are there and unchanged.
        """
        path = Path(part.path) if self.own_parts is None else self.own_parts / Path(part.path).name
        is_here = self.mark.is_of(path) if path == self.path else is_file(path)
        return path if is_here else None


@attrs.define(eq=False)
class RunRows:
    """
    The rows of a run, on disk; iterated as often as needed until `close`.

    Attributes:
        state: The run, with the counts.

        asked: Its lines.

        write_rows: Writes rows to a path, and returns how many.

        parts: The rows of each batch.

        answers: The files of batches that were fetched.

        spool: The folder of these, and of the lines, if they are not the caller's own file.
    """

    state: RunState
    asked: AskedLines
    write_rows: Callable[[Iterable[OpenAIBatchRow], Path], int]
    answers: Answers
    spool: Folder
    parts: list[BatchRows] = attrs.field(factory=list)

    def __reduce__(self) -> NoReturn:
        raise TypeError("rows stand in files of this process; write them to a file to take them elsewhere")

    def __iter__(self) -> Iterator[OpenAIBatchRow]:
        with self.spool.reading():
            yield from self.parts[0] if len(self.parts) == 1 else self._merged()

    @property
    def created_at(self) -> dict[str, int]:
        """When each batch was created, in Unix seconds, by its id."""
        return {batch.id: batch.created_at for rows in self.parts for batch in rows.batches}

    @property
    def files(self) -> dict[str, Path]:
        """Where the input and the answers of all batches are, by the provider's ids."""
        return {file_id: path for rows in self.parts for file_id, path in rows.files().items()}

    @property
    def problems(self) -> tuple[OpenAIBatchProblem, ...]:
        """What could not be joined, of each batch the first 100."""
        return tuple(problem for rows in self.parts for problem in rows.problems)

    @property
    def problem_count(self) -> int:
        """How many there are."""
        return sum(rows.problem_count for rows in self.parts)

    def write(self, path: Path) -> int:
        """
        Write all rows to the file at *path*; return how many.

        Raises:
            OpenAIError: It cannot be written.
        """
        return self.write_rows(self, path)

    def close(self) -> None:
        """
        Remove the files, once no iteration reads from them.
        """
        for rows in self.parts:
            rows.close()
        self.spool.close()

    def _merged(self) -> Iterator[OpenAIBatchRow]:
        yield from merge(self.asked.path, self.parts)
        self.asked.require_same()


def join_all(provider: Provider, recorder: BillingRecorder, found: RunRows, context: CallContext) -> Flow[None]:
    """
    Add the rows of each batch of the run to *found*; all have ended.

    Raises:
        Rejected: The results of a batch cannot be had.
        OpenAIError: Likewise; or the input of several batches is not what it was (code ``"input_changed"``), also while
            the rows are read.
    """
    state = found.state
    if len(state.parts) > 1:
        found.asked.require_same()
    for part in state.parts:
        rows = yield from _join_part(provider, recorder, found, part, context)
        found.parts.append(rows)
        found.state = found.state.with_part(attrs.evolve(part, counts=dict(rows.counts)))


def _join_part(
    provider: Provider, recorder: BillingRecorder, found: RunRows, part: Part, context: CallContext
) -> Flow[BatchRows]:
    """
    Join the answers to *part*; just after its end files may lack some, and are fetched again for two minutes at most.
    """
    place, began_s = found.asked.of(part), (yield Pause(0.0))
    join = partial(fetch_and_join, with_lineage=True, known=part.batch_ids, answers=found.answers)
    for pause_s in growing_pauses(_LATE_S):
        flow = join(provider, part.batch_id or "", place, context)
        rows = yield from record_end_of_rows(flow, provider, recorder)
        if not lacks_answers(rows.batch, {} if found.state.is_ended else rows.counts):
            return rows
        rows.close()
        if lacks_output(rows.batch) or (yield Pause(pause_s)) - began_s > SETTLED_S:
            raise output_missing(rows.batch)
        found.answers.forget(rows.batch)
    raise AssertionError  # pragma: no cover  the pauses have no end


def require_writable(path: Path) -> None:
    """
    Check, before anything is paid, that rows can be written to *path*.

    Raises:
        OpenAIError: They cannot (codes ``"unwritable_file"`` and ``"not_a_regular_file"``).
    """
    with FileSink(path=path):
        pass


def merge(path: Path, parts: Iterable[Iterable[OpenAIBatchRow]]) -> Iterator[OpenAIBatchRow]:
    """
    Yield the rows of *parts*, each in the order of the input at *path*, in that order.

    A part is begun when a row of it is wanted: where parts follow one another, one at a time holds files open.

    Raises:
        OpenAIError: A line of the input is in no part (code ``"input_changed"``).
    """
    heads: dict[str | None, tuple[OpenAIBatchRow, Iterator[OpenAIBatchRow]]] = {}

    def advance(rows: Iterator[OpenAIBatchRow]) -> None:
        row = next(rows, None)
        if row is not None:
            heads[row.custom_id] = row, rows

    unread = iter(parts)
    for number, custom_id in _custom_ids(path):
        while custom_id not in heads and (part := next(unread, None)) is not None:
            advance(iter(part))
        if custom_id not in heads:
            message = f"line {number} of {path} is in none of the batches: it was changed meanwhile; call again"
            raise OpenAIError(message=message, code="input_changed", line=number)
        row, rows = heads.pop(custom_id)
        yield attrs.evolve(row, line=number)
        advance(rows)


def _custom_ids(path: Path) -> Iterator[tuple[int, str | None]]:
    with closing(source_of(path).resolved().open()) as reader:
        for number, line in enumerate(iter_lines(reader, _LINE_MAX), 1):
            if line and not line.isspace():
                yield number, parsed(line).get("custom_id")
