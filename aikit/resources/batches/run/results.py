"""
The results of a run: what became of each line of its input, in the input's order, whatever batch it was in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final

import attrs

from aikit.http.sinks import FileSink
from aikit.http.sources import source_of
from aikit.resources.batches.fetch import output_missing
from aikit.resources.batches.rows.join import lacks_answers
from aikit.resources.batches.rows.write import write_csv, write_jsonl
from aikit.resources.batches.run.client import Client
from aikit.resources.batches.run.plan import Fingerprint
from aikit.resources.batches.run.state import Part, RunState
from aikit.storage import is_file
from aikit.types.batch_rows import OpenAIBatchProblem, OpenAIBatchRow
from aikit.types.errors import OpenAIError, Rejected
from aikit.validation.lines import iter_lines, parsed

_LINE_MAX: Final = 1 << 40


@attrs.frozen(kw_only=True)
class Joined:
    """
    What became of the lines of a run.

    Attributes:
        state: The run, with the counts.

        rows: One for each line, in the order of the input.

        problems: What could not be joined, of each batch the first 100.

        problem_count: How many there are.
    """

    state: RunState
    rows: Iterator[OpenAIBatchRow]
    problems: tuple[OpenAIBatchProblem, ...] = ()
    problem_count: int = 0


@contextmanager
def fetch_and_join(client: Client, state: RunState, mark: Fingerprint) -> Iterator[Joined]:
    """
    Yield the rows of the run *state*; *mark* is the fingerprint of its input.

    Raises:
        Rejected: The results of a batch cannot be had.
        OpenAIError: The input of several batches is not what it was (code ``"input_changed"``), also while it is read.
    """
    if len(state.parts) > 1:
        _require_same(state, mark)
    with ExitStack() as stack:
        results = []
        for part in state.parts:
            options: dict[str, Any] = {"with_lineage": True} | input_of(part, state, mark)
            result = client.batches.results(part.batch_id or "", **options)
            if result.errors:
                raise Rejected(result.errors)
            results.append(stack.enter_context(result))
            if result.batch is not None and lacks_answers(result.batch, {} if state.is_ended else result.counts):
                raise Rejected([output_missing(result.batch)])
            state = state.with_part(attrs.evolve(part, counts=dict(result.counts)))
        yield Joined(
            state=state,
            rows=iter(results[0]) if len(results) == 1 else _merge_parts(state, mark, results),
            problems=tuple(problem for result in results for problem in result.problems),
            problem_count=sum(result.problem_count for result in results),
        )


def require_writable(path: Path) -> None:
    """
    Check, before anything is paid, that rows can be written to *path*.

    Raises:
        OpenAIError: They cannot (codes ``"unwritable_file"`` and ``"not_a_regular_file"``).
    """
    with FileSink(path=path):
        pass


def write_rows(rows: Iterable[OpenAIBatchRow], path: Path) -> int:
    """
    Write *rows* to the file at *path*, as comma-separated values if its name says so, else as JSON lines.

    Returns:
        How many.

    Raises:
        OpenAIError: It cannot be written (code ``"unwritable_file"``).
    """
    if path.suffix.lower() == ".csv":
        return write_csv(rows, path, escape_formulas=True)
    return write_jsonl(rows, path)


def merge(path: Path, parts: Iterable[Iterable[OpenAIBatchRow]]) -> Iterator[OpenAIBatchRow]:
    """
    Yield the rows of *parts*, each in the order of the input at *path*, in that order.

    Raises:
        OpenAIError: A line of the input is in no part (code ``"input_changed"``).
    """
    heads: dict[str | None, tuple[OpenAIBatchRow, Iterator[OpenAIBatchRow]]] = {}

    def advance(rows: Iterator[OpenAIBatchRow]) -> None:
        row = next(rows, None)
        if row is not None:
            heads[row.custom_id] = row, rows

    for part in parts:
        advance(iter(part))
    for number, custom_id in _custom_ids(path):
        if custom_id not in heads:
            message = f"line {number} of {path} is in none of the batches: it was changed meanwhile; call again"
            raise OpenAIError(message=message, code="input_changed", line=number)
        row, rows = heads.pop(custom_id)
        yield attrs.evolve(row, line=number)
        advance(rows)


def _merge_parts(
    state: RunState, mark: Fingerprint, parts: Iterable[Iterable[OpenAIBatchRow]]
) -> Iterator[OpenAIBatchRow]:
    yield from merge(Path(state.order.input), parts)
    _require_same(state, mark)


def _require_same(state: RunState, mark: Fingerprint) -> None:
    """
    Check that the input is unchanged: it tells the order of the lines.
    """
    path = Path(state.order.input)
    if not mark.is_of(path):
        message = (
            f"{path} was changed while its batches were under way, so the order of their lines is lost; put back "
            "its former content and call again"
        )
        raise OpenAIError(message=message, code="input_changed", param="file")


def _custom_ids(path: Path) -> Iterator[tuple[int, str | None]]:
    with closing(source_of(path).resolved().open()) as reader:
        for number, line in enumerate(iter_lines(reader, _LINE_MAX), 1):
            if line and not line.isspace():
                yield number, parsed(line).get("custom_id")


def input_of(part: Part, state: RunState, mark: Fingerprint) -> dict[str, str]:
    """
    Return the option that names the input of *part* on this machine, if it is there and unchanged.
    """
    path = Path(part.path)
    is_here = mark.is_of(path) if part.path == state.order.input else is_file(path)
    return {"input_file": part.path} if is_here else {}
