"""
Creating a batch once: it costs money, so before it is asked for again it is looked for.

With an intent of the caller there is one batch for it, however often and from wherever it is asked for. The API has no
idempotency, so this is as safe as looking can make it: the batch is looked for before it is created and again after;
where another process was as quick, the older batch stays and the creator of the younger one cancels its own. A creator
that got no answer does not know its own, and cancels all younger ones. Two can stay only if the provider lists a new
batch so late that neither creator sees the other's, or if a process dies, or loses the provider, between creating and
looking.
"""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Final

import attrs

from aikit.http.flow import Flow, Pause
from aikit.http.retry import RetryPolicy, asked_to_retry, may_have_been_applied
from aikit.resources.batches.parameters import OpenAIBatchParameters
from aikit.resources.pages import one_page
from aikit.types.batches import INTENT_KEY, BatchOrder, BatchPage, OpenAIBatch
from aikit.types.errors import CancelledError, OpenAIError, Rejected
from aikit.validation import check_batch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from aikit.providers import Provider

# OpenAI lets 2,000 batches an hour be created, so ten pages hold at least the last half hour.
# https://developers.openai.com/api/docs/guides/batch (read 2026-11-21)
_MAX_PAGES: Final = 10
_PAGE_SIZE: Final = 100
_CLOCKS_APART_S: Final = 3600
_QUICK_S: Final = 3600
_ENOUGH_LOOKS: Final = 2
_GATEWAY_TIMEOUTS: Final = frozenset((504, 524))  # 524: a content network's own


def create_checked(
    provider: Provider, order: BatchOrder, policy: RetryPolicy, options: OpenAIBatchParameters, checking: Flow[None]
) -> Flow[OpenAIBatch]:
    """
    Create the batch of *order*, or return the one with the caller's intent, after *checking* what it may cost.

    Raises:
        Rejected: The provider would refuse it, or it may cost too much.
        OpenAIError: As `create_once` and `create_for_intent`.
    """
    if options.validate:
        problems = check_batch(order.endpoint, order.completion_window, provider.limits)
        if problems:
            raise Rejected(problems)
    if options.intent is not None and options.max_cost is not None:
        found = yield from find_oldest(provider, options.intent)
        if found is not None:  # nothing will be created, so nothing will cost
            return found
    yield from checking
    create = create_once if options.intent is None else create_for_intent
    return (yield from create(provider, order, policy))


def create_once(provider: Provider, order: BatchOrder, policy: RetryPolicy) -> Flow[OpenAIBatch]:
    """
    Create the batch of *order*; when the answer is lost, return the batch that was created all the same.

    It is asked for again only when looking through all that is new did not find it, as often as *policy* says. Where
    that proves nothing, because the provider may still be at it, or cannot be asked, or drops metadata, it is not.

    Raises:
        OpenAIError: It was refused, or the answer was lost and the batch was not found.
    """
    batch, _ = yield from create_or_find(provider, order, policy)
    return batch


def create_or_find(provider: Provider, order: BatchOrder, policy: RetryPolicy) -> Flow[tuple[OpenAIBatch, bool]]:
    """
    Create the batch of *order* as `create_once`, and tell whether it is known to be the one that was created here.

    After a lost answer it is one with the same intent, which may be another creator's if the intent is the caller's.

    Raises:
        OpenAIError: As `create_once`.
    """
    search = _Search(provider, order, policy.now() - _CLOCKS_APART_S)
    for attempt in itertools.count(1):
        try:
            return (yield from provider.create_batch(order)), attempt == 1
        except OpenAIError as error:
            if not may_have_been_applied(error):
                raise
            failure = error
        batch = yield from _look_until_known(search, failure, policy, attempt)
        if batch is not None:
            return batch, False
        if not _is_worth_a_retry(failure, policy, attempt):
            raise failure
    raise AssertionError  # pragma: no cover  counting has no end


def new_intent() -> str:
    """
    Return an intent of its own for an order of a caller who gives none.
    """
    return os.urandom(16).hex()


def create_for_intent(provider: Provider, order: BatchOrder, policy: RetryPolicy) -> Flow[OpenAIBatch]:
    """
    Return the batch that carries the intent of *order*, created if none of the newest 1,000 does.

    Raises:
        OpenAIError: It could not be looked for, and was not created; or as `create_once`.
        Rejected: Two were created at once, and the younger one could not be cancelled; the older one comes along.
    """
    found = yield from find_oldest(provider, order.intent)
    if found is not None:
        return found
    created, is_ours = yield from create_or_find(provider, order, policy)
    try:
        oldest, *younger = (yield from find_all(provider, order.intent, created.created_at - _QUICK_S)) or [created]
    except CancelledError:
        raise
    except OpenAIError:  # it exists, and the next call finds it
        return created
    if oldest.id != created.id and is_ours:
        yield from _cancel_all(provider, [created], oldest)
    if not is_ours:  # one of them is, or none
        yield from _cancel_all(provider, [batch for batch in younger if not _is_stopping(batch)], oldest)
    return created if oldest.id == created.id else oldest


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


def _look_until_known(
    search: _Search, failure: OpenAIError, policy: RetryPolicy, attempt: int
) -> Flow[OpenAIBatch | None]:
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


def _is_stopping(batch: OpenAIBatch) -> bool:
    return batch.is_ended or batch.status == "cancelling"


def _cancel_all(provider: Provider, too_many: list[OpenAIBatch], oldest: OpenAIBatch) -> Flow[None]:
    problems = []
    for batch in too_many:
        try:
            yield from provider.cancel_batch(batch.id)
        except OpenAIError as error:
            if error.is_conflict_error:  # it is over already
                continue
            message = (
                f"two batches were created for one intent at the same time: {oldest.id} stays, and {batch.id} could "
                f"not be cancelled: {error.message}; cancel it"
            )
            problems.append(OpenAIError(message=message, code="created_twice"))
    if problems:
        raise Rejected(problems, oldest)
