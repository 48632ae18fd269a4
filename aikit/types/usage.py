"""
Tokens, as providers count them: one value, and the one reader of all their ways to tell them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import attrs

from aikit.types.json_form import Jsonable
from aikit.types.usage_reader import Tokens, read_tokens
from aikit.types.wire import NOTHING

CACHE_WRITE = "cache_write"
"""Kind of the prompt's tokens that the provider stored for later requests; some charge more for these."""


@attrs.frozen(kw_only=True)
class Usage(Jsonable):
    """
    Tokens of one answer, or of many together; equal where the tokens are.

    Attributes:
        input_tokens: Of the prompts; *cached_tokens* are among them.

        cached_tokens: Those that the provider had read before.

        output_tokens: Of the answers; *reasoning_tokens* are among them.

        reasoning_tokens: Those that were thought and not said.

        other_tokens: Kind → how many of these are no plain text, ``"input_audio"``, ``"output_image"``,
            ``"cached_audio"``, or were stored for later requests, ``"cache_write"``.

        notes: How counts were understood that are told in an uncommon way, in sentences.

        is_lower_bound: Whether it took more than that, or may have: counts are missing or contradict each other.
    """

    # Chat Completions: prompt_tokens, completion_tokens; Responses: input_tokens, output_tokens; each with details
    # https://developers.openai.com/api/reference/resources/batches (read 2026-11-21)

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    other_tokens: Mapping[str, int] = attrs.field(default=NOTHING, hash=False)
    notes: tuple[str, ...] = attrs.field(default=(), eq=False)
    is_lower_bound: bool = attrs.field(default=False, eq=False)

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        return self._combined(other, 1)

    def __sub__(self, other: Usage) -> Usage:
        return self._combined(other, -1)

    @classmethod
    def from_wire(cls, data: Any) -> Self | None:
        """
        Read ``usage`` of an answer or of a batch, of whichever endpoint and provider; ``None`` if it tells no tokens.
        """
        tokens = read_tokens(data) if isinstance(data, dict) else None
        return None if tokens is None else cls.of(tokens)

    @classmethod
    def of(cls, tokens: Tokens) -> Self:
        """
        Return what was read.
        """
        return cls(
            input_tokens=tokens.asked,
            cached_tokens=tokens.cached,
            output_tokens=tokens.answered,
            reasoning_tokens=tokens.reasoned,
            other_tokens=tokens.others,
            notes=tokens.notes,
            is_lower_bound=tokens.is_lower_bound,
        )

    def to_wire(self) -> dict[str, Any]:
        """
        Return it as OpenAI's batches tell it; tokens of other kinds stand in the details where there are some.
        """
        asked = {"cached_tokens": self.cached_tokens}
        answered = {"reasoning_tokens": self.reasoning_tokens}
        for kind, count in self.other_tokens.items():
            details = answered if kind.startswith("output_") else asked
            details[f"{kind.removeprefix('input_').removeprefix('output_')}_tokens"] = count
        return {
            "input_tokens": self.input_tokens,
            "input_tokens_details": asked,
            "output_tokens": self.output_tokens,
            "output_tokens_details": answered,
            "total_tokens": self.total_tokens,
        }

    def to_dict(self) -> dict[str, Any]:
        """
        Return the same as `to_wire`.
        """
        return self.to_wire()

    def _combined(self, other: Usage, sign: int) -> Usage:
        kinds = {kind: self.other_tokens.get(kind, 0) for kind in (*self.other_tokens, *other.other_tokens)}
        sums = {kind: count + sign * other.other_tokens.get(kind, 0) for kind, count in kinds.items()}
        return Usage(
            input_tokens=self.input_tokens + sign * other.input_tokens,
            cached_tokens=self.cached_tokens + sign * other.cached_tokens,
            output_tokens=self.output_tokens + sign * other.output_tokens,
            reasoning_tokens=self.reasoning_tokens + sign * other.reasoning_tokens,
            other_tokens={kind: count for kind, count in sums.items() if count} or NOTHING,
            notes=tuple(dict.fromkeys((*self.notes, *other.notes))),
            is_lower_bound=self.is_lower_bound or other.is_lower_bound,
        )
