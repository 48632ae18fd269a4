"""
Values by number, however many: the first ones are held in memory, the others in a file that vanishes.
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

from aikit.errors import OpenAIError

_HELD_MAX_BYTES: Final = 1024 * 1024
_NOTHING: Final = -1


def _temporary() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(_HELD_MAX_BYTES)


@attrs.define(eq=False)
class Spool:
    """
    What can be written as JSON, by numbers that were given in any order; for several threads.

    A value takes eight bytes of memory beyond the first MiB, and its JSON on disk, in the system's temporary folder.
    """

    _file: IO[bytes] = attrs.field(factory=_temporary, init=False)
    _starts: array[int] = attrs.field(factory=lambda: array("q"), init=False)
    _end: int = attrs.field(default=0, init=False)
    _lock: Any = attrs.field(factory=threading.Lock, init=False)

    def __attrs_post_init__(self) -> None:
        weakref.finalize(self, self._file.close)  # a file that is just forgotten brings a warning

    def __len__(self) -> int:
        return len(self._starts)

    def put(self, number: int, value: Any) -> None:
        """
        Keep *value* as that of *number*, from 0 on.

        Raises:
            OpenAIError: There is no room on disk (code ``"insufficient_storage"``).
        """
        line = json.dumps(value, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            try:
                self._file.seek(self._end)
                self._file.write(line)
            except OSError as error:
                message = f"there is no room in {tempfile.gettempdir()} for the list of results: {error.strerror}"
                raise OpenAIError(message=f"{message}; set TMPDIR", code="insufficient_storage") from error
            while len(self._starts) <= number:
                self._starts.append(_NOTHING)
            self._starts[number] = self._end
            self._end += len(line)

    def get(self, number: int) -> Any:
        """
        Return the value of *number*; ``None`` if there is none yet.
        """
        with self._lock:
            start = self._starts[number] if 0 <= number < len(self._starts) else _NOTHING
            if start == _NOTHING:
                return None
            self._file.seek(start)
            line = self._file.readline()
        return json.loads(line)

    def values(self) -> Iterator[Any]:
        """
        Read those that are there, in the order of their numbers.
        """
        for number in range(len(self._starts)):
            value = self.get(number)
            if value is not None:
                yield value
