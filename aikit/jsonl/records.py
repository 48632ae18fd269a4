"""
Records, mappings of columns to values, as rows of a table.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Final
from uuid import UUID

import attrs

from aikit.http.sources import source_of
from aikit.jsonl.tables import Row
from aikit.types.errors import OpenAIError
from aikit.types.interruptions import let_through
from aikit.validation.limits import limits_for
from aikit.validation.lines import Objects, iter_lines
from aikit.validation.problems import Problems, excerpt

_AS_TEXT: Final = (Decimal, date, time, UUID)
_COLUMNS_MAX: Final = 10_000


@attrs.define(eq=False)
class RecordTable:
    """
    Records that are read once, by a function that adds what is none to the problems it is given.
    """

    delimiter: ClassVar[str] = ","
    is_marked: ClassVar[bool] = False
    notes: ClassVar[tuple[str, ...]] = ()

    _read: Callable[[Problems], Iterable[Any]]
    _columns: dict[str, None] = attrs.field(factory=dict, init=False)

    @classmethod
    def of_file(cls, path: Path) -> RecordTable:
        """
        Return the objects on the lines of the file at *path*.
        """

        def read(problems: Problems) -> Iterator[dict[str, Any]]:
            limits = attrs.evolve(limits_for("compatible"), removes_mark=True)
            try:
                with closing(source_of(path).resolved().open()) as reader:
                    for _, _, record in Objects(iter_lines(reader, limits.line_max_bytes), limits, problems):
                        yield record
            except OpenAIError as error:
                problems.add(error)

        return cls(read)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all records that were read, in their order."""
        return tuple(self._columns)

    @property
    def heading(self) -> str:
        """The columns as the first row of a CSV file."""
        return _csv_row(self._columns)

    def cells_of(self, kept: str) -> list[Any]:
        """
        Return the values of a record, in the order of the columns.
        """
        record = json.loads(kept)
        return [record.get(name) for name in self._columns]

    def text_of(self, kept: str) -> str:
        """
        Return a record as a row of a CSV file.
        """
        return _csv_row(map(text_of, self.cells_of(kept)))

    def rows(self, problems: Problems) -> Iterator[Row]:
        """
        Yield the records; those that cannot be rows are added to *problems*.
        """
        for number, record in enumerate(self._read(problems), 1):
            try:
                plain = _plain_record(record)
                kept = json.dumps(plain, allow_nan=False)
            except (TypeError, ValueError, RecursionError) as error:
                let_through(error)
                reason = "is nested too deeply" if isinstance(error, RecursionError) else error
                problems.add_line(number, "invalid_type", f"record {number:,} {reason}")
                continue
            if not plain.keys() <= self._columns.keys():
                self._columns |= dict.fromkeys(plain)
                if len(self._columns) > _COLUMNS_MAX:
                    message = f"record {number:,} is the first with which there are more than {_COLUMNS_MAX:,} columns"
                    problems.add_line(number, "invalid_value", message)
                    return
            yield Row(number, number, {name: text_of(value) for name, value in plain.items()}, kept)


def text_of(value: Any) -> str:
    """
    Return a plain *value* as the text of a cell: nothing for ``None``, JSON for lists and mappings.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)


def _csv_row(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)  # with its line end: before Python 3.13 it quotes no line end but its own
    return text.getvalue()[:-2]


def _plain_record(record: Any) -> dict[str, Any]:
    if not hasattr(record, "keys"):
        raise TypeError(f"is {type(record).__name__}; a record has names of columns and their values, as a dict has")
    plain = {}
    for key, value in dict(record).items():
        try:
            plain[str(key)] = _plain(value)
        except (TypeError, ValueError) as error:
            raise TypeError(f'cannot be read: "{excerpt(key)}" has {error}') from error
    return plain


def _plain(value: Any) -> Any:  # noqa: PLR0911  one for each kind of value
    """
    Return *value* as JSON has it; not-a-number, which pandas has in empty cells, becomes ``None``.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)  # of an enumeration, its value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return None if math.isnan(value) else float(value)
    if isinstance(value, _AS_TEXT):
        return str(value) if value == value else None  # noqa: PLR0124  what is no number or date equals nothing
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if hasattr(value, "item"):  # numbers of numpy
        return _plain(value.item())
    raise TypeError(f"a {type(value).__name__}, which is no text; make it a string, a number or None")
