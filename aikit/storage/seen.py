"""
Texts that came before, however many: the first ones are held in memory, the others in a file that vanishes.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import attrs

from aikit.types.errors import OpenAIError

if TYPE_CHECKING:
    import sqlite3

_SHORT: Final = 40  # characters; a longer text is remembered by its digest
_HELD_MAX: Final = 300_000
_CACHE_KIB: Final = 4_096


@attrs.define(eq=False)
class DiskCounter:
    """
    How often each of many texts has come.

    Up to 300,000 different ones take about 30 MiB; what goes beyond is on disk, in the system's temporary folder, and
    takes no memory.
    """

    held_max: int = _HELD_MAX
    _held: dict[str | bytes, int] = attrs.field(factory=dict)
    _others: _Others | None = None

    def count(self, text: str) -> int:
        """
        Return how often *text* has come, this time included.

        Raises:
            OpenAIError: There is no room on disk for so many (code ``"insufficient_storage"``).
        """
        key = text if len(text) <= _SHORT else _digest(text)
        held = self._held
        if key in held:
            held[key] += 1
            return held[key]
        if len(held) < self.held_max:
            held[key] = 1
            return 1
        if self._others is None:
            self._others = _Others()
        return self._others.count(_bytes(key) if isinstance(key, str) else key)


class _Others:
    """
    A database without a name, which SQLite keeps in a temporary file and removes when it is closed.
    """

    def __init__(self) -> None:
        import sqlite3  # noqa: PLC0415  few files have so many lines

        self._errors = sqlite3.Error
        self._connection: sqlite3.Connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        run = self._connection.execute
        # one transaction without an end: what is lost in a crash is of no use
        for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
            run(f"PRAGMA {setting}")
        run("CREATE TABLE seen (key BLOB PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID")
        run("BEGIN")

    def __del__(self) -> None:
        self._connection.close()  # Python 3.13 warns of connections that are not

    def count(self, key: bytes) -> int:
        run = self._connection.execute
        try:
            if run("INSERT OR IGNORE INTO seen VALUES (?, 1)", (key,)).rowcount:
                return 1
            run("UPDATE seen SET count = count + 1 WHERE key = ?", (key,))
            return int(run("SELECT count FROM seen WHERE key = ?", (key,)).fetchone()[0])
        except self._errors as error:
            message = f"there is no room in the temporary folder to compare so many lines: {error}; free some space"
            raise OpenAIError(message=message, code="insufficient_storage") from error


def _digest(text: str) -> bytes:
    return hashlib.blake2b(_bytes(text), digest_size=16).digest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
