"""
A CSV file or records as the input of a run: a question about each row, and the row beside its answer.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, count
from pathlib import Path
from typing import IO, Any, BinaryIO, Final

import attrs

from aikit.billing.prices import Prices
from aikit.http.context import CallContext
from aikit.jsonl.builder import UnfitError, encode_line
from aikit.jsonl.questions import LINE_MAX_BYTES, Question, too_long
from aikit.jsonl.records import RecordTable
from aikit.jsonl.tables import CsvTable
from aikit.resources.batches.rows.folder import telling_faults
from aikit.resources.batches.rows.write import escaped, write_whole
from aikit.storage import is_file
from aikit.types.batch_rows import OpenAIBatchRow
from aikit.types.errors import Rejected
from aikit.types.wire import NOTHING
from aikit.validation.problems import Problems

COLUMNS: Final = ("text", "status", "error", "note", "input_tokens", "output_tokens", "cost")
"""Those of the answers, which follow the caller's own."""

_JSON: Final = (".jsonl", ".ndjson", ".json")
SKIPPED: Final = "skipped"
"""Status of a row that has nothing to be asked."""


@attrs.define(eq=False)
class TableInput:
    """
    A table, and what is asked about each of its rows.

    Attributes:
        path: A CSV file, or JSON lines if its name says so; ``None`` for records.

        question: What is asked.

        records: Where *path* is ``None``; taken once.

        encoding: Of the file, where that is given.

        delimiter: Likewise.
    """

    path: Path | None
    question: Question
    records: Iterable[Any] = ()
    encoding: str | None = None
    delimiter: str | None = None
    _table: CsvTable | RecordTable = attrs.field(init=False)
    _kept: Path = attrs.field(init=False)

    def make_lines(self, make_folder: Callable[[], Path], context: CallContext) -> Path:
        """
        Write a line for each row that has something to be asked, and keep all rows; return the path of the lines.
        """
        folder = make_folder()
        with telling_faults(folder):
            self._table, self._kept = self._opened(folder), folder / ".rows"
            for note in self._table.notes:
                context.note(note)
            lines = folder / f"{self.path.stem if self.path else 'records'}.jsonl"
            with lines.open("wb") as file, self._kept.open("w", encoding="ascii") as kept:
                self._write_lines(file, kept, context)
        return lines

    def write_rows(
        self, rows: Iterable[OpenAIBatchRow], target: Path, prices: Prices, created_at: Mapping[str, int] = NOTHING
    ) -> int:
        """
        Write each row of the table with its answer to the file at *target*: as JSON if its name says so, else as CSV.
        """
        write_to = self._write_jsonl if is_of_json(target) else self._write_csv
        return write_whole(target, lambda file: write_to(self._answered(iter(rows), prices, created_at), file))

    def _opened(self, folder: Path) -> CsvTable | RecordTable:
        if self.path is None:
            return RecordTable(lambda _: self.records)
        if is_of_json(self.path):
            return RecordTable.of_file(self.path)
        path = self.path
        if path.is_fifo():  # which cannot be read twice
            path = folder / path.name
            with self.path.open("rb") as pipe, path.open("wb") as file:
                shutil.copyfileobj(pipe, file)
        return CsvTable.of(path, self.question.columns, encoding=self.encoding, delimiter=self.delimiter)

    def _write_lines(self, lines: BinaryIO, kept: IO[str], context: CallContext) -> None:
        problems, skipped, done = Problems(), 0, 0
        total = None if self.path is None or not is_file(self.path) else self.path.stat().st_size
        for row, line in self.question.lines(self._table, problems):
            done += len(row.kept) + 1  # at most so many bytes
            context.report("making", done, total)
            kept.write(json.dumps((row.kept, line is not None)) + "\n")
            try:
                written = lines.write(b"" if line is None else encode_line(line))
            except UnfitError as error:
                problems.add_line(row.line, error.code, error.message, error.param)
                continue
            if written > LINE_MAX_BYTES:  # escaped it is longer than its text
                problems.add_line(row.line, "line_too_long", too_long(row))
            skipped += line is None
        if problems.count:
            raise Rejected(problems.shown())
        if skipped:
            rows = "1 row is" if skipped == 1 else f"{skipped:,} rows are"
            context.note(f"{rows} skipped, with nothing under {' or '.join(self.question.asked)}")

    def _answered(
        self, rows: Iterator[OpenAIBatchRow], prices: Prices, created_at: Mapping[str, int]
    ) -> Iterator[tuple[str, Sequence[Any]]]:
        """
        Yield what was kept of each row, and the cells of its answer.
        """
        with self._kept.open(encoding="ascii") as file:
            for line in file:
                kept, is_asked = json.loads(line)
                yield kept, self._cells(next(rows), prices, created_at) if is_asked else (None, SKIPPED, *[None] * 5)

    def _cells(self, row: OpenAIBatchRow, prices: Prices, created_at: Mapping[str, int]) -> Sequence[Any]:
        error, usage = row.error, row.usage
        told = None if error is None else f"{error.code}: {error.message}" if error.code else error.message
        if usage is None:
            return row.text, row.status, told, row.note, None, None, None
        cost = prices.cost_of(usage, row.model or "", self.question.model, created_at.get(row.batch_id))
        return row.text, row.status, told, row.note, usage.input_tokens, usage.output_tokens, cost

    def _write_csv(self, answered: Iterable[tuple[str, Sequence[Any]]], file: BinaryIO) -> int:
        # a lone surrogate, which JSON can name and UTF-8 cannot carry, is written as its escape
        text = io.TextIOWrapper(file, "utf-8", errors="backslashreplace", newline="", write_through=True)
        table, count = self._table, 0
        cells = csv.writer(text, delimiter=table.delimiter)
        text.write("\ufeff" if table.is_marked else "")
        text.write(table.heading + table.delimiter)
        cells.writerow(own_names(table.columns))
        for kept, (*words, asked, said, cost) in answered:
            text.write(table.text_of(kept) + table.delimiter)
            cells.writerow((*map(escaped, words), asked, said, cost if cost is None else f"{cost:f}"))
            count += 1
        text.detach()
        return count

    def _write_jsonl(self, answered: Iterable[tuple[str, Sequence[Any]]], file: BinaryIO) -> int:
        table, count = self._table, 0
        names = (*_distinct(table.columns), *own_names(table.columns))
        for kept, (*told, cost) in answered:
            values = (*table.cells_of(kept), *told, None if cost is None else float(cost))
            line = json.dumps(dict(zip(names, values, strict=True)), ensure_ascii=False)
            file.write(f"{line}\n".encode(errors="backslashreplace"))  # of a lone surrogate, its escape is JSON
            count += 1
        return count


def is_of_json(path: Path) -> bool:
    """
    Return whether a table at *path* is one of JSON lines, by its name.
    """
    return path.suffix.lower() in _JSON


def own_names(columns: Iterable[str]) -> tuple[str, ...]:
    """
    Return the names of the answers' columns; one that is in *columns*, in whatever case, has ``answer_`` before it.
    """
    taken = {column.casefold() for column in columns}

    def free(name: str) -> str:
        names = chain([name, f"answer_{name}"], (f"answer_{name}_{number}" for number in count(2)))
        return next(one for one in names if one not in taken)

    return tuple(map(free, COLUMNS))


def _distinct(columns: Iterable[str]) -> tuple[str, ...]:
    """
    Return *columns* with a number behind each that has the name of one before.
    """
    names: dict[str, None] = {}
    for column in columns:
        names[next(name for name in chain([column], (f"{column}_{n}" for n in count(2))) if name not in names)] = None
    return tuple(names)
