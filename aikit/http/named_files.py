"""
Files given with their names: ``(name, content)`` and ``(name, content, type)``.
"""

from __future__ import annotations

import re
from typing import Any, Final

# RFC 9110 section 8.3.1
_MEDIA_TYPE: Final = re.compile(r"[\w!#$&^.+-]{1,127}/[\w!#$&^.+-]{1,127}(?: ?;[\x20-\x7e]{0,200})?", re.ASCII)


def unpack_named(file: tuple[Any, ...]) -> tuple[str | None, Any, str | None]:
    """
    Return name, content and media type of *file*; ``None`` for what it does not say.

    Raises:
        TypeError: It has another form, or its content is a string, which may be a text or a path.
        ValueError: The type is none.
    """
    if not 2 <= len(file) <= 3:
        raise TypeError(f"a file as a tuple is (name, content) or (name, content, type), not {len(file)} values")
    name, content, kind = (*file, None)[:3]
    if name is not None and not isinstance(name, str):
        raise TypeError(f"of (name, content) the first must be a string, or None, not {type(name).__name__}")
    if isinstance(content, str | tuple):
        raise TypeError(
            "of (name, content) the second must be bytes, a binary stream or a path as pathlib.Path, not "
            f"{type(content).__name__}: Path(…) for a file, .encode() for a text"
        )
    if kind is not None and not isinstance(kind, str):
        raise TypeError(f"of (name, content, type) the third must be a string, or None, not {type(kind).__name__}")
    if kind is not None and not _MEDIA_TYPE.fullmatch(kind):
        raise ValueError(f'the type {kind[:100]!r} is no media type; they look like "text/plain"')
    return name, content, kind
