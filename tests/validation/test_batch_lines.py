"""
JSONL: the rules of batch input lines.
"""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aikit.validation.limits import limits_for
from tests.jsonl.errors import JSON, errors_of, told, worded

_OPENAI = limits_for("openai")
_RELAXED = settings(deadline=None)
_CHAT = "/v1/chat/completions"
_USER = {"role": "user", "content": "Hi"}


def _request(number: int = 1, url: str = _CHAT, body: Any = None, **changes: Any) -> dict[str, Any]:
    good = {"model": "m", "messages": [_USER]}
    return {"custom_id": f"r{number}", "method": "POST", "url": url, "body": good if body is None else body} | changes


def _without(value: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key not in keys}


@pytest.mark.parametrize("key", ["custom_id", "method", "url", "body"])
def test_each_missing_key_of_a_request_is_told(key: str) -> None:
    """
    A request without one of the four keys is refused in the service's words.
    """
    (error,) = errors_of("batch", json.dumps(_without(_request(), key)).encode())
    assert worded([error]) == [("missing_required_parameter", f"Missing required parameter: '{key}'.", key, 1)]


def test_all_missing_keys_of_a_request_are_told_at_once() -> None:
    """
    An empty object lacks four keys.
    """
    assert told("batch", {}) == [
        ("missing_required_parameter", key, 1) for key in ("custom_id", "method", "url", "body")
    ]


@pytest.mark.parametrize("key", ["custom_id", "method", "url", "body"])
@pytest.mark.parametrize("value", [None, 1, 1.5, True, []])
def test_key_of_another_type_is_told_as_such(key: str, value: Any) -> None:
    """
    A key that is there with another type is not called missing.
    """
    assert told("batch", _request() | {key: value}) == [("invalid_type", key, 1)]


def test_wrong_type_is_told_in_the_words_of_the_service() -> None:
    """
    The message names what was expected and what was found.
    """
    (error,) = errors_of("batch", json.dumps(_request(custom_id=7)).encode())
    assert error.message == "Invalid type for 'custom_id': expected a string, but got an integer instead."


@pytest.mark.parametrize("method", ["GET", "post", ""])
def test_other_methods_than_post_are_refused(method: str) -> None:
    """
    A batch posts, in capitals.
    """
    assert told("batch", _request(method=method)) == [("invalid_value", "method", 1)]


@pytest.mark.parametrize("url", ["/chat/completions", "https://api.openai.com/v1/chat/completions", "", _CHAT + "/"])
def test_url_of_no_batch_endpoint_is_refused(url: str) -> None:
    """
    The url must be an endpoint's path, character for character.
    """
    (error,) = errors_of("batch", json.dumps(_request(url=url)).encode())
    assert (error.code, error.param, error.line) == ("invalid_url", "url", 1)
    assert "'/v1/chat/completions'" in error.message


def test_url_must_be_that_of_the_first_request() -> None:
    """
    A batch has one endpoint.
    """
    body = {"model": "m", "messages": [_USER], "input": "Hi"}
    lines = [_request(1), _request(2, "/v1/responses", body), _request(3)]
    content = "\n".join(map(json.dumps, lines)).encode()
    assert worded(errors_of("batch", content)) == [
        ("invalid_url", "The URL provided for this request does not match the batch endpoint.", "url", 2)
    ]


def test_custom_id_must_be_unique() -> None:
    """
    The second and third use of an id are told, each with its line.
    """
    content = "\n".join(json.dumps(_request(number)) for number in (1, 2, 1, 1)).encode()
    message = (
        "The custom_id 'r1' for this request is a duplicate of another request. "
        "The custom_id parameter must be unique for each request in a batch."
    )
    assert worded(errors_of("batch", content)) == [
        ("duplicate_custom_id", message, "custom_id", line) for line in (3, 4)
    ]


@_RELAXED
@given(st.lists(st.text(min_size=1) | st.text(min_size=39, max_size=45)))
def test_exactly_the_repeated_custom_ids_are_told(ids: list[str]) -> None:
    """
    Short and long ids alike: as many duplicates as uses beyond the first.
    """
    ids = [custom_id for custom_id in ids if custom_id]
    found = told("batch", *(_request(custom_id=custom_id) for custom_id in ids)) if ids else []
    expected = [line for line, custom_id in enumerate(ids, 1) if custom_id in ids[: line - 1]]
    assert found == [("duplicate_custom_id", "custom_id", line) for line in expected]


