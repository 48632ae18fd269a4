"""
Results and cost read a line alike: what is ok for the one is paid for the other.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from aikit.billing.usage_counter import UsageCounter
from aikit.types.batch_rows import OpenAIBatchRow, status_of
from tests.billing.lines import usage

_BODY: dict[str, Any] = {"model": "m", "usage": usage(10, 5)}


def _line(response: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    return {"custom_id": "a", "response": response, "error": None, **more}


@pytest.mark.parametrize(
    ("line", "is_ok"),
    [
        (_line({"status_code": 200, "body": _BODY}), True),
        (_line({"status_code": "200", "body": _BODY}), True),
        (_line({"status_code": 200.0, "body": _BODY}), True),
        (_line({"status_code": "400", "body": _BODY}), False),
        (_line({"status_code": None, "body": _BODY}), True),
        (_line({"body": _BODY}), True),
        (_line({"status_code": "", "body": _BODY}), True),
        (_line({"status_code": None, "body": None}), False),
        (_line({"status_code": 200, "body": _BODY}, error={"code": None, "message": None}), True),
        (_line({"status_code": 200, "body": _BODY}, error={}), True),
        (_line({"status_code": 200, "body": _BODY | {"error": {"code": None, "message": None}}}), True),
        (_line({"status_code": 200, "body": _BODY}, error={"code": "x", "message": None}), False),
        (_line({"status_code": 200, "body": _BODY | {"error": {"message": "no"}}}), False),
        (_line({"status_code": 200, "body": json.dumps(_BODY)}), True),
        (_line({"status_code": None, "body": json.dumps(_BODY)}), True),
        (_line({"status_code": 200, "body": " " + json.dumps(_BODY, indent=1) + "\n"}), True),
        (_line({"status_code": 200, "body": json.dumps(_BODY | {"model": "ä", "logprob": float("-inf")})}), True),
        (_line({"status_code": 200, "body": _BODY | {"logprob": float("nan")}}), True),
        (_line({"status_code": 200, "body": {"type": "response.completed", "response": _BODY}}), True),
        (_line({"status_code": 200, "body": {"type": "response.failed", "response": {"error": {"code": "x"}}}}), False),
        (_line({"status_code": 400, "body": json.dumps({"error": {"message": "no"}})}), False),
        (_line(None, error={"code": "batch_expired", "message": "too late"}), False),
    ],
)
def test_what_is_ok_is_the_same_for_both(line: dict[str, Any], *, is_ok: bool) -> None:
    """
    Numbers in strings, no status, errors that say nothing, a body in a string.
    """
    counter = UsageCounter(lambda _: None)
    counter.add_lines(json.dumps(line).encode() + b"\n", 0)
    assert (status_of(line) == "ok", counter.answered, counter.failed) == (is_ok, is_ok, not is_ok)
    assert (counter.untold, counter.problem_count) == (line["response"] == {"status_code": None, "body": None}, 0)
    row = OpenAIBatchRow(
        line=1, custom_id="a", status=status_of(line), batch_id="b", output_line=json.dumps(line).encode()
    )
    told = sum(counts.input_tokens for counts in counter.counts.values())
    assert (row.usage.input_tokens if row.usage else 0) == told
    assert {row.model} == {model for model, _ in counter.counts} or row.model is None


@pytest.mark.parametrize(("said", "status"), [("200", 200), (" 200", None), ("4e2", None), (True, None), (404.0, 404)])
def test_a_status_is_a_number_however_it_is_written(said: Any, status: int | None) -> None:
    """
    Texts that are no plain number are none.
    """
    line = json.dumps(_line({"status_code": said, "body": _BODY})).encode()
    row = OpenAIBatchRow(line=1, custom_id="a", status="failed", batch_id="b", output_line=line)
    assert row.status_code == status


def test_null_members_are_not_quoted_as_the_error() -> None:
    """
    Where the line's error says nothing, the body's counts.
    """
    line = _line(
        {"status_code": 400, "body": {"error": {"message": "too long", "code": "x"}}},
        error={"code": None, "message": None},
    )
    row = OpenAIBatchRow(line=1, custom_id="a", status="failed", batch_id="b", output_line=json.dumps(line).encode())
    assert row.error is not None
    assert (row.error.message, row.error.code) == ("too long", "x")


def test_usage_by_geminis_name_is_read_by_both() -> None:
    """
    As Vertex and the native Gemini API call it.
    """
    body = {"model": "m", "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "thoughtsTokenCount": 4}}
    line = json.dumps(_line({"status_code": 200, "body": body})).encode()
    counter = UsageCounter(lambda _: None)
    counter.add_lines(line + b"\n", 0)
    row = OpenAIBatchRow(line=1, custom_id="a", status="ok", batch_id="b", output_line=line)
    assert row.usage == counter.counts["m", 0].usage
    assert row.usage is not None
    assert (row.usage.input_tokens, row.usage.output_tokens, row.usage.reasoning_tokens) == (3, 6, 4)


@pytest.mark.parametrize(
    "response", [None, {}, {"status_code": None, "body": None}, {"status_code": 200, "body": None}]
)
@pytest.mark.parametrize("error", [None, {}, {"code": None, "message": None}])
def test_a_line_that_tells_nothing_may_have_been_paid(response: Any, error: Any) -> None:
    """
    The provider counts it, and tells neither an answer nor why there is none: what it cost is not known, and not 0.
    """
    counter = UsageCounter(lambda _: None)
    counter.add_lines(json.dumps(_line(response, error=error)).encode() + b"\n", 0)
    assert (counter.answered, counter.failed, counter.untold) == (0, 1, 1)
