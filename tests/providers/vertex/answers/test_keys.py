"""
Each row finds the custom_id that it belongs to, or none.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from aikit.providers.vertex.answers.ids import RowIds
from aikit.types.errors import OpenAIError
from tests.providers.vertex.answers.translated import candidate, content_of, ids_of, lines_of, row, written

_ANSWER = {"candidates": [candidate("x")]}
_IDS = ("a", "0007", "12", "012", "e")


def _custom_ids(told: Any, *, ids: tuple[str, ...] | None = _IDS) -> list[Any]:
    full = {name: value for name, value in (row(_ANSWER) | told).items() if value is not ...}
    output, _ = lines_of([full], None if ids is None else ids_of(ids))
    return [line["custom_id"] for line in output]


@pytest.mark.parametrize(
    ("told", "custom_id"),
    [
        ({"key": "r-2"}, "0007"),
        ({"key": "r-000002"}, "0007"),
        ({"key": 2}, "0007"),
        ({"key": 2.0}, "0007"),
        ({"key": None, "request": {"labels": {"aikit_key": "r-5"}}}, "e"),
        ({"key": ..., "requestId": "r-5"}, "e"),
        ({"key": ..., "custom_id": "r-1"}, "a"),
        ({"key": ..., "custom_id": 7}, "0007"),
        ({"key": ..., "requestId": 7.0}, "0007"),
        ({"key": ..., "custom_id": 12}, None),
        ({"key": "r-6"}, None),
        ({"key": "r-0"}, None),
        ({"key": "r-1x"}, None),
        ({"key": "r-٢"}, None),
        ({"key": "a"}, None),
        ({"key": 6}, None),
        ({"key": 1.5}, None),
        ({"key": True}, None),
        ({"key": ["r-1"]}, None),
        ({"key": "r-" + "9" * 5_000}, None),
        ({"key": "r-1", "request": {"labels": {"aikit_key": "r-2"}}}, None),
        ({"key": ...}, None),
    ],
)
def test_a_row_is_found_by_its_key_or_is_nobodys(told: Any, custom_id: str | None) -> None:
    """
    Keys that became numbers are known, and labels and siblings stand for a key that is missing.

    Two that differ count for none, and so does a number that two custom_ids may have become.
    """
    assert _custom_ids(told) == [custom_id]


@pytest.mark.parametrize(
    ("told", "custom_id"),
    [
        ({"key": "their own"}, "their own"),
        ({"key": 7}, "7"),
        ({"key": 7.0}, "7"),
        ({"key": ..., "requestId": "portkey"}, "portkey"),
        ({"key": ..., "custom_id": "x"}, "x"),
        ({"key": ...}, None),
    ],
)
def test_rows_of_other_programs_have_their_own_ids(told: Any, custom_id: str | None) -> None:
    """
    What they call a row is what it is called.
    """
    assert _custom_ids(told, ids=None) == [custom_id]


def test_custom_ids_in_labels_of_litellm_are_read() -> None:
    """
    They stand in several labels, in base 32.
    """
    custom_id = "Büro " * 30
    encoded = base64.b32encode(custom_id.encode()).decode().rstrip("=").lower()
    chunks = [encoded[start : start + 59] for start in range(0, len(encoded), 59)]
    names = ["litellm_custom_id_raw", *(f"litellm_custom_id_raw_{number}" for number in range(1, len(chunks)))]
    labels = {"litellm_custom_id": "b_ro", **{name: f"b32_{chunk}" for name, chunk in zip(names, chunks, strict=True)}}
    assert _custom_ids({"key": ..., "request": {"labels": labels}}, ids=None) == [custom_id]


def test_a_row_that_is_nobodys_keeps_its_key() -> None:
    """
    So that a reader may know it, though no custom_id is claimed.
    """
    output, errors = lines_of([row(_ANSWER) | {"key": "x" * 10}], ids_of(["a"]))
    assert (output[0]["custom_id"], output[0]["key"]) == (None, "x" * 10)
    assert [line["custom_id"] for line in errors] == ["a"]


def test_two_rows_of_one_key_are_both_given() -> None:
    """
    Nothing that may be paid is left out; who joins them is told by the custom_id.
    """
    output, errors = lines_of([row(_ANSWER), row(_ANSWER), row({}, status="x")], ids_of(["a"]))
    assert [line["custom_id"] for line in [*output, *errors]] == ["a", "a", "a"]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"key": "r-1", "status": "", "resp',
        b"[]",
        b"null",
        b'{"key": "r-1"} x',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"key": ' + b"9" * 5_000 + b"}",
    ],
)
def test_a_row_that_cannot_be_read_is_told_with_its_place(raw: bytes) -> None:
    """
    It is not guessed whose it is, and the rows around it are read.
    """
    output, errors = lines_of([row(_ANSWER, 1), raw, row(_ANSWER, 2)], ids_of(["a", "b"]))
    assert [line["custom_id"] for line in output] == ["a", "b"]
    assert [(line["custom_id"], line["response"], line["error"]["code"]) for line in errors] == [
        (None, None, "invalid_json_line")
    ]
    assert "line 2 of predictions.jsonl" in errors[0]["error"]["message"]


def test_rows_in_openais_format_stay_as_they_are() -> None:
    """
    They are told apart by how they ended, byte for byte.
    """
    good = b'{"custom_id": "a",  "response": {"status_code": 200, "body": {"choices": []}}, "error": null}'
    bad = b'{"custom_id": "b", "response": {"status_code": 400, "body": {"error": {"message": "m"}}}}'
    lost = b'{"custom_id": "c", "response": null, "error": {"code": "batch_expired", "message": "m"}}'
    content, ids = written([good, bad, lost]), ids_of(["a", "b", "c"])
    assert content_of(content, ids, wants_errors=False) == good + b"\n"
    assert content_of(content, ids, wants_errors=True) == bad + b"\n" + lost + b"\n"


def test_a_bare_answer_in_openais_format_gets_its_line() -> None:
    """
    A custom_id that became a number on the way is what it was.
    """
    bare = {"id": "chat-1", "object": "chat.completion", "choices": []}
    output, _ = lines_of([{"custom_id": 7, "response": bare}], ids_of(["0007", "b"]))
    assert output == [
        {"custom_id": "0007", "response": {"status_code": 200, "request_id": "chat-1", "body": bare}, "error": None}
    ]


def test_ids_that_were_changed_are_refused(tmp_path: Path) -> None:
    """
    A line without a text is nobody's custom_id.
    """
    path = tmp_path / "ids"
    for content in (b'"a"\n7\n', b'"a"\n"b\n', b'"a"\n\xff\n', b'"a"\n\n'):
        path.write_bytes(content)
        ids = RowIds.of(path)
        assert ids.custom_id(0) == "a"
        with pytest.raises(OpenAIError) as caught:
            ids.custom_id(1)
        assert caught.value.code == "invalid_response"


def test_many_ids_stay_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    They are read from there one by one, whatever is in them; the last line may have no newline.
    """
    monkeypatch.setattr("aikit.providers.vertex.answers.ids._HELD", 10)
    path, texts = tmp_path / "ids", ['"quo\n\r\u2028ted"', "", "ü" * 300_000, "last"]
    path.write_bytes("\n".join(map(json.dumps, texts)).encode())
    ids = RowIds.of(path)
    assert [ids.custom_id(number) for number in (3, 2, 1, 0)] == texts[::-1]
    ids.close()


