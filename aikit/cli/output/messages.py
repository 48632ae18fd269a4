"""
Messages on stderr: wrapped at words on a terminal, and never amid what stands there already.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Final, TextIO
from unicodedata import east_asian_width

import click

from aikit.cli.safety import Styled, safe_lines, styled

_COLUMNS: Final = 80
_INDENT: Final = 2
_LEAST: Final = 36
_CLEAR: Final = "\x1b[?25h\r\x1b[K"  # and shows the cursor, which bars hide: Ctrl-C may have stopped their end


def tell(text: str, command: str = "") -> None:
    """
    Print a message on stderr, harmless to a terminal; one that cannot be written to is ignored from then on.

    Args:
        text: The message.

        command: The command line that it ends with; it stays in one piece, so that it can be copied.
    """
    try:
        sys.stderr.write(f"{paragraphs(text, sys.stderr, command=command)}\n")
    except OSError:
        forget(sys.stderr)


def complain(text: str, *, has_color: bool) -> None:
    """
    Print *text* as an error on stderr.
    """
    start = "error:"
    shown = paragraphs(f"{start} {text}", sys.stderr)
    tell(Styled(styled(start, "1;31", has_color=has_color) + shown[len(start) :]))


def ask(question: str) -> bool:
    """
    Ask on the terminal, and return whether the answer is yes; the end of the input is a no.
    """
    try:
        return click.confirm(paragraphs(question, sys.stderr), err=True)
    except click.Abort as abort:
        tell("")
        _require_end(abort)
        return False


def ask_secret(question: str) -> str:
    """
    Ask on the terminal for what is not shown there, and return it; empty at the end of the input.
    """
    try:
        return str(click.prompt(question, hide_input=True, err=True))
    except click.Abort as abort:
        _require_end(abort)
        return ""


def _require_end(abort: click.Abort) -> None:
    """
    Raise *abort*, unless it came of the end of the input: that is Ctrl-D.
    """
    if not isinstance(abort.__context__, EOFError):
        raise abort


def begin_line() -> None:
    """
    Clear the line of the cursor on a terminal, where it shows Ctrl-C as ``^C``.
    """
    with suppress(OSError, ValueError):
        if sys.stderr.isatty():
            is_simple = os.environ.get("TERM") == "dumb" or os.name == "nt"  # an old console shows escapes
            sys.stderr.write("\n" if is_simple else _CLEAR)
            sys.stderr.flush()


def paragraphs(text: str, stream: TextIO, *, indent: int = _INDENT, command: str = "") -> str:
    """
    Return *text*, harmless to a terminal; if *stream* is one, wrapped at words.

    Args:
        text: One line or several; what is styled stays as it is.

        stream: It decides how wide a line may be.

        indent: Of all lines but the first; on a narrow terminal it is smaller.

        command: A command line at the end, which is not wrapped.
    """
    whole = safe_lines(f"{text} {command}" if command else text)
    if isinstance(text, Styled) or not stream.isatty():
        return whole
    width = columns_of(stream)
    indent = indent if width - indent >= _LEAST else _INDENT
    if not command or _width(whole) <= width:
        return "\n".join(_wrapped(line, width, indent) for line in whole.split("\n"))
    return f"{paragraphs(text, stream)}\n{' ' * _INDENT}{safe_lines(command)}"


def columns_of(stream: TextIO) -> int:
    """
    Return how many columns the terminal of *stream* has; 80 if that is unknown.
    """
    with suppress(ValueError):
        if (columns := int(os.environ.get("COLUMNS", ""))) > 0:
            return columns
    with suppress(OSError, ValueError):
        return os.get_terminal_size(stream.fileno()).columns or _COLUMNS
    return _COLUMNS


def forget(stream: TextIO) -> None:
    """
    Redirect *stream*, which cannot be written to any more, to the null device.
    """
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _wrapped(line: str, width: int, indent: int) -> str:
    """
    Return *line* with breaks at its blanks; words that are too long, such as paths, and lines that fit stay whole.
    """
    if _width(line) <= width:
        return line
    done, begin = list[str](), line[: len(line) - len(line.lstrip(" "))]
    first, *words = line[len(begin) :].split(" ")
    current = begin + first
    for word in words:
        longer = f"{current} {word}"
        anew = (begin or " " * indent) + word
        if _width(longer) > width and (_width(anew) <= width or _width(current) > width):  # else nothing is won
            done.append(current)
            longer = anew
        current = longer
    return "\n".join([*done, current])


def _width(text: str) -> int:
    return len(text) if text.isascii() else sum(2 if east_asian_width(char) in "WF" else 1 for char in text)
