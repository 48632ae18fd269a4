"""
What callers give beside parameters, checked before anything is sent.
"""

from __future__ import annotations

import re
from typing import Any, Final

_DOTS: Final = re.compile(r"(^|[/\\])\.{1,2}([/\\]|$)")


def require_text(name: str, value: Any) -> None:
    """
    Check a string that is not empty and can be sent.

    Raises:
        TypeError: It is no string.
        ValueError: It is empty, or nothing can carry it.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {type(value).__name__}")
    if not value:
        raise ValueError(f"{name} must not be empty")
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError(f"{name} {value!r} has a lone surrogate, which nothing can carry")


def require_id(name: str, value: Any) -> None:
    """
    Check what is to become one segment of a path.

    Raises:
        TypeError: It is no string.
        ValueError: It is empty or cannot be an id.
    """
    require_text(name, value)
    if not value.isprintable() or any(char.isspace() for char in value) or _DOTS.search(value):
        raise ValueError(f"{name} {value!r} cannot be an id: it has white space, control characters or dot segments")
