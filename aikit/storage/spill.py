"""
Values by number, however many: the newest are held in memory, the others in a file that vanishes.
"""

from __future__ import annotations

import json
import tempfile
import threading
import weakref
from array import array
from collections.abc import Iterator
from typing import IO, Any, Final

import attrs

from aikit.types.errors import OpenAIError

_HELD_MAX_BYTES: Final = 1024 * 1024
_BLOCK_BYTES: Final = 4096
_NOTHING: Final = -1


@attrs.define(eq=False)
class Spool:
    """
    What can be written as JSON, by numbers that were given in any order; for several threads.

    A value takes eight bytes of memory beyond the newest MiB, and its JSON on disk, in the system's temporary folder.
    """

    # The disk is asked once for each MiB: whoever waits for it holds up all threads that put something.

    _held: bytearray = attrs.field(factory=bytearray, init=False)
    _file: IO[bytes] | None = attrs.field(default=None, init=False)
    _file_bytes: int = attrs.field(default=0, init=False)
    _starts: array[int] = attrs.field(factory=lambda: array("q"), init=False)
    _lock: Any = attrs.field(factory=threading.Lock, init=False)

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
            if len(self._held) + len(line) > _HELD_MAX_BYTES:
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
        Read those that are there, in the order of their numbers.
        """
        for number in range(len(self._starts)):
            value = self.get(number)
            if value is not None:
                yield value

    def _spill(self) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  it lives as long as this
                weakref.finalize(self, self._file.close)  # a file that is just forgotten brings a warning
            self._file.seek(self._file_bytes)
            left = memoryview(bytes(self._held))
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            message = f"there is no room in {tempfile.gettempdir()} for the list of results: {error.strerror}"
            raise OpenAIError(message=f"{message}; set TMPDIR", code="insufficient_storage") from error
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
