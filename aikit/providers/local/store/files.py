"""
A folder that keeps files: SQLite for what is known, plain files for what is stored.

    <home>/local/files.db       rows of files, uploads, batches; see `aikit.providers.local.store.schema`
    <home>/local/blobs/<id>     contents, one file each
    <home>/local/incoming/<id>  contents being written; the writer holds a lock on each
    <home>/local/batches/       files of running batches; see `aikit.providers.local.store.batch_folder`
    <home>/local/lock           held by the process that is starting
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Final

import attrs

from aikit.providers.local.clock import Clock, RealClock
from aikit.providers.local.store.batch_folder import BatchFolder
from aikit.providers.local.store.blobs import Incoming
from aikit.providers.local.store.schema import MIGRATIONS
from aikit.storage import sync
from aikit.storage.database import Database
from aikit.storage.errors import StoreError, telling_faults
from aikit.storage.forks import unforked
from aikit.storage.locks import locked, remove_if_abandoned
from aikit.storage.private import make_private
from aikit.types.interruptions import suppress

_COLUMNS: Final = "id, filename, purpose, bytes, sha256, created_at, expires_at"
PART_PURPOSE: Final = "upload.part"
"""Purpose of parts of uploads, which no list of files shows."""

_IS_LIVE: Final = f"(expires_at IS NULL OR expires_at > ?) AND purpose <> '{PART_PURPOSE}'"


@attrs.frozen
class StoredFile:
    """
    The row of a stored file.

    Attributes:
        id: ``file-`` and 24 letters and digits.

        filename: Name given at upload; never used as a path.

        purpose: Purpose given at upload.

        bytes: Size.

        sha256: Hash of the content, in hexadecimal.

        created_at: Unix seconds.

        expires_at: Unix seconds from which on it is gone; ``None`` when it is kept until deleted.
    """

    id: str
    filename: str
    purpose: str
    bytes: int
    sha256: str
    created_at: int
    expires_at: int | None


@attrs.define(eq=False)
class Store:
    """
    A folder that keeps files, safe for several threads and processes; nothing is touched before first use.

    Attributes:
        home: Folder; created, for its owner only, when missing.

        clock: Time of creations and expiries.
    """

    home: Path
    clock: Clock = attrs.field(factory=RealClock)
    _database: Database = attrs.field(init=False)
    _starting: threading.Lock = attrs.field(factory=threading.Lock)
    _is_started: bool = False

    def __attrs_post_init__(self) -> None:
        self.home = Path(self.home)
        self._database = Database(self.folder / "files.db", MIGRATIONS)

    @property
    def folder(self) -> Path:
        """The folder below *home* with everything."""
        return self.home / "local"

    @contextmanager
    def receiving(self, expected_bytes: int | None = None) -> Iterator[Incoming]:
        """
        Open a file to write into, which is removed at the end unless `keep` was called.

        Args:
            expected_bytes: Room to reserve, if the size is known.

        Raises:
            StoreError: The disk is full or broken.
        """
        self._start()
        with Incoming(self._incoming, expected_bytes) as incoming:
            yield incoming

    def keep(self, incoming: Incoming, *, filename: str, purpose: str, expires_after_s: int | None) -> StoredFile:
        """
        Store a received file, which exists from this moment on.

        Raises:
            StoreError: The disk is full or broken.
        """
        (file,) = self.keep_all([(incoming, filename)], purpose=purpose, expires_after_s=expires_after_s)
        return file

    def keep_all(
        self,
        arrivals: Sequence[tuple[Incoming, str]],
        *,
        purpose: str,
        expires_after_s: int | None,
        note: Callable[[sqlite3.Connection, Sequence[StoredFile]], None] | None = None,
    ) -> tuple[StoredFile, ...]:
        """
        Store all received files, or none.

        Args:
            arrivals: Received files, each with its file name.

            purpose: Purpose of all.

            expires_after_s: Seconds they are kept; ``None`` until deleted.

            note: Makes further changes in the same transaction; an exception it raises undoes all.

        Raises:
            StoreError: The disk is full or broken.
        """
        for incoming, _ in arrivals:
            incoming.sync()
        paths = [self._blobs / incoming.id for incoming, _ in arrivals]
        with telling_faults(self.folder):
            try:
                with self._database.writing() as connection:
                    files = self._described(arrivals, purpose, expires_after_s)
                    _insert(connection, files)
                    if note is not None:
                        note(connection, files)
                    for (incoming, _), path in zip(arrivals, paths, strict=True):
                        incoming.move_to(path)
                    if paths:
                        sync(self._blobs)
            except BaseException:
                for path in paths:
                    path.unlink(missing_ok=True)
                raise
        return files

    def retrieve(self, file_id: str) -> StoredFile | None:
        """
        Return a file; ``None`` when there is no such file or it has expired.
        """
        now = self._current()
        query = f"SELECT {_COLUMNS} FROM files WHERE id = ? AND {_IS_LIVE}"  # noqa: S608  constants
        with telling_faults(self.folder), self._database.reading() as connection:
            row = connection.execute(query, (file_id, now)).fetchone()
        return None if row is None else StoredFile(*row)

    def list(
        self, *, limit: int, newest_first: bool = True, purpose: str | None = None, after: str | None = None
    ) -> tuple[StoredFile, ...] | None:
        """
        Return up to *limit* files by age, those after the file with id *after*; ``None`` when there is no such file.
        """
        now = self._current()
        compare, direction = ("<", "DESC") if newest_first else (">", "ASC")
        conditions: list[str] = [_IS_LIVE]
        values: list[object] = [now]
        if purpose is not None:
            conditions.append("purpose = ?")
            values.append(purpose)
        if after is not None:
            place = self._place(after, now)
            if place is None:
                return None
            conditions.append(f"(created_at, seq) {compare} (?, ?)")
            values += place
        query = (
            f"SELECT {_COLUMNS} FROM files WHERE {' AND '.join(conditions)} "  # noqa: S608  constants
            f"ORDER BY created_at {direction}, seq {direction} LIMIT ?"
        )
        with telling_faults(self.folder), self._database.reading() as connection:
            return tuple(StoredFile(*row) for row in connection.execute(query, (*values, limit)))

    def delete(self, file_id: str) -> bool:
        """
        Forget a file and remove its content; ``False`` when there was none.
        """
        if self.retrieve(file_id) is None:
            return False
        try:
            is_found = self._forget(file_id)
        except StoreError as error:
            if error.code != "insufficient_storage":
                raise
            self._remove_blob(file_id)  # on a disk that is full to the last byte this makes the room to forget it
            is_found = self._forget(file_id)
        self._remove_blob(file_id)
        return is_found

    def open(self, file_id: str) -> tuple[StoredFile, FileIO] | None:
        """
        Open a file's content, which stays readable when it is deleted meanwhile; ``None`` when there is no such file.
        """
        file = self.retrieve(file_id)
        if file is None:
            return None
        with telling_faults(self.folder):
            try:
                return file, (self._blobs / file.id).open("rb", buffering=0)
            except FileNotFoundError:  # deleted since the line above
                return None

    def close(self) -> None:
        """
        Let go of the database; the store can be used again.
        """
        self._database.close()

    @property
    def database(self) -> Database:
        """What is known; ready to be asked."""
        self._start()
        return self._database

    @property
    def batch_folder(self) -> BatchFolder:
        """What batches need that are not ended."""
        return BatchFolder(self.folder / "batches")

    def blob(self, file_id: str) -> Path:
        """
        Return where the content of a file with that id lies, if there is one.
        """
        return self._blobs / file_id

    @property
    def _blobs(self) -> Path:
        return self.folder / "blobs"

    @property
    def _incoming(self) -> Path:
        return self.folder / "incoming"

    def _current(self) -> float:
        """
        Return the time, after removing files that have expired.
        """
        self._start()
        now = self.clock.now()
        with suppress(StoreError):  # on a full disk expired files stay, hidden
            self._purge(now)
        return now

    def _purge(self, now: float) -> None:
        query = "SELECT id FROM files WHERE expires_at <= ?"
        with telling_faults(self.folder):
            with self._database.reading() as connection:
                expired = [row[0] for row in connection.execute(query, (now,))]
            if not expired:
                return
            for file_id in expired:  # first, as it makes room on a full disk; the rows are hidden already
                self._remove_blob(file_id)
            with self._database.writing() as connection:
                connection.execute("DELETE FROM files WHERE expires_at <= ?", (now,))

    def _forget(self, file_id: str) -> bool:
        with telling_faults(self.folder), self._database.writing() as connection:
            return connection.execute("DELETE FROM files WHERE id = ?", (file_id,)).rowcount > 0

    def _place(self, file_id: str, now: float) -> tuple[int, int] | None:
        query = f"SELECT created_at, seq FROM files WHERE id = ? AND {_IS_LIVE}"  # noqa: S608  constants
        with telling_faults(self.folder), self._database.reading() as connection:
            place: tuple[int, int] | None = connection.execute(query, (file_id, now)).fetchone()
            return place

    def _remove_blob(self, file_id: str) -> None:
        with suppress(OSError):  # on Windows while it is read; the next start removes it
            (self._blobs / file_id).unlink()

    def _start(self) -> None:
        if not self._is_started:
            self._prepare()

    def _prepare(self) -> None:
        with unforked(), self._starting, telling_faults(self.folder):
            if self._is_started:
                return
            folders = (self.folder, self._blobs, self._incoming, self.batch_folder.path)
            make_private(self.home, *(str(folder.relative_to(self.home)) for folder in folders))
            with locked(self.folder / "lock"):
                self._database.migrate()
                self._sweep()
            self._is_started = True

    def _sweep(self) -> None:
        """
        Remove files that processes left behind when they died.
        """
        # Inside the write transaction, so that no file is between its old name, its new one and its row.
        with self._database.writing() as connection:
            for path in self._incoming.iterdir():
                remove_if_abandoned(path)
            known = {row[0] for row in connection.execute("SELECT id FROM files")}
            stored = set(os.listdir(self._blobs))  # noqa: PTH208  names only, ten times faster with many
            connection.executemany("DELETE FROM files WHERE id = ?", [(file_id,) for file_id in known - stored])
            for name in stored - known:
                self._remove_blob(name)
            self.batch_folder.sweep(connection)

    def _described(
        self, arrivals: Sequence[tuple[Incoming, str]], purpose: str, expires_after_s: int | None
    ) -> tuple[StoredFile, ...]:
        now = int(self.clock.now())
        expires_at = None if expires_after_s is None else now + expires_after_s
        return tuple(
            StoredFile(incoming.id, name, purpose, incoming.size_bytes, incoming.sha256, now, expires_at)
            for incoming, name in arrivals
        )


def _insert(connection: sqlite3.Connection, files: Sequence[StoredFile]) -> None:
    query = f"INSERT INTO files ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  constants
    connection.executemany(query, map(attrs.astuple, files))
