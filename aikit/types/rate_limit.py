"""
What a provider lets through, as its answers tell.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen(kw_only=True)
class RateLimit:
    """
    What the provider lets through, from its ``x-ratelimit-*`` headers.

    Attributes:
        limit: ``{"requests": N, "tokens": N}``, as far as told.

        remaining: The same, of what is left.

        reset: The same, as the provider's own words for when it is full again, for example ``"6m0s"``.
    """

    # https://developers.openai.com/api/docs/guides/rate-limits (read 2026-11-21)

    limit: Mapping[str, int]
    remaining: Mapping[str, int]
    reset: Mapping[str, str]


def rate_limit_of(headers: Mapping[str, str]) -> RateLimit:
    """
    Return what *headers* tell; what is no count is left out.
    """
    found: dict[str, dict[str, str]] = {"limit": {}, "remaining": {}, "reset": {}}
    for kind, values in found.items():
        for unit in ("requests", "tokens"):
            value = headers.get(f"x-ratelimit-{kind}-{unit}")
            if value is not None:
                values[unit] = value
    counts = {kind: {unit: int(text) for unit, text in found[kind].items() if _is_count(text)} for kind in found}
    return RateLimit(limit=counts["limit"], remaining=counts["remaining"], reset=found["reset"])


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
