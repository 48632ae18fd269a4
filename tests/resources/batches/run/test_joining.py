"""
The rows of several batches, put back into the order of the input.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.resources.batches.run.inputs import write_rows
from aikit.resources.batches.run.joining import merge
from aikit.types.batch_rows import OpenAIBatchRow
from aikit.types.errors import OpenAIError


def row(custom_id: str, line: int = 1) -> OpenAIBatchRow:
    """
    Return a row as a part has it.
    """
    return OpenAIBatchRow(line=line, custom_id=custom_id, status="missing", batch_id="b")


@given(st.lists(st.integers(0, 4), max_size=40))
def test_rows_come_in_the_order_of_the_input(tmp_path_factory: pytest.TempPathFactory, parts: list[int]) -> None:
    """
    However the lines were dealt out, they come back in their order, with their own numbers.
    """
    path = tmp_path_factory.mktemp("joining") / "in.jsonl"
    path.write_text("".join(json.dumps({"custom_id": f"r{number}"}) + "\n" for number in range(len(parts))))
    dealt = [[row(f"r{number}") for number, part in enumerate(parts) if part == which] for which in range(5)]
    found = [(one.line, one.custom_id) for one in merge(path, dealt)]
    assert found == [(number + 1, f"r{number}") for number in range(len(parts))]


def test_parts_that_follow_one_another_are_read_one_at_a_time(tmp_path: Path) -> None:
    """
    However many there are, the files of one are open; where lines alternate, those of the parts that share them.
    """
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"custom_id": name}) + "\n" for name in "abcdef"))
    reading: set[str] = set()

    def part(names: str) -> Iterator[OpenAIBatchRow]:
        reading.add(names)
        yield from map(row, names)
        reading.remove(names)

    seen = [(one.custom_id, sorted(reading)) for one in merge(path, map(part, ("ab", "ce", "d", "f")))]
    assert seen == [
        ("a", ["ab"]),
        ("b", ["ab"]),
        ("c", ["ce"]),
        ("d", ["ce", "d"]),
        ("e", ["ce"]),
        ("f", ["f"]),
    ]


def test_blank_lines_count_and_have_no_row(tmp_path: Path) -> None:
    """
    The number of a line is that of the file.
    """
    path = tmp_path / "in.jsonl"
    path.write_text('{"custom_id": "a"}\n\n{"custom_id": "b"}\n')
    assert [one.line for one in merge(path, [[row("b")], [row("a")]])] == [1, 3]


def test_a_line_that_no_batch_has_is_an_error(tmp_path: Path) -> None:
    """
    An input that was changed meanwhile is noticed.
    """
    path = tmp_path / "in.jsonl"
    path.write_text('{"custom_id": "a"}\n')
    with pytest.raises(OpenAIError, match=r"line 1 of .* is in none of the batches"):
        list(merge(path, [[row("b")]]))


def test_the_name_says_how_rows_are_written(tmp_path: Path) -> None:
    """
    A name that ends in .csv gets comma-separated values, every other JSON lines.
    """
    assert write_rows([row("a")], tmp_path / "x.csv") == 1
    assert (tmp_path / "x.csv").read_text().startswith("line,custom_id,status")
    assert write_rows([row("a"), row("b")], tmp_path / "x.out") == 2
    assert [json.loads(line)["custom_id"] for line in (tmp_path / "x.out").read_text().splitlines()] == ["a", "b"]
