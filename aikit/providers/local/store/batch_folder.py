"""
The files of running batches, beside their rows.

    <home>/local/batches/<id>.input    the requests: a second name of the input file, whose deletion harms no batch
    <home>/local/batches/<id>.journal  the answers so far; see `aikit.providers.local.batches.journal`
    <home>/local/batches/<id>.lock     held by the thread that works on the batch
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Final

import attrs

from aikit.storage.locks import take
from aikit.storage.private import private_opener
from aikit.types.interruptions import suppress

_SUFFIXES: Final = (".input", ".journal", ".lock")


@attrs.frozen
class BatchFolder:
    """
    The folder with the files of running batches.
    """

    path: Path

    def input(self, batch_id: str) -> Path:
        """
        Return the path of a batch's requests.
        """
        return self.path / f"{batch_id}.input"

    def journal(self, batch_id: str) -> Path:
        """
        Return the path of a batch's journal.
        """
        return self.path / f"{batch_id}.journal"

    def hold_input(self, batch_id: str, blob: Path) -> None:
        """
        Keep the content of *blob*, if it exists, until the batch has ended.
        """
        place = self.input(batch_id)
        try:
            os.link(blob, place)  # a second name takes neither room nor time
        except FileNotFoundError:
            return
        except OSError:  # some file systems have no hard links
            with blob.open("rb") as source, FileIO(place, "wb", opener=private_opener) as copy:
                shutil.copyfileobj(source, copy)

    def finds_input(self, batch_id: str, blob: Path) -> bool:
        """
        Return whether the requests of a batch exist, after restoring them from *blob* where possible.

        In a folder restored from a backup, running batches may lack requests that were removed when they ended.
        """
        place = self.input(batch_id)
        if not place.exists():
            self.hold_input(batch_id, blob)
        return place.exists()

    @contextmanager
    def working_on(self, batch_id: str) -> Iterator[bool]:
        """
        Hold the lock of a batch, which one thread of one process can; yield whether this one has it.
        """
        lock = take(self.path / f"{batch_id}.lock")
        if lock is None:
            yield False
            return
        with lock:
            yield True
        if os.name == "nt" and not self.input(batch_id).exists():  # it was forgotten, but for the lock, which was open
            self._remove(f"{batch_id}.lock")

    def forget(self, batch_id: str) -> None:
        """
        Remove the files of a batch; the caller holds its lock.
        """
        for suffix in _SUFFIXES:
            self._remove(batch_id + suffix)

    def sweep(self, connection: sqlite3.Connection) -> None:
        """
        Remove files of batches that have ended or do not exist; inside a write transaction.
        """
        query = "SELECT id FROM batches WHERE status NOT IN ('completed', 'failed', 'expired', 'cancelled')"
        needed = {row[0] + suffix for row in connection.execute(query) for suffix in _SUFFIXES}
        for name in set(os.listdir(self.path)) - needed:  # noqa: PTH208  names only
            self._remove(name)

    def _remove(self, name: str) -> None:
        with suppress(OSError):  # on Windows, while it is open
            (self.path / name).unlink()