def test_long_custom_ids_are_told_apart_and_remembered_briefly() -> None:
    """
    Ids of any length are accepted; those that differ only at the end are different.
    """
    long = "x" * 5_000
    lines = [_request(custom_id=long + end) for end in "121"]
    assert told("batch", *lines) == [("duplicate_custom_id", "custom_id", 3)]


def test_empty_custom_id_is_refused() -> None:
    """
    Answers are joined by custom_id, so it must name something.
    """
    assert told("batch", _request(custom_id=""), _request(custom_id="")) == [
        ("invalid_value", "custom_id", 1),
        ("invalid_value", "custom_id", 2),
    ]


def test_model_must_be_that_of_the_first_request() -> None:
    """
    A batch has one model.
    """
    content = "\n".join(
        json.dumps(_request(number, body={"model": model, "messages": [_USER]}))
        for number, model in enumerate(["a", "b", "a"])
    ).encode()
    message = (
        "The model 'b' for this request does not match the rest of the batch. "
        "Each batch must contain requests for a single model."
    )
    assert worded(errors_of("batch", content)) == [("mismatched_model", message, "body.model", 2)]


@pytest.mark.parametrize("name", ["Model", "MODEL", "modeL"])
def test_the_model_has_one_spelling(name: str) -> None:
    """
    A server that reads keys in any case would ask another model than the one that was checked.
    """
    line = _request(body={"model": "m", name: "other", "messages": [_USER]})
    assert told("batch", line) == [("invalid_request", "body.model", 1)]
    assert told("batch", _request(body={"model": "m", "messages": [_USER], "metadata": {name: "m"}})) == []


def test_streaming_is_refused() -> None:
    """
    A batch answers whole; ``"stream": false`` says so too.
    """
    lines = [_request(n, body={"model": "m", "messages": [_USER], "stream": n == 1}) for n in (1, 2)]
    content = "\n".join(map(json.dumps, lines)).encode()
    assert worded(errors_of("batch", content)) == [
        ("streaming_unsupported", "Chat Completions: Streaming is not supported in the Batch API.", "body.stream", 1)
    ]


@pytest.mark.parametrize(
    ("body", "message", "param"),
    [
        ({"messages": [_USER]}, "Model parameter is required.", "body.model"),
        ({"messages": [_USER], "model": ""}, "Model parameter is required.", "body.model"),
        ({"messages": [_USER], "model": None}, "Model parameter is required.", "body.model"),
        ({"model": "m"}, "Messages parameter is required.", "body.messages"),
        ({"model": "m", "messages": []}, "Messages parameter is required.", "body.messages"),
    ],
)
def test_chat_needs_a_model_and_messages(body: Any, message: str, param: str) -> None:
    """
    What chat cannot do without is told in the service's words.
    """
    assert worded(errors_of("batch", json.dumps(_request(body=body)).encode())) == [
        ("invalid_request", message, param, 1)
    ]


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("/v1/responses", {"model": "m", "input": "Hi"}),
        ("/v1/responses", {"prompt": {"id": "pmpt_1"}}),
        ("/v1/responses", {"model": "m", "previous_response_id": "resp_1"}),
        ("/v1/responses", {"model": "m", "conversation": "conv_1"}),
        ("/v1/embeddings", {"model": "m", "input": ["a", "b"]}),
        ("/v1/completions", {"model": "m", "prompt": ""}),
        ("/v1/moderations", {"input": "a"}),
        ("/v1/moderations", {"input": [{"type": "text", "text": "a"}], "model": "omni-moderation-latest"}),
        ("/v1/images/generations", {"prompt": "a cat"}),
        ("/v1/images/edits", {"prompt": "a cat", "images": [{"file_id": "file-1"}]}),
        ("/v1/videos", {"prompt": "a cat", "model": "sora-2"}),
        (_CHAT, {"model": "m", "messages": [_USER], "stream": None, "unknown": 1}),
    ],
)
def test_what_an_endpoint_accepts_is_let_through(url: str, body: Any) -> None:
    """
    Parameters with defaults, or kept at the provider, are not demanded.
    """
    assert told("batch", _request(url=url, body=body)) == []


@pytest.mark.parametrize(
    ("url", "body", "params"),
    [
        ("/v1/responses", {}, ["body.model", "body.input"]),
        ("/v1/responses", {"conversation": "conv_1"}, ["body.model"]),
        ("/v1/embeddings", {}, ["body.model", "body.input"]),
        ("/v1/completions", {}, ["body.model", "body.prompt"]),
        ("/v1/moderations", {}, ["body.input"]),
        ("/v1/images/generations", {}, ["body.prompt"]),
        ("/v1/images/edits", {}, ["body.prompt"]),
        ("/v1/videos", {}, ["body.prompt"]),
    ],
)
def test_what_an_endpoint_cannot_do_without_is_demanded(url: str, body: Any, params: list[str]) -> None:
    """
    Each endpoint has parameters that no default replaces.
    """
    assert told("batch", _request(url=url, body=body)) == [("invalid_request", param, 1) for param in params]


