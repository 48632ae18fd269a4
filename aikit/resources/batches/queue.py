"""
Waiting for room: a batch that is refused because too many tokens are enqueued is created again when some are through.

Providers say so at once, or create the batch and have it fail before it begins. Such a batch costs nothing, and stands
for none: another with its intent is no second one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

import attrs

from aikit.http.context import CallContext
from aikit.http.flow import Flow, Pause, Work
from aikit.http.retry import may_have_been_applied, retry_after_s
from aikit.resources.batches.rows.join import was_begun
from aikit.resources.polling import ask_until_known, growing_pauses
from aikit.types.batches import OpenAIBatch
from aikit.types.errors import CancelledError, OpenAIError, Rejected
from aikit.types.suggestions import continued

if TYPE_CHECKING:
    from aikit.providers import Provider

# https://developers.openai.com/api/docs/guides/batch (read 2026-11-21)
# https://learn.microsoft.com/azure/ai-services/openai/how-to/batch (read 2026-11-21)
FULL: Final = "token_limit_exceeded"
_FIRST_PAUSE_S: Final = 60.0
_LONGEST_PAUSE_S: Final = 1800.0
_LOOK_S: Final = 2.0


def found_no_room(batch: OpenAIBatch) -> bool:
    """
    Return whether *batch* was refused, before anything of it was done, because too many tokens were enqueued.
    """
    is_refused = batch.status == "failed" and any(error.code == FULL for error in batch.errors)
    return is_refused and not was_begun(batch)


def create_when_there_is_room(
    create: Callable[[], Flow[OpenAIBatch]], provider: Provider, longest_s: float
) -> Flow[OpenAIBatch]:
    """
    Return the batch that *create* creates, begun if it is in time; it is created again while there is no room for it.

    Args:
        create: Creates the batch, or returns the one there is.

        provider: Whose it is.

        longest_s: Seconds to wait in all.

    Raises:
        OpenAIError: What *create* raises, also the refusal of a full queue when the time is over.
        Rejected: It failed for want of room when the time was over, or the call was cancelled; it comes along.
    """
    until_s, pause_s, find = (yield Pause(0.0)) + longest_s, _FIRST_PAUSE_S, create
    while True:
        batch = None
        try:
            batch = yield from _until_begun(provider, (yield from find()), until_s)
            if not found_no_room(batch):
                return batch
            failure = OpenAIError(
                message=f"batch {batch.id} failed: {batch.errors[0].message}", code="token_limit_exceeded"
            )
        except OpenAIError as error:
            if error.code != FULL or may_have_been_applied(error):
                raise
            failure = error
        left_s = until_s - (yield Pause(0.0))
        if left_s <= 0:
            told = attrs.evolve(
                failure, message=f"{failure.message.rstrip('.')}; there was no room within {longest_s:g} s"
            )
            raise told if batch is None else Rejected([told], batch)
        wait_s = min(max(pause_s, retry_after_s(failure.headers, time.time()) or 0.0), left_s)
        del failure  # of the ten thousand that may wait, none holds what led to it
        yield Work(_telling(f"too many tokens are enqueued; the batch is asked for again after {wait_s:.0f} s"))
        yield Pause(wait_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        is_back = batch is not None and (yield from _has_begun_after_all(provider, batch))
        find = partial(provider.retrieve_batch, batch.id) if batch is not None and is_back else create


def _has_begun_after_all(provider: Provider, batch: OpenAIBatch) -> Flow[bool]:
    """
    Return whether *batch*, which failed for want of room, has not: another beside it would be paid as well.
    """
    try:
        return not found_no_room((yield from provider.retrieve_batch(batch.id)))
    except CancelledError:
        raise
    except OpenAIError:  # then it is as it was
        return False


def _telling(words: str) -> Callable[[CallContext], None]:
    return lambda context: context.note(words)


def _until_begun(provider: Provider, batch: OpenAIBatch, until_s: float) -> Flow[OpenAIBatch]:
    """
    Return *batch* as it is when its input was looked at; as it is now, if that takes too long or cannot be asked.
    """
    try:
        for pause_s in growing_pauses(_LOOK_S):
            left_s = until_s - (yield Pause(0.0))
            if batch.status != "validating" or left_s <= 0:
                break
            yield Pause(min(pause_s, left_s))
            batch = yield from ask_until_known(provider, partial(provider.retrieve_batch, batch.id))
    except CancelledError as error:
        message = continued(error.message, f"batch {batch.id} was created")
        raise Rejected([attrs.evolve(error, message=message)], batch) from None
    except OpenAIError:
        pass  # it is there, and that is what counts
    return batch
