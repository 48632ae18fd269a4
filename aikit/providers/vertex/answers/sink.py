"""
Where the rows of a batch prediction go: through the translation into the file that the caller wants.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import attrs

from aikit.http.sinks import ResumingSink
from aikit.providers.vertex.answers.rows import Rows
from aikit.types.batch_rows import LINE_MAX_BYTES
from aikit.types.errors import OpenAIError

_RANGE: Final = re.compile(r"bytes=(\d{1,18})-", re.ASCII)
_BOM: Final = b"\xef\xbb\xbf"
_MOST_BYTES: Final = 10**17


@attrs.define(eq=False)
class Output:
    """
    The translated lines on their way into the caller's sink; what is there already is made again and not written.

    Attributes:
        sink: The caller's.

        position: Bytes that were made.
    """

    sink: ResumingSink
    position: int = 0

    @classmethod
    def begun(cls, sink: ResumingSink, etag: str) -> Output:
        """
        Go on after what *sink* has, if that is of the same content, whose tag is *etag*; else begin anew.
        """
        asked = sink.request_headers()
        found = _RANGE.fullmatch(asked.get("Range", ""))
        headers = {"etag": etag}
        if found is not None and asked.get("If-Range") == etag:
            sink.begin(206, {**headers, "content-range": f"bytes {found[1]}-{_MOST_BYTES}/*"})
        else:
            sink.begin(200, headers)
        sink.most_unannounced = None  # what may come is bounded by what the provider has announced of the rows
        return cls(sink)

    def write(self, lines: bytes) -> None:
        """
        Take what follows.
        """
        self.position += len(lines)
        missing = self.position - self.sink.done
        if missing > 0:
            self.sink.write(memoryview(lines)[-missing:])

    def finish(self) -> int:
        """
        Check that all is there; return its size.

        Raises:
            OpenAIError: The caller's sink had more than there is (code ``"size_mismatch"``).
        """
        self.sink.require_whole(self.position)
        return self.position


@attrs.define(kw_only=True, eq=False)
class RowSink(ResumingSink):
    """
    One file of rows; what breaks goes on after the last byte that came, and one row at a time is in memory.

    Attributes:
        name: Of the file, for messages.
    """

    name: str
    rows: Rows
    output: Output
    _start: int = attrs.field(init=False)
    _row: bytearray = attrs.field(factory=bytearray)
    _number: int = 0
    _is_skipping: bool = False
    _version: tuple[str, ...] | None = None

    def __attrs_post_init__(self) -> None:
        self._start = self.output.position

    @property
    def is_full(self) -> bool:
        """Whether the caller's sink is."""
        return self.output.sink.is_full

    @property
    def has_room(self) -> bool:
        """Whether the caller's sink has."""
        return self.output.sink.has_room

    def when_room(self, call: Callable[[], object], /) -> None:
        """
        Call *call* once, as soon as there is room.
        """
        self.output.sink.when_room(call)

    def begin(self, status: int, headers: Mapping[str, str]) -> int:
        """
        Go on where the last answer broke off (206), or make the lines of this file again.

        Raises:
            OpenAIError: It is another file now (code ``"file_changed"``).
        """
        start = super().begin(status, headers)
        if not start:
            version = tuple(headers.get(name, "") for name in ("etag", "x-goog-generation", "content-length"))
            if self._version not in {None, version}:
                message = f"{self.name}, which has answers of the batch, was changed while it was read; try again"
                raise OpenAIError(message=message, code="file_changed")
            self._version, self.output.position = version, self._start
            self._row.clear()
            self._number, self._is_skipping = 0, False
        return start

    def write(self, chunk: memoryview, /) -> None:
        """
        Take one chunk.
        """
        self.require_room(len(chunk))
        self.done += len(chunk)
        first, *rows = bytes(chunk).split(b"\n")
        self._append(first)
        if rows:
            rest = rows.pop()
            lines = [self._end_row(), *map(self._line, rows)]
            self._append(rest)
            self.output.write(b"".join(lines))

    def finish(self, expected_bytes: int | None) -> None:
        """
        Check that the file came whole, and take its last row, which may have no newline.
        """
        self.require_whole(expected_bytes)
        if self._row or self._is_skipping:
            self.output.write(self._end_row())

    def _append(self, part: bytes) -> None:
        if len(self._row) + len(part) > LINE_MAX_BYTES:
            self._is_skipping = True
            self._row.clear()
        if not self._is_skipping:
            self._row += part

    def _end_row(self) -> bytes:
        """
        Return the line for the row that has ended.
        """
        row, self._row = self._row, bytearray()
        if self._is_skipping:
            self._number, self._is_skipping = self._number + 1, False
            problem = f"line {self._number:,} of {self.name} has more than {LINE_MAX_BYTES:,} bytes and is not read"
            return self.rows.problem("line_too_long", problem)
        return self._line(row)

    def _line(self, row: bytes | bytearray) -> bytes:
        self._number += 1
        if self._number == 1:
            row = row.removeprefix(_BOM)
        return b"" if row.isspace() or not row else self.rows.line(row, self._number, self.name)
