"""
What callers give beside parameters, checked before anything is sent.
"""

from __future__ import annotations

import re
from typing import Any, Final

from aikit.runtime.parameters import require_text

_DOTS: Final = re.compile(r"(^|[/\\])\.{1,2}([/\\]|$)")


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
