"""
What became of a batch's requests so far: one record each, appended, so that a process that dies takes little with it.

A record is a line: a checksum of the rest, the number of the input line, ``o`` or ``e`` for the file it belongs to,
four numbers of tokens, and the finished line of that file. What a dying process wrote of the last one is dropped.
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
    What became of one request.

    Attributes:
        line: 1-based line of the input.

        is_ok: Whether it was answered; its line belongs to the output file then, else to the error file.

        usage: Tokens it cost.

        text: The finished line, without its newline.
    """

    line: int
    is_ok: bool
    usage: Usage
    text: bytes

    def packed(self) -> bytes:
        """
        Return it as it is written.
        """
        usage = self.usage
        numbers = f"{usage.input_tokens} {usage.cached_tokens} {usage.output_tokens} {usage.reasoning_tokens}"
        rest = f"{self.line} {'o' if self.is_ok else 'e'} {numbers} ".encode() + self.text
        return b"%08x %b\n" % (zlib.crc32(rest), rest)

    @classmethod
    def unpacked(cls, line: bytes) -> Record | None:
        """
        Return what was written; ``None`` if it is damaged.
        """
        checksum, _, rest = line.partition(b" ")
        if not rest or checksum != b"%08x" % zlib.crc32(rest):  # the checksum of nothing is right, too
            return None
        number, place, *tokens, text = rest.split(b" ", _FIELDS - 2)
        asked, cached, answered, reasoning = map(int, tokens)
        usage = Usage(input_tokens=asked, cached_tokens=cached, output_tokens=answered, reasoning_tokens=reasoning)
        return cls(int(number), place == b"o", usage, text)


@attrs.frozen
class LineCounts:
    """
    How many requests are through, and what they cost.
    """

    completed: int = 0
    failed: int = 0
    usage: Usage = attrs.field(factory=Usage)

    def plus(self, record: Record) -> LineCounts:
        """
        Return it with one more request.
        """
        return LineCounts(self.completed + record.is_ok, self.failed + (not record.is_ok), self.usage + record.usage)


@attrs.define(eq=False)
class Journal:
    """
    The journal of one batch, open; for one process at a time.

    One thread may add while another writes down.

    Attributes:
        total: Requests of the batch.

        tally: Of all records, those not written down yet too.
    """

    path: Path
    total: int
    tally: LineCounts = attrs.field(factory=LineCounts, init=False)
    _file: FileIO = attrs.field(init=False)
    _size_bytes: int = attrs.field(default=0, init=False)
    _is_done: bytearray = attrs.field(init=False)
    _waiting: list[bytes] = attrs.field(factory=list, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    @classmethod
    def open(cls, path: Path, total: int) -> Journal:
        """
        Open the journal at *path*, made when missing, and read what it has.

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
        """How many requests are not through."""
        return self.total - self.tally.completed - self.tally.failed

    def is_done(self, line: int) -> bool:
        """
        Tell whether the request on *line* is through.
        """
        return self._is_done[line] != 0

    def add(self, record: Record) -> None:
        """
        Take a record, to be written down by the next `flush`; a second one of the same line is dropped.
        """
        packed = record.packed()
        with self._lock:
            if self._take(record):
                self._waiting.append(packed)

    def flush(self) -> None:
        """
        Write down what was added; if that fails it is kept for the next time.

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
        Write down what was added, and make the disk keep it.

        Raises:
            StoreError: The disk is full or broken.
        """
        self.flush()
        with telling_faults(self.path.parent):
            os.fsync(self._file.fileno())

    def records(self) -> Iterator[Record]:
        """
        Yield what is written down, in the order in which it came, each input line once.
        """
        seen = bytearray(self.total + 1)
        for record, _ in self._intact():
            if not seen[record.line]:
                seen[record.line] = 1
                yield record

    def close(self) -> None:
        """
        Let go of the file; what was not written down is lost.
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
        self.tally = self.tally.plus(record)
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
        Yield the records up to the first damaged one, each with where it ends.
        """
        end = 0
        with self.path.open("rb", buffering=_CHUNK) as file:
            for line in file:
                record = Record.unpacked(line[:-1]) if line.endswith(b"\n") else None
                if record is None or not 0 < record.line <= self.total:
                    return
                end += len(line)
                yield record, end
