"""
Chat completions as Gemini's ``generateContent``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from aikit.providers.vertex.translation.importing import Columns
from aikit.providers.vertex.translation.messages import Conversation
from aikit.providers.vertex.translation.refusals import (
    RefusedError,
    expect,
    expect_choice,
    expect_integer,
    expect_number,
    refuse,
)
from aikit.providers.vertex.translation.schemas import gemini_schema
from aikit.providers.vertex.translation.tools import gemini_choice, gemini_tools
from aikit.types.suggestions import did_you_mean

LARGEST: Final = 2**31 - 1
_SMALLEST: Final = -(2**31)
_SCHEMA_LEVEL: Final = 4
_MOST_STOPS: Final = 5
_BUDGETS: Final = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
_LEVELS: Final = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH"}
_FIRST_WITH_THINKING: Final = (2, 5)
FIRST_WITH_LEVELS: Final = (3, 0)

# https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference (read 2026-11-21)


@attrs.define
class GeminiRequest:
    """
    One request on its way.

    Attributes:
        version: Of the model; ``None`` if it is not known.

        path: Of the model.

        columns: Of the whole file.

        told: The request.

        config: Its generation configuration.
    """

    version: tuple[int, int] | None
    path: str
    columns: Columns
    told: dict[str, Any] = attrs.field(factory=dict)
    config: dict[str, Any] = attrs.field(factory=dict)

    @property
    def has_levels(self) -> bool:
        """Whether the model thinks on levels, and not within a budget of tokens."""
        return self.version is not None and self.version >= FIRST_WITH_LEVELS

    def add_all(self, body: Mapping[str, Any], left_out: set[str]) -> dict[str, Any]:
        """
        Translate *body*, and add to *left_out* the names of what has no meaning at Vertex AI.

        Raises:
            RefusedError: There is something that changes the answer or its price, and cannot be translated.
        """
        for name, value in body.items():
            if value is None:
                continue
            parameter = _PARAMETERS.get(name)
            if parameter is not None:
                parameter(self, value)
            else:
                leave_out(name, value, body, left_out, _PARAMETERS)
        if self.config:
            self.told["generationConfig"] = self.config
        return self.told

    def messages(self, value: Any) -> None:
        """
        Add the conversation.
        """
        conversation = Conversation(self.columns, is_signed=self.has_levels)
        conversation.add(value)
        self.told["contents"] = conversation.contents
        if conversation.system:
            self.told["systemInstruction"] = {"parts": conversation.system}
        if len(conversation.details) > 1:
            refuse("messages", "has images of different detail; this model takes one for all")
        for detail in conversation.details - {None}:
            self.config["mediaResolution"] = detail

    def tools(self, value: Any) -> None:
        """
        Add the tools.
        """
        tools = gemini_tools(value)
        if tools:
            self.told["tools"] = tools

    def tool_choice(self, value: Any) -> None:
        """
        Add the choice among them.
        """
        self.told["toolConfig"] = gemini_choice(value)

    def max_tokens(self, value: Any) -> None:
        """
        Bound the answer, unless it is bounded.
        """
        self.config.setdefault("maxOutputTokens", expect_integer(value, 1, LARGEST, "max_tokens"))

    def max_completion_tokens(self, value: Any) -> None:
        """
        Bound the answer.
        """
        self.config["maxOutputTokens"] = expect_integer(value, 1, LARGEST, "max_completion_tokens")

    def stop(self, value: Any) -> None:
        """
        Add what ends the answer.
        """
        stops = stops_of(value)
        if len(stops) > _MOST_STOPS:
            refuse("stop", f"has {len(stops)} texts; Vertex AI takes {_MOST_STOPS}")
        if stops:
            self.config["stopSequences"] = stops

    def logprobs(self, value: Any) -> None:
        """
        Ask for probabilities.
        """
        if expect(value, bool, "logprobs"):
            self.config["responseLogprobs"] = True

    def response_format(self, value: Any) -> None:
        """
        Ask for JSON, or that of a schema.
        """
        kind = expect(value, dict, "response_format").get("type")
        if not expect_choice(kind, {"text": False, "json_object": True, "json_schema": True}, "response_format.type"):
            return
        self.config["responseMimeType"] = "application/json"
        if kind == "json_schema":
            param = "response_format.json_schema"
            told = expect(value.get("json_schema"), dict, param)
            if told.get("schema") is not None:
                schema = gemini_schema(told["schema"], f"{param}.schema", _SCHEMA_LEVEL)
                if told.get("description"):
                    schema.setdefault("description", expect(told["description"], str, f"{param}.description"))
                self.config["responseSchema"] = schema

    def reasoning_effort(self, value: Any) -> None:
        """
        Say how much the model thinks, as its family takes it.
        """
        if self.has_levels:
            thinking: dict[str, Any] = {"thinkingLevel": expect_choice(value, _LEVELS, "reasoning_effort")}
        elif self.version is not None and self.version < _FIRST_WITH_THINKING:
            if value != "none":
                refuse("reasoning_effort", f"is given, and {self.path} does not think; leave it out")
            return
        else:
            budgets = _BUDGETS if "-pro" in self.path else {"none": 0, **_BUDGETS}
            thinking = {"thinkingBudget": expect_choice(value, budgets, "reasoning_effort")}
        self.config["thinkingConfig"] = thinking


def stops_of(value: Any) -> list[str]:
    """
    Return the texts that end an answer: one, or a list.

    Raises:
        RefusedError: It is neither.
    """
    return [value] if type(value) is str else [expect(one, str, "stop") for one in expect(value, list, "stop")]


_Parameter = Callable[[GeminiRequest, Any], None]


def _number(name: str, param: str) -> _Parameter:
    def add(request: GeminiRequest, value: Any) -> None:
        request.config[name] = expect_number(value, param)

    return add


def _integer(name: str, least: int, most: int, param: str) -> _Parameter:
    def add(request: GeminiRequest, value: Any) -> None:
        request.config[name] = expect_integer(value, least, most, param)

    return add


def _model(request: GeminiRequest, value: Any) -> None:
    """
    The model is the job's.
    """


_PARAMETERS: Final[Mapping[str, _Parameter]] = {
    "model": _model,
    "messages": GeminiRequest.messages,
    "tools": GeminiRequest.tools,
    "tool_choice": GeminiRequest.tool_choice,
    "max_tokens": GeminiRequest.max_tokens,
    "max_completion_tokens": GeminiRequest.max_completion_tokens,
    "temperature": _number("temperature", "temperature"),
    "top_p": _number("topP", "top_p"),
    "presence_penalty": _number("presencePenalty", "presence_penalty"),
    "frequency_penalty": _number("frequencyPenalty", "frequency_penalty"),
    "seed": _integer("seed", _SMALLEST, LARGEST, "seed"),
    "n": _integer("candidateCount", 1, LARGEST, "n"),
    "top_logprobs": _integer("logprobs", 0, 20, "top_logprobs"),
    "logprobs": GeminiRequest.logprobs,
    "stop": GeminiRequest.stop,
    "response_format": GeminiRequest.response_format,
    "reasoning_effort": GeminiRequest.reasoning_effort,
}

_MEANINGLESS: Final = frozenset(
    (
        *("user", "metadata", "store", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"),
        *("stream", "stream_options", "prediction"),
    )
)
"""What changes neither the answer nor its price."""

_HARMLESS: Final[Mapping[str, tuple[Any, ...]]] = {
    "service_tier": ("auto", "default"),
    "modalities": (["text"],),
    "logit_bias": ({},),
    "verbosity": ("medium",),
    "parallel_tool_calls": (True,),
    "n": (1,),
    "logprobs": (False,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "response_format": ({"type": "text"},),
    "reasoning_effort": ("none",),
}
"""Parameter → values that say what is so anyway."""


def leave_out(name: str, value: Any, body: Mapping[str, Any], left_out: set[str], known: Mapping[str, Any]) -> None:
    """
    Leave out a parameter that has no meaning at Vertex AI; refuse one that had one at OpenAI.

    Raises:
        RefusedError: It has.
    """
    if name in _MEANINGLESS:
        left_out.add(name)
    elif name in _HARMLESS:
        is_moot = name == "parallel_tool_calls" and not body.get("tools")
        if value not in _HARMLESS[name] and not is_moot:
            refuse(name, "is nothing that this model on Vertex AI can be told; leave it out")
    else:
        names = (*known, *_MEANINGLESS, *_HARMLESS)
        why = f"'{name[:60]}' has no counterpart at Vertex AI, or is unknown; leave it out"
        raise RefusedError(f"{why}{did_you_mean(name, names)}", name[:60])
