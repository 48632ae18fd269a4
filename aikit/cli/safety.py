"""
Text made harmless to a terminal: what servers and file names say is printed, never obeyed.
"""

from __future__ import annotations

import json
from typing import Any


class Styled(str):
    """
    Text that is harmless to a terminal except for its styles, which are our own.
    """

    __slots__ = ()


def safe(text: str) -> str:
    r"""
    Return *text* on one line and harmless to a terminal: what does not print becomes an escape, such as ``\x1b``.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def safe_lines(text: str) -> str:
    """
    Return *text* as `safe` does, but with its newlines and tabs; all that is printed passes here.
    """
    if isinstance(text, Styled) or text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(char if char.isprintable() or char in "\n\t" else _escape(char) for char in text)


def styled(text: str, style: str, *, has_color: bool) -> Styled:
    """
    Return *text*, made harmless, in *style*, such as ``"1;31"``; as it is without colors.
    """
    return Styled(f"\x1b[{style}m{safe(text)}\x1b[0m" if has_color else safe(text))


def in_encoding(text: str, encoding: str | None) -> str:
    r"""
    Return *text* as a stream of that encoding shows it: characters that it lacks become escapes, such as ``\u2603``.
    """
    name = encoding or "ascii"
    return text.encode(name, "backslashreplace").decode(name)


def safe_json(value: Any, *, ascii_only: bool) -> str:
    """
    Return *value* as JSON with an indent of two, harmless to a terminal and exact for a program.
    """
    text = json.dumps(value, indent=2, ensure_ascii=ascii_only)
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
