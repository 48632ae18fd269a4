"""
Names of files that are uploaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

JSONL_PURPOSES: Final = ("batch", "fine-tune", "evals")
_MAGIC: Final = (
    (b"%PDF-", "file.pdf"),
    (b"\x89PNG\r\n\x1a\n", "file.png"),
    (b"\xff\xd8\xff", "file.jpg"),
    (b"GIF87a", "file.gif"),
    (b"GIF89a", "file.gif"),
)


def own_name(stream: Any) -> str | None:
    """
    Return the name of the file that *stream* reads, ``None`` when it has none.
    """
    name = getattr(stream, "name", None)
    if not isinstance(name, str) or name.startswith("<"):
        return None
    return encodable(Path(name).name) or None


def encodable(name: str) -> str:
    """
    Return *name* as it can be sent: bytes of a path that are no UTF-8 become question marks.
    """
    return name.encode("utf-8", "replace").decode()


def fitting_name(head: bytes, purpose: str) -> str:
    """
    Return a name for content that has none, by its purpose or its first bytes.

    Raises:
        ValueError: Neither tells what it is.
    """
    if purpose in JSONL_PURPOSES:
        return "file.jsonl"
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "file.webp"
    raise ValueError('the content has no name and does not show its type; pass filename, for example "notes.txt"')


def require_plain_name(filename: Any) -> None:
    """
    Refuse a *filename* that no file can have.

    Raises:
        TypeError: *filename* is no string.
        ValueError: It has folders or control characters, is empty, or cannot be encoded.
    """
    if not isinstance(filename, str):
        raise TypeError(f"filename must be a string, not {type(filename).__name__}")
    is_plain = not any(char in "/\\\x7f" or ord(char) < 32 or "\ud800" <= char <= "\udfff" for char in filename)
    if not filename or filename in {".", ".."} or not is_plain:
        raise ValueError(
            f"filename {filename!r} is no plain name; allowed are names without folders and control characters"
        )
