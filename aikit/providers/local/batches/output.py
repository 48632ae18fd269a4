"""
The end of a batch: its output and error files come to be in the same moment as its last status, or not at all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Final

import attrs

from aikit.providers.local.batches.batch_lines import NEVER_RUN, unanswered_line
from aikit.providers.local.batches.input import custom_ids
from aikit.providers.local.batches.journal import Journal
from aikit.providers.local.store.batches import StoredBatch, change
from aikit.providers.local.store.blobs import Incoming
from aikit.providers.local.store.files import Store, StoredFile
from aikit.storage.errors import telling_faults

_BLOCK: Final = 256 * 1024
_MOST: Final = 2**63 - 1  # SQLite has no larger number, and a server may say any
_STATUS_AFTER: Final = {"finalizing": "completed", "cancelling": "cancelled", "in_progress": "expired"}


def conclude(
    store: Store,
    batch: StoredBatch,
    journal: Journal,
    raise_if_unwanted: Callable[[], None],
    failure: str | None = None,
) -> None:
    """
    Write the files of *batch* and give it its last status: that which follows the one it has, or "failed".

    A crash at any moment leaves either the batch as it was, or all of it done. *failure* is what its row has then.

    Raises:
        Superseded: The batch has another status by now; nothing was done.
        StoreError: The disk is full or broken; nothing was done.
    """
    journal.sync()
    end = _STATUS_AFTER[batch.status] if failure is None else "failed"
    with telling_faults(store.folder), ExitStack() as stack:
        output = _Part(stack.enter_context(store.receiving()))
        errors = _Part(stack.enter_context(store.receiving()))
        for count, (is_ok, text) in enumerate(_lines(store, batch, journal, end)):
            (output if is_ok else errors).write(text)
            if not count % 100:
                raise_if_unwanted()
        parts = {
            "output_file_id": (output, f"{batch.id}_output.jsonl"),
            "error_file_id": (errors, f"{batch.id}_error.jsonl"),
        }
        kept = {column: (part.finished(), name) for column, (part, name) in parts.items() if not part.is_empty}

        def note(connection: sqlite3.Connection, files: Sequence[StoredFile]) -> None:
            ids = {column: file.id for column, file in zip(kept, files, strict=True)}
            change(connection, batch, ids | tally_columns(journal) | _ended(end, store) | {"errors": failure})

        arrivals = list(kept.values())
        store.keep_together(arrivals, purpose="batch_output", expires_after_s=batch.output_expires_after_s, note=note)


def tally_columns(journal: Journal) -> dict[str, Any]:
    """
    Return how far it has come, as a batch's row has it.
    """
    tally = journal.tally
    return {
        "completed": tally.completed,
        "failed": tally.failed,
        **{name: min(getattr(tally.usage, name), _MOST) for name in attrs.fields_dict(type(tally.usage))},
    }


def _ended(status: str, store: Store) -> dict[str, Any]:
    return {"status": status, f"{status}_at": int(store.clock.now())}


def _lines(store: Store, batch: StoredBatch, journal: Journal, end: str) -> Iterator[tuple[bool, bytes]]:
    """
    Yield all lines of both files, and for each whether it belongs to the output.
    """
    for record in journal.records():
        yield record.is_ok, record.text
    folder = store.batch_folder
    if journal.left and end in NEVER_RUN and folder.finds_input(batch.id, store.blob(batch.input_file_id)):
        code, message = NEVER_RUN[end]
        with folder.input(batch.id).open("rb", buffering=0) as file:
            for _, custom_id in custom_ids(file, journal.is_done):
                yield False, unanswered_line(custom_id, code, message)


@attrs.define(eq=False)
class _Part:
    """
    One of the files, written in blocks.
    """

    _incoming: Incoming
    _block: bytearray = attrs.field(factory=bytearray)

    @property
    def is_empty(self) -> bool:
        return not self._block and not self._incoming.size_bytes

    def write(self, text: bytes) -> None:
        self._block += text
        self._block += b"\n"
        if len(self._block) >= _BLOCK:
            self.finished()

    def finished(self) -> Incoming:
        self._incoming.write(memoryview(self._block))
        self._block = bytearray()
        return self._incoming
