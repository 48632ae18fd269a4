"""
Where in a file something stands, for any number of names, in next to no memory.
"""

from __future__ import annotations

import sqlite3
import threading
from typing import Any, Final

import attrs

from aikit.types.errors import OpenAIError

_CACHE_KIB: Final = 4_096


def _connected() -> sqlite3.Connection:
    # a database without a name is a temporary file, which SQLite removes when it is closed
    connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
        connection.execute(f"PRAGMA {setting}")
    connection.execute("CREATE TABLE places (name TEXT PRIMARY KEY, start INTEGER, size INTEGER) WITHOUT ROWID")
    connection.execute("BEGIN")  # one transaction without an end: what is lost in a crash is of no use
    return connection


@attrs.define(eq=False)
class OffsetIndex:
    """
    Name → where it begins and how long it is, in bytes; for several threads.
    """

    _connection: sqlite3.Connection = attrs.field(factory=_connected, init=False)
    _lock: Any = attrs.field(factory=threading.Lock, init=False)

    def put(self, name: str, start: int, size: int) -> None:
        """
        Remember the place of *name*, instead of what was known of it.

        Raises:
            OpenAIError: There is no room on disk (code ``"insufficient_storage"``).
        """
        try:
            with self._lock:
                self._connection.execute("INSERT OR REPLACE INTO places VALUES (?, ?, ?)", (_text(name), start, size))
        except sqlite3.Error as error:
            message = f"there is no room in the temporary folder to find so many names again: {error}; free some space"
            raise OpenAIError(message=message, code="insufficient_storage") from error

    def drop(self, name: str) -> None:
        """
        Forget *name*.
        """
        with self._lock:
            self._connection.execute("DELETE FROM places WHERE name = ?", (_text(name),))

    def get(self, name: str) -> tuple[int, int] | None:
        """
        Return where *name* begins and how long it is; ``None`` if it is not known.
        """
        with self._lock:
            query = "SELECT start, size FROM places WHERE name = ?"
            return self._connection.execute(query, (_text(name),)).fetchone()  # type: ignore[no-any-return]  # the row

    def close(self) -> None:
        """
        Let go of the temporary file.
        """
        self._connection.close()


def _text(name: str) -> str:
    """
    Return *name* as SQLite can hold it: a path may be no UTF-8.
    """
    return name.encode("utf-8", "surrogatepass").decode("latin-1")
