"""
Rows that failed come back as the lines of an error file.
"""

from __future__ import annotations

from typing import Any

import pytest

from aikit.types.batch_rows import OpenAIBatchRow, status_of
from tests.providers.vertex.answers.translated import candidate, failed, ids_of, lines_of, row, written

_WORDS = 'Bad Request: {"error": {"code": 400, "message": "Use a valid role.", "status": "INVALID_ARGUMENT"}}'


def test_a_failure_is_told_as_openai_tells_it() -> None:
    """
    Status, code and words stand in the body of the response, and error is null.
    """
    line = failed({"status": _WORDS})
    error = {"message": "Use a valid role.", "type": "invalid_request_error", "param": None, "code": "INVALID_ARGUMENT"}
    response = {"status_code": 400, "request_id": None, "body": {"error": error}}
    assert line == {"id": "batch_req_r-000001", "custom_id": "one", "response": response, "error": None}
    assert status_of(line) == "failed"
    read = OpenAIBatchRow(line=1, custom_id="one", status="failed", batch_id="b", output_line=written([line]))
    assert read.error is not None
    assert (read.error.code, read.error.message, read.error.status) == ("INVALID_ARGUMENT", "Use a valid role.", 400)


@pytest.mark.parametrize(
    ("told", "status", "code"),
    [
        ({"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"}}, 429, "RESOURCE_EXHAUSTED"),
        ({"code": 3, "message": "m"}, 400, "3"),
        ({"code": 14, "message": "m"}, 503, "14"),
        ({"status": "INTERNAL", "message": "m", "code": 13}, 500, "INTERNAL"),
        ("Internal Server Error", 500, "internal_server_error"),
        ("Too Many Requests: slow down", 429, "too_many_requests"),
        ("Deadline exceeded.", 504, "gateway_timeout"),
        ("RESOURCE_EXHAUSTED: no quota", 429, "too_many_requests"),
        ("Bad Request: {cut", 400, "bad_request"),
        ("gone wrong", 500, "internal_server_error"),
        ('x {"error": "words"}', 500, "internal_server_error"),
        ("Bad Request: " + "{" * 100_000, 400, "bad_request"),
        (7, 500, "internal_server_error"),
        (["x"], 500, "internal_server_error"),
        ({"code": 5}, 404, "5"),
    ],
)
def test_any_status_that_is_not_empty_is_a_failure(told: Any, status: int, code: str) -> None:
    """
    Numbers of HTTP and of gRPC, names and phrases say the status; what says none is an error of the server.
    """
    line = failed({"status": told})
    assert line["response"]["status_code"] == status
    assert line["response"]["body"]["error"]["code"] == code
    assert 0 < len(line["response"]["body"]["error"]["message"]) < 3_000


@pytest.mark.parametrize("told", ["", None, {}, [], {"code": 0, "message": ""}, {"code": None, "details": []}, 0])
def test_a_status_that_is_empty_is_none(told: Any) -> None:
    """
    An answer beside it is believed, also beside an error whose members are empty.
    """
    response = {"candidates": [candidate("x")]}
    for name in ("status", "error"):
        output, errors = lines_of([row(response) | {name: told}], ids_of(["one"]))
        assert (len(output), errors) == (1, [])


def test_a_failure_with_an_answer_beside_it_has_failed_and_its_tokens_count() -> None:
    """
    An answer is not believed that is said to have failed; what it told of its tokens is kept.
    """
    response = {"candidates": [candidate("x")], "usageMetadata": {"promptTokenCount": 3}, "responseId": "abc"}
    line = failed({"status": _WORDS, "response": response})
    assert line["response"]["body"]["usage"]["prompt_tokens"] == 3
    assert line["response"]["request_id"] == "abc"


def test_a_row_with_an_error_in_place_of_a_status_has_failed() -> None:
    """
    Files of errors have such rows.
    """
    line = failed({"status": None, "error": {"code": 8, "message": "no quota"}})
    assert (line["response"]["status_code"], line["response"]["body"]["error"]["message"]) == (429, "no quota")


def test_requests_without_a_row_are_told() -> None:
    """
    The error file has a line for each, which says what became of the batch; response is null where error is not.
    """
    output, errors = lines_of([row({"candidates": [candidate("x")]}, 2)], ids_of(["a", "b", "c"]))
    assert [line["custom_id"] for line in output] == ["b"]
    assert [line["custom_id"] for line in errors] == ["a", "c"]
    for line in errors:
        assert line["response"] is None
        assert line["error"]["code"] == "no_answer"
