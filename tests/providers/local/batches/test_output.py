"""
Tests of the lines of output and error files.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from aikit.providers.local.batches.answerer import Answer
from aikit.providers.local.batches.output import answered_line, unanswered_line
from aikit.types.usage import Usage


def _line(**answer: Any) -> tuple[dict[str, Any], Usage | None]:
    text, usage = answered_line("a\n\ud800", Answer(**answer))
    assert b"\n" not in text
    return json.loads(text), usage


def test_an_answer_stands_in_the_line_as_it_came() -> None:
    """Line breaks between its parts go, numbers stay to the digit, and its tokens are counted."""
    body = b'{\r\n "usage": {"prompt_tokens": 3, "completion_tokens": 4},\n "x": 0.10000000000000000001, "t": "\\n"}\n'
    text, usage = answered_line("a", Answer(status_code=200, request_id="r", body=body))
    assert b"0.10000000000000000001" in text
    assert text.splitlines() == [text]
    row = json.loads(text)
    assert row["response"] == {"status_code": 200, "request_id": "r", "body": json.loads(body)}
    assert (row["custom_id"], row["error"]) == ("a", None)
    assert usage == Usage(input_tokens=3, output_tokens=4)


@pytest.mark.parametrize(
    ("body", "expected"),
    [(b"", None), (b"<html>", "<html>"), (b'{"a": NaN}', {"a": None}), (b"\xff", "\ufffd"), (b"[1]", [1])],
)
def test_what_is_no_json_becomes_some(body: bytes, expected: Any) -> None:
    """The file stays JSON, whatever a server says."""
    row, usage = _line(status_code=502, body=body)
    assert (row["response"]["body"], usage) == (expected, None)
    assert row["response"]["request_id"].startswith("req_")
    assert row["custom_id"] == "a\n\ud800"


def test_a_request_without_an_answer_has_an_error() -> None:
    """As OpenAI writes those that timed out."""
    row, usage = _line(status_code=None, error=("request_timeout", "too slow"))
    assert row["response"] is None
    assert (row["error"], usage) == ({"code": "request_timeout", "message": "too slow"}, None)


def test_ids_are_unique() -> None:
    """Each line has one of its own."""
    ids = {json.loads(unanswered_line("a", "batch_expired", "late"))["id"] for _ in range(100)}
    assert len(ids) == 100
    assert all(each.startswith("batch_req_") for each in ids)
