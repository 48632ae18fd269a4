"""
Parameters of a query that are numbers or moments.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from aikit.types.errors import OpenAIError

_DAY: Final = len("2026-11-30")
_LONGEST: Final = 40


def whole_of(query: Mapping[str, str], name: str, *, default: int, least: int = 1, most: int) -> int:
    """
    Return a whole number of *query*.

    Raises:
        OpenAIError: It is none between *least* and *most*; status 400.
    """
    text = query.get(name)
    if text is None:
        return default
    is_whole = text.isascii() and text.isdecimal() and len(text) <= _DAY
    if not is_whole or not least <= int(text) <= most:
        raise _refusal(name, f"{name} must be a whole number between {least} and {most}, not {text[:_LONGEST]!r}")
    return int(text)


def moment_of(query: Mapping[str, str], name: str, *, is_end: bool = False) -> float | None:
    """
    Return a moment of *query* in seconds since 1970; ``None`` if it names none.

    Args:
        query: Of the request.

        name: Its parameter: a day, or a day with a time; in UTC, unless it says otherwise.

        is_end: Whether a day alone means its end.

    Raises:
        OpenAIError: It is neither; status 400.
    """
    text = query.get(name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text[:_LONGEST])
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return (moment + timedelta(days=1) if is_end and len(text) == _DAY else moment).timestamp()
    except (ValueError, OverflowError):
        written = f"write {name} as 2026-11-30, or 2026-11-30T12:00:00Z"
        raise _refusal(name, f"{text[:_LONGEST]!r} is no day and no time; {written}") from None


def _refusal(name: str, message: str) -> OpenAIError:
    return OpenAIError(message=message, status=400, type="invalid_request_error", param=name, code="invalid_value")
