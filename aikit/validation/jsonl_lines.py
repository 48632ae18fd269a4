"""
The lines of a JSONL file, one after the other, and what one says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final, NoReturn

from aikit.http.messages import Reader

_CHUNK: Final = 256 * 1024


def iter_lines(reader: Reader, max_bytes: int, on_read: Callable[[int], None] | None = None) -> Iterator[bytes | None]:
    """
    Yield the lines of *reader* without their newlines, ``None`` for one longer than *max_bytes*.

    Nothing follows the last newline, so a file that ends in one has no empty last line.
    """
    rest: list[bytes] = []
    held = done = 0
    while chunk := reader.read(_CHUNK):
        done += len(chunk)
        if on_read is not None:
            on_read(done)
        first, *others = chunk.split(b"\n")
        held += len(first)
        if held <= max_bytes:
            rest.append(first)
        else:
            rest.clear()
        if not others:
            continue
        line, rest = b"".join(rest), []
        yield line if held <= max_bytes else None
        last = others.pop()
        for line in others:
            yield line if len(line) <= max_bytes else None
        rest, held = [last], len(last)
    if held:
        yield b"".join(rest) if held <= max_bytes else None


def parsed(line: bytes) -> Any:
    """
    Return what *line* says as JSON, strictly: UTF-8, and no NaN or Infinity.

    Raises:
        ValueError: It is no JSON; the message says where and why.
    """
    # RFC 8259 sections 6 and 8.1 (read 2026-11-21)
    try:
        text = line.decode()
        try:
            value, end = _scan(text)
        except json.JSONDecodeError:  # blanks in front, or really broken
            return _DECODER.decode(text)
        return value if end == len(text) else _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at column {error.colno}.") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"Byte {error.start + 1} is not UTF-8.") from None
    except RecursionError:
        raise ValueError("It is nested too deeply.") from None
    except ValueError as error:
        # Python itself refuses integers of more than 4,300 digits
        raise ValueError("A number has too many digits." if "digits" in str(error) else str(error)) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number; use null.")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)
_scan: Final = _DECODER.raw_decode
