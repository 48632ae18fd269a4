"""
Names of ``usage`` as others than OpenAI write them, before it is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from aikit.types.wire import NOTHING, whole_number

_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_GEMINIS: Final = frozenset(("prompt_token_count", "total_token_count", "candidates_token_count"))
_OPENAIS: Final = ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens")
_SINGULAR: Final = re.compile(r"_token_(count$|details$)")  # of Google and Amazon, and of OpenAI's audio


def in_openai_names(usage: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Return *usage* under the names of chats and responses where it has others of OpenAI, Google's or Amazon's.
    """
    if not any(_CAMEL.search(name) or _SINGULAR.search(name) for name in usage):
        return usage
    named = {_CAMEL.sub("_", name).lower(): value for name, value in usage.items()}
    if not named.keys().isdisjoint(_GEMINIS) and "input_token_count" not in named:
        if not any(named.get(name) for name in _OPENAIS):
            return _from_gemini(named)
        named = {name: value for name, value in named.items() if name not in _GEMINIS}
    named = {_in_plural(name): value for name, value in named.items()}
    named.setdefault("cache_creation_input_tokens", named.pop("cache_write_input_tokens", None))
    for name, value in named.items():
        if name.endswith("_details") and isinstance(value, dict):
            named[name] = {_CAMEL.sub("_", key).lower(): count for key, count in value.items()}
    return named


def _in_plural(name: str) -> str:
    return _SINGULAR.sub(lambda found: "_tokens" if found[1] == "count" else "_tokens_details", name)


def _from_gemini(named: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Return Gemini's own usage under OpenAI's names; its parts are beside each other, but for what was cached.
    """
    found = {
        "prompt_tokens": _sum(named, "prompt_token_count", "tool_use_prompt_token_count"),
        "completion_tokens": _sum(named, "candidates_token_count", "thoughts_token_count"),
        "total_tokens": named.get("total_token_count"),
        "prompt_tokens_details": {
            **_by_modality(named.get("prompt_tokens_details")),
            "cached_tokens": named.get("cached_content_token_count"),
            "cached_tokens_details": _by_modality(named.get("cache_tokens_details")),
        },
        "completion_tokens_details": {
            **_by_modality(named.get("candidates_tokens_details")),
            "reasoning_tokens": named.get("thoughts_token_count"),
        },
    }
    return {name: value for name, value in found.items() if value is not None}


def _sum(named: Mapping[str, Any], first: str, second: str) -> Any:
    if named.get(first) is None and named.get(second) is None:
        return None
    counts = [0 if named.get(name) is None else whole_number(named[name]) for name in (first, second)]
    return "unreadable" if None in counts else sum(count or 0 for count in counts)


def _by_modality(entries: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in entries if isinstance(entries, list) else ():
        told = {_CAMEL.sub("_", name).lower(): value for name, value in mapping(entry).items()}
        kind, count = told.get("modality"), whole_number(told.get("token_count"))
        if isinstance(kind, str) and count:
            name = f"{kind.lower()}_tokens"
            found[name] = found.get(name, 0) + count
    return found


def mapping(value: Any) -> Mapping[str, Any]:
    """
    Return *value* if it is an object, else an empty one.
    """
    return value if isinstance(value, dict) else NOTHING
