"""
JSONL: the rules of fine-tuning lines.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aikit.validation.limits import limits_for
from tests.jsonl.errors import JSON, errors_of, told, worded

_OPENAI = limits_for("openai")
_RELAXED = settings(deadline=None)
_USER = {"role": "user", "content": "Hi"}
_ASSISTANT = {"role": "assistant", "content": "Hello"}
_CALL = {
    "role": "assistant",
    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": ""}}],
}


def _tuned(*values: Any) -> list[tuple[str | None, str | None, int | None]]:
    return told("fine-tune", *values)


def _without(value: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key not in keys}


@pytest.mark.parametrize(
    "line",
    [
        {"messages": [_USER, _ASSISTANT]},
        {"messages": [{"role": "system", "content": "Be kind"}, _USER, _ASSISTANT | {"weight": 0}, _USER, _ASSISTANT]},
        {"messages": [{"role": "developer", "content": "Be kind"}, _USER, _ASSISTANT | {"weight": 1}]},
        {"messages": [_USER, _CALL, {"role": "tool", "tool_call_id": "1", "content": "42"}, _ASSISTANT], "tools": [{}]},
        {"messages": [_USER, _CALL | {"content": None}], "parallel_tool_calls": False, "tools": []},
        {
            "messages": [_USER, {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}],
            "functions": [{}],
        },
        {"messages": [{"role": "user", "name": "Jo", "content": [{"type": "text", "text": "Hi"}]}, _ASSISTANT]},
        {
            "messages": [
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}] * 10},
                _ASSISTANT,
            ]
        },
        {"messages": [_USER, {"role": "function", "name": "f", "content": None}, _ASSISTANT]},
        {"messages": [_USER], "reference": "Hello"},
        {"messages": [_USER]},
        {"input": {"messages": [_USER]}, "preferred_output": [_ASSISTANT], "non_preferred_output": [_CALL]},
        {
            "input": {"messages": [_USER]},
            "preferred_completion": [_ASSISTANT],
            "non_preferred_completion": [_ASSISTANT],
        },
        {"prompt": "2+2=", "completion": "4"},
    ],
)
def test_every_documented_example_format_is_let_through(line: Any) -> None:
    """
    Chat, tools, vision, reinforcement, preference in both spellings, and completions.
    """
    assert _tuned(line) == []


_PREFERENCE = {"input": {"messages": [_USER]}, "preferred_output": [_ASSISTANT], "non_preferred_output": [_ASSISTANT]}
_TEXT = {"type": "text", "text": "What is this?"}
_IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}


@pytest.mark.parametrize(
    ("line", "code", "param"),
    [
        ({"messages": []}, "missing_messages_list", "messages"),
        ({"messages": "Hi"}, "missing_messages_list", "messages"),
        ({"messages": ["Hi", _ASSISTANT]}, "invalid_type", "messages[0]"),
        ({"messages": [{"content": "Hi"}, _ASSISTANT]}, "message_missing_key", "messages[0].role"),
        ({"messages": [{"role": "bot", "content": "Hi"}, _ASSISTANT]}, "unrecognized_role", "messages[0].role"),
        ({"messages": [{"role": ["user"], "content": "Hi"}, _ASSISTANT]}, "unrecognized_role", "messages[0].role"),
        ({"messages": [{"role": "user"}, _ASSISTANT]}, "missing_content", "messages[0].content"),
        ({"messages": [_USER, {"role": "assistant", "content": None}]}, "missing_content", "messages[1].content"),
        ({"messages": [_USER | {"content": 5}, _ASSISTANT]}, "invalid_type", "messages[0].content"),
        ({"messages": [_USER | {"content": ["Hi"]}, _ASSISTANT]}, "invalid_type", "messages[0].content[0]"),
        ({"messages": [_USER | {"content": [{}]}, _ASSISTANT]}, "invalid_type", "messages[0].content[0].type"),
        ({"messages": [_USER, _ASSISTANT | {"weight": 2}]}, "invalid_value", "messages[1].weight"),
        ({"messages": [_USER, _ASSISTANT | {"weight": True}]}, "invalid_value", "messages[1].weight"),
        ({"messages": [_USER, _ASSISTANT | {"weight": []}]}, "invalid_value", "messages[1].weight"),
        ({"messages": [_USER, _ASSISTANT], "tools": {}}, "invalid_type", "tools"),
        ({"messages": [_USER, _ASSISTANT], "parallel_tool_calls": 1}, "invalid_type", "parallel_tool_calls"),
        ({"messages": [_USER, _ASSISTANT], "functions": []}, "invalid_value", "functions"),
        ({"messages": [_USER, _ASSISTANT], "functions": [{}] * 129}, "invalid_value", "functions"),
        ({"messages": [_USER | {"content": [_IMAGE] * 11}, _ASSISTANT]}, "too_many_images", "messages"),
        (
            {"messages": [_USER, _ASSISTANT | {"content": [_IMAGE]}]},
            "image_in_assistant_message",
            "messages[1].content",
        ),
        ({"messages": [_USER, {"role": "function"}, _ASSISTANT]}, "missing_content", "messages[1].content"),
        ({"messages": [_USER, {"role": "tool", "content": None}]}, "missing_content", "messages[1].content"),
        *(
            (
                {"messages": [_USER | {"content": [_TEXT, {"type": "image_url"} | image]}, _ASSISTANT]},
                "invalid_image_url",
                "messages[0].content[1].image_url.url",
            )
            for image in ({}, *({"image_url": value} for value in (None, {}, "x", {"url": ""}, {"url": 5})))
        ),
        (_without(_PREFERENCE, "input"), "missing_required_parameter", "input"),
        (_without(_PREFERENCE, "preferred_output"), "missing_required_parameter", "preferred_output"),
        (_without(_PREFERENCE, "non_preferred_output"), "missing_required_parameter", "non_preferred_output"),
        (_PREFERENCE | {"input": [_USER]}, "invalid_type", "input"),
        (_PREFERENCE | {"input": {}}, "missing_messages_list", "input.messages"),
        (_PREFERENCE | {"input": {"messages": [_USER], "tools": 1}}, "invalid_type", "input.tools"),
        (_PREFERENCE | {"preferred_output": []}, "missing_messages_list", "preferred_output"),
        ({"prompt": "2+2="}, "missing_required_parameter", "completion"),
        ({"prompt": 4, "completion": "4"}, "invalid_type", "prompt"),
        ({"text": "Hi"}, "unexpected_format", None),
    ],
)
def test_what_is_wrong_with_an_example_is_told(line: Any, code: str, param: str | None) -> None:
    """
    Each fault has its code, and the place in the example where it is.
    """
    assert _tuned(line) == [(code, param, 1)]


def test_supervised_example_without_an_answer_is_told() -> None:
    """
    Where other examples have an assistant message, one without it has nothing to learn.
    """
    assert _tuned({"messages": [_USER, _ASSISTANT]}, {"messages": [_USER]}, {"messages": [_USER, _CALL]}) == [
        ("example_missing_assistant_message", "messages", 2)
    ]


@pytest.mark.parametrize(
    "lines",
    [
        [{"messages": [_USER]}, {"messages": [_USER]}],
        [{"messages": [_USER], "answer": 1}, {"messages": [_USER, _ASSISTANT, _USER], "answer": 2}],
        [{"messages": [_USER, _ASSISTANT, _USER]}, {"messages": [_USER], "answer": 2}],
    ],
)
def test_reinforcement_examples_need_no_answer(lines: list[Any]) -> None:
    """
    A file with keys for graders, or without any answer, is a reinforcement file.
    """
    assert _tuned(*lines) == []


def test_late_problems_stand_among_the_others_by_line() -> None:
    """
    That an answer is missing shows at the end only, but is told in the order of lines.
    """
    bad = {"messages": [_USER], "tools": 1}
    assert _tuned({"messages": [_USER]}, bad, {"messages": [_USER, _ASSISTANT]}, {"messages": []}) == [
        ("example_missing_assistant_message", "messages", 1),
        ("invalid_type", "tools", 2),
        ("example_missing_assistant_message", "messages", 2),
        ("missing_messages_list", "messages", 4),
    ]


def test_mixed_formats_in_one_file_are_told() -> None:
    """
    The first example decides; each of another format is told.
    """
    assert _tuned({"prompt": "a", "completion": "b"}, {"messages": [_USER, _ASSISTANT]}, _PREFERENCE) == [
        ("mixed_formats", None, 2),
        ("mixed_formats", None, 3),
    ]


@pytest.mark.parametrize("count", [1, 9, 10])
def test_any_number_of_examples_is_let_through(count: int) -> None:
    """
    How many a training needs is the job's to say: a file for validation has the same purpose and may have fewer.
    """
    assert _tuned(*[{"messages": [_USER, _ASSISTANT]}] * count) == []


@pytest.mark.parametrize("role", ["user", "system", "developer", "function", "bot"])
@pytest.mark.parametrize(
    "name", ["preferred_output", "non_preferred_output", "preferred_completion", "non_preferred_completion"]
)
def test_outputs_of_a_preference_example_are_the_models(name: str, role: str) -> None:
    """
    What is compared are answers, so only the roles assistant and tool make sense there.
    """
    side = name.replace("completion", "output")
    line = {**_without(_PREFERENCE, side), name: [_ASSISTANT | {"role": role}, {"role": "tool", "content": "42"}]}
    content = json.dumps(line).encode()
    text = f"Unrecognized role '{role}'; allowed are assistant, tool."
    assert worded(errors_of("fine-tune", content)) == [("unrecognized_role", text, f"{name}[0].role", 1)]


@_RELAXED
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["messages", "input", "preferred_output", "non_preferred_output", "prompt", "tools"]),
            JSON | st.lists(st.dictionaries(st.sampled_from(["role", "content", "weight"]), JSON)),
        )
    )
)
def test_no_example_however_odd_crashes_the_check(values: list[dict[str, Any]]) -> None:
    """
    Values of any type in any place are told, not raised.
    """
    told("fine-tune", *values)
