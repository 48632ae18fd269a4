"""
Temporary stores for any number of entries in little memory: values by number, counts of texts, offsets by name.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import threading
import weakref
from array import array
from collections.abc import Iterator
from typing import IO, Any, Final

import attrs

from aikit.storage.temporary import temporary_root
from aikit.types.errors import OpenAIError

_SPOOL_MAX_BYTES: Final = 1024 * 1024
_BLOCK_BYTES: Final = 4096
_NOTHING: Final = -1
_COUNTS_MAX: Final = 300_000
_SHORT: Final = 40  # characters; a longer text is remembered by its digest
_CACHE_KIB: Final = 4_096


@attrs.define(eq=False)
class Spool:
    """
    Values that can be written as JSON, by numbers that are given in any order; for several threads.

    A value takes eight bytes of memory beyond the newest MiB, and its JSON on disk, in the system's temporary folder.
    """

    # Each MiB is one write: a thread that waits for the disk holds up all threads that put something.

    _held: bytearray = attrs.field(factory=bytearray, init=False)
    _file: IO[bytes] | None = attrs.field(default=None, init=False)
    _file_bytes: int = attrs.field(default=0, init=False)
    _starts: array[int] = attrs.field(factory=lambda: array("q"), init=False)
    _lock: Any = attrs.field(factory=threading.Lock, init=False)  # guards all of the above

    def __len__(self) -> int:
        return len(self._starts)

    def put(self, number: int, value: Any) -> None:
        """
        Keep *value* as that of *number*, from 0 on.

        Raises:
            OpenAIError: There is no room on disk (code ``"insufficient_storage"``); this value is not kept.
        """
        line = json.dumps(value, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            if len(self._held) + len(line) > _SPOOL_MAX_BYTES:
                self._spill()
            while len(self._starts) <= number:
                self._starts.append(_NOTHING)
            self._starts[number] = self._file_bytes + len(self._held)
            self._held += line

    def get(self, number: int) -> Any:
        """
        Return the value of *number*; ``None`` if there is none yet.
        """
        with self._lock:
            start = self._starts[number] if 0 <= number < len(self._starts) else _NOTHING
            if start == _NOTHING:
                return None
            line = self._held_line(start - self._file_bytes) if start >= self._file_bytes else self._line(start)
        return json.loads(line)

    def values(self) -> Iterator[Any]:
        """
        Yield the values that are there, in the order of their numbers.
        """
        for number in range(len(self._starts)):
            value = self.get(number)
            if value is not None:
                yield value

    def _spill(self) -> None:
        try:
            if self._file is None:
                temporary_root()
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  it lives as long as this
                weakref.finalize(self, self._file.close)  # a file that is just forgotten brings a warning
            self._file.seek(self._file_bytes)
            left = memoryview(bytes(self._held))
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise _no_room("the list of results", error.strerror) from error
        self._file_bytes += len(self._held)
        self._held.clear()

    def _held_line(self, start: int) -> bytes:
        return bytes(self._held[start : self._held.index(b"\n", start)])

    def _line(self, start: int) -> bytes:
        line = b""
        if self._file is not None:
            self._file.seek(start)
            while b"\n" not in line and (block := self._file.read(_BLOCK_BYTES)):
                line += block
        return line.partition(b"\n")[0]


@attrs.define(eq=False)
class DiskCounter:
    """
    How often each of many texts has come.

    Up to 300,000 different ones take about 30 MiB of memory; those beyond are counted on disk, in the system's
    temporary folder.
    """

    held_max: int = _COUNTS_MAX
    _held: dict[str | bytes, int] = attrs.field(factory=dict)
    _others: _Table | None = None

    def count(self, text: str) -> int:
        """
        Return how often *text* has come, this time included.

        Raises:
            OpenAIError: There is no room on disk for so many (code ``"insufficient_storage"``).
        """
        key = text if len(text) <= _SHORT else hashlib.blake2b(_bytes(text), digest_size=16).digest()
        held = self._held
        if key in held:
            held[key] += 1
            return held[key]
        if len(held) < self.held_max:
            held[key] = 1
            return 1
        return self._count_on_disk(_bytes(key) if isinstance(key, str) else key)

    def _count_on_disk(self, key: bytes) -> int:
        if self._others is None:
            self._others = _Table("count INTEGER", "comparing so many lines")
        run = self._others.run
        changed, _ = run("INSERT OR IGNORE INTO entries VALUES (?, 1)", key)
        if changed:
            return 1
        run("UPDATE entries SET count = count + 1 WHERE key = ?", key)
        _, found = run("SELECT count FROM entries WHERE key = ?", key)
        return int(found[0])


class OffsetIndex:
    """
    Start and size in bytes, by name, of what stands in a file; for several threads.
    """

    def __init__(self) -> None:
        self._table = _Table("start INTEGER, size INTEGER", "finding so many names again")

    def __len__(self) -> int:
        return int(self._table.run("SELECT COUNT(*) FROM entries")[1][0])

    def put(self, name: str, start: int, size: int) -> None:
        """
        Remember where *name* stands, instead of what was known of it.

        Raises:
            OpenAIError: There is no room on disk (code ``"insufficient_storage"``).
        """
        self._table.run("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", _bytes(name), start, size)

    def drop(self, name: str) -> None:
        """
        Forget *name*.
        """
        self._table.run("DELETE FROM entries WHERE key = ?", _bytes(name))

    def get(self, name: str) -> tuple[int, int] | None:
        """
        Return start and size of *name*; ``None`` if it is not known.
        """
        _, found = self._table.run("SELECT start, size FROM entries WHERE key = ?", _bytes(name))
        return found  # type: ignore[no-any-return]  # the row

    def close(self) -> None:
        """
        Remove the temporary file.
        """
        self._table.close()


class _Table:
    """
    Table ``entries`` of a database without a name, a temporary file that SQLite removes when it is closed.

    Args:
        columns: Definitions of the columns beside ``key``.

        purpose: What the table is for, as an error about a full disk says it.
    """

    def __init__(self, columns: str, purpose: str) -> None:
        import sqlite3  # noqa: PLC0415  few files have so many lines

        self._purpose, self._errors, self._lock = purpose, sqlite3.Error, threading.Lock()
        self._connection: Any = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for statement in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            f"PRAGMA cache_size = -{_CACHE_KIB}",
            f"CREATE TABLE entries (key BLOB PRIMARY KEY, {columns}) WITHOUT ROWID",
            "BEGIN",  # one transaction without an end: what is lost in a crash is of no use
        ):
            self._connection.execute(statement)

    def __del__(self) -> None:
        self.close()  # Python 3.13 warns of connections that are not

    def run(self, statement: str, *values: Any) -> tuple[int, Any]:
        """
        Return how many rows *statement* changed, and the first row it found.
        """
        try:
            with self._lock:
                cursor = self._connection.execute(statement, values)
                return cursor.rowcount, cursor.fetchone()
        except self._errors as error:
            raise _no_room(self._purpose, error) from error

    def close(self) -> None:
        """
        Remove the temporary file.
        """
        self._connection.close()


def _no_room(purpose: str, reason: object) -> OpenAIError:
    message = f"there is no room in the temporary folder for {purpose}: {reason}; free some space, or set TMPDIR"
    return OpenAIError(message=f"{message} to a folder on another disk", code="insufficient_storage")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
