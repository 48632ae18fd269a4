"""
What callers give beside parameters, checked before anything is sent.
"""

from __future__ import annotations

import os
from typing import Any

from aikit.http.headers import redacted
from aikit.runtime.parameters import require_text
from aikit.types.wire import is_id


def require_id(name: str, value: Any) -> None:
    """
    Check what is to become one segment of a path.

    Raises:
        TypeError: It is no string.
        ValueError: It is empty or cannot be an id.
    """
    require_text(name, value)
    if not is_id(value):
        raise ValueError(
            f"{name} {redacted(value)!r} cannot be an id: it has white space, control characters or dot segments"
        )
    if "://" in value and redacted(value) != value:
        raise ValueError(
            f"{name} {redacted(value)!r} is signed, and no id; leave out what is behind its question mark: the SAS of "
            "blobs stands in the provider's blob_storage"
        )


def require_path(name: str, value: Any) -> str:
    """
    Return *value*, a path on this machine, as text.

    Raises:
        TypeError: It is no path, or one of bytes.
        ValueError: It is empty or has a NUL character.
    """
    if not isinstance(value, str | os.PathLike):
        hint = "; use os.fsdecode(path)" if isinstance(value, bytes) else ""
        raise TypeError(f"{name} must be a path as str or PathLike, not {type(value).__name__}{hint}")
    text = os.fspath(value)
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a path as str, not bytes; use os.fsdecode(path)")
    if not text or "\0" in text:
        raise ValueError(f"{name} must not be empty, and have no NUL character")
    return text
