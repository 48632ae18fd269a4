"""
The messages of a chat as Gemini's system instruction and turns.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

import attrs

from aikit.providers.vertex.translation.content import parts_of, text_of, texts_of
from aikit.providers.vertex.translation.importing import Columns, without_empty
from aikit.providers.vertex.translation.refusals import expect, expect_choice, expect_members, refuse
from aikit.validation.lines import parsed

_ARGUMENTS_LEVEL: Final = 8
"""Of nesting, of the arguments or the result of a call: below line, request, contents, turn, parts, part and call."""

_UNSIGNED: Final = base64.b64encode(b"skip_thought_signature_validator").decode()
"""What Gemini 3 takes for the signature of a call that another model made."""

_MEMBERS: Final[Mapping[str, frozenset[str]]] = {
    "system": frozenset(("role", "content", "name")),
    "user": frozenset(("role", "content", "name")),
    "model": frozenset(
        (
            *("role", "content", "name", "refusal", "tool_calls", "function_call", "audio"),
            *("annotations", "reasoning", "reasoning_content"),  # of answers, which no model is given back
        )
    ),
    "tool": frozenset(("role", "content", "name", "tool_call_id")),
}
_CALL: Final = frozenset(("id", "type", "index", "function", "extra_content"))
_FUNCTION: Final = frozenset(("name", "arguments"))
_ROLES: Final = {"system": "system", "developer": "system", "user": "user", "assistant": "model", "tool": "tool"}

# https://cloud.google.com/vertex-ai/generative-ai/docs/thought-signatures (read 2026-11-30)


@attrs.define
class Conversation:
    """
    The turns of one request.

    Attributes:
        columns: Of arguments and results in the whole file.

        is_signed: Whether the model demands signatures of calls, and knows the detail of each image.

        has_objects: Whether the result of a call may be an object.

        system: Parts of the system instruction.

        contents: The turns.

        details: Of its images, as resolutions for the whole request; ``None`` stands for the model's own choice.
    """

    columns: Columns
    is_signed: bool = False
    has_objects: bool = True
    system: list[dict[str, Any]] = attrs.field(factory=list)
    contents: list[dict[str, Any]] = attrs.field(factory=list)
    details: set[str | None] = attrs.field(factory=set)
    _names: dict[str, str] = attrs.field(factory=dict)

    def add(self, messages: Any) -> None:
        """
        Add all *messages*.

        Raises:
            RefusedError: One cannot be translated.
        """
        for number, message in enumerate(expect(messages, list, "messages")):
            param = f"messages[{number}]"
            role = expect_choice(expect(message, dict, param).get("role"), _ROLES, f"{param}.role")
            expect_members(message, _MEMBERS[role], param)
            if role != "model" and message.get("content") is None:
                refuse(f"{param}.content", "is missing")
            if message.get("name") and role != "tool":
                refuse(f"{param}.name", "is nothing that Vertex AI can be told; write in the text who speaks")
            if role == "system":  # wherever it stands
                texts = texts_of(message.get("content"), f"{param}.content")
                self.system += [{"text": text} for text in texts if text]
            elif role == "user":
                self._add("user", self._shown(message, param))
            elif role == "model":
                self._add("model", self._said(message, param))
            else:
                self._add("user", [{"functionResponse": self._result(message, param)}])
        if not self.contents:
            refuse("messages", "has no content beside system messages, which Vertex AI does not take")

    def _add(self, role: str, parts: list[dict[str, Any]]) -> None:
        if not parts:
            return
        if self.contents and self.contents[-1]["role"] == role:
            self.contents[-1]["parts"] += parts
        else:
            self.contents.append({"role": role, "parts": parts})

    def _shown(self, message: dict[str, Any], param: str) -> list[dict[str, Any]]:
        parts = parts_of(message.get("content"), f"{param}.content")
        if not self.is_signed:
            for part in parts:
                data = part.get("inlineData") or part.get("fileData")
                if data is not None and not data["mimeType"].startswith("audio/"):
                    self.details.add(part.pop("mediaResolution", {}).get("level"))
        return parts

    def _said(self, message: dict[str, Any], param: str) -> list[dict[str, Any]]:
        for name in ("function_call", "audio"):
            if message.get(name) is not None:
                refuse(f"{param}.{name}", "cannot be translated; leave it out, or write calls as tool_calls")
        texts = [text for name in ("content", "refusal") for text in texts_of(message.get(name), f"{param}.{name}")]
        parts: list[dict[str, Any]] = [{"text": text} for text in texts]
        for number, call in enumerate(expect(message.get("tool_calls") or [], list, f"{param}.tool_calls")):
            parts.append(self._call(call, f"{param}.tool_calls[{number}]", is_first=number == 0))
        called = [part["functionCall"]["id"] for part in parts[len(texts) :]]
        if len(set(called)) < len(called):
            refuse(f"{param}.tool_calls", "has two calls of one id, so that no result says which it is of")
        return parts

    def _call(self, call: Any, param: str, *, is_first: bool) -> dict[str, Any]:
        name, call_id, arguments = _function_call(call, param)
        self._names[call_id] = name
        told: dict[str, Any] = {"id": call_id, "name": name}
        if arguments:
            problem = self.columns.add(arguments, "args", _ARGUMENTS_LEVEL)
            if problem is not None:
                refuse(f"{param}.function.arguments", f"{problem}")
            told["args"] = arguments
        part: dict[str, Any] = {"functionCall": told}
        signature = _signature_of(call)
        if signature is not None or (self.is_signed and is_first):
            part["thoughtSignature"] = signature or _UNSIGNED
        return part

    def _result(self, message: dict[str, Any], param: str) -> dict[str, Any]:
        call_id = expect(message.get("tool_call_id"), str, f"{param}.tool_call_id")
        if call_id not in self._names:
            refuse(f"{param}.tool_call_id", f'is "{call_id[:60]}", and no call before it has that id')
        text = text_of(message["content"], f"{param}.content")
        return {"id": call_id, "name": self._names[call_id], "response": self._response(text)}

    def _response(self, text: str) -> dict[str, Any]:
        """
        Return *text* as the result of a call: an object as it is if the importer can read it, all else as text.
        """
        if self.has_objects and text.lstrip()[:1] == "{":
            try:
                value = parsed(text.encode())
            except ValueError:
                value = None
            if type(value) is dict and value and self.columns.add(value, "response", _ARGUMENTS_LEVEL) is None:
                return value
        return {"output": text}


def _function_call(call: Any, param: str) -> tuple[str, str, dict[str, Any]]:
    expect_choice(expect(call, dict, param).get("type", "function"), {"function": None}, f"{param}.type")
    expect_members(call, _CALL, param)
    function = expect(call.get("function"), dict, f"{param}.function")
    expect_members(function, _FUNCTION, f"{param}.function")
    name = expect(function.get("name"), str, f"{param}.function.name")
    call_id = expect(call.get("id"), str, f"{param}.id")
    place = f"{param}.function.arguments"
    try:
        arguments = parsed(expect(function.get("arguments") or "{}", str, place).encode())
    except ValueError as error:
        refuse(place, f"is no JSON: {str(error).removesuffix('.')}")
    return name, call_id, without_empty(expect(arguments, dict, place))


def _signature_of(call: dict[str, Any]) -> str | None:
    """
    Return the signature that a *call* has from an answer of Google's; ``None`` without one.
    """
    value: Any = call
    for name in ("extra_content", "google", "thought_signature"):
        value = value.get(name) if type(value) is dict else None
    return value if type(value) is str and value else None
