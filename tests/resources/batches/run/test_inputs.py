"""
What a run is given, as a file of lines.
"""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from aikit.http.context import CallContext
from aikit.resources.batches.run.inputs import input_of
from aikit.resources.batches.run.parameters import OpenAIBatchRunParameters
from aikit.types.errors import CancelledError, Rejected
from tests.resources.batches.run.test_plan import lines


def _made(value: Any, folder: Path, context: CallContext | None = None) -> Path:
    return input_of(value, OpenAIBatchRunParameters()).make_lines(lambda: folder, context or CallContext())


def test_a_file_of_lines_is_taken_as_it_is(tmp_path: Path) -> None:
    """
    A path as text or otherwise is that of the lines; nothing is copied.
    """
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines({}))
    assert [_made(given, tmp_path) for given in (path, str(path))] == [path, path]
    assert list(tmp_path.iterdir()) == [path]


def test_lines_are_written_as_they_come(tmp_path: Path) -> None:
    """
    Mappings get what they lack, and text stays as it is, also that of an open file.
    """
    text = lines({}, {"custom_id": "b"})
    (tmp_path / "in.jsonl").write_bytes(text)
    with (tmp_path / "in.jsonl").open("rb") as file:
        assert _made(file, tmp_path).read_bytes() == text
    odd = b'{"custom_id": "c" }\r\n'
    given = [{"url": "/v1/x", "body": {"model": "m"}}, text.splitlines()[1].decode(), odd]
    made = _made(iter(given), tmp_path).read_bytes().splitlines()
    assert json.loads(made[0])["custom_id"].startswith("req-")
    assert made[1:] == [text.splitlines()[1], odd.strip()]


@pytest.mark.parametrize("line", ['{"a"\n: 1}', "\ud800", 1, {"url": "/v1/x"}])
def test_lines_that_are_none_are_told_by_their_number(tmp_path: Path, line: Any) -> None:
    """
    Nothing is left of what came before them.
    """
    with pytest.raises(Rejected) as caught:
        _made([b"{}", line], tmp_path)
    assert [error.line for error in caught.value.errors] == [2]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [b"in.jsonl", {"url": "/v1/x"}, None, 7, object()])
def test_what_is_neither_a_path_nor_lines_is_refused(value: Any) -> None:
    """
    One line alone is no iterable of lines, and bytes are no path.
    """
    with pytest.raises(TypeError, match="input must be a path, or an iterable of lines or records, not"):
        input_of(value, OpenAIBatchRunParameters())


@pytest.mark.parametrize("content", [b"{}", BytesIO(b"{}"), Path("in.jsonl")])
def test_a_content_with_its_name_is_no_input(content: Any) -> None:
    """
    It would be taken for two lines.
    """
    with pytest.raises(TypeError, match="input is a content with its name; pass the content alone"):
        input_of(("in.jsonl", content), OpenAIBatchRunParameters())


def test_taking_lines_can_be_cancelled(tmp_path: Path) -> None:
    """
    An iterable without end is left when the call is.
    """
    context = CallContext()

    def endless() -> Any:
        while True:
            yield b"{}"
            context.cancel()

    with pytest.raises((CancelledError, Rejected), match="cancel"):
        _made(endless(), tmp_path, context)
    assert list(tmp_path.iterdir()) == []
