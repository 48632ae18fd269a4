"""
The model that the lines of a file ask, from the first of them, on this machine or at the provider.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

import attrs

from aikit.http.context import CallContext
from aikit.http.sources import Source

_LONGEST: Final = 16 * 1024 * 1024
_BLOCK: Final = 64 * 1024
_FROM_START: Final = re.compile(r"bytes 0-\d{1,18}/(\d{1,18}|\*)", re.ASCII)


class FirstLineReadError(Exception):
    """
    The first line is there, and the rest is not wanted.
    """


def model_in(line: bytes) -> str | None:
    """
    Return the model that a *line* of a batch asks; ``None`` if it names none.
    """
    try:
        value = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    body = value.get("body") if isinstance(value, dict) else None
    model = body.get("model") if isinstance(body, dict) else None
    return model if isinstance(model, str) else None


def model_of(source: Source, context: CallContext) -> str | None:
    """
    Return the model that the first line of *source* asks; ``None`` if it names none, or can be read only once.
    """
    if not source.is_replayable:
        return None
    reader, line = source.open(), bytearray()
    try:
        while b"\n" not in line and len(line) < _LONGEST and (chunk := reader.read(_BLOCK)):
            context.raise_if_cancelled()
            line += chunk
    finally:
        reader.close()
    return model_in(bytes(line).lstrip().partition(b"\n")[0])


@attrs.define
class FirstLine:
    """
    Where a download goes of which the first line is wanted; the range asked for is its first 64 KiB, then all.

    Attributes:
        asks_all: Whether all of the file is asked for.

        is_whole: Whether all of it was answered.
    """

    asks_all: bool = False
    is_whole: bool = False
    _content: bytearray = attrs.field(factory=bytearray)

    @property
    def done(self) -> int:
        """Bytes that an answer could go on after: none, each is read from the first."""
        return 0

    @property
    def line(self) -> bytes | None:
        """The line; ``None`` while its end has not come."""
        content = bytes(self._content).lstrip()
        return content.partition(b"\n")[0] if b"\n" in content or (self.is_whole and content) else None

    def request_headers(self) -> Mapping[str, str]:
        """
        Ask for the range.
        """
        return {} if self.asks_all else {"Range": f"bytes=0-{_BLOCK - 1}"}

    def begin(self, status: int, headers: Mapping[str, str]) -> int:
        """
        Begin anew.
        """
        self._content.clear()
        found = _FROM_START.fullmatch(headers.get("content-range", ""))
        if status == 206 and found is None:
            raise FirstLineReadError
        is_all = found is not None and found[1] != "*" and int(found[1]) <= _BLOCK
        self.is_whole = status == 200 or is_all
        return 0

    def write(self, chunk: memoryview, /) -> None:
        """
        Take one chunk.

        Raises:
            FirstLineReadError: There is no need to go on.
        """
        self._content += chunk
        if b"\n" in self._content.lstrip() or len(self._content) > _LONGEST:
            raise FirstLineReadError
