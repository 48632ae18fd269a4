"""
Names that others chose, made safe for a file on any system.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

_MAX_BYTES: Final = 200  # of 255 that file systems take: a number and the mark of an unfinished download need room
_MAX_SUFFIX_BYTES: Final = 20
_SEPARATORS: Final = frozenset('/\\:*?"<>|')
_UNSEEN: Final = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
_JOINERS: Final = frozenset("\u200c\u200d")  # Persian words and emoji have them inside
_EDGES: Final = " ."  # Windows drops them at the end; a dot in front hides a file elsewhere
# https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file (read 2026-12-02)
_DEVICE: Final = re.compile(
    r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|CLOCK\$|(?:COM|LPT)[0-9\u00b9\u00b2\u00b3]) *(?:\.|\Z)", re.IGNORECASE
)


def safe_name(name: str, instead: str) -> str:
    """
    Return *name* as one that a file can have on every system; *instead*, likewise, if nothing of it is left.

    What parts folders, streams and drives, and what cannot be seen or turns the direction of text, becomes ``_``;
    blanks and dots at either end go, names of devices get a ``_`` in front, and long ones keep their extension.
    """
    for one in (name, instead):
        plain = _shortened("".join(map(_safe_letter, one)).strip(_EDGES))
        if plain.strip("_"):
            return f"_{plain}" if _DEVICE.match(plain) else plain
    return "file"


def numbered(place: Path) -> Iterator[Path]:
    """
    Give *place*, then ``name (2).txt``, ``name (3).txt`` and so on beside it.
    """
    yield place
    for number in count(2):
        yield place.with_name(f"{place.stem} ({number}){place.suffix}")


def _safe_letter(char: str) -> str:
    category = unicodedata.category(char)
    if char in _SEPARATORS or (category in _UNSEEN and char not in _JOINERS):
        return "_"
    return " " if category == "Zs" else char


def _shortened(name: str) -> str:
    if len(name.encode()) <= _MAX_BYTES:
        return name
    suffix = Path(name).suffix
    if len(suffix.encode()) > _MAX_SUFFIX_BYTES:
        suffix = ""
    stem = name.removesuffix(suffix).encode()[: _MAX_BYTES - len(suffix.encode())].decode("utf-8", "ignore")
    return f"{stem.rstrip(_EDGES)}{suffix}"
