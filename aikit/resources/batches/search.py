"""
The search for a batch among the newest: by its intent, and where metadata is dropped by its input.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import attrs

from aikit.http.flow import Flow
from aikit.resources.batches.queue import found_no_room
from aikit.resources.pages import one_page
from aikit.types.batches import INTENT_KEY, BatchOrder, BatchPage, OpenAIBatch
from aikit.types.errors import OpenAIError, Rejected
from aikit.types.suggestions import continued

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from aikit.providers import Provider

# OpenAI lets 2,000 batches an hour be created, so ten pages hold at least the last half hour.
# https://developers.openai.com/api/docs/guides/batch (read 2026-11-21)
_MAX_PAGES: Final = 10
_PAGE_SIZE: Final = 100
CLOCKS_APART_S: Final = 3600


def find_oldest(provider: Provider, intent: str) -> Flow[OpenAIBatch | None]:
    """
    Return the oldest of the newest 1,000 batches that carry *intent*.
    """
    return next(iter((yield from find_all(provider, intent))), None)


def find_all(provider: Provider, intent: str, since: float = float("-inf")) -> Flow[list[OpenAIBatch]]:
    """
    Return those of the newest 1,000 batches that carry *intent*, the oldest first.

    Args:
        provider: Whose batches.

        intent: What they carry.

        since: Unix seconds before which it was certainly not created.

    Raises:
        OpenAIError: They cannot be listed.
        Rejected: One that cannot be read carries it.
    """
    found: list[OpenAIBatch] = []
    query: dict[str, Any] = {"limit": _PAGE_SIZE}
    for _ in range(_MAX_PAGES):
        page = yield from provider.list_batches(query)
        _require_readable(page, intent)
        having = (batch for batch in page.batches if batch.metadata.get(INTENT_KEY) == intent)
        found += [batch for batch in having if not found_no_room(batch)]
        times = [batch.created_at for batch in page.batches]
        if not page.has_more or (times and times[-1] < since <= times[0]):
            break
        query["after"] = page.last_id
    found.reverse()  # the newest came first: of those created in the same second, the first is the oldest now
    return sorted(found, key=lambda batch: batch.created_at)


@attrs.frozen
class Search:
    """
    The search for a batch that may have been created.

    Attributes:
        since: Unix seconds before which it was certainly not created, whatever the clocks say.

        is_own_input: Whether nothing else is made of its input, so that a batch of it without metadata is it.
    """

    provider: Provider
    order: BatchOrder
    since: float
    is_own_input: bool = False

    def look(self) -> Flow[OpenAIBatch | None]:
        """
        Look through the newest batches until it is found; return ``None`` if it is certainly not among them.

        Raises:
            OpenAIError: It cannot be known.
            Rejected: It is there, but cannot be read.
        """
        return next(iter((yield from self._look(1))), None)

    def look_for_all(self) -> Flow[list[OpenAIBatch]]:
        """
        Look through all the newest batches; return those that are it, the oldest first.

        Raises:
            OpenAIError: None is found, and it cannot be known.
            Rejected: Likewise.
        """
        found = yield from self._look(None)
        once = {batch.id: batch for batch in reversed(found)}  # one may come again on the next page
        return sorted(once.values(), key=lambda batch: batch.created_at)

    def _look(self, most: int | None) -> Flow[list[OpenAIBatch]]:
        found: list[OpenAIBatch] = []
        query: Mapping[str, Any] = {"limit": _PAGE_SIZE}
        for _ in range(_MAX_PAGES):
            page = yield from one_page(self.provider.list_batches, query)
            _require_readable(page, self.order.intent)
            found += itertools.islice(self._found_on(page), most)
            if (most and found) or not page.has_more or self._reaches_back(page):
                return found
            query = {**query, "after": page.last_id}
        if found:
            return found
        message = f"it is not among the newest {_MAX_PAGES * _PAGE_SIZE:,} batches, and there are more"
        raise unresolved(OpenAIError(message=message, code="creation_unknown"), self.order)

    def _found_on(self, page: BatchPage) -> Iterator[OpenAIBatch]:
        for batch in page.batches:
            if not found_no_room(batch) and self._is_it(batch):
                yield batch
        for unread in page.unread:
            self._require_another(unread.id, unread.data.get("metadata"), *unread.data.values())

    def _is_it(self, batch: OpenAIBatch) -> bool:
        if batch.metadata.get(INTENT_KEY) == self.order.intent:
            return True
        if self.is_own_input and not batch.metadata:
            return _is_same(batch.input_file_id, self.order.input_file_id)
        is_new = batch.created_at >= self.since or not batch.is_ended  # clocks may be further apart
        if is_new:
            self._require_another(batch.id, batch.metadata, batch.input_file_id)
        return False

    def _require_another(self, batch_id: str | None, metadata: Any, *inputs: Any) -> None:
        if not metadata and any(_is_same(one, self.order.input_file_id) for one in inputs):
            message = f"batch {batch_id} may be it: it has the same input and no metadata"
            raise unresolved(OpenAIError(message=message, code="creation_unknown"), self.order)

    def _reaches_back(self, page: BatchPage) -> bool:
        """
        Tell whether all further pages are older; there are servers that do not list the newest first.
        """
        times = [batch.created_at for batch in page.batches]
        return bool(times) and times[0] > times[-1] and times[-1] < self.since


def _is_same(told: Any, asked: str) -> bool:
    """
    Return whether an input is the one *asked* for; addresses may be told in another spelling.
    """
    return isinstance(told, str) and asked != "" and unquote(told).casefold() == unquote(asked).casefold()


def _require_readable(page: BatchPage, intent: str) -> None:
    """
    Refuse to go on where a batch that cannot be read carries *intent*, or the list is one of other things.
    """
    for unread in page.unread:
        if (kind := unread.data.get("object", "batch")) != "batch":
            message = f"the list of batches has an object that is a {kind}, so it shows nothing of batches"
            raise OpenAIError(message=message, code="invalid_response", body=unread.data)
        metadata = unread.data.get("metadata")
        if isinstance(metadata, dict) and metadata.get(INTENT_KEY) == intent:
            message = f"batch {unread.id} carries {INTENT_KEY} {intent}, but cannot be read: {unread.why}"
            raise Rejected([OpenAIError(message=message, code="invalid_response", body=unread.data)])


def unresolved(error: OpenAIError, order: BatchOrder) -> OpenAIError:
    """
    Return *error*, which leaves open whether the batch of *order* exists, with how to find out.
    """
    more = (
        f"the batch may exist all the same: before creating it again, look in batches.list() for one with {INTENT_KEY} "
        f"{order.intent} in its metadata, or with input_file_id {order.input_file_id}"
    )
    return attrs.evolve(error, message=continued(error.message, more), is_ambiguous=True)
