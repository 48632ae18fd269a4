"""
What makes a batch fail before any line is run, and what is refused at once, in OpenAI's words.
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from aikit.http.bodies import BytesBody, json_body
from aikit.providers.local.batches import input as batch_input
from aikit.validation.limits import limits_for
from tests.providers.local.conftest import API
from tests.providers.local.embedded_batches import ENDPOINT, ended, input_of, jsonl, line


def broken(**changes: Any) -> dict[str, Any]:
    """Return an input line with *changes*; ``None`` leaves a key out."""
    return {key: value for key, value in (line("b") | changes).items() if value is not None}


def with_body(**changes: Any) -> dict[str, Any]:
    """Return an input line with *changes* of its body; ``None`` leaves a key out."""
    body = {key: value for key, value in (line("b")["body"] | changes).items() if value is not None}
    return line("b", body=body)


TABLE: dict[str, tuple[list[Any], list[tuple[str, str | None, int | None]]]] = {
    "invalid_json_line": ([line("a"), b"{"], [("invalid_json_line", None, 2)]),
    "missing keys, all at once": (
        [line("a"), {"x": 1}],
        [("missing_required_parameter", key, 2) for key in ("custom_id", "body")],
    ),
    "endpoint is not the url": ([line("a", url="/v1/embeddings")], [("invalid_url", "url", 1)]),
    "url of nothing": ([line("a", url="/v1/nothing")], [("invalid_url", "url", 1)]),
    "duplicate_custom_id": ([line("a"), line("b"), line("a")], [("duplicate_custom_id", "custom_id", 3)]),
    "mismatched_model": ([line("a"), with_body(model="n")], [("mismatched_model", "body.model", 2)]),
    "streaming_unsupported": ([line("a"), with_body(stream=True)], [("streaming_unsupported", "body.stream", 2)]),
    "no model": ([line("a"), with_body(model=None)], [("invalid_request", "body.model", 2)]),
    "no messages": ([line("a"), with_body(messages=None)], [("invalid_request", "body.messages", 2)]),
}
"""Input → code, param and line of each error; the first line of a file is JSON, or the upload is refused."""


@pytest.mark.parametrize(("lines", "expected"), TABLE.values(), ids=list(TABLE))
def test_a_bad_line_fails_the_batch(api: API, lines: list[Any], expected: list[Any]) -> None:
    """The errors have OpenAI's codes, params and lines; nothing is run, and no counts are told."""
    content = b"".join(each + b"\n" if isinstance(each, bytes) else jsonl([each]) for each in lines)
    batch = ended(api, api.batch(api.stored_id(content))["id"])
    assert [(error["code"], error["param"], error["line"]) for error in batch["errors"]["data"]] == expected
    assert (batch["status"], batch["errors"]["object"]) == ("failed", "list")
    assert batch["failed_at"] is not None
    assert batch["request_counts"] == {"total": 0, "completed": 0, "failed": 0}
    for name in ("output_file_id", "error_file_id", "in_progress_at", "model"):
        assert batch[name] is None


def test_the_words_are_openais(api: API) -> None:
    """Where they are known, messages are the same."""
    wrong = [line("a", url="/v1/embeddings"), with_body(stream=True), with_body(model=None)]
    batch = ended(api, api.batch(api.stored_id(jsonl(wrong)))["id"])
    assert {error["message"] for error in batch["errors"]["data"]} == {
        "The URL provided for this request does not match the batch endpoint.",
        "Chat Completions: Streaming is not supported in the Batch API.",
        "Model parameter is required.",
        (
            "The custom_id 'b' for this request is a duplicate of another request. "
            "The custom_id parameter must be unique for each request in a batch."
        ),
    }


def test_an_input_that_is_not_there_fails_the_batch(api: API) -> None:
    """The order itself is taken."""
    batch = ended(api, api.batch("file-missing")["id"])
    (error,) = batch["errors"]["data"]
    assert (error["code"], error["param"], error["line"]) == ("invalid_request", "file_id", None)
    assert error["message"].startswith("Cannot find file file-missing, or organization ")


def test_a_file_for_something_else_fails_the_batch(api: API) -> None:
    """Files are used for what they were uploaded for."""
    batch = ended(api, api.batch(api.stored_id(input_of(1), "user_data"))["id"])
    (error,) = batch["errors"]["data"]
    assert (error["code"], error["line"]) == ("invalid_request", None)
    assert "purpose 'user_data'" in error["message"]


