"""
Batch lines made of the rows of a table.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aikit import jsonl
from aikit.jsonl import Rejected, from_csv, from_records, write
from tests.jsonl.errors import worded


def _csv(folder: Path, text: str) -> Path:
    path = folder / "in.csv"
    path.write_bytes(text.encode())
    return path


def _refused(lines: Any) -> list[tuple[str | None, str, str | None, int | None]]:
    with pytest.raises(Rejected) as caught:
        list(lines)
    return worded(list(caught.value.errors))


def test_each_row_becomes_a_line(tmp_path: Path) -> None:
    """
    With the number of its row as its custom_id, and whatever else a request has.
    """
    path = _csv(tmp_path, "id,review\n1,good\n2,\n3,bad\n")
    lines = list(from_csv(path, prompt="{id}: {review}", system="Be {review}.", model="m", temperature=0))
    assert [line["custom_id"] for line in lines] == ["row-2", "row-3", "row-4"]
    assert lines[0] == jsonl.chat_line("1: good", system="Be good.", model="m", custom_id="row-2", temperature=0)
    assert write(tmp_path / "in.jsonl", from_csv(str(path), prompt="{id}", model="m")).lines == 3
    assert jsonl.check(tmp_path / "in.jsonl") == ()


def test_records_become_the_same_lines(tmp_path: Path) -> None:
    """
    They are numbered from 1 on.
    """
    path = _csv(tmp_path, "review\ngood\n")
    line, same = (
        *from_csv(path, prompt="{review}", model="m"),
        *from_records([{"review": "good"}], prompt="{review}", model="m"),
    )
    assert (line.pop("custom_id"), same.pop("custom_id")) == ("row-2", "row-1")
    assert line == same


def test_rows_with_nothing_to_ask_are_left_out(tmp_path: Path) -> None:
    """
    Where all cells of the prompt are empty; what only the system message has does not count.
    """
    path = _csv(tmp_path, "id,review,more\n1,,\n2, ,\n3,,x\n")
    lines = list(from_csv(path, prompt="{review}{more}", system="You read number {id}", model="m"))
    assert [line["custom_id"] for line in lines] == ["row-4"]
    assert _refused(from_csv(path, prompt="{review}", model="m")) == [
        ("empty_file", "there is nothing to ask: no row has anything under review", "file", None)
    ]
    assert (
        _refused(from_records([], prompt="{review}", model="m"))[0][1] == "there is nothing to ask: there are no rows"
    )


def test_an_empty_system_message_is_left_out(tmp_path: Path) -> None:
    """
    A provider might refuse it.
    """
    path = _csv(tmp_path, "id,tone\n1,\n")
    assert [line["body"]["messages"] for line in from_csv(path, prompt="{id}", system="{tone}", model="m")] == [
        [{"role": "user", "content": "1"}]
    ]


def test_unknown_and_ambiguous_columns_are_told_at_once(tmp_path: Path) -> None:
    """
    Each once, however many rows there are.
    """
    path = _csv(tmp_path, "id,review,id\n1,good,1\n2,bad,2\n")
    assert _refused(from_csv(path, prompt="{reviw}", system="{id}", model="m")) == [
        (
            "unknown_column",
            'prompt names the column "reviw"; there are id, review, id; did you mean "review"?',
            "prompt",
            None,
        ),
        (
            "unknown_column",
            'system names the column "id", and 2 columns have that name; rename all but one',
            "system",
            None,
        ),
    ]
    assert len(list(from_csv(path, prompt="{review}", model="m"))) == 2


def test_a_record_without_a_column_of_the_prompt_is_told(tmp_path: Path) -> None:
    """
    By its number; nothing is written.
    """
    records = [{"review": "good"}, {"text": "x"}, {"review": None}, 7]
    with pytest.raises(Rejected) as caught:
        write(tmp_path / "in.jsonl", from_records(records, prompt="{review}", model="m"))  # type: ignore[arg-type]  # on purpose
    assert [(error.code, error.line) for error in caught.value.errors] == [("unknown_column", 2), ("invalid_type", 4)]
    assert 'record 2: prompt names the column "review"; there are text' in str(caught.value.errors[0])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"prompt": "Say hello"}, ValueError, "prompt names no column"),
        ({"prompt": "{a"}, ValueError, "prompt has a brace without a column"),
        ({"prompt": None}, TypeError, "prompt must be a string"),
        ({"system": 7}, TypeError, "system must be a string"),
        ({"model": ""}, ValueError, "model must not be empty"),
        ({"model": None}, TypeError, "model must be a string"),
        ({"messages": []}, ValueError, "body must not have messages"),
        ({"stream": True}, ValueError, "body cannot be sent: .*Streaming"),
        ({"temperature": {1, 2}}, ValueError, "'body.temperature' is set"),
    ],
)
def test_wrong_arguments_are_told_at_once(options: dict[str, Any], error: type[Exception], words: str) -> None:
    """
    Before a row is read.
    """
    with pytest.raises(error, match=words):
        from_records([], **({"prompt": "{a}", "model": "m"} | options))


def test_a_misspelt_argument_is_a_warning(tmp_path: Path) -> None:
    """
    It is a parameter of the request, as far as anything can tell; so is a guess of the encoding.
    """
    path = tmp_path / "in.csv"
    path.write_bytes("größe\nä\n".encode("cp1252"))
    with pytest.warns(UserWarning, match="Windows-1252"):
        from_csv(path, prompt="{größe}", model="m")
    with pytest.warns(UserWarning, match="unknown parameter 'temprature'.*did you mean"):
        from_records([], prompt="{a}", model="m", temprature=0)


def test_cells_are_text_in_json(tmp_path: Path) -> None:
    """
    Quotation marks, line ends and anything else.
    """
    path = _csv(tmp_path, 'review\n"a ""b""\nc 😀"\n')
    write(tmp_path / "in.jsonl", from_csv(path, prompt="{review}", model="m"))
    line = json.loads((tmp_path / "in.jsonl").read_bytes())
    assert line["body"]["messages"][0]["content"] == 'a "b"\nc 😀'
