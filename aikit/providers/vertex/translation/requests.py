"""
Chat completions as Gemini's ``generateContent``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from aikit.providers.vertex.translation.messages import Conversation
from aikit.providers.vertex.translation.refusals import (
    expect,
    expect_choice,
    expect_integer,
    expect_members,
    expect_number,
    refuse,
)
from aikit.providers.vertex.translation.schemas import gemini_schema
from aikit.providers.vertex.translation.shared import Shared
from aikit.providers.vertex.translation.tools import gemini_choice, gemini_tools

LARGEST: Final = 2**31 - 1
_SMALLEST: Final = -(2**31)
_SCHEMA_LEVEL: Final = 4
_MOST_STOPS: Final = 5
_FORMAT: Final = "response_format.json_schema"
_FORMATS: Final = {"text": False, "json_object": True, "json_schema": True}
_JSON_SCHEMA: Final = frozenset(("name", "description", "schema", "strict"))
_BUDGETS: Final = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
_LEVELS: Final = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH"}

# https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference (read 2026-11-21)


@attrs.define
class _Request:
    shared: Shared
    told: dict[str, Any] = attrs.field(factory=dict)
    config: dict[str, Any] = attrs.field(factory=dict)


def gemini_request(body: Mapping[str, Any], shared: Shared) -> dict[str, Any]:
    """
    Translate *body*, and note in *shared* what has no meaning at Vertex AI.

    Raises:
        RefusedError: There is something that changes the answer or its price, and cannot be translated.
    """
    request = _Request(shared)
    for name, value in body.items():
        if value is None or name == "model":
            continue
        if name in _PARAMETERS:
            _PARAMETERS[name](request, value)
        else:
            shared.leave_out(name, body, _PARAMETERS)
    if "logprobs" in request.config and "responseLogprobs" not in request.config:
        refuse("top_logprobs", "is given without logprobs: true, which it needs")
    if request.config:
        request.told["generationConfig"] = request.config
    return request.told


def stops_of(value: Any) -> list[str]:
    """
    Return the texts that end an answer: one, or a list.

    Raises:
        RefusedError: It is neither.
    """
    return [value] if type(value) is str else [expect(one, str, "stop") for one in expect(value, list, "stop")]


_Parameter = Callable[[_Request, Any], None]


def _messages(request: _Request, value: Any) -> None:
    conversation = Conversation(request.shared.columns, is_signed=request.shared.model.has_levels)
    conversation.add(value)
    request.told["contents"] = conversation.contents
    if conversation.system:
        request.told["systemInstruction"] = {"parts": conversation.system}
    if len(conversation.details) > 1:
        refuse("messages", "has images of different detail; this model takes one for all")
    for detail in conversation.details - {None}:
        request.config["mediaResolution"] = detail


def _tools(request: _Request, value: Any) -> None:
    if value != []:
        request.told["tools"] = request.shared.once(gemini_tools, value)


def _tool_choice(request: _Request, value: Any) -> None:
    request.told["toolConfig"] = gemini_choice(value)


def _max_tokens(request: _Request, value: Any) -> None:
    request.config.setdefault("maxOutputTokens", expect_integer(value, 1, LARGEST, "max_tokens"))


def _stop(request: _Request, value: Any) -> None:
    stops = stops_of(value)
    if len(stops) > _MOST_STOPS:
        refuse("stop", f"has {len(stops)} texts; Vertex AI takes {_MOST_STOPS}")
    if stops:
        request.config["stopSequences"] = stops


def _logprobs(request: _Request, value: Any) -> None:
    if expect(value, bool, "logprobs"):
        request.config["responseLogprobs"] = True


def _response_format(request: _Request, value: Any) -> None:
    kind = expect(value, dict, "response_format").get("type")
    is_json = expect_choice(kind, _FORMATS, "response_format.type")
    expect_members(value, {"type", "json_schema"}, "response_format")
    if is_json:
        request.config["responseMimeType"] = "application/json"
    told = expect(value.get("json_schema"), dict, _FORMAT) if kind == "json_schema" else {}
    expect_members(told, _JSON_SCHEMA, _FORMAT)
    if told.get("schema") is not None:
        request.config["responseSchema"] = request.shared.once(_schema, told)


def _schema(told: dict[str, Any]) -> dict[str, Any]:
    schema = gemini_schema(told["schema"], f"{_FORMAT}.schema", _SCHEMA_LEVEL)
    if told.get("description"):
        schema.setdefault("description", expect(told["description"], str, f"{_FORMAT}.description"))
    return schema


def _reasoning_effort(request: _Request, value: Any) -> None:
    model, thinking = request.shared.model, dict[str, Any]()
    if model.has_levels:
        thinking["thinkingLevel"] = expect_choice(value, _LEVELS, "reasoning_effort")
    elif model.thinks:
        budgets = _BUDGETS if "-pro" in model.path else {"none": 0, **_BUDGETS}
        thinking["thinkingBudget"] = expect_choice(value, budgets, "reasoning_effort")
    elif value != "none":
        refuse("reasoning_effort", f"is given, and {model.path} does not think; leave it out")
    if thinking:
        request.config["thinkingConfig"] = thinking


def _number(name: str, param: str) -> _Parameter:
    def add(request: _Request, value: Any) -> None:
        request.config[name] = expect_number(value, param)

    return add


def _integer(name: str, least: int, most: int, param: str) -> _Parameter:
    def add(request: _Request, value: Any) -> None:
        request.config[name] = expect_integer(value, least, most, param)

    return add


_PARAMETERS: Final[Mapping[str, _Parameter]] = {
    "messages": _messages,
    "tools": _tools,
    "tool_choice": _tool_choice,
    "max_tokens": _max_tokens,
    "max_completion_tokens": _integer("maxOutputTokens", 1, LARGEST, "max_completion_tokens"),
    "temperature": _number("temperature", "temperature"),
    "top_p": _number("topP", "top_p"),
    "presence_penalty": _number("presencePenalty", "presence_penalty"),
    "frequency_penalty": _number("frequencyPenalty", "frequency_penalty"),
    "seed": _integer("seed", _SMALLEST, LARGEST, "seed"),
    "n": _integer("candidateCount", 1, LARGEST, "n"),
    "top_logprobs": _integer("logprobs", 0, 20, "top_logprobs"),
    "logprobs": _logprobs,
    "stop": _stop,
    "response_format": _response_format,
    "reasoning_effort": _reasoning_effort,
}
