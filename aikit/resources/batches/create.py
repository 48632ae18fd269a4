"""
Creating a batch once: it costs money, so before it is asked for again it is looked for.

With an intent of the caller there is one batch for it, however often and from wherever it is asked for. The API has no
idempotency, so this is as safe as looking can make it: the batch is looked for before it is created and again after,
until the provider lists what was created; where another process was as quick, the older batch stays and the creator of
the younger one cancels its own. A creator that got no answer does not know its own, and cancels all younger ones. Two
can stay only if the provider lists a new batch later than all looks, or if a process dies, or loses the provider,
between creating and looking.
"""

from __future__ import annotations

import itertools
import os
from functools import partial
from typing import TYPE_CHECKING, Final

import attrs

from aikit.http.flow import Flow, Pause
from aikit.http.retry import RetryPolicy, asked_to_retry, may_have_been_applied
from aikit.resources.batches.parameters import BatchCreationParameters
from aikit.resources.batches.queue import create_when_there_is_room
from aikit.resources.batches.search import CLOCKS_APART_S, Search, find_all, find_oldest, unresolved
from aikit.resources.polling import looks_s
from aikit.types.batches import INTENT_KEY, REFUSED_TO_STOP, BatchOrder, OpenAIBatch
from aikit.types.errors import CancelledError, OpenAIError, Rejected
from aikit.types.suggestions import continued
from aikit.validation import check_batch

if TYPE_CHECKING:
    from aikit.providers import Provider

_QUICK_S: Final = 3600
_PAID: Final = frozenset(("finalizing", "completed", "expired"))
_OVER: Final = _PAID | {"failed", "cancelling", "cancelled"}
_NO_LIST: Final = frozenset((404, 405, 501))  # of a server without a list of batches: looking again shows no more
_GATEWAY_TIMEOUTS: Final = frozenset((504, 524))  # 524: a content network's own


def create_checked(
    provider: Provider, order: BatchOrder, policy: RetryPolicy, options: BatchCreationParameters, checking: Flow[None]
) -> Flow[OpenAIBatch]:
    """
    Create the batch of *order*, or return the one with the caller's intent, after *checking* what it may cost.

    Raises:
        Rejected: The provider would refuse it, or it may cost too much.
        OpenAIError: As `create_once` and `create_for_intent`.
    """
    if "://" in order.input_file_id and (options.intent or options.metadata or options.output_expires_after):
        message = (
            "a batch whose input is a blob keeps no metadata, so no intent, and its output does not expire; leave out "
            "metadata, intent and output_expires_after"
        )
        raise OpenAIError(message=message, code="unsupported")
    if options.validate and (problems := check_batch(order.endpoint, order.completion_window, provider.limits)):
        raise Rejected(problems)
    if options.intent is not None and options.max_cost is not None:
        found = yield from find_oldest(provider, options.intent)
        if found is not None:  # nothing will be created, so nothing will cost
            return found
    yield from checking
    return (yield from create_as_asked(provider, order, policy, options))


def create_as_asked(
    provider: Provider, order: BatchOrder, policy: RetryPolicy, options: BatchCreationParameters
) -> Flow[OpenAIBatch]:
    """
    Create the batch of *order*, for the caller's intent if there is one, and when there is room if that is waited for.
    """
    is_new = options.intent is None or options.intent_is_new
    create = partial(create_once if is_new else create_for_intent, provider, order, policy)
    if options.max_queue_wait is None:
        return create()
    return create_when_there_is_room(create, provider, options.max_queue_wait)


