"""
The built-in model: what it says, how it says it, and what it refuses.
"""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.http.context import CallContext
from aikit.providers.local.batches.answerer import Answer, Task
from aikit.providers.local.model import BuiltInModel
from aikit.providers.local.model.text import tokens_of
from aikit.types.usage import Usage

CHAT, COMPLETIONS, EMBEDDINGS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
RESPONSES, MODERATIONS = "/v1/responses", "/v1/moderations"
ASKED = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Why is the sky blue?"}]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def answer(url: str, body: Any, custom_id: str = "q1") -> Answer:
    """Ask the model at noon."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return BuiltInModel(now=lambda: 1_795_262_400.5).answer(
        Task(line=1, custom_id=custom_id, url=url, body=raw), CallContext()
    )


def said(url: str, **body: Any) -> Any:
    """Ask for what is answered well."""
    found = answer(url, {"model": "m"} | body)
    assert found.is_ok, found.body
    return json.loads(found.body)


def refused(url: str, body: Any) -> tuple[Any, ...]:
    """Ask for what is refused; return param, code and message."""
    found = answer(url, body)
    assert (found.status_code, found.error, found.is_ok) == (400, None, False)
    error = json.loads(found.body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    return error["param"], error["code"], error["message"]


def content(**body: Any) -> str:
    """Return the text of a chat completion."""
    text: str = said(CHAT, messages=ASKED, **body)["choices"][0]["message"]["content"]
    return text


@pytest.mark.parametrize(
    ("url", "extra", "error"),
    [
        (CHAT, {"temprature": 0}, (None, None, "Unrecognized request argument supplied: temprature")),
        (CHAT, {"b": None, "a": 1}, (None, None, "Unrecognized request arguments supplied: b, a")),
        (COMPLETIONS, {"messages": []}, (None, None, "Unrecognized request argument supplied: messages")),
        (EMBEDDINGS, {"top_p": 1}, (None, None, "Unrecognized request argument supplied: top_p")),
        (MODERATIONS, {"user": "u"}, (None, None, "Unrecognized request argument supplied: user")),
        (RESPONSES, {"b": 1, "a": 1}, ("b", "unknown_parameter", "Unknown parameter: 'b'.")),
        (RESPONSES, {"max_tokens": 1}, ("max_tokens", "unknown_parameter", "Unknown parameter: 'max_tokens'.")),
    ],
)
def test_unknown_parameters_are_refused(url: str, extra: dict[str, Any], error: tuple[Any, ...]) -> None:
    """
    Each endpoint does so in its own words, before it looks at what it knows.
    """
    assert refused(url, {"model": "m"} | extra) == error


def test_a_chat_completion_has_openais_shape() -> None:
    """
    All fields are there, and the tokens add up.
    """
    value = said(CHAT, messages=ASKED)
    usage = value.pop("usage")
    assert value.pop("id").startswith("chatcmpl-")
    assert value == {
        "object": "chat.completion",
        "created": 1_795_262_400,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Why is the sky blue?",
                    "refusal": None,
                    "annotations": [],
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "service_tier": "default",
        "system_fingerprint": "fp_aikit",
    }
    assert Usage.from_wire(usage) == Usage(input_tokens=20, output_tokens=6)
    assert usage["total_tokens"] == 26
    assert set(usage["completion_tokens_details"]) >= {"reasoning_tokens", "audio_tokens"}


def test_the_same_request_gets_the_same_answer_and_another_one_another_id() -> None:
    """
    Answer and ids are made from the request and its custom_id, and from nothing else.
    """
    body = {"model": "m", "messages": ASKED}
    assert answer(CHAT, body) == answer(CHAT, body)
    ids = {(found.request_id, json.loads(found.body)["id"]) for found in (answer(CHAT, body), answer(CHAT, body, "q2"))}
    assert len(ids) == 2


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_the_limit_of_tokens_cuts_the_answer(name: str) -> None:
    """
    What does not fit is not said, and finish_reason says so.
    """
    value = said(CHAT, messages=ASKED, **{name: 3})
    assert value["choices"][0]["message"]["content"] == "Why is the"
    assert value["choices"][0]["finish_reason"] == "length"
    assert value["usage"]["completion_tokens"] == 3
    assert said(CHAT, messages=ASKED, **{name: 6})["choices"][0]["finish_reason"] == "stop"


def test_stop_and_n() -> None:
    """
    The answer ends before the first stop word, and comes as often as asked for.
    """
    value = said(CHAT, messages=ASKED, stop=["blue", " sky"], n=3)
    assert [choice["message"]["content"] for choice in value["choices"]] == ["Why is the"] * 3
    assert [choice["index"] for choice in value["choices"]] == [0, 1, 2]
    assert value["usage"]["completion_tokens"] == 9


def test_parts_of_a_message_are_said_too() -> None:
    """
    Texts are joined, other parts are named.
    """
    parts = [{"type": "text", "text": "What is"}, {"type": "image_url", "image_url": {"url": "https://example.com"}}]
    assert said(CHAT, messages=[{"role": "user", "content": parts}])["choices"][0]["message"]["content"] == (
        "What is [image_url]"
    )


def test_a_json_object_is_one() -> None:
    """
    Whoever asks for JSON must say so in a message, as at OpenAI, and gets it.
    """
    asked = [{"role": "user", "content": 'Say "naïve" in JSON'}]
    text = said(CHAT, messages=asked, response_format={"type": "json_object"})["choices"][0]["message"]["content"]
    assert json.loads(text) == {"answer": 'Say "naïve" in JSON'}
    param, code, message = refused(CHAT, {"model": "m", "messages": ASKED, "response_format": {"type": "json_object"}})
    assert (param, code) == ("messages", None)
    assert "must contain the word 'json'" in message


def test_a_schema_is_kept_to() -> None:
    """
    Every kind of value has its type and keeps within its bounds; references are followed and recursion ends.
    """
    schema = {
        "type": "object",
        "properties": {
            "text": {"type": "string", "maxLength": 6},
            "long": {"type": "string", "minLength": 30},
            "day": {"type": "string", "format": "date"},
            "colour": {"enum": ["red", "blue"]},
            "fixed": {"const": 7},
            "count": {"type": "integer", "minimum": 3, "multipleOf": 2},
            "below": {"type": "integer", "exclusiveMaximum": 0},
            "above": {"type": "number", "exclusiveMinimum": 1},
            "yes": {"type": "boolean"},
            "maybe": {"type": ["string", "null"]},
            "three": {"type": "array", "items": {"type": "integer"}, "minItems": 3},
            "none": {"type": "array", "items": {"type": "integer"}, "maxItems": 0},
            "either": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "child": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
        },
        "required": ["text"],
        "$defs": {
            "node": {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}}
        },
    }
    form = {"type": "json_schema", "json_schema": {"name": "all", "schema": schema, "strict": True}}
    value = json.loads(content(response_format=form))
    child = value.pop("child")
    assert value == {
        "text": "Why is",
        "long": "Why is the sky blue?..........",
        "day": "2026-01-31",
        "colour": "red",
        "fixed": 7,
        "count": 4,
        "below": -1,
        "above": 2,
        "yes": True,
        "maybe": "Why is the sky blue?",
        "three": [0, 0, 0],
        "none": [],
        "either": 0,
    }
    assert set(child) == {"next"}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"anyOf": [{"$ref": "#"}]},
        {"type": "object", "properties": {name: {"$ref": "#"} for name in "abcdefgh"}, "required": list("abcdefgh")},
        {"type": "array", "items": {"$ref": "#"}, "minItems": 50},
        {"type": "integer", "minimum": 1e300},
        {"type": "string", "minLength": 10**12},
        {"$ref": "#/$defs/missing"},
        {"type": "nothing"},
        {"type": []},
    ],
)
def test_a_schema_that_nothing_fits_is_answered_all_the_same(schema: Any) -> None:
    """
    Endless recursion and impossible bounds cost neither time nor a crash.
    """
    form = {"type": "json_schema", "json_schema": {"name": "odd", "schema": schema}}
    assert len(content(response_format=form)) < 500_000


@given(schema=JSON)
def test_no_schema_is_a_crash(schema: Any) -> None:
    """
    Whatever stands where a schema should be, the answer is JSON or a refusal.
    """
    form = {"type": "json_schema", "json_schema": {"name": "any", "schema": schema}}
    found = answer(CHAT, {"model": "m", "messages": ASKED, "response_format": form})
    assert found.status_code in {200, 400}
    json.loads(found.body)


def test_completions_answer_each_prompt() -> None:
    """
    Prompts are texts or tokens, each gets n choices, and sixteen tokens are the most unless asked for otherwise.
    """
    value = said(COMPLETIONS, prompt=["one two", [1, 2]], n=2, echo=True)
    assert [choice["text"] for choice in value["choices"]] == ["one twoone two"] * 2 + ["1 21 2"] * 2
    assert [choice["index"] for choice in value["choices"]] == [0, 1, 2, 3]
    assert value["object"] == "text_completion"
    long = said(COMPLETIONS, prompt="a " * 40)
    assert long["choices"][0]["finish_reason"] == "length"
    assert long["usage"]["completion_tokens"] == 16


def test_a_response_has_openais_shape() -> None:
    """
    The text is in an output message, and what was asked for is repeated.
    """
    value = said(RESPONSES, input=ASKED, instructions="Be kind.", metadata={"a": "b"}, temperature=0.5)
    assert value["id"].startswith("resp_")
    assert (value["object"], value["status"], value["completed_at"]) == ("response", "completed", 1_795_262_400)
    (message,) = value["output"]
    assert message.pop("id").startswith("msg_")
    assert message == {
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Why is the sky blue?", "annotations": [], "logprobs": []}],
    }
    assert Usage.from_wire(value["usage"]) == Usage(input_tokens=27, output_tokens=6)
    assert (value["instructions"], value["metadata"], value["temperature"]) == ("Be kind.", {"a": "b"}, 0.5)


def test_a_response_that_is_cut_is_incomplete() -> None:
    """
    The Responses API has a status for it, and a reason.
    """
    value = said(RESPONSES, input="word " * 40, max_output_tokens=16)
    assert (value["status"], value["completed_at"]) == ("incomplete", None)
    assert value["incomplete_details"] == {"reason": "max_output_tokens"}


def test_a_response_in_the_form_of_a_schema() -> None:
    """
    The Responses API has its format elsewhere.
    """
    form = {"type": "json_schema", "name": "one", "schema": {"type": "object", "properties": {"a": {"type": "null"}}}}
    value = said(RESPONSES, input="x", text={"format": form})
    assert json.loads(value["output"][0]["content"][0]["text"]) == {"a": None}
    assert value["text"] == {"format": form}


def test_embeddings_are_unit_vectors_of_the_wished_size() -> None:
    """
    The usual size is 1536; base64 holds the same numbers as 32-bit floats.
    """
    assert len(said(EMBEDDINGS, input="hello")["data"][0]["embedding"]) == 1536
    plain = said(EMBEDDINGS, input=["hello world", [1, 2, 3]], dimensions=64)
    packed = said(EMBEDDINGS, input=["hello world", [1, 2, 3]], dimensions=64, encoding_format="base64")
    assert [entry["index"] for entry in plain["data"]] == [0, 1]
    for one, other in zip(plain["data"], packed["data"], strict=True):
        assert sum(number**2 for number in one["embedding"]) == pytest.approx(1)
        unpacked = struct.unpack("<64f", base64.b64decode(other["embedding"]))
        assert unpacked == pytest.approx(one["embedding"], abs=1e-7)
    assert plain["usage"] == {"prompt_tokens": 5, "total_tokens": 5}


def test_similar_texts_have_similar_embeddings() -> None:
    """
    Texts that share words are nearer to each other than those that do not.
    """
    texts = ["the cat sat on the mat", "a cat sat on a mat", "quarterly revenue grew"]
    cat, other_cat, revenue = (entry["embedding"] for entry in said(EMBEDDINGS, input=texts)["data"])

    def nearness(one: list[float], other: list[float]) -> float:
        return sum(a * b for a, b in zip(one, other, strict=True))

    assert nearness(cat, other_cat) > 0.4 > abs(nearness(cat, revenue)) + 0.2


@pytest.mark.parametrize("text", ["?!", " ", "\x00"])
def test_a_text_without_words_has_an_embedding(text: str) -> None:
    """
    Also in one dimension, where words may cancel each other out.
    """
    for size in (1, 2):
        (entry,) = said(EMBEDDINGS, input=text, dimensions=size)["data"]
        assert sum(number**2 for number in entry["embedding"]) == pytest.approx(1)


def test_moderation_flags_the_names_of_categories() -> None:
    """
    A rule that a test can rely on: each text is judged, and no model is needed.
    """
    body = {"input": ["Such violence!", "How nice."]}
    value = json.loads(answer(MODERATIONS, body).body)
    assert (value["id"][:5], value["model"]) == ("modr-", "omni-moderation-latest")
    assert [result["flagged"] for result in value["results"]] == [True, False]
    assert [name for name, found in value["results"][0]["categories"].items() if found] == ["violence"]
    assert set(value["results"][0]["category_scores"]) == set(value["results"][0]["categories"])
    parts = [{"type": "text", "text": "hate"}, {"type": "image_url", "image_url": {"url": "data:"}}]
    assert len(json.loads(answer(MODERATIONS, {"input": parts}).body)["results"]) == 1


@pytest.mark.parametrize(
    ("url", "body", "param", "code"),
    [
        (CHAT, b"[1]", "body", "invalid_type"),
        (CHAT, b"{", None, None),
        (CHAT, b"\xff", None, None),
        (CHAT, {"messages": ASKED}, "model", "missing_required_parameter"),
        (CHAT, {"model": "", "messages": ASKED}, "model", "empty_string"),
        (CHAT, {"model": 3, "messages": ASKED}, "model", "invalid_type"),
        (CHAT, {"model": "m"}, "messages", "missing_required_parameter"),
        (CHAT, {"model": "m", "messages": "x"}, "messages", "invalid_type"),
        (CHAT, {"model": "m", "messages": []}, "messages", "empty_array"),
        (CHAT, {"model": "m", "messages": ["x"]}, "messages[0]", "invalid_type"),
        (CHAT, {"model": "m", "messages": [{"content": "x"}]}, "messages[0].role", "missing_required_parameter"),
        (CHAT, {"model": "m", "messages": [{"role": "king", "content": "x"}]}, "messages[0].role", "invalid_value"),
        (CHAT, {"model": "m", "messages": [{"role": "user"}]}, "messages[0].content", None),
        (CHAT, {"model": "m", "messages": ASKED, "temperature": 3}, "temperature", "decimal_above_max_value"),
        (CHAT, {"model": "m", "messages": ASKED, "temperature": "hot"}, "temperature", "invalid_type"),
        (CHAT, {"model": "m", "messages": ASKED, "max_tokens": 0}, "max_tokens", "integer_below_min_value"),
        (CHAT, {"model": "m", "messages": ASKED, "n": True}, "n", "invalid_type"),
        (CHAT, {"model": "m", "messages": ASKED, "stop": [1]}, "stop[0]", "invalid_type"),
        (CHAT, {"model": "m", "messages": ASKED, "stream": True}, "stream", "streaming_unsupported"),
        (CHAT, {"model": "m", "messages": ASKED, "tool_choice": "required"}, "tool_choice", "unsupported_parameter"),
        (
            CHAT,
            {"model": "m", "messages": ASKED, "response_format": {"type": "xml"}},
            "response_format.type",
            "invalid_value",
        ),
        (
            CHAT,
            {"model": "m", "messages": ASKED, "response_format": {"type": "json_schema"}},
            "response_format.json_schema.name",
            "missing_required_parameter",
        ),
        (COMPLETIONS, {"model": "m"}, "prompt", "missing_required_parameter"),
        (COMPLETIONS, {"model": "m", "prompt": [None]}, "prompt[0]", "invalid_type"),
        (EMBEDDINGS, {"model": "m", "input": ""}, "input", "empty_string"),
        (EMBEDDINGS, {"model": "m", "input": ["a", ""]}, "input[1]", "empty_string"),
        (EMBEDDINGS, {"model": "m", "input": ["a"] * 2049}, "input", "array_above_max_length"),
        (EMBEDDINGS, {"model": "m", "input": "a", "dimensions": 4000}, "dimensions", "integer_above_max_value"),
        (EMBEDDINGS, {"model": "m", "input": "a", "encoding_format": "hex"}, "encoding_format", "invalid_value"),
        (
            RESPONSES,
            {"model": "m", "input": "a", "max_output_tokens": 4},
            "max_output_tokens",
            "integer_below_min_value",
        ),
        (RESPONSES, {"model": "m", "previous_response_id": "r"}, "previous_response_id", "unsupported_parameter"),
        (RESPONSES, {"model": "m", "input": []}, "input", "empty_array"),
        (MODERATIONS, {"model": "m"}, "input", "missing_required_parameter"),
        ("/v1/images/generations", {"model": "m", "prompt": "a cat"}, "url", "unsupported_endpoint"),
        ("/v1/videos", {"prompt": "a cat"}, "url", "unsupported_endpoint"),
    ],
)
def test_what_openai_would_refuse_has_status_400(url: str, body: Any, param: str | None, code: str | None) -> None:
    """
    The error object names the parameter and the kind of problem.
    """
    assert refused(url, body)[:2] == (param, code)


def test_what_cannot_be_said_in_json_is_refused() -> None:
    """
    A number that is too large for JSON's readers is not repeated as Infinity; half a character is repeated.
    """
    assert refused(RESPONSES, b'{"model": "m", "input": "a", "metadata": {"a": 1e999}}')[0] is None
    assert said(CHAT, messages=[{"role": "user", "content": "\ud83d"}])["choices"][0]["message"]["content"] == "\ud83d"


@given(text=st.text())
def test_tokens_are_the_text_in_pieces(text: str) -> None:
    """
    Nothing is lost when a text is taken apart.
    """
    assert "".join(tokens_of(text)) == text


@given(body=st.dictionaries(st.sampled_from(["model", "messages", "input", "prompt", "text", "stop", "n"]), JSON))
@pytest.mark.parametrize("url", [CHAT, COMPLETIONS, EMBEDDINGS, RESPONSES, MODERATIONS])
def test_no_body_is_a_crash(url: str, body: dict[str, Any]) -> None:
    """
    Whatever the parameters are, the answer is one of the API's.
    """
    found = answer(url, body)
    assert found.status_code in {200, 400}
    json.loads(found.body)
