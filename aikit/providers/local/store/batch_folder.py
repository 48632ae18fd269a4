"""
What batches that are not ended need on disk, beside their row.

    <home>/local/batches/<id>.input    the requests: the input file once more, so that deleting that harms no batch
    <home>/local/batches/<id>.journal  what became of them so far; see `aikit.providers.local.batches.journal`
    <home>/local/batches/<id>.lock     held by whoever works on the batch
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Final

import attrs

from aikit.storage.locks import take
from aikit.storage.private import private_opener

_SUFFIXES: Final = (".input", ".journal", ".lock")


@attrs.frozen
class BatchFolder:
    """
    The folder in which batches that are not ended keep what they need.
    """

    path: Path

    def input(self, batch_id: str) -> Path:
        """
        Return where the requests of a batch stand.
        """
        return self.path / f"{batch_id}.input"

    def journal(self, batch_id: str) -> Path:
        """
        Return where it is noted what became of them.
        """
        return self.path / f"{batch_id}.journal"

    def hold_input(self, batch_id: str, blob: Path) -> None:
        """
        Keep the content of *blob*, if there is one, until the batch is ended.
        """
        place = self.input(batch_id)
        try:
            os.link(blob, place)  # a second name: no room, no time, and deleting the first does not hurt
        except FileNotFoundError:
            return
        except OSError:  # there are file systems without
            with blob.open("rb") as source, FileIO(place, "wb", opener=private_opener) as copy:
                shutil.copyfileobj(source, copy)

    def finds_input(self, batch_id: str, blob: Path) -> bool:
        """
        Tell whether the requests of a batch are there; where they are not any more, *blob* may still have them.

        A folder that was brought back from a copy knows of batches whose requests went when they ended.
        """
        place = self.input(batch_id)
        if not place.exists():
            self.hold_input(batch_id, blob)
        return place.exists()

    @contextmanager
    def working_on(self, batch_id: str) -> Iterator[bool]:
        """
        Be the one, of all threads and processes, who works on a batch; ``False`` when somebody else is.
        """
        lock = take(self.path / f"{batch_id}.lock")
        if lock is None:
            yield False
            return
        with lock:
            yield True

    def forget(self, batch_id: str) -> None:
        """
        Remove what a batch needed; for whoever works on it.
        """
        for suffix in _SUFFIXES:
            self._remove(batch_id + suffix)

    def sweep(self, connection: sqlite3.Connection) -> None:
        """
        Remove what belongs to no batch, or to one that is ended; inside a write transaction.
        """
        query = "SELECT id FROM batches WHERE status NOT IN ('completed', 'failed', 'expired', 'cancelled')"
        needed = {row[0] + suffix for row in connection.execute(query) for suffix in _SUFFIXES}
        for name in set(os.listdir(self.path)) - needed:  # noqa: PTH208  names only
            self._remove(name)

    def _remove(self, name: str) -> None:
        with suppress(OSError):  # on Windows while somebody has it open; the next start removes it
            (self.path / name).unlink()
