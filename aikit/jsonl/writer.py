"""
Writing batch lines to a file, which appears when it is complete.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from aikit.http.sinks import FileSink
from aikit.jsonl.builder import UnfitError, encode_line, stable_id
from aikit.storage.spill import DiskCounter
from aikit.types.errors import OpenAIError, Rejected
from aikit.types.json_form import Jsonable
from aikit.validation.problems import Problems, excerpt

_BLOCK: Final = 1024 * 1024


@attrs.frozen
class Written(Jsonable):
    """
    A file that was written.

    Attributes:
        path: The file.

        lines: The number of lines.

        bytes: The size of the file.
    """

    path: Path
    lines: int
    bytes: int


def write(path: str | os.PathLike[str], lines: Iterable[Mapping[str, Any] | str | bytes]) -> Written:
    """
    Write batch lines to *path* as they are generated; the file appears, or is replaced, when it is complete.

    A line without ``custom_id`` gets one that is derived from its content, one without ``method`` gets ``"POST"``.
    A derived id that occurs again, as its content does, gets ``-2``, ``-3``, … appended, in the order of the lines;
    ids of your own must be unique.

    Args:
        path: The file; its folder must exist.

        lines: What `chat_line` and its like return, or requests as they are: ``custom_id``, ``method``, ``url``,
            ``body``. A line that is text already is written unchanged. A generator is never held as a whole.

    Raises:
        TypeError: *path* is no path, or *lines* cannot be iterated over.
        Rejected: Lines cannot be written, each with its number; or the disk is full. Nothing is left behind, and an
            existing file at *path* is unchanged.
    """
    path = _require_path(path)
    if isinstance(lines, str | bytes | Mapping) or not isinstance(lines, Iterable):
        raise TypeError(f"lines must be an iterable of mappings, not {type(lines).__name__}")
    problems = Problems()
    count = size = 0
    try:
        with FileSink(path=path) as sink:
            sink.begin(200, {})
            for block, ended in _blocks(_encode(lines, problems)):
                count, size = count + ended, size + len(block)
                sink.write(memoryview(block))
            if not count and not problems.count:
                problems.add(OpenAIError(message="there are no lines to write", code="empty_file", param="lines"))
            if problems.count:
                raise Rejected(problems.shown())
            sink.commit(size)
    except OpenAIError as error:
        raise Rejected([_with_path(path, error)]) from error
    return Written(path, count, size)


def _with_path(path: Path, error: OpenAIError) -> OpenAIError:
    if error.code != "not_a_regular_file":
        return error
    return attrs.evolve(error, message=f"{path} is not a regular file; nothing was written; pass the path of a file")


def _require_path(path: Any) -> Path:
    if not isinstance(path, str | os.PathLike) or isinstance(os.fspath(path), bytes):
        raise TypeError(f"path must be a path as a string, not {type(path).__name__}")
    if not os.fspath(path) or "\0" in os.fspath(path):
        raise ValueError("path must not be empty, nor have a NUL character")
    return Path(path)


def _blocks(lines: Iterator[bytes]) -> Iterator[tuple[bytearray, int]]:
    """
    Yield blocks of about 1 MiB, each with the number of lines that end in it.
    """
    block, ended = bytearray(), 0
    for line in lines:
        block += line
        ended += 1
        if len(block) >= _BLOCK:
            yield block, ended
            block, ended = bytearray(), 0
    if block:
        yield block, ended


def _encode(lines: Iterable[Mapping[str, Any] | str | bytes], problems: Problems) -> Iterator[bytes]:
    """
    Yield each line with its newline; after the first problem none, but search for more problems.
    """
    ids = DiskCounter()
    remaining = iter(lines)
    for number in itertools.count(1):
        try:
            line = next(remaining)
            encoded = _encode_text(line) if isinstance(line, str | bytes) else encode_line(_complete(line, ids))
        except StopIteration:
            return
        except UnfitError as error:  # of a line, or of what makes the lines, which ends with that
            problems.add_line(number, error.code, error.message, error.param)
        else:
            if not problems.count:
                yield encoded


def _encode_text(line: str | bytes) -> bytes:
    try:
        encoded = line.encode() if isinstance(line, str) else line
    except UnicodeEncodeError:
        raise UnfitError("invalid_encoding", "The line has a lone surrogate, which UTF-8 cannot carry.") from None
    encoded = encoded.removesuffix(b"\n").removesuffix(b"\r")
    if b"\n" in encoded:
        raise UnfitError("invalid_json_line", "The text is more than one line; give each line by itself.")
    return encoded + b"\n"


def _complete(line: Any, ids: DiskCounter) -> dict[str, Any]:
    """
    Return *line* with its missing keys, and with a custom_id that no line before has.
    """
    _require_request(line)
    whole: dict[str, Any] = {"custom_id": None, "method": "POST"} | dict(line)
    if whole["custom_id"] is None:
        whole["custom_id"] = _derived_id(whole)
    custom_id = whole["custom_id"]
    if not isinstance(custom_id, str) or not custom_id:
        raise UnfitError("invalid_type", "'custom_id' must be a string that is not empty.", "custom_id")
    count = ids.count(custom_id)
    if count > 1:
        if custom_id != _derived_id(whole):
            message = f"The custom_id '{excerpt(custom_id)}' is a duplicate of another line's; make each unique."
            raise UnfitError("duplicate_custom_id", message, "custom_id")
        names = (f"{custom_id}-{suffix}" for suffix in itertools.count(count))
        whole["custom_id"] = next(name for name in names if ids.count(name) == 1)
    return whole


def _require_request(line: Any) -> None:
    if not isinstance(line, Mapping):
        raise UnfitError("invalid_type", f"A line is a mapping with url and body, not {type(line).__name__}.")
    for key, kind, expected in (("url", str, "a string"), ("body", Mapping, "a mapping")):
        if key not in line:
            raise UnfitError("missing_required_parameter", f"Missing required parameter: '{key}'.", key)
        if not isinstance(line[key], kind):
            raise UnfitError("invalid_type", f"'{key}' must be {expected}, not {type(line[key]).__name__}.", key)


def _derived_id(line: dict[str, Any]) -> str:
    return stable_id(line["url"], line["body"])
