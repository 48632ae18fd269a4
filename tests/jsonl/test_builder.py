"""
Batch lines, made of Python objects.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit import jsonl
from aikit.jsonl.builder import chat_line, embedding_line, response_line, stable_id
from tests.jsonl.errors import JSON, errors_of
from tests.public import names_of

_BODIES = st.dictionaries(st.text(), JSON, max_size=3)


def test_chat_line_is_a_request() -> None:
    """
    Messages, model and whatever else is given make the body; a text is one message of the user.
    """
    assert chat_line("Hi", model="gpt-5-mini", custom_id="a", max_completion_tokens=5) == {
        "custom_id": "a",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {
            "model": "gpt-5-mini",
            "messages": [{"role": "user", "content": "Hi"}],
            "max_completion_tokens": 5,
        },
    }
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]
    assert chat_line(tuple(messages), model="m")["body"]["messages"] == messages


@pytest.mark.parametrize(
    "messages", ["Hi", [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]]
)
def test_system_is_the_first_message(messages: Any) -> None:
    """
    Instructions stand in front of a text and of a conversation, and lead to another id than none.
    """
    line = chat_line(messages, model="m", system="Be kind.")
    following = chat_line(messages, model="m")
    told = {"role": "system", "content": "Be kind."}
    assert line["body"] == {"model": "m", "messages": [told, *following["body"]["messages"]]}
    assert line["custom_id"] != following["custom_id"]
    assert chat_line(messages, model="m", system=None) == following
    assert errors_of("batch", json.dumps(line).encode() + b"\n") == []


@pytest.mark.parametrize("role", ["system", "developer"])
def test_instructions_are_given_once(role: str) -> None:
    """
    Where the conversation has instructions, *system* would be a second: which of them counts is not guessed.
    """
    messages = [{"role": "user", "content": "Hi"}, {"role": role, "content": "Be kind."}]
    with pytest.raises(ValueError, match="has a system or developer message of its own"):
        chat_line(messages, model="m", system="Be brief.")


def test_instructions_of_a_response_are_a_parameter() -> None:
    """
    Responses take instructions beside their input, as a text that is not empty.
    """
    assert response_line("Hi", model="m", instructions="Be kind.")["body"] == {
        "model": "m",
        "input": "Hi",
        "instructions": "Be kind.",
    }
    assert response_line("Hi", model="m", instructions=None)["body"] == {"model": "m", "input": "Hi"}
    with pytest.raises(ValueError, match="instructions must not be empty"):
        response_line("Hi", model="m", instructions="")


@pytest.mark.parametrize(
    ("make", "url", "given"),
    [
        (response_line, "/v1/responses", "Hi"),
        (response_line, "/v1/responses", [{"role": "user", "content": "Hi"}]),
        (embedding_line, "/v1/embeddings", "Hi"),
        (embedding_line, "/v1/embeddings", ["Hi", "there"]),
        (embedding_line, "/v1/embeddings", [1, 2, 3]),
    ],
)
def test_other_lines_are_requests_too(make: Callable[..., dict[str, Any]], url: str, given: Any) -> None:
    """
    Responses and embeddings have input, as it was given.
    """
    line = make(given, model="m", custom_id="a", user="u")
    assert line == {"custom_id": "a", "method": "POST", "url": url, "body": {"model": "m", "input": given, "user": "u"}}


@pytest.mark.parametrize("make", [chat_line, response_line, embedding_line])
def test_lines_pass_the_check(make: Callable[..., dict[str, Any]]) -> None:
    """
    What is built is what the upload check lets through.
    """
    lines = [make("Hi", model="m"), make("there", model="m")]
    assert errors_of("batch", b"".join(json.dumps(line).encode() + b"\n" for line in lines)) == []


def test_generated_id_is_known_beforehand() -> None:
    """
    The same content gives the same id, today and tomorrow, here and elsewhere: this one never changes.
    """
    assert chat_line("Why is the sky blue?", model="gpt-5-mini")["custom_id"] == "req-5fa39dbe0b3eb19afd99b527"
    program = "from aikit import jsonl; print(jsonl.chat_line('Grün?', model='m', seed=7)['custom_id'])"
    printed = [
        subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout.strip()
        for seed in ("1", "2")
    ]
    assert printed == [chat_line("Grün?", model="m", seed=7)["custom_id"]] * 2


@given(_BODIES, _BODIES)
def test_ids_differ_exactly_when_contents_do(one: dict[str, Any], other: dict[str, Any]) -> None:
    """
    The order of keys makes no difference, every value does, as JSON has it.
    """
    assert stable_id("u", one) == stable_id("u", dict(reversed(one.items())))
    is_same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (stable_id("u", one) == stable_id("u", other)) == is_same
    assert stable_id("u", one) != stable_id("v", one)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"messages": 5, "model": "m"}, TypeError, "messages must be a string or a list, not int"),
        ({"messages": b"Hi", "model": "m"}, TypeError, "messages must be a string or a list, not bytes"),
        ({"messages": {"role": "user"}, "model": "m"}, TypeError, "messages must be a string or a list, not dict"),
        ({"messages": [], "model": "m"}, ValueError, "messages must not be empty"),
        ({"messages": "Hi", "model": None}, TypeError, "model must be a string, not NoneType"),
        ({"messages": "Hi", "model": ""}, ValueError, "model must not be empty"),
        ({"messages": "Hi", "model": "m", "custom_id": ""}, ValueError, "custom_id must not be empty"),
        ({"messages": "Hi", "model": "m", "custom_id": 5}, TypeError, "custom_id must be a string, not int"),
        ({"messages": "Hi", "model": "m", "system": ""}, ValueError, "system must not be empty"),
        ({"messages": "Hi", "model": "m", "system": ["x"]}, TypeError, "system must be a string, not list"),
        ({"messages": "Hi", "model": "m", "seed": b""}, TypeError, "'body.seed' is bytes"),
        ({"messages": "Hi", "model": "m", "top_p": float("nan")}, ValueError, "'body.top_p' is nan"),
    ],
)
def test_wrong_arguments_are_refused_at_once(arguments: dict[str, Any], error: type[Exception], words: str) -> None:
    """
    The caller's fault is told where it was made.
    """
    with pytest.raises(error, match=words):
        chat_line(**arguments)


def test_public_names_are_there() -> None:
    """
    The front offers its names, each loaded when it is asked for, and says so when one is unknown.
    """
    assert [name for name in names_of(jsonl) if getattr(jsonl, name, None) is None] == []
    assert set(names_of(jsonl)) <= set(dir(jsonl))
    with pytest.raises(AttributeError, match="no attribute 'chatline'"):
        jsonl.chatline  # type: ignore[attr-defined]  # noqa: B018  asking for it is the test


def test_front_loads_nothing_by_itself() -> None:
    """
    ``aikit.jsonl`` can be had from ``import aikit``, and costs nothing before a name is used.
    """
    program = "import sys, aikit; aikit.jsonl; print(sorted(name for name in sys.modules if name.startswith('aikit.')))"
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert printed.strip() == "['aikit.jsonl']"


def test_keys_that_json_makes_strings_of_make_no_difference() -> None:
    """
    Numbers as keys, also beside strings, are the same content as the strings they become.
    """
    texts, numbers, both = {"9": 1, "10": 2}, {9: 1, 10: 2}, {10: 2, "9": 1}
    ids = {chat_line("Hi", model="m", logit_bias=bias)["custom_id"] for bias in (texts, numbers, both)}
    assert len(ids) == 1
