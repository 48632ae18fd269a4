"""
Messages of Claude as chat completions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from aikit.providers.vertex.answers.messages import Message
from aikit.providers.vertex.answers.misfits import MisfitError, arguments_in, list_in, text_in
from aikit.types.wire import unix_time

# https://docs.claude.com/en/api/messages (read 2026-11-30)
_ENDS: Final = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_PLAIN_ENDS: Final = frozenset((None, "end_turn", "max_tokens", "tool_use"))
_PAID: Final = re.compile(r"_tokens$|^cache_creation$|^server_tool_use$")
_COUNTS: Final = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def chat_completion(response: Mapping[str, Any], row: Mapping[str, Any], name: str, model: str) -> dict[str, Any]:
    """
    Return the chat completion that *response*, a message, is; the arguments are those of its sibling for Gemini.

    Raises:
        MisfitError: It is no message, or has odd blocks.
    """
    told = text_in(response, "stop_reason")
    choice = {
        "index": 0,
        "message": _message(list_in(response, "content")),
        "logprobs": None,
        "finish_reason": _ENDS.get(told or "", "stop"),
    }
    return {
        "id": text_in(response, "id") or name,
        "object": "chat.completion",
        "created": unix_time(row.get("processed_time")) or 0,
        "model": text_in(response, "model") or model,
        "choices": [choice if told in _PLAIN_ENDS else {**choice, "native_finish_reason": told}],
        "usage": usage_of(response.get("usage")),
    }


def usage_of(told: Any) -> dict[str, Any] | None:
    """
    Return Claude's ``usage`` in OpenAI's names: the caches, which it tells beside the prompt, are in it.
    """
    if not isinstance(told, dict):
        return None
    counts = [told.get(name) or 0 for name in _COUNTS]
    if any(type(count) is not int for count in counts) or None in map(told.get, _COUNTS[:2]):
        return told or None  # whose reader tells what cannot be read, or is not told
    fresh, answered, read, written = counts
    asked = fresh + read + written
    usage = {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
        "prompt_tokens_details": {"cached_tokens": read, **({"cache_creation_tokens": written} if written else {})},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    kept = {name: value for name, value in told.items() if value and name not in _COUNTS and _PAID.search(name)}
    return {**usage, **kept}


def _message(blocks: list[Any]) -> dict[str, Any]:
    message = Message()
    for block in blocks:
        if not isinstance(block, dict):
            raise MisfitError("a block of its content is no object")
        kind = block.get("type")
        if kind == "text":
            message.said.append(text_in(block, "text") or "")
        elif kind == "thinking":
            message.thought.append(text_in(block, "thinking") or "")
        elif kind == "tool_use":
            message.calls.append(_call(block))
        else:
            message.others.setdefault("native_parts", []).append(block)
    return message.to_wire()


def _call(block: Mapping[str, Any]) -> dict[str, Any]:
    name, call_id = text_in(block, "name"), text_in(block, "id")
    if not name or not call_id:
        raise MisfitError("a call of a tool has no name or no id")
    arguments = arguments_in(block, "input")
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