@pytest.mark.parametrize(
    "told",
    [
        {"request": {"messages": []}, "error": {"type": "api_error", "message": "m"}},
        {"request": {"messages": []}, "error": {"code": 13, "message": "m"}, "response": None},
        {"status": "", "error": {"code": 13, "message": "m"}},
    ],
)
def test_a_failure_of_claude_is_that_of_its_line(told: Any) -> None:
    """
    It looks much as one in OpenAI's format does, whose custom_id would be the caller's.
    """
    output, errors = lines_of([{"custom_id": "r-2", **told}], ids_of(["a", "b"]))
    assert output == []
    assert [line["custom_id"] for line in errors] == ["b", "a"]
    assert errors[0]["response"]["body"]["error"]["message"] == "m"


@pytest.mark.parametrize(
    ("told", "custom_id"),
    [
        ({"custom_id": "r-1", "status": "", "response": None, "error": {"code": 13, "message": "m"}}, "r-1"),
        ({"custom_id": "b", "status": 'Bad Request: {"error": {"code": 400, "message": "m"}}', "response": {}}, "b"),
        ({"custom_id": "b", "response": {"error": {"message": "m"}}}, "b"),
        ({"custom_id": "b", "response": None, "error": "m"}, "b"),
        ({"custom_id": 7, "status": "m", "response": {}}, "007"),
        ({"key": "r-2", "status": "m"}, None),
    ],
)
def test_lines_that_went_as_they_were_have_their_own_custom_ids(told: Any, custom_id: str | None) -> None:
    """
    Also in rows that are not in OpenAI's format; one that looks as a key of ours is none.
    """
    ids = ids_of(["a", "r-1", "b", "007"])
    lines = content_of(written([told]), ids, wants_errors=True, has_own_ids=True).splitlines()
    (line,) = map(json.loads, lines)
    assert line["custom_id"] == custom_id
