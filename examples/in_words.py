"""
Files in words and numbers for people; for the windows among the examples.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aikit import OpenAIFile


def cells(file: OpenAIFile) -> tuple[str, str, str, str]:
    """
    Return what the list tells of *file*, after its name.
    """
    now = time.time()
    expires = "never" if file.expires_at is None else f"in {duration(file.expires_at - now)}"
    return (file.purpose, size(file.bytes), duration(now - file.created_at), expires)


def shortened(name: str, most: int = 60) -> str:
    """
    Return a name in one line, and not longer than that: begin and end say most of it.
    """
    line = "".join(letter if letter.isprintable() else "·" for letter in name)
    return line if len(line) <= most else f"{line[: most * 2 // 3 - 1]}…{line[-most // 3 :]}"


def free_place(folder: str, name: str, taken: set[Path]) -> Path:
    """
    Return where *name* can be saved in *folder* so that nothing is replaced, also nothing of what *taken* holds.
    """
    plain = "".join(letter if letter.isprintable() and letter not in '/\\:*?"<>|' else "_" for letter in name)
    path = place = Path(folder) / (plain.lstrip(".") or "file")
    number = 1
    while place in taken or place.exists():
        number += 1
        place = path.with_name(f"{path.stem} ({number}){path.suffix}")
    taken.add(place)
    return place


def sort_key(file: OpenAIFile, name: str) -> Any:
    """
    Return what *file* is sorted by.
    """
    return {
        "name": file.filename.casefold(),
        "size": file.bytes or 0,
        "purpose": file.purpose,
        "age": -file.created_at,
        "expires": file.expires_at or float("inf"),
    }[name]


def amount(files: Iterable[OpenAIFile]) -> str:
    """
    Return how many files, and how large they are together.
    """
    sizes = [file.bytes or 0 for file in files]
    return f"{len(sizes):,} file{'' if len(sizes) == 1 else 's'}, {size(sum(sizes))}"


def size(count: float | None) -> str:
    """
    Return a number of bytes for people.
    """
    if count is None:
        return "?"
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


def duration(seconds: float) -> str:
    """
    Return a span of time for people.
    """
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