def test_too_much_input_fails_the_batch(api: API, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many lines, too many bytes."""
    file_id = api.stored_id(input_of(4))
    small = attrs.evolve(limits_for("local"), batch_max_lines=3, batch_max_bytes=100)
    monkeypatch.setattr(batch_input, "limits_for", lambda _: small)
    batch = ended(api, api.batch(file_id)["id"])
    assert [(error["code"], error["line"]) for error in batch["errors"]["data"]] == [
        ("too_many_tasks", None),
        ("file_too_large", None),
    ]
    assert "larger than the 100 maximum for the m model" in batch["errors"]["data"][1]["message"]


def test_many_bad_lines_are_told_up_to_a_hundred(api: API) -> None:
    """One error a line, and how many more there are."""
    batch = ended(api, api.batch(api.stored_id(jsonl([line("a")] * 300)))["id"])
    data = batch["errors"]["data"]
    assert len(data) == 100
    assert [error["line"] for error in data[:99]] == list(range(2, 101))
    assert "200 more problems" in data[-1]["message"]


ENDPOINTS = (
    "'/v1/responses', '/v1/chat/completions', '/v1/embeddings', '/v1/completions', '/v1/moderations', "
    "'/v1/images/generations', '/v1/images/edits', and '/v1/videos'"
)
REFUSED: dict[str, tuple[dict[str, Any], str | None, str | None, str]] = {
    "endpoint": (
        {"endpoint": "/v1/x"},
        "endpoint",
        "invalid_value",
        f"Invalid value: '/v1/x'. Supported values are: {ENDPOINTS}.",
    ),
    "completion_window": (
        {"completion_window": "1h"},
        "completion_window",
        "invalid_value",
        "Invalid value: '1h'. Supported values are: '24h'.",
    ),
    "no file": ({"input_file_id": None}, "input_file_id", "missing_required_parameter", "Missing required parameter"),
    "file of a wrong type": (
        {"input_file_id": 1},
        "input_file_id",
        "invalid_type",
        "expected a string",
    ),
    "metadata of arrays": (
        {"metadata": {"tags": ["a"]}},
        "metadata.tags",
        "invalid_type",
        "Invalid type for 'metadata.tags': expected a string, but got an array instead.",
    ),
    "metadata of a wrong type": ({"metadata": "x"}, "metadata", "invalid_type", "expected an object"),
    "too many pairs": (
        {"metadata": {str(number): "x" for number in range(17)}},
        "metadata",
        "object_above_max_properties",
        "at most 16",
    ),
    "long key": ({"metadata": {"k" * 65: "x"}}, "metadata", "property_name_above_max_length", "maximum length 64"),
    "long value": ({"metadata": {"k": "x" * 513}}, "metadata.k", "string_above_max_length", "maximum length 512"),
    "expiry too soon": (
        {"output_expires_after": {"anchor": "created_at", "seconds": 3599}},
        "output_expires_after.seconds",
        "integer_below_min_value",
        ">= 3600",
    ),
    "expiry too late": (
        {"output_expires_after": {"anchor": "created_at", "seconds": 2_592_001}},
        "output_expires_after.seconds",
        "integer_above_max_value",
        "<= 2592000",
    ),
    "expiry in words": (
        {"output_expires_after": {"anchor": "created_at", "seconds": "3600"}},
        "output_expires_after.seconds",
        "invalid_type",
        "expected an integer, but got a string",
    ),
    "expiry from another anchor": (
        {"output_expires_after": {"anchor": "now", "seconds": 3600}},
        "output_expires_after.anchor",
        "invalid_value",
        "'created_at'",
    ),
    "expiry without anchor": (
        {"output_expires_after": {"seconds": 3600}},
        "output_expires_after.anchor",
        "missing_required_parameter",
        "Missing",
    ),
    "expiry without seconds": (
        {"output_expires_after": {"anchor": "created_at"}},
        "output_expires_after.seconds",
        "missing_required_parameter",
        "Missing",
    ),
    "expiry with more": (
        {"output_expires_after": {"anchor": "created_at", "seconds": 3600, "x": 1}},
        "output_expires_after.x",
        "unknown_parameter",
        "Unknown parameter",
    ),
    "expiry of a wrong type": ({"output_expires_after": 3600}, "output_expires_after", "invalid_type", "an object"),
    "an unknown parameter": ({"colour": "red"}, "colour", "unknown_parameter", "Unknown parameter: 'colour'."),
}


@pytest.mark.parametrize(("changes", "param", "code", "words"), REFUSED.values(), ids=list(REFUSED))
def test_orders_are_refused_as_openai_does(
    api: API, changes: dict[str, Any], param: str | None, code: str | None, words: str
) -> None:
    """Status 400, with code, param and the words where they are known; no batch is made."""
    wanted = {"input_file_id": "file-1", "endpoint": ENDPOINT, "completion_window": "24h"} | changes
    response = api.call("POST", "/batches", body=json_body(wanted))
    error = response.json()["error"]
    assert (response.status, error["type"], error["param"], error["code"]) == (
        400,
        "invalid_request_error",
        param,
        code,
    )
    assert words in error["message"]
    assert api.call("GET", "/batches").json()["data"] == []


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'"x"', b"\xff", b"[" * 100_000])
def test_orders_that_are_no_json_object_are_refused(api: API, content: bytes) -> None:
    """Whatever it is, it is answered."""
    assert api.call("POST", "/batches", body=BytesBody(content=content)).status == 400


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "order=asc"])
def test_questions_for_lists_are_refused_as_openai_does(api: API, query: str) -> None:
    """A limit is from 1 to 100, and there is no order."""
    assert api.call("GET", f"/batches?{query}").status == 400


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/batches/x"), ("POST", "/batches/x/cancel"), ("GET", "/batches?after=x")]
)
def test_a_batch_that_is_not_there_is_404(api: API, method: str, path: str) -> None:
    """In OpenAI's words."""
    response = api.call(method, path)
    assert (response.status, response.json()["error"]["message"]) == (404, "No batch found with id 'x'.")


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/batches"), ("DELETE", "/batches/x"), ("GET", "/batches/x/cancel")]
)
def test_other_methods_are_not_supported(api: API, method: str, path: str) -> None:
    """A known address with a method it does not have is told so; batches are never deleted."""
    response = api.call(method, path)
    assert (response.status, response.json()["error"]["code"]) == (405, "method_not_supported")
