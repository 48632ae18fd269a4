"""
The lines of a file, and where each of them stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

LINE_MAX_BYTES: Final = 256 * 1024 * 1024
"""The longest line that is read; answers with images have many megabytes."""

_BOM: Final = b"\xef\xbb\xbf"
_BUFFER: Final = 256 * 1024
_SKIPPED: Final = 1024 * 1024


class Line(NamedTuple):
    """
    One line that is not blank.

    Attributes:
        number: 1-based; blank lines count.

        start: Where it begins, in bytes.

        size: Its bytes, with what ends it.

        content: The same without a byte order mark; ``None`` if it is too long.

        is_whole: Whether a newline ends it.
    """

    number: int
    start: int
    size: int
    content: bytes | None
    is_whole: bool


def lines_of(path: Path, max_bytes: int = LINE_MAX_BYTES) -> Iterator[Line]:
    """
    Yield the lines of the file at *path*.

    Raises:
        OSError: It cannot be read.
    """
    start = number = 0
    with path.open("rb", buffering=_BUFFER) as file:
        while content := file.readline(max_bytes + 1):
            number += 1
            size, is_whole = len(content), content.endswith(b"\n")
            is_too_long = size > max_bytes and not is_whole
            while not is_whole and is_too_long and (more := file.readline(_SKIPPED)):
                size, is_whole = size + len(more), more.endswith(b"\n")
            if number == 1 and content.startswith(_BOM):
                content, size, start = content[len(_BOM) :], size - len(_BOM), len(_BOM)
            if not content.isspace() and content:
                yield Line(number, start, size, None if is_too_long else content, is_whole)
            start += size
