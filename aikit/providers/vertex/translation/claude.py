"""
Chat completions as Claude's messages, in the form that Vertex AI takes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from aikit.providers.vertex.translation.importing import MOST_LEVELS
from aikit.providers.vertex.translation.messages import Conversation
from aikit.providers.vertex.translation.refusals import expect, expect_choice, expect_integer, expect_number, refuse
from aikit.providers.vertex.translation.requests import LARGEST, stops_of
from aikit.providers.vertex.translation.shared import Shared
from aikit.providers.vertex.translation.tools import chosen_names, functions_of, parameters_of

_VERSION: Final = "vertex-2023-10-16"
_SCHEMA_LEVEL: Final = 5
_MODES: Final = {"none": "none", "auto": "auto", "required": "any"}
_COUNTS: Final = frozenset(("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"))
_DOCUMENT: Final = "application/pdf"

# https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/batch (read 2026-11-30)


def claude_request(body: Mapping[str, Any], shared: Shared) -> dict[str, Any]:
    """
    Translate *body*, and note in *shared* what has no meaning at Vertex AI.

    Raises:
        RefusedError: There is something that changes the answer or its price, and cannot be translated.
    """
    told: dict[str, Any] = {"anthropic_version": _VERSION}
    apart = {"model", "parallel_tool_calls"} | ({"max_tokens"} if body.get("max_completion_tokens") else set())
    for name, value in body.items():
        if value is None or value == [] or name in apart:
            continue
        if name == "messages":
            told |= _conversation(value, shared)
        elif name in _PARAMETERS:
            key, translate = _PARAMETERS[name]
            told[key] = shared.once(translate, value) if key == "tools" else translate(value)
        else:
            shared.leave_out(name, body, _PARAMETERS)
    if "max_tokens" not in told:
        refuse("max_completion_tokens", "is missing, and Claude demands a bound of its answer")
    if body.get("parallel_tool_calls") is False and told.get("tools"):
        choice = told.setdefault("tool_choice", {"type": "auto"})
        if choice["type"] != "none":
            choice["disable_parallel_tool_use"] = True
    return told


def _conversation(value: Any, shared: Shared) -> dict[str, Any]:
    conversation = Conversation(shared.columns, has_objects=False)
    conversation.add(value)
    if conversation.details - {None}:
        refuse("messages", "has images with a detail, which Claude does not know; leave it out")
    roles = {"user": "user", "model": "assistant"}
    turns = [
        {"role": roles[turn["role"]], "content": [_block(part) for part in turn["parts"]]}
        for turn in conversation.contents
    ]
    system = "\n\n".join(part["text"] for part in conversation.system)
    return {"messages": turns, **({"system": system} if system else {})}


def _block(part: dict[str, Any]) -> dict[str, Any]:
    """
    Return one of Gemini's parts as a block of Claude's.
    """
    if "text" in part:
        return {"type": "text", "text": part["text"]}
    if "functionCall" in part:
        call = part["functionCall"]
        if "args" not in call:
            refuse(
                "messages", f"has a call of {call['name'][:60]} without arguments, of which Claude's lines cannot tell"
            )
        return {"type": "tool_use", "id": call["id"], "name": call["name"], "input": call["args"]}
    if "functionResponse" in part:
        result = part["functionResponse"]
        return {"type": "tool_result", "tool_use_id": result["id"], "content": result["response"]["output"]}
    data = part.get("inlineData", {"mimeType": "a file in a bucket"})
    is_image = data["mimeType"].startswith("image/")
    if not is_image and data["mimeType"] != _DOCUMENT:
        refuse("messages", f"has {data['mimeType'][:60]}, and Claude takes images and PDF in data: URLs only")
    source = {"type": "base64", "media_type": data["mimeType"], "data": data["data"]}
    return {"type": "image" if is_image else "document", "source": source}


def _tools(value: Any) -> list[dict[str, Any]]:
    return [_tool(function, param) for function, param in functions_of(value)]


def _tool(function: dict[str, Any], param: str) -> dict[str, Any]:
    told = {"name": function["name"]}
    if function.get("description"):
        told["description"] = expect(function["description"], str, f"{param}.description")
    schema = _json_schema(parameters_of(function, param, _SCHEMA_LEVEL))
    if _SCHEMA_LEVEL - 1 + _levels(schema) > MOST_LEVELS:
        refuse(f"{param}.parameters", f"is nested too deeply; batches on Vertex AI take {MOST_LEVELS} levels in all")
    return {**told, "input_schema": schema}


def _json_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """
    Return a schema of Gemini's as a JSON Schema without lists of types, which the importer cannot read.
    """
    told: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword == "type":
            told[keyword] = value.lower()
        elif keyword in _COUNTS:
            told[keyword] = int(value)
        elif keyword == "properties":
            told[keyword] = {name: _json_schema(each) for name, each in value.items()}
        elif keyword == "anyOf":
            told[keyword] = [_json_schema(each) for each in value]
        elif keyword in {"items", "additionalProperties"}:
            told[keyword] = _json_schema(value)
        elif keyword not in {"nullable", "propertyOrdering"}:
            told[keyword] = value
    if told.get("format") == "enum":
        del told["format"]
        told["enum"] = [float(value) if told["type"] == "number" else int(value) for value in told["enum"]]
    return {"anyOf": [told, {"type": "null"}]} if schema.get("nullable") and told else told or {"description": "any"}


def _levels(value: Any) -> int:
    if type(value) is dict:
        return 1 + max(map(_levels, value.values()), default=0)
    return 1 + max(map(_levels, value), default=0) if type(value) is list else 0


def _choice(value: Any) -> dict[str, Any]:
    names = chosen_names(value)
    if names is None:
        return {"type": expect_choice(value, _MODES, "tool_choice")}
    if len(names) != 1:
        refuse("tool_choice", "names several functions; Claude takes one, or leaves the choice to the model")
    return {"type": "tool", "name": names[0]}


def _temperature(value: Any) -> float:
    if not 0 <= expect_number(value, "temperature") <= 1:
        refuse("temperature", f"is {value}; Claude takes 0 to 1")
    return float(value)


def _bound(value: Any) -> int:
    return expect_integer(value, 1, LARGEST, "max_tokens")


_PARAMETERS: Final[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
    "max_tokens": ("max_tokens", _bound),
    "max_completion_tokens": ("max_tokens", _bound),
    "temperature": ("temperature", _temperature),
    "top_p": ("top_p", lambda value: expect_number(value, "top_p")),
    "stop": ("stop_sequences", stops_of),
    "tools": ("tools", _tools),
    "tool_choice": ("tool_choice", _choice),
}
