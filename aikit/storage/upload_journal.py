"""
The journal of uploads in parts: the parts that have arrived, so that an interrupted upload can be resumed.

    <home>/transfers.db          SQLite
    <home>/transfers.lock        held by the process that is making or changing the tables
    <home>/transfers/<key>.lock  held by the process whose upload it is, for as long as it lives

Trouble with the journal fails no upload: it is logged, and that upload cannot be resumed.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from io import FileIO
from pathlib import Path
from typing import Any, Final

import attrs

from aikit.storage.database import Database, giving_up
from aikit.storage.errors import StoreError, telling_faults
from aikit.storage.locks import is_held, release, take
from aikit.storage.private import make_private
from aikit.storage.upload_entry import SentPart, UploadKey, UploadRecord
from aikit.types.interruptions import let_through

log: Final = logging.getLogger("aikit")

MIGRATIONS: Final = (
    (
        """
        CREATE TABLE uploads (
            key TEXT PRIMARY KEY,
            account TEXT NOT NULL,
            purpose TEXT NOT NULL,
            filename TEXT NOT NULL,
            options TEXT NOT NULL,
            part_bytes INTEGER NOT NULL,
            size_bytes INTEGER NOT NULL,
            place TEXT,
            upload_id TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            ends_at REAL NOT NULL,
            is_ending INTEGER NOT NULL DEFAULT 0
        )
        """,
        """
        CREATE TABLE parts (
            key TEXT NOT NULL,
            number INTEGER NOT NULL,
            part_id TEXT NOT NULL,
            digest TEXT NOT NULL,
            PRIMARY KEY (key, number)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE files (
            account TEXT NOT NULL,
            file_id TEXT NOT NULL,
            at REAL NOT NULL,
            PRIMARY KEY (account, file_id)
        ) WITHOUT ROWID
        """,
    ),
)

# https://developers.openai.com/api/reference/resources/uploads (read 2026-11-21)
LIFETIME_S: Final = 3_600
"""Seconds for which a provider takes parts."""

_MARGIN_S: Final = 60.0  # an upload that ends so soon is not resumed
_PATIENCE_S: Final = 2.0
_LOOK_S: Final = 0.02
_SAME: Final = "account = ? AND purpose = ? AND filename = ? AND options = ? AND part_bytes = ?"
_COLUMNS: Final = "size_bytes, place, upload_id, created_at, is_ending"
_TRIES: Final = 10
_BLINK_S: Final = 0.005


@attrs.define(eq=False)
class Journal:
    """
    The uploads in parts of one home, for several threads and processes at once; nothing is touched before use.

    Attributes:
        home: Folder; made, for its owner only, by the first upload in parts.

        clock: Unix seconds.
    """

    home: Path
    clock: Callable[[], float] = time.time
    _database: Database = attrs.field(init=False)
    _starting: Any = attrs.field(factory=threading.Lock, init=False)
    _is_started: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._database = Database(self.home / "transfers.db", MIGRATIONS, _PATIENCE_S)

    def find_interrupted(self, wanted: UploadKey) -> list[UploadRecord]:
        """
        Return resumable uploads that match *wanted* and are not locked.

        Those of the same place come first, then the newest. Those of another size or
        with other parts are among them. None is claimed, so that comparing one holds up no other call.
        """
        found: list[UploadRecord] = []
        with self._log_trouble("looked at"):
            self._start()
            query = f"SELECT key FROM uploads WHERE {_SAME} AND ends_at > ? ORDER BY place IS ? DESC, ends_at DESC"  # noqa: S608  constants
            with self._database.reading() as connection:
                rows = connection.execute(query, (*wanted.same, self.clock() + _MARGIN_S, wanted.place)).fetchall()
            records = (self._read(row[0]) for row in rows if not is_held(self._lock_path(row[0])))
            found += [record for record in records if record is not None]
        return found

    def claim(self, wanted: UploadKey, upload_id: str) -> UploadRecord | None:
        """
        Claim an upload as it is now; ``None`` if another call has it, or it is over.

        No other call gets it until it is released.
        """
        key, record = _key(wanted.account, upload_id), None
        with self._log_trouble("looked at"):
            lock = self._lock_soon(key)
            if lock is None:
                return None
            try:
                record = self._read(key)
            except BaseException:
                lock.close()
                raise
            if record is None:  # its last holder has ended it meanwhile
                self._unlock(key, lock)
            else:
                record.keep(_JournalHandle(self, key, wanted.account, lock))
        return record

    def begin(self, wanted: UploadKey, upload_id: str, created_at: int, began_at: float) -> UploadRecord:
        """
        Note an upload that was just created at the provider.

        Args:
            wanted: The content that is to be uploaded.

            upload_id: The provider's.

            created_at: When, in Unix seconds of the provider.

            began_at: When it was asked for, in Unix seconds of this machine.
        """
        key = _key(wanted.account, upload_id)
        record = UploadRecord(
            upload_id=upload_id, created_at=created_at, size_bytes=wanted.size_bytes, place=wanted.place
        )
        with self._log_trouble("noted"):
            self._start()
            lock = take(self._lock_path(key))
            if lock is None:
                return record
            try:
                with self._writing() as connection:
                    values = (key, *wanted.same, wanted.size_bytes, wanted.place, upload_id, created_at)
                    query = f"INSERT OR REPLACE INTO uploads VALUES ({', '.join('?' * 10)}, ?, 0)"  # noqa: S608  constants
                    connection.execute(query, (*values, began_at + LIFETIME_S))
                    self._forget_old(connection)
            except BaseException:
                self._unlock(key, lock)
                raise
            record.keep(_JournalHandle(self, key, wanted.account, lock))
        return record

    def knows(self, account: str, file_id: str) -> bool:
        """
        Return whether an upload of *account* is known to have become that file.
        """
        found = None
        with self._log_trouble("looked at"):
            self._start()
            with self._database.reading() as connection:
                query = "SELECT 1 FROM files WHERE account = ? AND file_id = ?"
                found = connection.execute(query, (account, file_id)).fetchone()
        return found is not None

    def has_rivals(self, wanted: UploadKey, upload_id: str) -> bool:
        """
        Return whether other uploads of the same name, purpose and size are at their completion, their files not known.
        """
        found = None
        with self._log_trouble("looked at"):
            self._start()
            query = (
                "SELECT 1 FROM uploads WHERE account = ? AND purpose = ? AND filename = ? AND size_bytes = ? "
                "AND is_ending AND key <> ?"
            )
            values = (wanted.account, wanted.purpose, wanted.filename, wanted.size_bytes)
            with self._database.reading() as connection:
                found = connection.execute(query, (*values, _key(wanted.account, upload_id))).fetchone()
        return found is not None

    def close(self) -> None:
        """
        Let go of the file; the journal can be used again.
        """
        self._is_started = False
        self._database.close()

    def after_fork_in_child(self) -> None:
        """
        In a child made by fork, take a lock of its own: another thread of the parent's may have held it.
        """
        self._starting = threading.Lock()

    def _lock_soon(self, key: str) -> FileIO | None:
        for _ in range(_TRIES):
            lock = take(self._lock_path(key))
            if lock is not None:
                return lock
            time.sleep(_BLINK_S)  # another call may only be looking whether it is free
        return None

    def _read(self, key: str) -> UploadRecord | None:
        with self._database.reading() as connection:
            found = connection.execute(f"SELECT {_COLUMNS} FROM uploads WHERE key = ?", (key,)).fetchone()  # noqa: S608  constants
            rows = connection.execute("SELECT number, part_id, digest FROM parts WHERE key = ?", (key,)).fetchall()
        if found is None:
            return None
        size_bytes, place, upload_id, created_at, is_ending = found
        return UploadRecord(
            upload_id=upload_id,
            created_at=created_at,
            size_bytes=size_bytes,
            place=place,
            is_ending=bool(is_ending),
            parts={number: SentPart(part_id, digest) for number, part_id, digest in rows},
        )

    def _forget_old(self, connection: Any) -> None:
        """
        Forget uploads that are over; never one that a call has locked, whatever the clock says.
        """
        now = self.clock()
        old = [row[0] for row in connection.execute("SELECT key FROM uploads WHERE ends_at < ?", (now,))]
        for key in old:
            lock = take(self._lock_path(key))
            if lock is not None:
                connection.execute("DELETE FROM uploads WHERE key = ?", (key,))
                self._unlock(key, lock)
        connection.execute("DELETE FROM parts WHERE key NOT IN (SELECT key FROM uploads)")
        connection.execute("DELETE FROM files WHERE at < ?", (now - 2 * LIFETIME_S,))

    def _lock_path(self, key: str) -> Path:
        return self.home / "transfers" / f"{key}.lock"

    def _unlock(self, key: str, lock: FileIO) -> None:
        release(self._lock_path(key), lock)

    def _start(self) -> None:
        if self._is_started:
            return
        with self._starting:
            if not self._is_started:
                make_private(self.home, "transfers")
                with closing(self._lock_tables()):
                    self._database.migrate()
                self._is_started = True

    def _lock_tables(self) -> FileIO:
        """
        Take the lock for making the tables, after a short wait at most.
        """
        ends_at = time.monotonic() + _PATIENCE_S
        while (lock := take(self.home / "transfers.lock")) is None:
            if time.monotonic() >= ends_at:
                raise _busy()
            time.sleep(_LOOK_S)
        return lock

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        """
        Write, unless others have been writing for long: the upload goes on without.
        """
        ends_at = time.monotonic() + _PATIENCE_S

        def check() -> None:
            if time.monotonic() >= ends_at:
                raise _busy()

        with giving_up(check), self._database.writing() as connection:
            yield connection

    @contextmanager
    def _log_trouble(self, what: str) -> Iterator[None]:
        """
        Log errors inside the block instead of raising them: the upload goes on without the journal.
        """
        try:
            with telling_faults(self.home):
                yield
        except Exception as error:  # noqa: BLE001  also what SQLite cannot hold
            let_through(error)
            self.close()  # the folder may have been moved away: the next one looks anew
            log.warning(
                "an upload in parts could not be %s in the journal, and may have to start anew: %s", what, error
            )


@attrs.frozen
class _JournalHandle:
    """
    One row of the journal, and the lock on it.
    """

    _journal: Journal
    _key: str
    _account: str
    _lock: FileIO

    def add(self, number: int, part: SentPart) -> None:
        with self._journal._log_trouble("noted"), self._journal._writing() as connection:  # noqa: SLF001  one mechanism
            values = (self._key, number, part.id, part.digest)
            connection.execute("INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?)", values)

    def end(self) -> None:
        with self._journal._log_trouble("noted"), self._journal._writing() as connection:  # noqa: SLF001  likewise
            connection.execute("UPDATE uploads SET is_ending = 1 WHERE key = ?", (self._key,))

    def forget(self, file_id: str | None) -> None:
        journal = self._journal
        with journal._log_trouble("noted"), journal._writing() as connection:  # noqa: SLF001  likewise
            connection.execute("DELETE FROM uploads WHERE key = ?", (self._key,))
            connection.execute("DELETE FROM parts WHERE key = ?", (self._key,))
            if file_id is not None:
                now = journal.clock()
                connection.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", (self._account, file_id, now))
        journal._unlock(self._key, self._lock)  # noqa: SLF001  likewise

    def release(self) -> None:
        self._journal._unlock(self._key, self._lock)  # noqa: SLF001  likewise


def _key(account: str, upload_id: str) -> str:
    return hashlib.sha256(f"{account} {upload_id}".encode("utf-8", "replace")).hexdigest()[:32]


def _busy() -> StoreError:
    return StoreError(message="another program has been writing to it for long", code="storage_busy")
