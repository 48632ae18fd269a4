"""
Words and numbers as people and programs read them.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any, Final

_UNITS: Final = ("KB", "MB", "GB", "TB")


def safe(text: str) -> str:
    r"""
    Return *text* on one line and harmless to a terminal: what does not print is written as an escape, such as ``\x1b``.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def in_encoding(text: str, encoding: str | None) -> str:
    r"""
    Return *text* as a stream of that encoding shows it: what it has no sign for is an escape, such as ``\u2603``.
    """
    name = encoding or "ascii"
    return text.encode(name, "backslashreplace").decode(name)


def safe_json(value: Any, *, ascii_only: bool) -> str:
    """
    Return *value* as JSON with an indent of two, harmless to a terminal and exact for a program.
    """
    text = json.dumps(value, indent=2, ensure_ascii=ascii_only)
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)


def human_size(size: float | None) -> str:
    """
    Return *size* in bytes as people say it; a KB has 1,024 bytes, as in the limits of providers.
    """
    if size is None:
        return "?"
    if size < 1024:
        return "1 byte" if size == 1 else f"{size:.0f} bytes"
    power = min(len(_UNITS), int(math.log(size * 1.0005, 1024)))
    shown = size / 1024**power
    return f"{shown:.1f} {_UNITS[power - 1]}" if shown < 9.95 else f"{shown:.0f} {_UNITS[power - 1]}"


def human_seconds(seconds: float) -> str:
    """
    Return a span of time as people say it: ``0.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 5 min``.
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def human_time(timestamp: int | None) -> str:
    """
    Return Unix seconds in the local time zone: with the time of day near today, with the year otherwise.
    """
    when = _datetime(timestamp)
    if when is None:
        return ""
    local = when.astimezone()
    is_near = abs((datetime.now(UTC) - when).days) < 180
    return local.strftime("%d %b %H:%M" if is_near else "%d %b  %Y")


def iso_time(timestamp: int | None) -> str:
    """
    Return Unix seconds as ISO 8601 in UTC, ``""`` for none.
    """
    when = _datetime(timestamp)
    return "" if when is None else when.strftime("%Y-%m-%dT%H:%M:%SZ")


def counted(count: int, noun: str) -> str:
    """
    Return ``1 file``, ``2 files``.
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def named(names: list[str], most: int = 5, *, total: int | None = None) -> str:
    """
    Return the first of *names*, and how many more there are, of *total* where only the first are at hand.
    """
    count = len(names) if total is None else total
    shown = ", ".join(safe(name) for name in names[:most])
    return shown if count <= most else f"{shown} and {count - most:,} more"


def _datetime(timestamp: int | None) -> datetime | None:
    try:
        return None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)
    except (OverflowError, OSError, ValueError):  # a provider's nonsense
        return None


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
