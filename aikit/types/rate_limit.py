"""
What a provider lets through, as its answers tell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

import attrs

from aikit.types.json_form import Jsonable

V = TypeVar("V", int, str)

_LONGEST_S: Final = 60.0
_SPAN: Final = re.compile(
    r"(?:(\d{1,9})h)?(?:(\d{1,9})m(?!s))?(?:(\d{1,9}(?:\.\d{0,9})?)s)?(?:(\d{1,9}(?:\.\d{0,9})?)ms)?"
)
_SPAN_UNITS_S: Final = (3_600.0, 60.0, 1.0, 0.001)
_UNIX_TIME: Final = 1e8
_UNIX_MILLISECONDS: Final = 1e11


class PerUnit(dict[str, V]):
    """
    One figure for requests and one for tokens, as far as told: a mapping whose values are attributes, too.
    """

    __slots__ = ()

    @property
    def requests(self) -> V | None:
        """The figure for requests; ``None`` if it is not told."""
        return self.get("requests")

    @property
    def tokens(self) -> V | None:
        """The figure for tokens; ``None`` if it is not told."""
        return self.get("tokens")


def _per_unit(figures: Mapping[str, Any]) -> PerUnit[Any]:
    return PerUnit(figures)


@attrs.frozen(kw_only=True)
class RateLimit(Jsonable):
    """
    What the provider lets through, from its ``x-ratelimit-*`` headers.

    Attributes:
        limit: ``limit.requests`` and ``limit.tokens``, or ``limit["tokens"]``, as far as told.

        remaining: The same, of what is left.

        reset: The same, as the provider's own words for when it is full again, for example ``"6m0s"``.
    """

    # https://developers.openai.com/api/docs/guides/rate-limits (read 2026-11-21)

    limit: PerUnit[int] = attrs.field(converter=_per_unit)
    remaining: PerUnit[int] = attrs.field(converter=_per_unit)
    reset: PerUnit[str] = attrs.field(converter=_per_unit)


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


def seconds_until_reset(headers: Mapping[str, str], now: float) -> float:
    """
    Return how long nothing is let through, because no requests or no tokens are left; 0 while some are, or if untold.

    Args:
        headers: Those of any answer.

        now: Unix seconds.

    Returns:
        Seconds, at most a minute: the reset is when the whole limit is there again, a part of it may be there before.
    """
    told = rate_limit_of(headers)
    empty = [unit for unit, left in told.remaining.items() if left == 0 and told.limit.get(unit) != 0]
    return min(max((_reset_s(told.reset.get(unit, ""), now) for unit in empty), default=0.0), _LONGEST_S)


def _reset_s(text: str, now: float) -> float:
    """
    Return the seconds that a reset tells, as a span (``"6m0s"``, ``"20ms"``, ``"7.66"``) or a time; 0 if unreadable.
    """
    text = text.strip()[:64]
    span = _SPAN.fullmatch(text)
    if span is not None:
        return sum(float(told or 0) * unit for told, unit in zip(span.groups(), _SPAN_UNITS_S, strict=True))
    try:
        seconds = float(text)
    except ValueError:
        return _time_s(text, now)
    if not 0 < seconds < float("inf"):
        return 0.0
    if seconds < _UNIX_TIME:
        return seconds
    return max((seconds / 1_000 if seconds >= _UNIX_MILLISECONDS else seconds) - now, 0.0)


def _time_s(text: str, now: float) -> float:
    try:
        return max(datetime.fromisoformat(text).timestamp() - now, 0.0)
    except (ValueError, OverflowError, OSError):
        return 0.0


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