@pytest.mark.parametrize(
    ("body", "param"),
    [({"model": 5, "messages": [_USER]}, "body.model"), ({"model": "m", "messages": "Hi"}, "body.messages")],
)
def test_body_parameters_of_another_type_are_told(body: Any, param: str) -> None:
    """
    A model is a string, and messages are an array.
    """
    assert told("batch", _request(body=body)) == [("invalid_type", param, 1)]


def test_several_problems_of_one_request_are_all_told() -> None:
    """
    One line, every fault.
    """
    assert told("batch", _request(1), {"method": "PUT", "url": "x", "body": {"model": "n", "stream": True}}) == [
        ("missing_required_parameter", "custom_id", 2),
        ("invalid_value", "method", 2),
        ("invalid_url", "url", 2),
    ]
    bad = {"custom_id": "r1", "method": "PUT", "url": _CHAT, "body": {"model": "n", "stream": True}}
    assert told("batch", _request(1), bad) == [
        ("duplicate_custom_id", "custom_id", 2),
        ("invalid_value", "method", 2),
        ("mismatched_model", "body.model", 2),
        ("streaming_unsupported", "body.stream", 2),
        ("invalid_request", "body.messages", 2),
    ]


@pytest.mark.parametrize("url", ["/v1/embeddings", "/v1/moderations", "/chat/completions"])
def test_body_for_another_endpoint_is_not_judged(url: str) -> None:
    """
    Of a request to another endpoint only the url is told: mend that first, and model and body may be right.
    """
    other = _request(2, url, {"model": "another", "input": "Hi"})
    assert told("batch", _request(1), other, _request(3)) == [("invalid_url", "url", 2)]


def test_body_for_no_endpoint_decides_nothing_for_the_others() -> None:
    """
    The model of a request whose url is no endpoint is not what the others must have.
    """
    assert told("batch", _request(1, "/chat", {"model": "x"}), _request(2)) == [("invalid_url", "url", 1)]


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ({"file_id": "file-1"}, None),
        ({"image_url": "https://example.com/cat.png"}, None),
        (None, None),
        ("file-1", "invalid_type"),
        (["file-1"], "invalid_type"),
        ({}, "invalid_value"),
        ({"file_id": ""}, "invalid_value"),
        ({"image_url": {"url": "x"}}, "invalid_value"),
    ],
)
def test_reference_of_a_video_is_an_object(reference: Any, code: str | None) -> None:
    """
    In a batch there is no multipart, so the reference names a stored file or an image's address.
    """
    line = _request(url="/v1/videos", body={"prompt": "a cat", "model": "sora-2", "input_reference": reference})
    assert told("batch", line) == ([(code, "body.input_reference", 1)] if code else [])


def test_too_many_requests_are_told_with_their_number() -> None:
    """
    The whole file is counted, and a problem of it has no line.
    """
    limits = attrs.evolve(_OPENAI, batch_max_lines=3)
    assert told("batch", *map(_request, range(3)), limits=limits) == []
    content = "\n".join(json.dumps(_request(number)) for number in range(5)).encode()
    (error,) = errors_of("batch", content, limits)
    assert (error.code, error.line) == ("too_many_tasks", None)
    assert "has 5 requests, but at most 3" in error.message


def test_embedding_inputs_are_counted_over_all_requests() -> None:
    """
    A text is one input, and so is an array of tokens.
    """
    limits = attrs.evolve(_OPENAI, embeddings_batch_max_inputs=6)
    inputs: list[Any] = ["a", ["a", "b"], [1, 2, 3], [[1], [2]]]
    lines = [_request(n, "/v1/embeddings", {"model": "m", "input": value}) for n, value in enumerate(inputs)]
    assert told("batch", *lines, limits=limits) == []
    extra = _request(9, "/v1/embeddings", {"model": "m", "input": "z"})
    assert told("batch", *lines, extra, limits=limits) == [("too_many_inputs", "body.input", None)]


@_RELAXED
@given(st.lists(st.dictionaries(st.sampled_from(["custom_id", "method", "url", "body"]), JSON)))
def test_no_request_however_odd_crashes_the_check(values: list[dict[str, Any]]) -> None:
    """
    Values of any type in any place are told, not raised.
    """
    told("batch", *values)
