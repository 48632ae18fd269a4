"""
Chat lines drawn by chance: most can be translated, some cannot, for reasons of all kinds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, Final, TypeVar

T = TypeVar("T")
_TEXTS: Final = (
    *(
        "Hello",
        "",
        " ",
        "Grüße",
        "日本語 🎈",
        "\u2028\u0000",
        "a" * 3_000,
        "{}",
        '{"a": 1}',
        "null",
        "[1]",
        "\ud83d\ude00",
    ),
    *("line\nline", '"', "\\", "\u202e", "é́"),
)
_NAMES: Final = ("city", "unit", "days", "Place", "x1", "_y", "value", "nested", "items")
_ODD_NAMES: Final = ("first name", "ä", "$ref", "a/b", "1", "", "a-b", "x" * 301)
_URLS: Final = ("data:image/png;base64,iVBORw0KGgo=", "gs://bucket/a b/c.png", "gs://bucket/x.pdf")
_ODD_URLS: Final = ("https://example.org/a.png", "gs://bucket/none", "data:,x", "data:image/png;base64,", "", "file-1")


def body(random: Random) -> dict[str, Any]:
    """
    Return the body of a chat line.
    """
    drawn: dict[str, Any] = {"model": "gemini-2.5-flash", "messages": _messages(random)}
    for name, draw in _PARAMETERS.items():
        if random.random() < 0.15:
            drawn[name] = draw(random)
    if random.random() < 0.03:
        drawn[random.choice((*_PARAMETERS, "messages", "unknown"))] = _value(random, 3)
    return drawn


def _messages(random: Random) -> list[Any]:
    messages: list[Any] = []
    content: Any
    for _ in range(random.choice((1, 1, 2, 4, 8))):
        match random.randrange(6):
            case 0:
                role = random.choice(("system", "developer"))
                content = _odd(random, lambda: [{"type": "text", "text": _text(random)}], [_item(random)])
                messages.append({"role": role, "content": random.choice((_text(random), content))})
            case 1:
                messages.append({"role": "assistant", "content": _text(random), "refusal": None})
            case 2:
                messages += _tool_turns(random)
            case _:
                content = (
                    _text(random) if random.random() < 0.6 else [_item(random) for _ in range(random.randrange(4))]
                )
                messages.append({"role": "user", "content": content})
    return _odd(random, lambda: [*messages, {"role": "user", "content": "So?"}], messages)


def _tool_turns(random: Random) -> list[Any]:
    calls, results = [], []
    for number in range(random.choice((1, 1, 2, 3))):
        arguments = _odd(random, lambda: json.dumps(_arguments(random)), '{"a": NaN}', "[]", "{", "", "{" * 500)
        call = {"type": "function", "function": {"name": random.choice(_NAMES), "arguments": arguments}}
        calls.append({"id": f"call_{number}", **call})
        content = random.choice((json.dumps(_value(random, random.randrange(10))), _text(random)))
        results.append(
            {"role": "tool", "tool_call_id": _odd(random, partial(str, f"call_{number}"), "x"), "content": content}
        )
    random.shuffle(results)
    return [{"role": "assistant", "content": random.choice((None, "", "so")), "tool_calls": calls}, *results]


def _arguments(random: Random) -> dict[str, Any]:
    """
    Return arguments of which each has a type of its own, as functions have them.
    """
    kinds: dict[str, Callable[[], Any]] = {
        "city": lambda: _text(random),
        "days": lambda: random.choice((1, 2.5, -3)),
        "unit": lambda: random.choice((None, "C")),
        "nested": lambda: {"x1": random.choice(([], [True], [False, True])), "_y": {}},
    }
    drawn = {name: kinds[name]() for name in random.sample(list(kinds), random.randrange(len(kinds)))}
    return _odd(random, lambda: drawn, {"city": 1}, {"a b": 1}, {"x": [[1]]}, {"x": [None]}, chance=0.01)


def _item(random: Random) -> dict[str, Any]:
    match random.randrange(5):
        case 0:
            url = _odd(random, lambda: random.choice(_URLS), *_ODD_URLS)
            return {"type": "image_url", "image_url": {"url": url, "detail": _odd(random, lambda: "auto", "low", "x")}}
        case 1:
            return {"type": "input_audio", "input_audio": {"data": "AAAA", "format": random.choice(("wav", "mp3"))}}
        case 2:
            return {"type": "file", "file": {"filename": "a.pdf", "file_data": "AAAA"}}
    return {"type": "text", "text": _text(random)}


def _schema(random: Random, levels: int) -> Any:
    if levels <= 0 or random.random() < 0.3:
        return random.choice(
            (
                *({"type": "string"}, {"type": ["integer", "null"]}, {"enum": ["a", "b"]}, {}, {"const": 1}, True),
                *({"type": "number", "minimum": 0.5, "default": None}, {"type": "string", "description": "ü"}),
                *({"type": ["string", "boolean"], "title": "T"}, {"$ref": "#/$defs/shared"}, {"type": "null"}),
            )
        )
    match random.randrange(5):
        case 0:
            return {"type": "array", "items": _schema(random, levels - 1), "minItems": 1}
        case 1:
            return {"anyOf": [_schema(random, levels - 1) for _ in range(random.randrange(1, 4))]}
        case 2:
            return {"allOf": [_schema(random, levels - 1)], "description": "d"}
    names = random.sample(_NAMES, random.randrange(4))
    properties = {_odd(random, lambda: name, *_ODD_NAMES): _schema(random, levels - 1) for name in names}  # noqa: B023  likewise
    return {"type": "object", "properties": properties, "required": names[:1], "additionalProperties": False}


def _root(random: Random) -> Any:
    shared = _odd(random, lambda: {"type": "string", "maxLength": 9}, {"$ref": "#/$defs/shared"}, {"not": {}})
    return {**_plain(_schema(random, random.choice((1, 2, 3, 4, 7)))), "$defs": {"shared": shared}, "$schema": "x"}


def _plain(schema: Any) -> dict[str, Any]:
    return schema if isinstance(schema, dict) else {"type": "object"}


def _tools(random: Random) -> list[Any]:
    names = random.sample(_NAMES, random.choice((1, 1, 2, 4)))
    functions = [{"name": name, "description": _text(random), "parameters": _root(random)} for name in names]
    return [{"type": "function", "function": function} for function in functions]


def _format(random: Random) -> dict[str, Any]:
    schema = {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": _root(random)}}
    return random.choice(({"type": "text"}, {"type": "json_object"}, schema, schema, schema))


def _value(random: Random, levels: int) -> Any:
    if levels <= 0 or random.random() < 0.3:
        return random.choice((None, True, 0, -1.5, 10**20, "x", "", [], {}))
    if random.random() < 0.3:
        return [_value(random, levels - 1) for _ in range(random.randrange(3))]
    names = (random.choice(_ODD_NAMES if random.random() < 0.05 else _NAMES) for _ in range(random.randrange(4)))
    return {name: _value(random, levels - 1) for name in names}


def _text(random: Random) -> str:
    return random.choice(_TEXTS)


def _odd(random: Random, usual: Callable[[], T], *odd: Any, chance: float = 0.02) -> T:
    drawn: T = random.choice(odd) if random.random() < chance else usual()
    return drawn


_PARAMETERS: Final[dict[str, Callable[[Random], Any]]] = {
    "temperature": lambda random: _odd(random, random.random, "1", []),
    "top_p": lambda random: random.choice((1, 0.5, None)),
    "seed": lambda random: _odd(random, lambda: random.randrange(99), 2**40, -1.5),
    "max_tokens": lambda random: _odd(random, lambda: random.randrange(1, 99), 0, 2**31),
    "max_completion_tokens": lambda random: random.randrange(1, 99),
    "stop": lambda random: _odd(random, lambda: random.choice(("a", ["a", "b"])), list("abcdef"), 1),
    "n": lambda random: random.choice((1, 2)),
    "logprobs": lambda _: True,
    "top_logprobs": lambda random: random.randrange(20),
    "presence_penalty": lambda random: random.choice((0, 0.5)),
    "frequency_penalty": lambda random: random.choice((0, -0.5)),
    "tools": _tools,
    "tool_choice": lambda random: _odd(
        random,
        lambda: random.choice(("none", "auto", "required", {"type": "function", "function": {"name": "city"}})),
        "any",
        {"type": "custom"},
    ),
    "parallel_tool_calls": lambda random: random.choice((None, True)),
    "response_format": _format,
    "reasoning_effort": lambda random: _odd(random, lambda: random.choice(("none", "low", "high")), "xhigh"),
    "user": lambda _: "u",
    "metadata": lambda _: {"a": "b"},
    "logit_bias": lambda random: _odd(random, dict, {"1": 1}),
    "service_tier": lambda random: _odd(random, lambda: "auto", "flex"),
}
