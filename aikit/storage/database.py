"""
A SQLite file: connections that hop between threads, write transactions, versions of the schema.
"""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Final

import attrs

from aikit.storage.errors import StoreError
from aikit.storage.forks import forks_let_through, unforked
from aikit.storage.private import create_private
from aikit.types.interruptions import suppress

_BUSY_S: Final = 60.0
_TRY_S: Final = 0.1  # SQLite waits without looking at signals, so it waits in small steps
_raise_if_unwanted: ContextVar[Callable[[], None] | None] = ContextVar("raise_if_unwanted", default=None)
_abandoned: list[object] = []  # a forked child must neither use nor close its parent's connections


@attrs.define(eq=False)
class Database:
    """
    A database file that several threads and processes share.

    A connection serves one thread at a time, whichever that is, and rests in between. A new file is its owner's only.

    Attributes:
        migrations: Statements, version by version. ``PRAGMA user_version`` counts how many versions were carried out:
            never change one that was released, append.

        busy_s: How long to wait for others, to read or to write; a minute without it.
    """

    path: Path
    migrations: Sequence[Sequence[str]]
    busy_s: float = attrs.field(factory=lambda: _BUSY_S)
    _idle: deque[sqlite3.Connection] = attrs.field(factory=deque)
    _pid: int = attrs.field(factory=os.getpid)

    def __attrs_post_init__(self) -> None:
        weakref.finalize(self, _close_all, self._idle, self._pid)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """
        Lend a connection for one query.
        """
        with unforked():
            connection = self._taken()
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            self._idle.append(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """
        Lend a connection inside the one write transaction of all threads and processes; undone when an error leaves it.
        """
        with self.reading() as connection:
            _begin(connection, self.busy_s)
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk has rolled back by itself
                    connection.execute("ROLLBACK")
                raise

    def migrate(self) -> None:
        """
        Bring the file to the schema of this version; the caller keeps other processes from doing the same.

        Raises:
            StoreError: A newer aikit wrote it (code ``"storage_too_new"``).
        """
        with self.reading() as connection:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
            found = connection.execute("PRAGMA user_version").fetchone()[0]
        known = len(self.migrations)
        if found > known:
            raise StoreError(
                message=f"{self.path} was written by a newer aikit (schema {found}, this one knows {known}); "
                "upgrade aikit, or set AIKIT_HOME to another folder",
                code="storage_too_new",
            )
        for version, statements in enumerate(self.migrations[found:], start=found + 1):
            with self.writing() as connection:
                for statement in statements:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version}")

    def close(self) -> None:
        """
        Let go of resting connections; it can be used again.
        """
        with unforked():
            _close_all(self._idle, self._pid)

    def _taken(self) -> sqlite3.Connection:
        if self._pid != os.getpid():
            _abandoned.append(self._idle)
            self._idle, self._pid = deque(), os.getpid()
            weakref.finalize(self, _close_all, self._idle, self._pid)
        try:
            return self._idle.pop()
        except IndexError:
            with suppress(OSError):  # SQLite tells it in its own words
                create_private(self.path)  # what it makes beside it, it makes with the same mode
            return sqlite3.connect(self.path, timeout=self.busy_s, isolation_level=None, check_same_thread=False)


@contextmanager
def giving_up(raise_if_unwanted: Callable[[], None]) -> Iterator[None]:
    """
    Let *raise_if_unwanted* end waits for a write transaction that begin inside the block, in this thread.
    """
    token = _raise_if_unwanted.set(raise_if_unwanted)
    try:
        yield
    finally:
        _raise_if_unwanted.reset(token)


def _begin(connection: sqlite3.Connection, busy_s: float) -> None:
    """
    Start a write transaction, polling while another connection holds the lock, so that Ctrl-C and cancel get through.
    """
    ends_at = time.monotonic() + busy_s
    check = _raise_if_unwanted.get()
    _set_timeout(connection, min(_TRY_S, busy_s))
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= ends_at:
                raise
        with forks_let_through():
            if check is not None:
                check()
    _set_timeout(connection, busy_s)


def _set_timeout(connection: sqlite3.Connection, seconds: float) -> None:
    connection.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}").close()


def _close_all(idle: deque[sqlite3.Connection], pid: int) -> None:
    if pid != os.getpid():
        _abandoned.append(idle)
        return
    while idle:
        with suppress(IndexError), closing(idle.pop()):
            pass
