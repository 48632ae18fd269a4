"""
Records as rows of a table.
"""

from __future__ import annotations

import enum
import sqlite3
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from aikit.jsonl.records import RecordTable
from aikit.validation.problems import Problems


class _Color(str, enum.Enum):  # noqa: UP042  whose text is another than its value
    RED = "red"


class _Number:
    """
    As numpy has them.
    """

    def item(self) -> int:
        return 7


def _rows(*records: Any) -> tuple[RecordTable, list[Any], list[str]]:
    table, problems = RecordTable(lambda _: records), Problems()
    return table, list(table.rows(problems)), [error.message for error in problems.shown()]


def test_values_become_text_and_stay_what_they_are_beside() -> None:
    """
    Nothing for None, and for what pandas has where nothing is; JSON for lists and mappings.
    """
    record = {
        "text": "a",
        "none": None,
        "nan": float("nan"),
        "yes": True,
        "price": Decimal("1.50"),
        "day": date(2026, 1, 2),
        "tags": ["ä", 1],
        "color": _Color.RED,
        "number": _Number(),
        8: 2.5,
    }
    table, rows, problems = _rows(record)
    assert problems == []
    assert list(rows[0].cells.items()) == [
        ("text", "a"),
        ("none", ""),
        ("nan", ""),
        ("yes", "True"),
        ("price", "1.50"),
        ("day", "2026-01-02"),
        ("tags", '["ä", 1]'),
        ("color", "red"),
        ("number", "7"),
        ("8", "2.5"),
    ]
    assert table.cells_of(rows[0].kept) == ["a", None, None, True, "1.50", "2026-01-02", ["ä", 1], "red", 7, 2.5]


def test_any_mapping_is_a_record() -> None:
    """
    Also a row of a database, which has keys and is no mapping.
    """
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    rows = [*connection.execute("SELECT 1 AS a, 'x' AS b"), MappingProxyType({"a": 2, "b": "y"})]
    connection.close()
    assert [dict(row.cells) for row in _rows(*rows)[1]] == [{"a": "1", "b": "x"}, {"a": "2", "b": "y"}]


def test_columns_are_those_of_all_records() -> None:
    """
    In the order in which they come; what a record lacks is empty.
    """
    table, rows, _ = _rows({"a": 1}, {"b": "x,y", "a": 2})
    assert (table.columns, table.heading) == (("a", "b"), "a,b")
    assert [table.text_of(row.kept) for row in rows] == ["1,", '2,"x,y"']


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("review", "record 2 is str; a record has names of columns and their values, as a dict has"),
        (["a"], "record 2 is list; a record has names"),
        ({"a": object()}, 'record 2 cannot be read: "a" has a object, which is no text'),
        ({"a": b"x"}, 'record 2 cannot be read: "a" has a bytes, which is no text'),
        ({"a": float("inf")}, "record 2 Out of range float"),
    ],
)
def test_what_is_no_record_is_told_by_its_number(record: Any, words: str) -> None:
    """
    The others are read all the same.
    """
    _, rows, problems = _rows({"a": 1}, record, {"a": datetime(2026, 1, 2, 3, 4)})  # noqa: DTZ001  text in any case
    assert [row.number for row in rows] == [1, 3]
    assert len(problems) == 1
    assert problems[0].startswith(words)


def test_a_record_that_contains_itself_is_told() -> None:
    """
    It has no end.
    """
    record: dict[str, Any] = {}
    record["a"] = record
    assert _rows(record)[2] == ["record 1 is nested too deeply"]


def test_columns_without_end_are_told() -> None:
    """
    A column is kept in memory for each name.
    """

    def records() -> Iterator[dict[str, int]]:
        for number in range(100_000):
            yield {f"column {number}": number}

    problems = Problems()
    assert len(list(RecordTable(lambda _: records()).rows(problems))) == 10_000
    assert problems.shown()[0].message.startswith("record 10,001 is the first with which there are more than 10,000")


def test_the_objects_of_a_file_are_records(tmp_path: Path) -> None:
    """
    A line that has none is told; an array, or another kind of file, is one problem.
    """
    path, problems = tmp_path / "in.jsonl", Problems()
    path.write_text('\ufeff{"a": 1}\n[]\n{"a": 2}\n', "utf-8")
    assert [row.cells for row in RecordTable.of_file(path).rows(problems)] == [{"a": "1"}, {"a": "2"}]
    assert [error.line for error in problems.shown()] == [2]
    for content, code in (("[\n", "not_jsonl"), ("", "empty_file"), ("a,b\n1,2\n", "invalid_json_line")):
        path.write_text(content)
        problems = Problems()
        assert list(RecordTable.of_file(path).rows(problems)) == []
        assert problems.shown()[0].code == code
