"""
The journal of stored contents, by name and digest, so that none need be uploaded twice.

    <home>/uploaded.db     SQLite, one table
    <home>/uploaded.lock   held by the process that is making or changing the table
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs

from aikit.storage.database import Database
from aikit.storage.errors import telling_faults
from aikit.storage.locks import locked
from aikit.storage.private import make_private

MIGRATIONS: Final = (
    (
        """
        CREATE TABLE uploaded (
            account TEXT NOT NULL,
            purpose TEXT NOT NULL,
            name TEXT NOT NULL,
            sha256 TEXT NOT NULL,
            file_id TEXT NOT NULL,
            noted_at INTEGER NOT NULL,
            PRIMARY KEY (account, purpose, name, sha256)
        ) WITHOUT ROWID
        """,
    ),
)


@attrs.frozen
class Content:
    """
    Identity of an uploaded content.

    Attributes:
        account: Whose files these are at the provider; no secret is in it.

        name: Under which it is sent.

        sha256: Of the content, in hexadecimal.
    """

    account: str
    purpose: str
    name: str
    sha256: str


@attrs.define(eq=False)
class Uploaded:
    """
    The journal of uploads of one home, for several threads and processes at once; nothing is touched before use.
    """

    home: Path
    clock: Callable[[], float] = time.time
    _database: Database = attrs.field(init=False)
    _starting: Any = attrs.field(factory=threading.Lock, init=False)
    _is_started: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._database = Database(self.home / "uploaded.db", MIGRATIONS)

    def find(self, content: Content) -> str | None:
        """
        Return the id under which *content* was stored; ``None`` if it was not noted.

        Raises:
            StoreError: The journal cannot be read.
        """
        self._start()
        query = "SELECT file_id FROM uploaded WHERE account = ? AND purpose = ? AND name = ? AND sha256 = ?"
        with telling_faults(self.home), self._database.reading() as connection:
            row = connection.execute(query, attrs.astuple(content)).fetchone()
        return row[0] if row else None

    def note(self, content: Content, file_id: str) -> None:
        """
        Note that *content* is stored under *file_id*; in a power cut the last notes may be lost, and nothing else.

        Raises:
            StoreError: The journal cannot be written.
        """
        self._run(
            "INSERT OR REPLACE INTO uploaded VALUES (?, ?, ?, ?, ?, ?)",
            (*attrs.astuple(content), file_id, int(self.clock())),
        )

    def forget(self, content: Content) -> None:
        """
        Forget where *content* was: it is there no more.

        Raises:
            StoreError: The journal cannot be written.
        """
        query = "DELETE FROM uploaded WHERE account = ? AND purpose = ? AND name = ? AND sha256 = ?"
        self._run(query, attrs.astuple(content))

    def close(self) -> None:
        """
        Let go of the file; the journal can be used again.
        """
        self._database.close()

    def _run(self, statement: str, values: tuple[Any, ...]) -> None:
        self._start()
        with telling_faults(self.home), self._database.reading() as connection:
            connection.execute("PRAGMA synchronous = NORMAL")  # no wait for the disk with each of thousands
            connection.execute(statement, values)

    def _start(self) -> None:
        if self._is_started:
            return
        with self._starting, telling_faults(self.home):
            if not self._is_started:
                make_private(self.home)
                with locked(self.home / "uploaded.lock"):
                    self._database.migrate()
                self._is_started = True
