"""
Tokens, as providers count them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class Usage:
    """
    Tokens of one answer, or of many together.

    Attributes:
        input_tokens: Of the prompts; *cached_tokens* are among them.

        cached_tokens: Those that the provider had read before.

        output_tokens: Of the answers; *reasoning_tokens* are among them.

        reasoning_tokens: Those that were thought and not said.
    """

    # Chat Completions: prompt_tokens, completion_tokens; Responses: input_tokens, output_tokens; each with details
    # https://developers.openai.com/api/reference/resources/batches (read 2026-11-21)

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
        )

    @classmethod
    def from_wire(cls, data: Any) -> Usage | None:
        """
        Read ``usage`` of an answer or of a batch, of whichever endpoint; ``None`` if it is none.
        """
        if not isinstance(data, dict):
            return None
        is_chat = "prompt_tokens" in data
        asked, answered = ("prompt_tokens", "completion_tokens") if is_chat else ("input_tokens", "output_tokens")
        if _count(data.get(asked)) is None:
            return None
        return cls(
            input_tokens=_count(data[asked]) or 0,
            cached_tokens=_detail(data, f"{asked}_details", "cached_tokens"),
            output_tokens=_count(data.get(answered)) or 0,
            reasoning_tokens=_detail(data, f"{answered}_details", "reasoning_tokens"),
        )

    def to_wire(self) -> dict[str, Any]:
        """
        Return it as OpenAI's batches tell it.
        """
        return {
            "input_tokens": self.input_tokens,
            "input_tokens_details": {"cached_tokens": self.cached_tokens},
            "output_tokens": self.output_tokens,
            "output_tokens_details": {"reasoning_tokens": self.reasoning_tokens},
            "total_tokens": self.total_tokens,
        }


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None  # so no bool


def _detail(data: Mapping[str, Any], details: str, name: str) -> int:
    found = data.get(details)
    return (_count(found.get(name)) or 0) if isinstance(found, dict) else 0
