"""
Chat completions as Claude takes them at Vertex AI.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.providers.vertex.translation.translating import HELLO, content_of, lines_of, refusal_of, request_of

_MODEL: Final = "claude-sonnet-4-5@20250929"
_CALL: Final = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
_PARAMETERS: Final = {
    "type": "object",
    "properties": {"x": {"type": ["integer", "null"], "minimum": 1}, "y": {"enum": [1, 2]}},
    "required": ["x"],
}


def _user(*items: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(items)}]


def test_a_line_of_claude_has_a_custom_id_and_the_version() -> None:
    """
    The custom_id is ours, since Claude's may have few letters only.
    """
    body = {"model": _MODEL, "messages": HELLO, "max_tokens": 9}
    assert lines_of(content_of([body])) == [
        {
            "custom_id": "r-1",
            "request": {
                "anthropic_version": "vertex-2023-10-16",
                "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
                "max_tokens": 9,
            },
        }
    ]


def test_a_conversation_with_tools_and_images_is_translated() -> None:
    """
    Results stay text; the schema of parameters has no lists of types.
    """
    request = request_of(
        model=_MODEL,
        max_completion_tokens=9,
        messages=[
            {"role": "system", "content": "one"},
            *_user(
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "BBBB"}},
            ),
            {"role": "assistant", "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": "a", "content": '{"y": 2}'},
            {"role": "user", "content": "and"},
            {"role": "system", "content": "two"},
        ],
        tools=[{"type": "function", "function": {"name": "f", "description": "d", "parameters": _PARAMETERS}}],
        tool_choice="required",
        parallel_tool_calls=False,
        stop=["x"],
        temperature=1,
        top_p=0.5,
        user="u",
    )
    assert request == {
        "anthropic_version": "vertex-2023-10-16",
        "max_tokens": 9,
        "system": "one\n\ntwo",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                    {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "BBBB"}},
                ],
            },
            {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}]},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": '{"y": 2}'},
                    {"type": "text", "text": "and"},
                ],
            },
        ],
        "tools": [
            {
                "name": "f",
                "description": "d",
                "input_schema": {
                    "type": "object",
                    "properties": {
                        "x": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]},
                        "y": {"type": "integer", "enum": [1, 2]},
                    },
                    "required": ["x"],
                },
            }
        ],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        "stop_sequences": ["x"],
        "temperature": 1.0,
        "top_p": 0.5,
    }


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"max_tokens": None}, "demands a bound"),
        ({"temperature": 1.5}, "0 to 1"),
        ({"n": 2}, "leave it out"),
        ({"seed": 1}, "no counterpart"),
        ({"response_format": {"type": "json_object"}}, "leave it out"),
        ({"reasoning_effort": "low"}, "leave it out"),
        ({"presence_penalty": 0.5}, "leave it out"),
        ({"messages": _user({"type": "image_url", "image_url": {"url": "gs://b/x.png"}})}, "data: URLs only"),
        ({"messages": _user({"type": "input_audio", "input_audio": {"format": "mp3", "data": "AAAA"}})}, "audio/mp3"),
        (
            {"messages": [*HELLO, {"role": "assistant", "tool_calls": [{**_CALL, "function": {"name": "f"}}]}]},
            "without arguments",
        ),
    ],
)
def test_what_claude_does_not_know_is_refused(body: Any, said: str) -> None:
    """
    With its line.
    """
    error = refusal_of(model=_MODEL, **body)
    assert error.line == 2
    assert said in error.message


@pytest.mark.parametrize("names", [("max_tokens", "max_completion_tokens"), ("max_completion_tokens", "max_tokens")])
def test_the_newer_bound_counts_in_whichever_order_both_are_given(names: tuple[str, str]) -> None:
    """
    As with Gemini.
    """
    bounds: dict[str, Any] = {"max_tokens": 5, "max_completion_tokens": 9}
    assert request_of(model=_MODEL, **{name: bounds[name] for name in names})["max_tokens"] == 9


def test_values_that_say_what_is_so_anyway_are_left_out() -> None:
    """
    Programs that write all parameters need not be changed.
    """
    usual: dict[str, Any] = {
        "n": 1,
        "presence_penalty": 0,
        "frequency_penalty": 0.0,
        "logprobs": False,
        "reasoning_effort": "none",
    }
    request = request_of(model=_MODEL, max_tokens=1, response_format={"type": "text"}, **usual)
    assert request.keys() == {"anthropic_version", "max_tokens", "messages"}
