"""
What callers give beside parameters, checked before anything is sent.
"""

from __future__ import annotations

import os
from typing import Any, Final

from aikit.http.headers import redacted
from aikit.runtime.parameters import require_text
from aikit.types.ids import is_path, kind_of
from aikit.types.wire import is_id

_KIND_OF: Final = {"batch": "batch", "batch_id": "batch", "upload_id": "upload", "part_ids": "part"}
"""Argument → kind of the object that it names; all others name files."""

_HINTS: Final = {
    "input_file_id": 'upload the file first, with files.create and purpose "batch", and give its id, or give the path '
    "to batches.run",
    "file": "files.create returns a file with its id, and files.list shows all; a batch has the ids of its files",
    "batch": "batches.create returns a batch with its id, and batches.list shows all",
    "upload": "uploads.create returns an upload with its id",
    "part": "uploads.add_part returns a part with its id",
}


def require_id(name: str, value: Any) -> None:
    """
    Check what is to become one segment of a path.

    Raises:
        TypeError: It is no string.
        ValueError: It is empty or cannot be an id: it is a path on this machine, or names an object of another kind.
    """
    kind = _KIND_OF.get(name, "file")
    hint = _HINTS.get(name) or _HINTS[kind]
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {type(value).__name__}; {_way_to_id(value) or hint}")
    require_text(name, value)
    if is_path(value):
        raise ValueError(f"{name} {redacted(value)!r} is a path, and no id; {hint}")
    if not is_id(value):
        raise ValueError(
            f"{name} {redacted(value)!r} cannot be an id: it has white space, control characters or dot segments"
        )
    if "://" in value and redacted(value) != value:
        raise ValueError(
            f"{name} {redacted(value)!r} is signed, and no id; leave out what is behind its question mark: the SAS of "
            "blobs stands in the provider's blob_storage"
        )
    found = kind_of(value) or kind
    if found != kind:
        raise ValueError(f"{name} {value!r} is the id of {_a(found)}, not of {_a(kind)}; {hint}")


def _way_to_id(value: Any) -> str:
    """
    Return how to get from *value*, an object or a result, to an id; empty if it is neither.
    """
    if isinstance(getattr(value, "id", None), str):
        return "give its id: write .id behind it"
    if hasattr(value, "next_page"):
        return "give the id of one of those that it lists: write [0].id behind it, or walk over them"
    return "give the id of what it carries: write .unwrap().id behind it" if hasattr(value, "unwrap") else ""


def _a(kind: str) -> str:
    return f"an {kind}" if kind == "upload" else f"a {kind}"


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