def create_once(provider: Provider, order: BatchOrder, policy: RetryPolicy) -> Flow[OpenAIBatch]:
    """
    Create the batch of *order*; when the answer is lost, return the batch that was created all the same.

    It is asked for again only when looking through all that is new did not find it, as often as *policy* says. Where
    that proves nothing, because the provider may still be at it, or cannot be asked, or drops metadata, it is not.

    Raises:
        OpenAIError: It was refused, or the answer was lost and the batch was not found.
        Rejected: It was created, and the call was cancelled, or one too many could not be; the batch comes along.
    """
    made = yield from _create_or_find(provider, order, policy)
    return made.batch if made.attempt == 1 else (yield from _keep_oldest(provider, order, made))


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
        Rejected: Likewise.
    """
    found = yield from find_oldest(provider, order.intent)
    if found is not None:
        return found
    made = yield from _create_or_find(provider, order, policy)
    return (yield from _keep_oldest(provider, order, made))


@attrs.frozen
class _Made:
    """
    A batch that was created, or found after a lost answer.

    Attributes:
        attempt: How often it was asked for.

        is_answered: Whether the provider's answer named it, so that it is known to be this creator's.
    """

    batch: OpenAIBatch
    attempt: int
    is_answered: bool


def _create_or_find(provider: Provider, order: BatchOrder, policy: RetryPolicy) -> Flow[_Made]:
    search = Search(provider, order, policy.now() - CLOCKS_APART_S)
    for attempt in itertools.count(1):
        try:
            return _Made((yield from provider.create_batch(order)), attempt, is_answered=True)
        except CancelledError as error:
            raise unresolved(error, order) from None
        except OpenAIError as error:
            is_refused = not may_have_been_applied(error)
            if is_refused and attempt == 1:
                raise
            failure = error
        # what an earlier try has created may be the reason for a refusal, such as that of a full queue
        doubt = attrs.evolve(failure, is_ambiguous=True)
        batch = yield from _look_until_known(search, doubt, policy)
        if batch is not None:
            return _Made(batch, attempt - is_refused, is_answered=False)
        if is_refused or not _is_worth_a_retry(failure, policy, attempt):
            raise failure
    raise AssertionError  # pragma: no cover  counting has no end


def _keep_oldest(provider: Provider, order: BatchOrder, made: _Made) -> Flow[OpenAIBatch]:
    """
    Return the oldest batch with the intent of *order*; cancel the younger ones that are, or may be, this creator's.
    """
    try:
        oldest, *younger = yield from _find_rivals(provider, order.intent, made)
    except CancelledError as error:
        message = continued(error.message, f"batch {made.batch.id} was created")
        raise Rejected([attrs.evolve(error, message=message)], made.batch) from None
    if made.is_answered and made.attempt == 1:
        younger = [batch for batch in younger if batch.id == made.batch.id]  # an earlier one may be its own as well
    yield from cancel_all(provider, younger, oldest)
    return oldest


def _find_rivals(provider: Provider, intent: str, made: _Made) -> Flow[list[OpenAIBatch]]:
    """
    Return all batches with *intent*, the oldest first, and *made* among them.

    It is looked for them until one is listed, so that those created before are listed too, and after a lost answer
    until as many are known as were asked for.
    """
    known = {made.batch.id: made.batch}
    is_listed = made.batch.metadata.get(INTENT_KEY) != intent  # where metadata is dropped none ever will be
    for pause_s in (0.0, *looks_s(provider)):
        if pause_s:
            yield Pause(pause_s)
        try:
            found = yield from find_all(provider, intent, made.batch.created_at - _QUICK_S)
        except CancelledError:
            raise
        except (OpenAIError, Rejected):
            continue
        is_listed = is_listed or bool(found)
        listed = {batch.id: batch for batch in found}
        known = listed | {name: batch for name, batch in known.items() if name not in listed}
        if is_listed and len(known) >= made.attempt:
            break
    return sorted(known.values(), key=lambda batch: batch.created_at)


def _look_until_known(search: Search, failure: OpenAIError, policy: RetryPolicy) -> Flow[OpenAIBatch | None]:
    """
    Look for the batch after *failure*; return ``None`` if it does not exist, which the last look must have shown.
    """
    is_shown, asked_s = False, policy.delay_s(1, failure.headers) or 0.0
    try:
        for pause_s in looks_s(search.provider):
            yield Pause(max(pause_s, asked_s))
            asked_s = 0.0
            try:
                batch = yield from search.look()
            except CancelledError:
                raise
            except OpenAIError as error:  # it could not be looked for: there is nothing to be done but to try again
                if error.status in _NO_LIST:
                    break
                is_shown = False
                continue
            if batch is not None:
                return batch
            is_shown = True
    except CancelledError as error:
        raise unresolved(error, search.order) from None
    if is_shown and not _may_still_come(failure):
        return None
    raise unresolved(failure, search.order)


def _may_still_come(error: OpenAIError) -> bool:
    """
    Tell whether the provider may act even later, or has acted and said so in a way that cannot be read.
    """
    return error.code in {"timeout", "invalid_response"} or error.status in _GATEWAY_TIMEOUTS


def _is_worth_a_retry(error: OpenAIError, policy: RetryPolicy, attempt: int) -> bool:
    if attempt > policy.max_retries or asked_to_retry(error.headers) is False:
        return False
    return policy.delay_s(attempt, error.headers) is not None


def _cancel(provider: Provider, batch: OpenAIBatch) -> Flow[str | None]:
    """
    Cancel *batch*; return what is to be told of it if it was quicker, and is to be paid.
    """
    if not batch.is_ended and batch.status != "cancelling":
        try:
            yield from provider.cancel_batch(batch.id)
        except OpenAIError as error:
            if error.status not in REFUSED_TO_STOP:
                raise
            batch = yield from provider.retrieve_batch(batch.id)
            if batch.status not in _OVER:
                raise
    return f"is {batch.status}, and costs what batches.cost tells" if batch.status in _PAID else None


def cancel_all(provider: Provider, too_many: list[OpenAIBatch], oldest: OpenAIBatch) -> Flow[None]:
    """
    Cancel *too_many*, which were created for the intent of *oldest*.

    Raises:
        Rejected: One could not be cancelled, or is to be paid all the same (code ``"created_twice"``); *oldest* comes
            along.
    """
    problems = []
    for batch in too_many:
        try:
            why = yield from _cancel(provider, batch)
        except CancelledError:
            raise
        except OpenAIError as error:
            why = continued(f"could not be cancelled: {error.message}", "cancel it")
        if why is not None:
            message = f"two batches were created for one intent: {oldest.id} stays, and {batch.id} {why}"
            problems.append(OpenAIError(message=message, code="created_twice"))
    if problems:
        raise Rejected(problems, oldest)
