"""
Content that is given as JSONL and is something else: compressed, in another encoding, or JSON in another layout.
"""

from __future__ import annotations

import re
from typing import Final

# How the formats begin: RFC 1952, RFC 8878, the bzip2, xz, lz4, zip, Parquet, PDF and SQLite file formats.
_PACKED: Final = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
)
_OTHERS: Final = (
    (b"PK\x03\x04", "a zip archive, or an Office document"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"%PDF-", "a PDF document"),
    (b"\x1e{", "JSON text sequences (RFC 7464), with a record separator before each object"),
)
# UTF-16 and UTF-32 of ASCII in front, with and without a byte order mark; RFC 4627, section 3.
_ENCODINGS: Final = (
    (re.compile(rb"\xff\xfe\0\0|\0\0\xfe\xff|[^\0]\0\0\0|\0\0\0[^\0]", re.DOTALL), "UTF-32"),
    (re.compile(rb"\xff\xfe|\xfe\xff|[^\0]\0[^\0]?\0?|\0[^\0]", re.DOTALL), "UTF-16"),
)
_MARKUP: Final = re.compile(rb"\s{0,100}<[!?a-z]", re.IGNORECASE)
_JSONL: Final = "write one JSON object on each line"


def foreign_encoding(start: bytes) -> str | None:
    """
    Return ``"UTF-16"`` or ``"UTF-32"`` if content that begins with *start* is that.
    """
    return next((name for pattern, name in _ENCODINGS if pattern.match(start)), None)


def foreign_format(start: bytes) -> str | None:
    """
    Return what content that begins with *start* is, and what to do, if it is of a known format that is no JSON.
    """
    for magic, name in _PACKED:
        if start.startswith(magic):
            return f"compressed with {name}; decompress it first"
    for magic, name in _OTHERS:
        if start.startswith(magic):
            return f"{name}; {_JSONL}"
    return f"a page of HTML or XML; {_JSONL}" if _MARKUP.match(start) else None


def foreign_layout(line: bytes, following: bytes) -> str | None:
    """
    Return how else JSON is laid out in a file that begins with *line*, which is none itself, and what to do.

    Args:
        line: The first line.

        following: The start of the second; empty if there is none.
    """
    line, following = line.strip(), following.lstrip()
    if line.startswith(b"[") and not line.endswith(b"]"):
        return f"a JSON array; {_JSONL}, for example with jq -c '.[]'"
    if b"}\r{" in line:
        return "JSON whose lines end in carriage returns alone; end them in newlines"
    if goes_on(line) and following[:1] in {b'"', b"}", b"]"}:
        return f"JSON with an object on several lines, pretty-printed; {_JSONL}, for example with jq -c"
    return None


def goes_on(line: bytes) -> bool:
    """
    Return whether *line* looks like the first of an object on several lines.
    """
    return line.lstrip().startswith(b"{") and not line.rstrip().endswith(b"}")


def hint_for(line: bytes) -> str:
    """
    Return a sentence for what is often wrong with a line that is no JSON, after a space; empty for all else.
    """
    found = foreign_format(line)
    if found is not None or (found := foreign_encoding(line)) is not None:
        return f" The file is {found}."
    line = line.strip()
    if line.endswith(b"},"):
        return " Remove the comma behind the object."
    if line.startswith((b"{'", b"[{'")):
        return " It is a dict as Python prints it; write it with json.dumps."
    return ""
