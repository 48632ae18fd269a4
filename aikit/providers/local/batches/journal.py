"""
The journal of a running batch: one record per answered request, appended, so that little is lost when a process dies.

A record is a line: a checksum of the rest, the number of the input line, ``o`` or ``e`` for the file it belongs to,
four numbers of tokens, and the finished line of that file. An incomplete last record is dropped.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Final

import attrs

from aikit.storage.errors import telling_faults
from aikit.storage.private import private_opener
from aikit.types.usage import Usage

_CHUNK: Final = 256 * 1024
_FIELDS: Final = 8


@attrs.frozen
class Record:
    """
    One answered request.

    Attributes:
        line: 1-based line of the input; blank ones do not count.

        is_ok: Whether the line belongs to the output file, else to the error file.

        usage: Tokens of the answer.

        text: Line of that file, without its newline.
    """

    line: int
    is_ok: bool
    usage: Usage
    text: bytes

    def packed(self) -> bytes:
        """
        Return the record as a line of the journal.
        """
        usage = self.usage
        numbers = f"{usage.input_tokens} {usage.cached_tokens} {usage.output_tokens} {usage.reasoning_tokens}"
        rest = f"{self.line} {'o' if self.is_ok else 'e'} {numbers} ".encode() + self.text
        return b"%08x %b\n" % (zlib.crc32(rest), rest)

    @classmethod
    def unpacked(cls, line: bytes) -> Record | None:
        """
        Read a line of the journal; return ``None`` if it is damaged.
        """
        checksum, _, rest = line.partition(b" ")
        if not rest or checksum != b"%08x" % zlib.crc32(rest):  # the checksum of an empty text matches, too
            return None
        number, place, *tokens, text = rest.split(b" ", _FIELDS - 2)
        asked, cached, answered, reasoning = map(int, tokens)
        usage = Usage(input_tokens=asked, cached_tokens=cached, output_tokens=answered, reasoning_tokens=reasoning)
        return cls(int(number), place == b"o", usage, text)


@attrs.frozen
class LineCounts:
    """
    How many requests were answered and refused, and the tokens of all.
    """

    completed: int = 0
    failed: int = 0
    usage: Usage = attrs.field(factory=Usage)

    def plus(self, record: Record) -> LineCounts:
        """
        Return the counts with one more request.
        """
        return LineCounts(self.completed + record.is_ok, self.failed + (not record.is_ok), self.usage + record.usage)


@attrs.define(eq=False)
class Journal:
    """
    The open journal of one batch, for one process at a time.

    One thread may `add` while another calls `flush`: `_lock` guards the counts, the marks of done lines, and the
    records that wait to be written. The file belongs to the thread that writes; no lock is held while it does.

    Attributes:
        total: Requests of the batch.

        counts: Counts of all records, including those not yet written.
    """

    path: Path
    total: int
    counts: LineCounts = attrs.field(factory=LineCounts, init=False)
    _file: FileIO = attrs.field(init=False)
    _size_bytes: int = attrs.field(default=0, init=False)
    _is_done: bytearray = attrs.field(init=False)
    _waiting: list[bytes] = attrs.field(factory=list, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    @classmethod
    def open(cls, path: Path, total: int) -> Journal:
        """
        Open the journal at *path*, creating it when missing, and read its records.

        Raises:
            StoreError: The disk is full or broken.
        """
        journal = cls(path, total)
        journal._is_done = bytearray(total + 1)
        with telling_faults(path.parent):
            journal._file = FileIO(path, "a+b", opener=private_opener)
            try:
                journal._recover()
            except BaseException:
                journal._file.close()
                raise
        return journal

    @property
    def left(self) -> int:
        """Requests without a record."""
        return self.total - self.counts.completed - self.counts.failed

    def is_done(self, line: int) -> bool:
        """
        Return whether the request on *line* has a record.
        """
        return self._is_done[line] != 0

    def add(self, record: Record) -> None:
        """
        Add a record, which the next `flush` writes; a second one of the same line is dropped.
        """
        packed = record.packed()
        with self._lock:
            if self._take(record):
                self._waiting.append(packed)

    def flush(self) -> None:
        """
        Write the records added since the last time; if that fails they are kept for the next time.

        Raises:
            StoreError: The disk is full or broken.
        """
        with self._lock:
            group, self._waiting = self._waiting, []
        if not group:
            return
        try:
            with telling_faults(self.path.parent):
                self._append(b"".join(group))
        except BaseException:
            with self._lock:
                self._waiting[:0] = group
            raise

    def sync(self) -> None:
        """
        Write the records added since the last time, and sync the file to disk.

        Raises:
            StoreError: The disk is full or broken.
        """
        self.flush()
        with telling_faults(self.path.parent):
            os.fsync(self._file.fileno())

    def records(self) -> Iterator[Record]:
        """
        Yield the written records in their order, each input line once.
        """
        seen = bytearray(self.total + 1)
        for record, _ in self._intact():
            if not seen[record.line]:
                seen[record.line] = 1
                yield record

    def close(self) -> None:
        """
        Close the file; records that were not written are lost.
        """
        self._file.close()

    def _recover(self) -> None:
        for record, end in self._intact():
            self._take(record)
            self._size_bytes = end
        self._file.truncate(self._size_bytes)

    def _take(self, record: Record) -> bool:
        if self._is_done[record.line]:
            return False
        self._is_done[record.line] = 1
        self.counts = self.counts.plus(record)
        return True

    def _append(self, content: bytes) -> None:
        with memoryview(content) as view:
            done = 0
            try:
                while done < len(view):
                    done += self._file.write(view[done:])
            except BaseException:
                self._file.truncate(self._size_bytes)  # no half record in the middle of the file
                raise
        self._size_bytes += len(content)

    def _intact(self) -> Iterator[tuple[Record, int]]:
        """
        Yield the records before the first damaged one, each with the offset of its end.
        """
        end = 0
        with self.path.open("rb", buffering=_CHUNK) as file:
            for line in file:
                record = Record.unpacked(line[:-1]) if line.endswith(b"\n") else None
                if record is None or not 0 < record.line <= self.total:
                    return
                end += len(line)
                yield record, end
