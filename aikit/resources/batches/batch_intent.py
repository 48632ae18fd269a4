"""
One batch for one intent of the caller, however often and from wherever it is asked for.

The API has no idempotency, so this is as safe as looking can make it. It is looked for before it is created; after it
was created it is looked for again, and where another process was as quick, the older batch stays and the creator of the
younger one cancels its own; who got no answer, and so does not know its own, cancels all younger ones. Two can stay
only if the provider lists a new batch so late that neither creator sees the other's, or if a process dies, or loses the
provider, between creating and looking.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from aikit.http.flow import Flow
from aikit.http.retry import RetryPolicy
from aikit.resources.batches.create import created_or_found
from aikit.types.batches import INTENT_KEY, BatchOrder, OpenAIBatch
from aikit.types.errors import CancelledError, OpenAIError, Rejected

if TYPE_CHECKING:
    from aikit.providers import Provider

_MAX_PAGES: Final = 10
_PAGE_SIZE: Final = 100
_QUICK_S: Final = 3600


def new_intent() -> str:
    """
    Return an intent of its own for an order of a caller who gives none.
    """
    return os.urandom(16).hex()


def created_for_intent(provider: Provider, order: BatchOrder, policy: RetryPolicy) -> Flow[OpenAIBatch]:
    """
    Return the batch that carries the intent of *order*, created if none of the newest 1,000 does.

    Raises:
        OpenAIError: It could not be looked for, and was not created; or as `created_once`.
        Rejected: Two were created at once, and the younger one could not be cancelled; the older one comes along.
    """
    found = yield from oldest_with(provider, order.intent)
    if found is not None:
        return found
    created, is_ours = yield from created_or_found(provider, order, policy)
    try:
        oldest, *younger = (yield from all_with(provider, order.intent, created.created_at - _QUICK_S)) or [created]
    except CancelledError:
        raise
    except OpenAIError:  # it exists, and whoever asks again finds it
        return created
    if oldest.id != created.id and is_ours:
        yield from _cancelled(provider, [created], oldest)
    if not is_ours:  # one of them is, or none
        yield from _cancelled(provider, [batch for batch in younger if not _is_stopping(batch)], oldest)
    return created if oldest.id == created.id else oldest


def oldest_with(provider: Provider, intent: str) -> Flow[OpenAIBatch | None]:
    """
    Return the oldest of the newest 1,000 batches that carry *intent*.
    """
    return next(iter((yield from all_with(provider, intent))), None)


def all_with(provider: Provider, intent: str, since: float = float("-inf")) -> Flow[list[OpenAIBatch]]:
    """
    Return those of the newest 1,000 batches that carry *intent*, the oldest first.

    Args:
        provider: Whose batches.

        intent: What they carry.

        since: Unix seconds before which it was certainly not created.
    """
    found: list[OpenAIBatch] = []
    query: dict[str, Any] = {"limit": _PAGE_SIZE}
    for _ in range(_MAX_PAGES):
        page = yield from provider.list_batches(query)
        found += [batch for batch in page.batches if batch.metadata.get(INTENT_KEY) == intent]
        if not page.has_more or not page.batches or page.batches[-1].created_at < since <= page.batches[0].created_at:
            break
        query["after"] = page.last_id
    found.reverse()  # the newest came first: of those created in the same second, the first is the oldest now
    return sorted(found, key=lambda batch: batch.created_at)


def _is_stopping(batch: OpenAIBatch) -> bool:
    return batch.is_ended or batch.status == "cancelling"


def _cancelled(provider: Provider, too_many: list[OpenAIBatch], oldest: OpenAIBatch) -> Flow[None]:
    problems = []
    for batch in too_many:
        try:
            yield from provider.cancel_batch(batch.id)
        except OpenAIError as error:
            if error.is_conflict_error:  # it is over already
                continue
            message = (
                f"batch {oldest.id} was created for the same intent at the same time, and {batch.id}, which is one too "
                f"many, could not be cancelled: {error.message}; cancel it"
            )
            problems.append(OpenAIError(message=message, code="created_twice"))
    if problems:
        raise Rejected(problems, oldest)
