"""
OpenAI's Batches API on a store: plain values in, a status, headers and a body out, whatever carries them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import attrs

from aikit.providers.local import UPSTREAM_FIELD
from aikit.providers.local.api.batch_rules import no_such_batch, not_cancellable, parse_batch, parse_list_query
from aikit.providers.local.api.refusals import Refusal
from aikit.providers.local.api.replies import Reply, answering, json_reply
from aikit.providers.local.batches.answer_settings import AnswerSettings
from aikit.providers.local.batches.worker import BatchWorker
from aikit.providers.local.store.batches import BatchStore, StoredBatch
from aikit.providers.local.store.files import Store

_SAME: Final = (
    "endpoint",
    "model",
    "input_file_id",
    "completion_window",
    "status",
    "output_file_id",
    "error_file_id",
    "created_at",
    "in_progress_at",
    "expires_at",
    "finalizing_at",
    "completed_at",
    "failed_at",
    "expired_at",
    "cancelling_at",
    "cancelled_at",
)
_NO_JSON: Final = (
    "We could not parse the JSON body of your request. The API expects a JSON payload, but what was sent is not valid "
    "JSON."
)


@attrs.frozen(kw_only=True)
class BatchesService:
    """
    The operations of OpenAI's Batches API; a refusal is an answer, not an exception.

    Attributes:
        worker: Advances every batch that a call is about.
    """

    # https://developers.openai.com/api/reference/resources/batches (read 2026-11-21)

    batches: BatchStore
    worker: BatchWorker

    @classmethod
    def on(cls, store: Store, answers: AnswerSettings) -> BatchesService:
        """
        Return the operations on *store*, with a worker that answers lines as *answers* says.
        """
        batches = BatchStore(store)
        return cls(batches=batches, worker=BatchWorker(batches, answers))

    @answering
    def create(self, body: bytes) -> Reply:
        """
        Create a batch from the JSON in *body*; problems of its input file are told by the batch later.
        """
        try:
            asked = json.loads(body)
        except (ValueError, RecursionError):
            raise Refusal(_NO_JSON) from None
        batch = self.batches.create(parse_batch(asked), self.worker.answers.upstream)
        self.worker.advance(batch)
        return json_reply(200, batch_to_wire(batch))

    @answering
    def retrieve(self, batch_id: str) -> Reply:
        """
        Return a batch.
        """
        return json_reply(200, batch_to_wire(self._seen(batch_id)))

    @answering
    def list(self, query: Mapping[str, str]) -> Reply:
        """
        Return a page of batches, the newest first.
        """
        wanted = parse_list_query(query)
        found = self.batches.list(limit=wanted.limit + 1, after=wanted.after)
        if found is None:
            raise no_such_batch(wanted.after or "")
        shown = found[: wanted.limit]
        for batch in shown:
            self.worker.advance(batch)
        data = [batch_to_wire(batch) for batch in shown]
        ids = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {}
        return json_reply(200, {"object": "list", "data": data, **ids, "has_more": len(found) > wanted.limit})

    @answering
    def cancel(self, batch_id: str) -> Reply:
        """
        Cancel a batch; one that is cancelled already is returned.
        """
        before = self.batches.cancel(batch_id)
        if before is None:
            raise no_such_batch(batch_id)
        if before.is_ended and before.status != "cancelled":
            raise not_cancellable(before.status)
        return json_reply(200, batch_to_wire(self._seen(batch_id)))

    def _seen(self, batch_id: str) -> StoredBatch:
        batch = self.batches.retrieve(batch_id)
        if batch is None:
            raise no_such_batch(batch_id)
        self.worker.advance(batch)
        return batch


def batch_to_wire(batch: StoredBatch) -> dict[str, Any]:
    """
    Return OpenAI's Batch object, with a field of ours for the server that answers, if one does.
    """
    counts = {"total": batch.total or 0, "completed": batch.completed, "failed": batch.failed}
    errors = None if batch.errors is None else {"object": "list", "data": json.loads(batch.errors)}
    return {
        "id": batch.id,
        "object": "batch",
        **{name: getattr(batch, name) for name in _SAME},
        "errors": errors,
        "request_counts": counts,
        "usage": batch.usage.to_wire(),
        "metadata": None if batch.metadata is None else json.loads(batch.metadata),
        **({} if batch.upstream is None else {UPSTREAM_FIELD: batch.upstream}),
    }
