"""
Names of files that are uploaded.
"""

from __future__ import annotations

import os
import re
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import Any, Final

from aikit.http.signatures import HEAD_BYTES, TAIL_BYTES, extension_of, is_zip
from aikit.http.stream_layers import attribute, layers

JSONL_PURPOSES: Final = ("batch", "fine-tune", "evals")
_DECOMPRESSORS: Final = ("gzip", "bz2", "lzma", "compression", "isal", "pyzstd", "lz4")
_PACKED: Final = re.compile(r"\.(?:gz|bz2|xz|lzma|zst|lz4)\Z", re.IGNORECASE)
_SHORT_PACKED: Final = re.compile(r"\.(?:(svg)z|tgz|tbz2?|txz|tlz|tzst)\Z", re.IGNORECASE)
_ESCAPED: Final = re.compile("[\udc80-\udcff]+")
_NO_NAME: Final = object()


def own_name(stream: Any) -> str | None:
    """
    Return the name of the content of *stream*, ``None`` when it has none.

    What a decompressor reads from ``data.txt.gz`` is ``data.txt``, and an upload of a web form is called as the
    browser calls it, not as the field of the form.
    """
    inner = next(islice(layers(stream), 1, None), None)
    if getattr(type(stream), "name", None) is BufferedReader.name:
        return None if inner is None else own_name(inner)
    if _is_of(stream, _DECOMPRESSORS):
        found = None if inner is None else own_name(inner)
        return _unpacked(found or _last_part(attribute(stream, "name")))
    upload = attribute(stream, "filename", _NO_NAME)
    if upload is not _NO_NAME:
        return _last_part(upload, is_foreign=True)
    name = attribute(stream, "name")
    if _is_of(stream, ("tarfile",)) and name == attribute(inner, "name"):
        return None  # until Python 3.12 a member is called as its archive
    return _last_part(name, is_foreign=_is_of(stream, ("tarfile", "zipfile")))


def _is_of(stream: Any, modules: tuple[str, ...]) -> bool:
    return any(one.__module__.partition(".")[0] in modules for one in type(stream).__mro__)


def _last_part(name: Any, *, is_foreign: bool = False) -> str | None:
    """
    Return what a path ends with, or None: numbers, ``<stdin>`` and the like are no names.

    Args:
        name: From a stream.

        is_foreign: Whether it is from another machine, where the backslash may part folders.
    """
    if not isinstance(name, str | bytes | os.PathLike):
        return None
    path = os.fsdecode(name)
    last = Path(path.replace("\\", "/") if is_foreign else path).name
    return None if path.startswith("<") or last == ".." else encodable(last) or None


def _unpacked(name: str | None) -> str | None:
    if name is None:
        return None
    return _PACKED.sub("", _SHORT_PACKED.sub(lambda found: ".svg" if found[1] else ".tar", name)) or None


def encodable(name: str) -> str:
    """
    Return *name* as it can be sent: bytes of a path that are no UTF-8 become question marks.
    """
    return restore_letters(name).encode("utf-8", "replace").decode()


def restore_letters(name: str) -> str:
    """
    Return *name* with the letters that its bytes are in UTF-8, where Python took them for none: ``LC_ALL=C`` has ASCII.
    """

    def letters(found: re.Match[str]) -> str:
        return found[0].encode("ascii", "surrogateescape").decode("utf-8", "surrogateescape")

    return _ESCAPED.sub(letters, name)


def fitting_name(head: bytes, purpose: str, tail: bytes = b"") -> str:
    """
    Return a name for content that has none, by its purpose or its first bytes, of a ZIP file also its last ones.

    Raises:
        ValueError: Neither tells what it is.
    """
    extension = "jsonl" if purpose in JSONL_PURPOSES else extension_of(head, tail)
    if extension is None:
        raise ValueError('the content has no name and does not show its type; pass filename, for example "notes.txt"')
    return f"file.{extension}"


def name_of_content(content: Any, purpose: str) -> str:
    """
    Return a name for *content*, a view of bytes or a mapped file; see `fitting_name`.
    """
    head = bytes(content[:HEAD_BYTES])
    return fitting_name(head, purpose, bytes(content[-TAIL_BYTES:]) if is_zip(head) else b"")
