"""
Uploads in parts.

A part is stored like a file with a purpose that no file has, so that it expires, and is swept up after a crash.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from io import FileIO
from typing import Final

import attrs

from aikit.providers.local.store.blobs import Incoming
from aikit.providers.local.store.files import PART_PURPOSE, Store, StoredFile
from aikit.storage.errors import telling_faults
from aikit.types.interruptions import suppress

LIFETIME_S: Final = 3_600
"""Seconds for which parts are taken: https://developers.openai.com/api/reference/resources/uploads (read 2026-11-21)"""

_FILE: Final = "file-"
_PART: Final = "part_"


class NotPending(Exception):  # noqa: N818  an answer, not a fault of this program
    """
    The upload is over; the message is its status.
    """


@attrs.frozen
class StoredUpload:
    """
    The row of an upload; fields and columns have the same names, see `aikit.providers.local.store.schema`.
    """

    id: str
    status: str
    filename: str
    purpose: str
    bytes: int
    mime_type: str
    created_at: int
    expires_at: int
    file_expires_after_s: int | None
    file_id: str | None = None


@attrs.frozen(kw_only=True)
class NewUpload:
    """
    A new upload that has passed the checks.

    Attributes:
        file_expires_after_s: Seconds that the file is kept; ``None`` until deleted.
    """

    filename: str
    purpose: str
    bytes: int
    mime_type: str
    file_expires_after_s: int | None


_NAMES: Final = tuple(field.name for field in attrs.fields(StoredUpload))
_COLUMNS: Final = ", ".join(_NAMES)


@attrs.frozen
class UploadStore:
    """
    The uploads of a store.
    """

    store: Store

    def create(self, wanted: NewUpload) -> StoredUpload:
        """
        Insert a new upload.

        Raises:
            StoreError: The disk is full or broken.
        """
        now = int(self.store.clock.now())
        upload = StoredUpload(
            id=f"upload_{secrets.token_hex(16)}",
            status="pending",
            created_at=now,
            expires_at=now + LIFETIME_S,
            **attrs.asdict(wanted),
        )
        query = f"INSERT INTO uploads ({_COLUMNS}) VALUES ({', '.join('?' * len(_NAMES))})"  # noqa: S608  constants
        with telling_faults(self.store.folder), self.store.database.writing() as connection:
            connection.execute(query, attrs.astuple(upload))
        return upload

    def retrieve(self, upload_id: str) -> StoredUpload | None:
        """
        Return an upload; ``None`` when there is no such upload.
        """
        with telling_faults(self.store.folder), self.store.database.reading() as connection:
            return self._found(connection, upload_id)

    def add_part(self, upload_id: str, incoming: Incoming) -> StoredFile:
        """
        Store a received file as a part.

        Raises:
            NotPending: The upload is over; nothing was stored.
            StoreError: The disk is full or broken.
        """

        def note(connection: sqlite3.Connection, _: Sequence[StoredFile]) -> None:
            self._require_pending(connection, upload_id)

        arrivals = [(incoming, upload_id)]
        kept = self.store.keep_all(arrivals, purpose=PART_PURPOSE, expires_after_s=LIFETIME_S, note=note)
        return attrs.evolve(kept[0], id=_PART + kept[0].id.removeprefix(_FILE))

    def part(self, upload_id: str, part_id: str) -> FileIO | None:
        """
        Open the content of a part; ``None`` when the upload has no such part.
        """
        name = _FILE + part_id.removeprefix(_PART)
        query = "SELECT 1 FROM files WHERE id = ? AND filename = ? AND purpose = ?"
        with telling_faults(self.store.folder), self.store.database.reading() as connection:
            if connection.execute(query, (name, upload_id, PART_PURPOSE)).fetchone() is None:
                return None
        with telling_faults(self.store.folder), suppress(FileNotFoundError):
            return self.store.blob(name).open("rb", buffering=0)
        return None

    def complete(self, upload: StoredUpload, incoming: Incoming) -> StoredFile:
        """
        Store the joined parts as a file, and remove the parts in the same transaction.

        Raises:
            NotPending: The upload is over; nothing was stored.
            StoreError: The disk is full or broken; the parts are still there.
        """
        gone: list[str] = []

        def note(connection: sqlite3.Connection, files: Sequence[StoredFile]) -> None:
            self._require_pending(connection, upload.id)
            gone.extend(_end(connection, upload.id, "completed", files[0].id))

        (file,) = self.store.keep_all(
            [(incoming, upload.filename)],
            purpose=upload.purpose,
            expires_after_s=upload.file_expires_after_s,
            note=note,
        )
        self._remove(gone)
        return file

    def cancel(self, upload_id: str) -> None:
        """
        Cancel an upload and remove its parts.

        Raises:
            NotPending: The upload is over; nothing was done.
            StoreError: The disk is full or broken.
        """
        with telling_faults(self.store.folder), self.store.database.writing() as connection:
            self._require_pending(connection, upload_id)
            gone = _end(connection, upload_id, "cancelled", None)
        self._remove(gone)

    def _require_pending(self, connection: sqlite3.Connection, upload_id: str) -> None:
        upload = self._found(connection, upload_id)
        if upload is None or upload.status != "pending":
            raise NotPending("gone" if upload is None else upload.status)

    def _found(self, connection: sqlite3.Connection, upload_id: str) -> StoredUpload | None:
        query = f"SELECT {_COLUMNS} FROM uploads WHERE id = ?"  # noqa: S608  constants
        row = connection.execute(query, (upload_id,)).fetchone()
        if row is None:
            return None
        upload = StoredUpload(*row)
        is_late = upload.status == "pending" and upload.expires_at <= self.store.clock.now()
        return attrs.evolve(upload, status="expired") if is_late else upload

    def _remove(self, names: Sequence[str]) -> None:
        for name in names:
            with suppress(OSError):  # on Windows while it is read; the next start removes it
                self.store.blob(name).unlink()


def _end(connection: sqlite3.Connection, upload_id: str, status: str, file_id: str | None) -> list[str]:
    """
    Set the final status of an upload inside a transaction, remove the rows of its parts, and return their ids.
    """
    connection.execute("UPDATE uploads SET status = ?, file_id = ? WHERE id = ?", (status, file_id, upload_id))
    rows = connection.execute("SELECT id FROM files WHERE filename = ? AND purpose = ?", (upload_id, PART_PURPOSE))
    names = [row[0] for row in rows]
    connection.executemany("DELETE FROM files WHERE id = ?", [(name,) for name in names])
    return names
