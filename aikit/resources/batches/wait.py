"""
Waiting for a batch, which may take a day: passing failures of network and provider are waited out.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final

import attrs

from aikit.http.context import CallContext
from aikit.http.flow import Flow, Pause
from aikit.http.retry import retry_after_s
from aikit.http.signal import Signal
from aikit.resources.batches.parameters import OpenAIBatchWaitParameters
from aikit.resources.batches.queue import found_no_room
from aikit.resources.batches.rows.join import SETTLED_S, lacks_output
from aikit.resources.polling import Absence, early_pauses
from aikit.runtime.parameters import OpenAIParameters
from aikit.types.batches import OpenAIBatch, OpenAIBatchProgress
from aikit.types.errors import ExchangeError, OpenAIError, Rejected

if TYPE_CHECKING:
    from aikit.providers import Provider

_PASSING: Final = frozenset((404, 408, 409, 425, 429))
_SOON_S: Final = 0.25
_MAX_DOUBLINGS: Final = 64
_SHORTEST_TIMEOUT_S: Final = 5.0  # who waits for a moment only still wants one answer


def with_bounded_timeout(options: OpenAIBatchWaitParameters, defaults: OpenAIParameters) -> OpenAIBatchWaitParameters:
    """
    Return *options* for each single request, with a time-out that keeps to *max_wait* and no retries.
    """
    longest_s = max(options.max_wait, _SHORTEST_TIMEOUT_S)
    timeout_s = min(options.timeout or defaults.timeout or longest_s, longest_s)
    return attrs.evolve(options, timeout=timeout_s, max_retries=0)  # waiting asks again by itself


def wait_until_ended(
    provider: Provider, batch_id: str, options: OpenAIBatchWaitParameters, context: CallContext
) -> Flow[OpenAIBatch]:
    """
    Ask for a batch with growing pauses until it is over, and up to two minutes more for the file of its answers.

    Where a thread of this process ends it, that is known at once. A 404 counts after 15 seconds of it: what was just
    created, or seen, may be unknown for a moment.

    Raises:
        Rejected: The provider refuses to tell, or the batch did not complete, or not in time; what was last known of
            it comes along.
    """
    end = provider.watching_end(batch_id)
    if end is None:  # a flow less for each of the ten thousand that may wait
        return _look_until_ended(provider, batch_id, options, context, None)
    return _watch_end(end, provider, batch_id, options, context)


def _watch_end(
    end: AbstractContextManager[Signal],
    provider: Provider,
    batch_id: str,
    options: OpenAIBatchWaitParameters,
    context: CallContext,
) -> Flow[OpenAIBatch]:
    with end as ended:
        return (yield from _look_until_ended(provider, batch_id, options, context, ended))


def _look_until_ended(
    provider: Provider,
    batch_id: str,
    options: OpenAIBatchWaitParameters,
    context: CallContext,
    ended: Signal | None,
) -> Flow[OpenAIBatch]:
    batch: OpenAIBatch | None = None
    progress: OpenAIBatchProgress | None = None
    spent_s, pauses, troubles = 0.0, early_pauses(options.poll_interval), 0
    absence = Absence(provider, options.max_wait)
    ended_s, unnamed = None, 0  # when it was over, and how often it was without its file then
    while True:
        trouble = None
        try:
            batch = yield from provider.retrieve_batch(batch_id)
        except OpenAIError as error:
            if not _may_pass(error, is_known=batch is not None):
                raise Rejected([error], batch) from None
            trouble = error
            troubles += 1
            spent_s = yield Pause(0.0)  # it may have been long in coming
            if absence.has_lasted(error, spent_s):
                raise Rejected([error], batch) from None
        else:
            troubles = 0
            absence.end()
            progress = _report(batch, progress, context)
        if batch is not None and batch.is_ended:
            ended_s = spent_s if ended_s is None else ended_s
            is_whole = batch.status != "completed" or not lacks_output(batch)
            if is_whole or spent_s >= min(ended_s + SETTLED_S, options.max_wait):
                return _require_completed(batch)
            unnamed += 1
        if spent_s >= options.max_wait:
            raise _too_late(batch_id, spent_s, batch, trouble)
        pause_s = _wanted_s(_at_most_soon(next(pauses), unnamed), trouble, troubles)
        until = None if ended is not None and ended.is_set else ended  # told once, it ends no further pause
        spent_s = yield Pause(min(pause_s, options.max_wait - spent_s), until)


def _may_pass(error: OpenAIError, *, is_known: bool) -> bool:
    """
    Return whether asking again may help; an unreadable answer is a wrong address, unless it knew the batch before.
    """
    if error.status is None:
        return isinstance(error, ExchangeError)
    if 200 <= error.status <= 299:  # no batch, or a refusal that calls itself a success
        return is_known
    return error.status >= 500 or error.status in _PASSING


def _wanted_s(usual_s: float, trouble: OpenAIError | None, troubles: int) -> float:
    """
    Return how long to pause: after trouble less than usual at first, and never less than the provider asks for.
    """
    if trouble is None:
        return usual_s
    return max(_at_most_soon(usual_s, troubles), retry_after_s(trouble.headers, time.time()) or 0.0)


def _at_most_soon(usual_s: float, count: int) -> float:
    """
    Return a pause of at most half a second the first time, twice that the second, and so on; *usual_s* for no time.
    """
    return min(usual_s, _SOON_S * 2.0 ** min(count, _MAX_DOUBLINGS)) if count else usual_s


def _report(batch: OpenAIBatch, last: OpenAIBatchProgress | None, context: CallContext) -> OpenAIBatchProgress:
    """
    Report to *context* what changed since *last*; return the progress now.
    """
    counts = batch.request_counts
    progress = OpenAIBatchProgress(batch, max(counts.completed + counts.failed, last.done if last else 0))
    if last is None or (progress.phase, progress.done, progress.total) != (last.phase, last.done, last.total):
        context.tell(lambda: progress, is_last=batch.is_ended)
    return progress


def _require_completed(batch: OpenAIBatch) -> OpenAIBatch:
    if batch.status == "completed":
        return batch
    problems = [
        OpenAIError(message=error.message, code=error.code, param=error.param, line=error.line)
        for error in batch.errors
    ]
    raise Rejected([OpenAIError(message=_end_of(batch), code=f"batch_{batch.status}"), *problems], batch)


def _end_of(batch: OpenAIBatch) -> str:
    counts = batch.request_counts
    done = f" with {counts.completed + counts.failed} of {counts.total} requests done"
    told = f"; their answers are in file {batch.output_file_id}" if batch.output_file_id else ""
    if batch.status != "failed":
        return f"batch {batch.id} {'was cancelled' if batch.status == 'cancelled' else 'expired'}{done}{told}"
    why = batch.errors[0].message if batch.errors else "the provider does not say why"
    begun = done if counts.completed + counts.failed else ""
    if found_no_room(batch):
        mend = "create it again when others have ended, or with max_queue_wait"
        return f"batch {batch.id} did not begin: {why.rstrip('.')}; {mend}"
    return f"batch {batch.id} failed{begun}: {why.rstrip('.') + told if told else why}"


def _too_late(batch_id: str, spent_s: float, batch: OpenAIBatch | None, trouble: OpenAIError | None) -> Rejected:
    known = f"is still {batch.status!r}" if batch is not None else "could not be asked for"
    message = f"batch {batch_id} {known} after {spent_s:.0f} s; raise max_wait to wait longer"
    late = OpenAIError(message=message, code="timeout")
    return Rejected([late] if trouble is None else [late, trouble], batch)
