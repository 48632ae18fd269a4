"""
Batch lines made of rows: one question for each, by a prompt in which its cells stand.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol

import attrs

from aikit.http.context import CallContext
from aikit.jsonl.builder import chat_line, encode_line
from aikit.jsonl.checker import check
from aikit.jsonl.records import RecordTable
from aikit.jsonl.tables import CsvTable, Row
from aikit.jsonl.templates import Template, unknown_column
from aikit.types.errors import OpenAIError, Rejected
from aikit.validation.limits import limits_for
from aikit.validation.problems import Problems

_MADE: Final = ("messages", "model")


LINE_MAX_BYTES: Final = limits_for("compatible").line_max_bytes


def too_long(row: Row) -> str:
    """
    Return the message about a *row* that makes too long a line.
    """
    return f"row {row.number:,} makes a line of more than {LINE_MAX_BYTES:,} bytes, the limit; make it shorter"


class Table(Protocol):
    """
    Rows that are read once, of any size.
    """

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names; of records, those of the rows read so far."""
        ...

    def rows(self, problems: Problems) -> Iterator[Row]:
        """
        Yield each row; those that cannot be read are added to *problems*.
        """
        ...


@attrs.frozen(kw_only=True)
class Question:
    """
    What is asked about each row.

    Attributes:
        prompt: The user's message.

        system: The message before it.

        model: The model asked.

        body: Further parameters of each request.

        notes: What may be a mistake in these, such as a misspelt parameter.
    """

    prompt: Template
    system: Template | None
    model: str
    body: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, prompt: Any, *, model: Any, system: Any = None, body: Mapping[str, Any] | None = None) -> Question:
        """
        Check the arguments.

        Raises:
            TypeError: One has another type, or *body* cannot be JSON.
            ValueError: One is empty, no column is named, or *body* has what these make.
        """
        if body is not None and not isinstance(body, Mapping):
            raise TypeError(f"body must be a mapping, not {type(body).__name__}")
        question = cls(
            prompt=Template.of("prompt", prompt),
            system=None if system is None else Template.of("system", system),
            model=model,
            body=dict(body or {}),
        )
        if not question.columns:
            raise ValueError("prompt names no column, and each row would be asked the same; write {column} for a cell")
        if made := [name for name in _MADE if name in question.body]:
            raise ValueError(f"body must not have {' and '.join(made)}: prompt, system and model make them")
        line, context = question.line(dict.fromkeys(question.columns, "?"), "row-1"), CallContext()
        for error in check(encode_line(line), provider="compatible", context=context):
            raise ValueError(f"body cannot be sent: {error.message}")  # once, and not for each row
        return attrs.evolve(question, notes=tuple(note.partition(": ")[2] for note in context.notes))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """All columns that it names."""
        return tuple(dict.fromkeys(self.prompt.columns + (self.system.columns if self.system else ())))

    @property
    def asked(self) -> tuple[str, ...]:
        """The columns of which a row must have something: those of the prompt, or where it has none, of system."""
        return self.prompt.columns or self.columns

    def is_about(self, cells: Mapping[str, str]) -> bool:
        """
        Return whether any of the *cells* that the prompt names has something in it.
        """
        return any(cells[name] and not cells[name].isspace() for name in self.asked)

    def line(self, cells: Mapping[str, str], custom_id: str) -> dict[str, Any]:
        """
        Return the batch line that asks about *cells*.
        """
        system = self.system.filled(cells) if self.system else None
        return chat_line(
            self.prompt.filled(cells), model=self.model, system=system or None, custom_id=custom_id, **self.body
        )

    def lines(self, table: Table, problems: Problems) -> Iterator[tuple[Row, dict[str, Any] | None]]:
        """
        Yield each row of *table* with its line, or ``None`` if it has nothing to be asked; the rest are *problems*.
        """
        known = table.columns
        if unknown := [self._unknown(name, known) for name in self.columns if known and known.count(name) != 1]:
            for error in unknown:
                problems.add(error)
            return
        has_rows = has_questions = False
        for row in table.rows(problems):
            has_rows = True
            if lacking := [name for name in self.columns if name not in row.cells]:
                for error in (self._unknown(name, tuple(row.cells)) for name in lacking):
                    message = f"record {row.number:,}: {error.message}"
                    problems.add_line(row.line, "unknown_column", message, error.param)
                continue
            if self._size_bytes(row.cells) > LINE_MAX_BYTES:
                problems.add_line(row.line, "line_too_long", too_long(row))
                continue
            is_asked = self.is_about(row.cells)
            has_questions |= is_asked
            yield row, self.line(row.cells, f"row-{row.number}") if is_asked else None
        if not has_questions and not problems.count:
            reason = f"no row has anything under {' or '.join(self.asked)}"
            message = f"there is nothing to ask: {reason if has_rows else 'there are no rows'}"
            problems.add(OpenAIError(message=message, code="empty_file", param="file"))

    def _size_bytes(self, cells: Mapping[str, str]) -> int:
        return self.prompt.size_bytes(cells) + (self.system.size_bytes(cells) if self.system else 0)

    def _unknown(self, name: str, there: tuple[str, ...]) -> OpenAIError:
        argument, found = "prompt" if name in self.prompt.columns else "system", there.count(name)
        message = f'{argument} names the column "{name}", and {found} columns have that name; rename all but one'
        if not found:
            message = unknown_column(argument, name, there)
        return OpenAIError(message=message, code="unknown_column", param=argument)


def from_csv(
    path: str | os.PathLike[str],
    *,
    prompt: str,
    model: str,
    system: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    **body: Any,
) -> Iterator[dict[str, Any]]:
    """
    Return batch lines, for `write`, that ask the same about each row of a CSV file.

    The first row names the columns; the custom_id of the next is ``row-2``. Rows that have nothing in any column of
    the prompt are left out. What may be a mistake, such as a misspelt parameter, is a Python warning.

    Args:
        path: The file.

        prompt: In which ``{column}`` stands for a cell, and ``{{`` and ``}}`` for braces.

        model: The model asked.

        system: A message before it, likewise.

        encoding: Without it UTF-8, UTF-16 with its mark, or Windows-1252.

        delimiter: Without it a comma, semicolon, tab or bar, whichever gives most columns.

        body: As for `chat_line`.

    Raises:
        TypeError: An argument has another type.
        ValueError: One is empty, or *prompt* cannot be read.
        Rejected: The file cannot be read, or rows of it cannot; at the end, with all problems.
    """
    question = Question.of(prompt, model=model, system=system, body=body)
    table = CsvTable.of(Path(path), question.columns, encoding=encoding, delimiter=delimiter)
    for note in (*question.notes, *table.notes):
        warnings.warn(note, stacklevel=2)
    return _lines(table, question)


def from_records(
    records: Iterable[Mapping[Any, Any]], *, prompt: str, model: str, system: str | None = None, **body: Any
) -> Iterator[dict[str, Any]]:
    """
    Return batch lines that ask the same about each of *records*, as `from_csv` does; the first is ``row-1``.
    """
    question = Question.of(prompt, model=model, system=system, body=body)
    for note in question.notes:
        warnings.warn(note, stacklevel=2)
    return _lines(RecordTable(lambda _: records), question)


def _lines(table: Table, question: Question) -> Iterator[dict[str, Any]]:
    problems = Problems()
    for _, line in question.lines(table, problems):
        if line is not None and not problems.count:
            yield line
    if problems.count:
        raise Rejected(problems.shown())
