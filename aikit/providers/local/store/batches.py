"""
The rows of batches, each changed only while it has the status that the caller expects.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Mapping
from typing import Any, Final

import attrs

from aikit.providers.local.store.files import Store
from aikit.storage.errors import telling_faults
from aikit.types.usage import Usage

WINDOW_S: Final = 86_400
ENDED: Final = frozenset(("completed", "failed", "expired", "cancelled"))


class StatusChanged(Exception):  # noqa: N818  the answer is to look again
    """
    The batch has another status than expected: another thread or process has changed it.
    """


@attrs.frozen(kw_only=True)
class NewBatch:
    """
    What a batch is to be, once it is allowed.

    Attributes:
        output_expires_after_s: Seconds its output files are kept.
    """

    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: Mapping[str, str] | None
    output_expires_after_s: int


@attrs.frozen
class StoredBatch:
    """
    The row of a batch; fields and columns have the same names, see `aikit.providers.local.store.schema`.
    """

    id: str
    status: str
    endpoint: str
    input_file_id: str
    completion_window: str
    metadata: str | None
    output_expires_after_s: int
    upstream: str | None
    created_at: int
    expires_at: int
    in_progress_at: int | None = None
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    expired_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None
    model: str | None = None
    errors: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    total: int | None = None
    completed: int = 0
    failed: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def is_ended(self) -> bool:
        """Whether the status is final."""
        return self.status in ENDED

    @property
    def usage(self) -> Usage:
        """Tokens of all answers together."""
        return Usage(
            input_tokens=self.input_tokens,
            cached_tokens=self.cached_tokens,
            output_tokens=self.output_tokens,
            reasoning_tokens=self.reasoning_tokens,
        )

    @property
    def latest_at(self) -> int:
        """Latest of the times in the row."""
        return max(getattr(self, name) or 0 for name in _MOMENTS)

    def is_out_of_time(self, now: float) -> bool:
        """
        Return whether the completion window is over.
        """
        return self.status == "in_progress" and now >= self.expires_at


_MOMENTS: Final = tuple(
    field.name for field in attrs.fields(StoredBatch) if field.name.endswith("_at") and field.name != "expires_at"
)
_NAMES: Final = tuple(field.name for field in attrs.fields(StoredBatch))
_COLUMNS: Final = ", ".join(_NAMES)


@attrs.frozen
class BatchStore:
    """
    The batches of a store.
    """

    store: Store

    def create(self, wanted: NewBatch, upstream: str | None) -> StoredBatch:
        """
        Insert a new batch, and keep its input until it has ended.

        Raises:
            StoreError: The disk is full or broken.
        """
        database, folder = self.store.database, self.store.batch_folder
        query = f"INSERT INTO batches ({_COLUMNS}) VALUES ({', '.join('?' * len(_NAMES))})"  # noqa: S608  constants
        has_input = self.store.retrieve(wanted.input_file_id) is not None
        batch_id = f"batch_{secrets.token_hex(16)}"
        with telling_faults(self.store.folder):
            try:
                with database.writing() as connection:
                    batch = self._new(batch_id, wanted, upstream)
                    if has_input:
                        folder.hold_input(batch_id, self.store.blob(wanted.input_file_id))
                    connection.execute(query, attrs.astuple(batch))
            except BaseException:
                folder.forget(batch_id)
                raise
        return batch

    def retrieve(self, batch_id: str) -> StoredBatch | None:
        """
        Return a batch; ``None`` when there is no such batch.
        """
        query = f"SELECT {_COLUMNS} FROM batches WHERE id = ?"  # noqa: S608  constants
        database = self.store.database
        with telling_faults(self.store.folder), database.reading() as connection:
            return _found(connection, query, batch_id)

    def list(self, *, limit: int, after: str | None = None) -> tuple[StoredBatch, ...] | None:
        """
        Return up to *limit* batches, the newest first, those after the one with id *after*; ``None`` without that one.
        """
        query = f"SELECT {_COLUMNS} FROM batches "  # noqa: S608  constants
        order = "ORDER BY created_at DESC, seq DESC LIMIT ?"
        database = self.store.database
        with telling_faults(self.store.folder), database.reading() as connection:
            if after is None:
                return tuple(StoredBatch(*row) for row in connection.execute(query + order, (limit,)))
            place = connection.execute("SELECT created_at, seq FROM batches WHERE id = ?", (after,)).fetchone()
            if place is None:
                return None
            rows = connection.execute(f"{query}WHERE (created_at, seq) < (?, ?) {order}", (*place, limit))
            return tuple(StoredBatch(*row) for row in rows)

    def change(self, batch: StoredBatch, **columns: Any) -> None:
        """
        Update *columns* of *batch*.

        Raises:
            StatusChanged: The batch has another status than *batch* says.
            StoreError: The disk is full or broken.
        """
        database = self.store.database
        with telling_faults(self.store.folder), database.writing() as connection:
            change(connection, batch, columns)

    def cancel(self, batch_id: str) -> StoredBatch | None:
        """
        Set a running batch to ``"cancelling"``; return the batch as it was before, or ``None``.

        Raises:
            StoreError: The disk is full or broken.
        """
        now = int(self.store.clock.now())
        query = f"SELECT {_COLUMNS} FROM batches WHERE id = ?"  # noqa: S608  constants
        database = self.store.database
        with telling_faults(self.store.folder), database.writing() as connection:
            batch = _found(connection, query, batch_id)
            if batch is not None and not batch.is_ended and batch.status != "cancelling":
                change(connection, batch, {"status": "cancelling", "cancelling_at": now})
            return batch

    def _new(self, batch_id: str, wanted: NewBatch, upstream: str | None) -> StoredBatch:
        now = int(self.store.clock.now())
        return StoredBatch(
            id=batch_id,
            status="validating",
            endpoint=wanted.endpoint,
            input_file_id=wanted.input_file_id,
            completion_window=wanted.completion_window,
            metadata=None if wanted.metadata is None else json.dumps(dict(wanted.metadata)),
            output_expires_after_s=wanted.output_expires_after_s,
            upstream=upstream,
            created_at=now,
            expires_at=now + WINDOW_S,
        )


def change(connection: sqlite3.Connection, batch: StoredBatch, columns: Mapping[str, Any]) -> None:
    """
    Update *columns* inside a transaction; no time is set before the latest in the row, whatever the clock says.

    Raises:
        StatusChanged: The batch has another status than *batch* says.
    """
    columns = {
        name: max(value, batch.latest_at) if name in _MOMENTS and value else value for name, value in columns.items()
    }
    assignments = ", ".join(f"{name} = ?" for name in columns)
    query = f"UPDATE batches SET {assignments} WHERE id = ? AND status = ?"  # noqa: S608  names from code
    if not connection.execute(query, (*columns.values(), batch.id, batch.status)).rowcount:
        raise StatusChanged


def _found(connection: sqlite3.Connection, query: str, batch_id: str) -> StoredBatch | None:
    row = connection.execute(query, (batch_id,)).fetchone()
    return None if row is None else StoredBatch(*row)
