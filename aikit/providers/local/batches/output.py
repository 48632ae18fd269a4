"""
The output and error files of a batch: their lines, and their creation together with the final status.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final

import attrs

from aikit.providers.local.batches.answerer import Answer, read_json
from aikit.providers.local.batches.input import custom_ids
from aikit.providers.local.batches.journal import Journal
from aikit.providers.local.store.batches import StoredBatch, change
from aikit.providers.local.store.blobs import Incoming
from aikit.providers.local.store.files import Store, StoredFile
from aikit.storage.errors import telling_faults
from aikit.types.usage import Usage

_NEVER_RUN: Final[Mapping[str, tuple[str, str]]] = {
    "expired": (
        "batch_expired",
        "This request could not be executed before the completion window expired.",
    ),
    "cancelled": (
        "batch_cancelled",
        "This request was not executed because the batch was cancelled before it.",
    ),
}
"""Final status of a batch → code and message of the requests that were not run."""
_BLOCK: Final = 256 * 1024
_MOST: Final = 2**63 - 1  # SQLite has no larger integer, and a server may report any
_TOKENS: Final = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
_STATUS_AFTER: Final = {"finalizing": "completed", "cancelling": "cancelled", "in_progress": "expired"}


def conclude(
    store: Store,
    batch: StoredBatch,
    journal: Journal,
    raise_if_unwanted: Callable[[], None],
    failure: str | None = None,
) -> None:
    """
    Write the files of *batch* and set its final status in one transaction.

    A crash leaves either the batch as it was, or all of it done.

    Args:
        store: Where the files go.

        batch: Its status decides which final status follows.

        journal: Its answered requests.

        raise_if_unwanted: Called now and then; it raises to give up.

        failure: Errors in JSON, which make the final status ``"failed"``.

    Raises:
        StatusChanged: The batch has another status by now; nothing was written.
        StoreError: The disk is full or broken; nothing was written.
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
        kept = {column: (part.flushed(), name) for column, (part, name) in parts.items() if not part.is_empty}

        def note(connection: sqlite3.Connection, files: Sequence[StoredFile]) -> None:
            ids = {column: file.id for column, file in zip(kept, files, strict=True)}
            change(connection, batch, ids | count_columns(journal) | _ended(end, store) | {"errors": failure})

        arrivals = list(kept.values())
        store.keep_all(arrivals, purpose="batch_output", expires_after_s=batch.output_expires_after_s, note=note)


def count_columns(journal: Journal) -> dict[str, Any]:
    """
    Return the counts of *journal* as columns of a batch's row.
    """
    counts = journal.counts
    return {
        "completed": counts.completed,
        "failed": counts.failed,
        **{name: min(getattr(counts.usage, name), _MOST) for name in _TOKENS},
    }


def _ended(status: str, store: Store) -> dict[str, Any]:
    return {"status": status, f"{status}_at": int(store.clock.now())}


def _lines(store: Store, batch: StoredBatch, journal: Journal, end: str) -> Iterator[tuple[bool, bytes]]:
    """
    Yield the lines of both files, each with whether it belongs to the output file.
    """
    for record in journal.records():
        yield record.is_ok, record.text
    folder = store.batch_folder
    if journal.left and end in _NEVER_RUN and folder.finds_input(batch.id, store.blob(batch.input_file_id)):
        code, message = _NEVER_RUN[end]
        with folder.input(batch.id).open("rb", buffering=0) as file:
            for _, custom_id in custom_ids(file, journal.is_done):
                yield False, unanswered_line(custom_id, code, message)


@attrs.define(eq=False)
class _Part:
    """
    The output or the error file, written in blocks.
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
            self.flushed()

    def flushed(self) -> Incoming:
        self._incoming.write(memoryview(self._block))
        self._block = bytearray()
        return self._incoming


def answered_line(custom_id: str, answer: Answer) -> tuple[bytes, Usage | None]:
    """
    Return the line for *answer*, without its newline, and the tokens of the answer.
    """
    if answer.error is not None or answer.status_code is None:
        return unanswered_line(custom_id, *(answer.error or ("no_answer", "This request got no answer."))), None
    value, body = read_json(answer.body)
    usage = Usage.from_wire(value.get("usage")) if isinstance(value, dict) else None
    request_id = answer.request_id or _new_id("req_")
    head = (
        f'{{"id": "{_new_id("batch_req_")}", "custom_id": {json.dumps(custom_id)}, "response": {{"status_code": '
        f'{answer.status_code}, "request_id": {json.dumps(request_id)}, "body": '
    )
    return b"".join((head.encode(), body, b'}, "error": null}')), usage


def unanswered_line(custom_id: str, code: str, message: str) -> bytes:
    """
    Return the line for a request that got no answer, without its newline.
    """
    error = {"code": code, "message": message}
    return json.dumps({"id": _new_id("batch_req_"), "custom_id": custom_id, "response": None, "error": error}).encode()


def _new_id(prefix: str) -> str:
    # Not secret: the system's random numbers would cost each line a lock among all threads.
    return f"{prefix}{random.getrandbits(128):032x}"
