"""
Python objects as lines of JSON, and why some cannot be.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

from aikit.validation.problems import excerpt

_LOOKED_AT_MAX: Final = 100_000
_KEYS: Final = (str, int, float, type(None))  # json makes strings of them: logit_bias has numbers


class UnfitError(Exception):
    """
    A line that cannot be written.
    """

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param


def encoded_line(line: dict[str, Any]) -> bytes:
    """
    Return *line* as JSON in UTF-8, with a newline.

    Raises:
        UnfitError: JSON cannot carry it.
    """
    try:
        return (json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n").encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise unfit(line, error) from error


def unfit(line: dict[str, Any], error: Exception) -> UnfitError:
    """
    Return the error for what cannot be JSON, with the place where it stands.
    """
    waiting = [("", line)]
    for _ in range(_LOOKED_AT_MAX):  # one that holds itself has no end
        if not waiting:
            break
        place, value = waiting.pop()
        if (reason := _reason(value)) is not None:
            return UnfitError("invalid_value", f"'{excerpt(place)}' {reason}.", place)
        waiting += reversed(_children(place, value))
    reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
    return UnfitError("invalid_value", f"The line cannot be JSON: {reason}.")


def _children(place: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"{place}.{key}" if place else str(key), inner) for key, inner in value.items()]
    if isinstance(value, list | tuple):
        return [(f"{place}[{index}]", inner) for index, inner in enumerate(value)]
    return []


def _reason(value: Any) -> str | None:
    if isinstance(value, str):
        return "has a lone surrogate, which UTF-8 cannot carry" if not _is_encodable(value) else None
    if isinstance(value, float):
        return None if math.isfinite(value) else f"is {value}, which is no JSON number; use None"
    if isinstance(value, dict):
        odd = [key for key in value if not isinstance(key, _KEYS) or (isinstance(key, str) and not _is_encodable(key))]
        return f"has a key that JSON cannot carry: {excerpt(repr(odd[0]))}" if odd else None
    if value is None or isinstance(value, int | list | tuple):
        return None
    return f"is {type(value).__name__}, which JSON cannot carry; make it a string, a number or a list"


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
