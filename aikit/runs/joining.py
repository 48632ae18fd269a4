"""
The results of a run: what became of each line of its input, in the input's order, whatever batch it was in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from aikit.batch_rows import OpenAIBatchRow
from aikit.errors import OpenAIError, Rejected
from aikit.jsonl.lines import iter_lines, parsed
from aikit.runs.state import Part, RunState
from aikit.source import source_of

if TYPE_CHECKING:
    from aikit.client import OpenAIClient

_LINE_MAX: Final = 1 << 40


@contextmanager
def rows_of(client: OpenAIClient, state: RunState) -> Iterator[tuple[RunState, Iterator[OpenAIBatchRow]]]:
    """
    Yield *state* with what became of its lines, and a row for each of them, in the order of the input.

    Raises:
        Rejected: The results of a batch cannot be had.
    """
    with ExitStack() as stack:
        results = []
        for part in state.parts:
            result = client.batches.results(part.batch_id or "", {"with_lineage": True} | _input_of(part))
            if result.errors:
                raise Rejected(result.errors)
            results.append(stack.enter_context(result))
            state = state.with_part(attrs.evolve(part, counts=dict(result.counts)))
        yield state, iter(results[0]) if len(results) == 1 else merged(Path(state.order.input), results)


def written(rows: Iterable[OpenAIBatchRow], path: Path) -> int:
    """
    Write *rows* to the file at *path*, as comma-separated values if its name says so, else as JSON lines.

    Returns:
        How many.

    Raises:
        OpenAIError: It cannot be written (code ``"unwritable_file"``).
    """
    from aikit.batch_output.writing import write_csv, write_jsonl  # noqa: PLC0415  runs are mostly waiting

    if path.suffix.lower() == ".csv":
        return write_csv(rows, path, escape_formulas=True)
    return write_jsonl(rows, path)


def merged(path: Path, parts: Iterable[Iterable[OpenAIBatchRow]]) -> Iterator[OpenAIBatchRow]:
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


def _custom_ids(path: Path) -> Iterator[tuple[int, str | None]]:
    with closing(source_of(path).resolved().open()) as reader:
        for number, line in enumerate(iter_lines(reader, _LINE_MAX), 1):
            if line and not line.isspace():
                yield number, parsed(line).get("custom_id")


def _input_of(part: Part) -> dict[str, str]:
    """
    Spare the provider to send back what is still here.
    """
    return {"input_file": part.path} if Path(part.path).is_file() else {}
