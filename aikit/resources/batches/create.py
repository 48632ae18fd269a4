"""
Creating a batch once: it costs money, so before it is asked for again it is looked for.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import attrs

from aikit.http.flow import Flow, Pause
from aikit.http.retry import RetryPolicy, asked_to_retry, may_have_been_done
from aikit.resources.pages import one_page
from aikit.types.batches import INTENT_KEY, BatchOrder, BatchPage, OpenAIBatch
from aikit.types.errors import CancelledError, ExchangeError, OpenAIError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from aikit.providers import Provider

# OpenAI lets 2,000 batches an hour be created, so ten pages hold at least the last half hour.
# https://developers.openai.com/api/docs/guides/batch (read 2026-11-21)
_MAX_PAGES: Final = 10
_PAGE_SIZE: Final = 100
_CLOCKS_APART_S: Final = 3600
_ENOUGH_LOOKS: Final = 2
_GATEWAY_TIMEOUTS: Final = frozenset((504, 524))  # 524: a content network's own


def created_once(provider: Provider, order: BatchOrder, policy: RetryPolicy) -> Flow[OpenAIBatch]:
    """
    Create the batch of *order*; when the answer is lost, return the batch that was created all the same.

    It is asked for again only when looking through all that is new did not find it, as often as *policy* says. Where
    that proves nothing, because the provider may still be at it, or cannot be asked, or drops metadata, it is not.

    Raises:
        OpenAIError: It was refused, or the answer was lost and the batch was not found.
    """
    batch, _ = yield from created_or_found(provider, order, policy)
    return batch


def created_or_found(provider: Provider, order: BatchOrder, policy: RetryPolicy) -> Flow[tuple[OpenAIBatch, bool]]:
    """
    Create the batch of *order* as `created_once`, and tell whether it is known to be the one that was created here.

    After a lost answer it is one with the same intent, which may be another creator's if the intent is the caller's.

    Raises:
        OpenAIError: As `created_once`.
    """
    search = _Search(provider, order, policy.now() - _CLOCKS_APART_S)
    for attempt in itertools.count(1):
        try:
            return (yield from provider.create_batch(order)), attempt == 1
        except OpenAIError as error:
            if not _may_have_been_done(error):
                raise
            failure = error
        batch = yield from _found(search, failure, policy, attempt)
        if batch is not None:
            return batch, False
        if not _is_worth_a_retry(failure, policy, attempt):
            raise failure
    raise AssertionError  # pragma: no cover  counting has no end


def _found(search: _Search, failure: OpenAIError, policy: RetryPolicy, attempt: int) -> Flow[OpenAIBatch | None]:
    """
    Look for the batch after *failure*; return ``None`` if it does not exist.

    That is believed after two looks: a provider may list a new batch late, or hang up and go on.
    """
    may_still_come, needed_looks = _may_still_come(failure), min(_ENOUGH_LOOKS, policy.max_retries + 1)
    for number in range(attempt, attempt + policy.max_retries + 1):
        yield Pause(policy.delay_s(number, failure.headers) or 0.0)
        try:
            batch = yield from search.look()
        except CancelledError:
            raise
        except OpenAIError:  # it could not be looked for: there is nothing to be done but to try again
            continue
        needed_looks -= 1
        if batch is not None or (needed_looks == 0 and not may_still_come):
            return batch
    raise _unresolved(failure, search.order)


@attrs.frozen
class _Search:
    """
    The search for a batch that may have been created.

    Attributes:
        since: Unix seconds before which it was certainly not created, whatever the clocks say.
    """

    provider: Provider
    order: BatchOrder
    since: float

    def look(self) -> Flow[OpenAIBatch | None]:
        """
        Look through the newest batches; return ``None`` if it is certainly not among them.

        Raises:
            OpenAIError: It cannot be known.
        """
        query: Mapping[str, Any] = {"limit": _PAGE_SIZE}
        for _ in range(_MAX_PAGES):
            page = yield from one_page(self.provider.list_batches, query)
            for batch in page.batches:
                if self._is_it(batch):
                    return batch
            if not page.has_more or self._reaches_back(page):
                return None
            query = {**query, "after": page.last_id}
        raise OpenAIError(message=f"it is not among the newest {_MAX_PAGES * _PAGE_SIZE} batches, and there are more")

    def _is_it(self, batch: OpenAIBatch) -> bool:
        if batch.metadata.get(INTENT_KEY) == self.order.intent:
            return True
        is_new = batch.created_at >= self.since or not batch.is_ended  # clocks may be further apart
        if is_new and not batch.metadata and batch.input_file_id == self.order.input_file_id:
            raise OpenAIError(message=f"batch {batch.id} may be it: it has the same input and no metadata")
        return False

    def _reaches_back(self, page: BatchPage) -> bool:
        """
        Tell whether all further pages are older; there are servers that do not list the newest first.
        """
        times = [batch.created_at for batch in page.batches]
        return bool(times) and times[0] > times[-1] and times[-1] < self.since


def _may_have_been_done(error: OpenAIError) -> bool:
    if isinstance(error, ExchangeError):
        return error.is_ambiguous
    return error.status is not None and (may_have_been_done(error.status) or error.code == "invalid_response")


def _may_still_come(error: OpenAIError) -> bool:
    """
    Tell whether the provider may act even later, or has acted and said so in a way that cannot be read.
    """
    return error.code in {"timeout", "invalid_response"} or error.status in _GATEWAY_TIMEOUTS


def _is_worth_a_retry(error: OpenAIError, policy: RetryPolicy, attempt: int) -> bool:
    if attempt > policy.max_retries or asked_to_retry(error.headers) is False:
        return False
    return policy.delay_s(attempt, error.headers) is not None


def _unresolved(error: OpenAIError, order: BatchOrder) -> OpenAIError:
    message = (
        f"{error.message}; the batch may exist all the same: before creating it again, look in batches.list() for one "
        f"with {INTENT_KEY} {order.intent} in its metadata, or with input_file_id {order.input_file_id}"
    )
    return attrs.evolve(error, message=message)
