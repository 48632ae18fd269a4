"""
Lists of batches, their states and their cursors, and how they are cancelled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from aikit.http.flow import Flow
from aikit.http.messages import Request, Response
from aikit.http.refusals import understood
from aikit.providers.google.paging import MOST_PAGES, endless, entries_in, position_after, require_empty
from aikit.types.batches import REFUSED_TO_STOP, BatchPage, OpenAIBatch
from aikit.types.errors import ExchangeError, OpenAIError

Named = Callable[[Any], dict[str, Any]]
"""Returns one of Google's batches as OpenAI would write it; of what is none, as much as can be read."""

CHAT: Final = "/v1/chat/completions"
EMBEDDINGS: Final = "/v1/embeddings"
"""Endpoints of the lines of batches."""

WINDOW: Final = "24h"

ENDS: Final = {
    "completed": "completed_at",
    "failed": "failed_at",
    "cancelled": "cancelled_at",
    "expired": "expired_at",
}
"""Status of a batch that is over → field with its time."""

_STATUSES: Final = {
    "UNSPECIFIED": "validating",
    "QUEUED": "validating",
    "PENDING": "validating",
    "RUNNING": "in_progress",
    "PAUSED": "in_progress",
    "UPDATING": "in_progress",
    "SUCCEEDED": "completed",
    "PARTIALLY_SUCCEEDED": "completed",
    "FAILED": "failed",
    "CANCELLING": "cancelling",
    "CANCELLED": "cancelled",
    "EXPIRED": "expired",
}
_STOPPED: Final = frozenset(("cancelling", "cancelled"))
_ON_PAGE: Final = 20
_BETWEEN: Final = "~"


def status_of(state: Any) -> str:
    """
    Return the status for a state, ``"JOB_STATE_RUNNING"``; one that is not known is not over.
    """
    told = str(state or "UNSPECIFIED").rpartition("_STATE_")[2]
    return _STATUSES.get(told, told.lower())


def list_batches(
    query: Mapping[str, Any], name: str, ask: Callable[[int, str | None], Request], named: Named
) -> Flow[BatchPage]:
    """
    Ask for one page of batches, in Google's order; *after* is the page's cursor, or the id of any batch.

    The cursor of the next page is the id of the last batch and the token by which Google finds what follows.

    Args:
        query: As OpenAI has it.

        name: Field of the answer that has the batches.

        ask: Returns the request for a page of a size, from a token on.

        named: Reads a batch.

    Raises:
        OpenAIError: A page cannot be had or read, or there is no end of them (code ``"invalid_response"``), or no batch
            that *after* names (``"invalid_value"``).
    """
    after, token = _read_cursor(query.get("after"))
    is_sought = after is not None and token is None
    for _ in range(MOST_PAGES):
        response = yield ask(query.get("limit", _ON_PAGE), token)
        page = understood(response, lambda data: _page(data, name, named))
        if not is_sought:
            return page
        token = _read_cursor(page.last_id)[1] if page.has_more else None
        if token is None or after in {batch.id for batch in page.batches}:
            page, is_sought = understood(response, lambda data: _page(data, name, named, after)), False
            if page.items or not page.has_more:
                return page
    raise endless("batches")


def cancel_batch(request: Request, retrieve: Callable[[], Flow[OpenAIBatch]]) -> Flow[OpenAIBatch]:
    """
    Ask to stop working on a batch, and return what is known of it then: Google says nothing of it.

    One that an earlier attempt may have stopped already counts as stopped.
    """
    response: Response = yield request
    if response.status in REFUSED_TO_STOP and response.request.may_have_been_applied:
        batch = yield from retrieve()
        if batch.status in _STOPPED:
            return batch
    understood(response, require_empty)
    return (yield from retrieve())


def before_asking(error: OpenAIError) -> OpenAIError:
    """
    Return *error* as one that came before a batch was asked for, whatever it was: there is none to be looked for.
    """
    fields = {field.name: getattr(error, field.name) for field in attrs.fields(OpenAIError)}
    return ExchangeError(**{**fields, "is_ambiguous": False})


def _page(data: Any, name: str, named: Named, after: str | None = None) -> BatchPage:
    """
    Read one page of batches, or what of it follows the one whose id is *after*.
    """
    found, token = entries_in(data, name)
    entries = list(map(named, found))
    last = next((str(entry["id"]) for entry in reversed(entries) if "id" in entry), "")
    cursor = f"{last}{_BETWEEN}{token}" if token else None
    entries = entries[position_after(after, entries) :]
    return BatchPage.from_wire({"data": entries, "has_more": cursor is not None, "last_id": cursor})


def _read_cursor(cursor: str | None) -> tuple[str | None, str | None]:
    """
    Return the id and the token that *cursor* has, either or both.
    """
    batch_id, _, token = (cursor or "").partition(_BETWEEN)
    return batch_id or None, token or None
