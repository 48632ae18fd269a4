"""
Messages of Claude come back as chat completions.
"""

from __future__ import annotations

from typing import Any

import pytest

from aikit.types.usage import Usage
from tests.providers.vertex.answers.translated import failed, ids_of, lines_of, row


def _answered(content: list[Any], **others: Any) -> Any:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": content}
    told = {key: value for key, value in row({**message, **others}).items() if key != "key"}
    output, errors = lines_of([{**told, "custom_id": "r-2"}], ids_of(["one", "two"]))
    assert errors[0]["custom_id"] == "one"
    assert output[0]["custom_id"] == "two"
    return output[0]["response"]["body"]


def test_text_thoughts_and_calls_are_told_apart() -> None:
    """
    Calls have their arguments as JSON; blocks of other kinds are kept as they are.
    """
    body = _answered(
        [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "text", "text": "yo", "citations": None},
            {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"where": "here"}},
            {"type": "redacted_thinking", "data": "x"},
        ],
        stop_reason="tool_use",
    )
    message = body["choices"][0]["message"]
    assert (body["id"], body["model"], body["choices"][0]["finish_reason"]) == (
        "msg_1",
        "claude-sonnet-4-5",
        "tool_calls",
    )
    assert (message["content"], message["reasoning_content"]) == ("yo", "hm")
    function = {"name": "look", "arguments": '{"where":"here"}'}
    assert message["tool_calls"] == [{"id": "toolu_1", "type": "function", "function": function}]
    assert message["native_parts"] == [{"type": "redacted_thinking", "data": "x"}]


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        (None, "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
    ],
)
def test_the_reason_of_an_end_is_openais(told: str | None, read: str) -> None:
    """
    Anthropic's own word is kept beside it where it says more.
    """
    assert _answered([{"type": "text", "text": "x"}], stop_reason=told)["choices"][0]["finish_reason"] == read


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"input_tokens": 3, "output_tokens": 2}, Usage(input_tokens=3, output_tokens=2)),
        (
            {"input_tokens": 3, "output_tokens": 2, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 10},
            Usage(input_tokens=113, cached_tokens=100, output_tokens=2, other_tokens={"cache_write": 10}),
        ),
        (
            {
                "input_tokens": 3,
                "output_tokens": 2,
                "cache_read_input_tokens": None,
                "cache_creation_input_tokens": 10,
                "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 6},
            },
            Usage(input_tokens=13, output_tokens=2, other_tokens={"cache_write": 4, "cache_write_1h": 6}),
        ),
        ({"input_tokens": "3", "output_tokens": 2.0}, Usage(input_tokens=3, output_tokens=2)),
        (None, None),
        ({}, None),
    ],
)
def test_the_caches_are_in_the_prompt(told: Any, usage: Usage | None) -> None:
    """
    What was read from them and written to them is counted once, and by its own price.
    """
    read = Usage.from_wire(_answered([{"type": "text", "text": "x"}], usage=told)["usage"])
    assert read == usage
    assert read is None or not read.is_lower_bound


def test_an_error_in_place_of_a_message_is_a_failure() -> None:
    """
    Its type says the status.
    """
    line = failed({"response": {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}})
    assert line["response"]["status_code"] == 529
    assert line["response"]["body"]["error"]["message"] == "Overloaded"


def test_odd_blocks_are_no_answer() -> None:
    """
    A call without a name is none.
    """
    message = {"type": "message", "content": [{"type": "tool_use", "id": "x", "input": {}}]}
    assert failed({"response": message})["response"]["body"]["error"]["code"] == "invalid_response"
