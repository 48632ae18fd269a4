"""
How the ledger learns of batches, from all calls that see one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import attrs

from aikit.billing.corrections import may_tell_more, sum_of
from aikit.billing.prices import Prices
from aikit.billing.recorder import BillingRecorder
from aikit.http.flow import Flow
from aikit.http.messages import Request, Response
from aikit.http.retry import intercept
from aikit.resources.batches.costs import count
from aikit.resources.batches.fetch import Answers, fetch_ended, output_missing
from aikit.resources.batches.rows.join import BatchRows, lacks_output, places_of
from aikit.types.batches import OpenAIBatch
from aikit.types.costs import OpenAIBatchCost
from aikit.types.errors import CancelledError, OpenAIError, Rejected
from aikit.types.events import CREATED, OpenAIBatchEvent
from aikit.types.interruptions import let_through

if TYPE_CHECKING:
    from aikit.providers import Provider

log: Final = logging.getLogger("aikit")


def count_cost(
    provider: Provider,
    batch: OpenAIBatch | str,
    recorder: BillingRecorder,
    own_prices: Mapping[str, Any] | None = None,
    here: Mapping[str, Path] = MappingProxyType({}),
) -> Flow[OpenAIBatchCost]:
    """
    Count what *batch* cost, and record in the ledger what of that is not there yet; files that are *here* by their ids.

    Raises:
        OpenAIError: It has not ended (code ``"batch_not_ended"``), its files cannot be fetched, or the user's prices
            cannot be used.
    """
    over = yield from fetch_ended(provider, batch)
    account = provider.account(over)
    cost = yield from count(provider, over, recorder.prices(account, own_prices), here, is_patient=True)
    if recorder.is_kept and not lacks_output(over):
        with _logging_trouble(f"that batch {over.id} has ended", recorder):
            recorder.record_end(account, over, cost)
    return cost


def record_created(flow: Flow[OpenAIBatch], provider: Provider, recorder: BillingRecorder) -> Flow[OpenAIBatch]:
    """
    Record in the ledger that *flow* created a batch.
    """
    try:
        batch = yield from flow
    except Rejected as rejected:
        if isinstance(rejected.value, OpenAIBatch):
            _record_created(rejected.value, provider, recorder)
        raise
    _record_created(batch, provider, recorder)
    return batch


def _record_created(batch: OpenAIBatch, provider: Provider, recorder: BillingRecorder) -> None:
    if recorder.is_kept:
        with _logging_trouble(f"that batch {batch.id} was created", recorder):
            recorder.record_created(provider.account(batch), batch)


def record_end(
    flow: Flow[OpenAIBatch],
    provider: Provider,
    recorder: BillingRecorder,
    *,
    only_own: bool = False,
    answers: Answers | None = None,
) -> Flow[OpenAIBatch]:
    """
    Record the end of the batch that *flow* returns, or raises; a failure to do so is only logged.

    Args:
        flow: Asks for the batch.

        provider: Whose it is.

        recorder: Writes the ledger.

        only_own: Only if the ledger knows that it was created here, so that no files of other programs are fetched.

        answers: Fetches the files for further use.
    """
    record = partial(_record_end_of, provider, recorder=recorder, only_own=only_own, answers=answers)
    try:
        batch = yield from flow
    except Rejected as rejected:
        if isinstance(rejected.value, OpenAIBatch):
            yield from record(rejected.value)
        raise
    yield from record(batch)
    return batch


def record_end_of_rows(flow: Flow[BatchRows], provider: Provider, recorder: BillingRecorder) -> Flow[BatchRows]:
    """
    Record the end of the batch whose rows *flow* joins.
    """
    rows = yield from flow
    try:
        yield from _record_end_of(provider, rows.batch, recorder=recorder, here=rows.files())
    except BaseException:
        rows.close()
        raise
    return rows


def _record_end_of(
    provider: Provider,
    batch: OpenAIBatch,
    recorder: BillingRecorder,
    *,
    only_own: bool = False,
    here: Mapping[str, Path] = MappingProxyType({}),
    answers: Answers | None = None,
) -> Flow[None]:
    """
    Record the end of *batch* if it has ended and the ledger lacks that, or some of it; a failure is only logged.

    Its files are fetched for that once, as a best effort, unless they are *here*, by their ids; and kept as *answers*.
    """
    if not recorder.is_kept or not batch.is_ended:
        return
    account = provider.account(batch)
    with _logging_trouble(f"that batch {batch.id} has ended", recorder):
        booked = recorder.booked(account, batch.id)
        if only_own and CREATED not in {event.kind for event in booked}:
            return
        is_here = batch.output_file_id in here or batch.error_file_id in here
        if not _is_worth_counting(booked, batch, lambda: recorder.prices(account), is_here=is_here):
            return
        if lacks_output(batch):
            raise output_missing(batch)
        if answers is not None:
            here = yield from intercept(_fetch(provider, batch, answers), _as_best_effort)
        cost = yield from intercept(count(provider, batch, recorder.prices(account), here), _as_best_effort)
        recorder.record_end(account, batch, cost)


def _fetch(provider: Provider, batch: OpenAIBatch, answers: Answers) -> Flow[Mapping[str, Path]]:
    try:
        return places_of(batch, (yield from answers.of(provider, batch)))
    except OpenAIError as error:
        if not error.is_not_found_error:
            raise
        return {}


def _is_worth_counting(
    events: tuple[OpenAIBatchEvent, ...], batch: OpenAIBatch, prices: Callable[[], Prices], *, is_here: bool
) -> bool:
    """
    Return whether *batch* is to be counted: it is not booked yet, or there is more now than its *events* have.
    """
    booked = sum_of(events)
    if booked is None or (is_here and booked.is_lower_bound):
        return True
    return may_tell_more(booked, batch, lambda model, at: prices().price_of(model, at))


def _as_best_effort(request: Request) -> Flow[Response]:
    response: Response = yield attrs.evolve(request, is_best_effort=True)
    return response


@contextmanager
def _logging_trouble(what: str, recorder: BillingRecorder) -> Iterator[None]:
    try:
        yield
    except CancelledError:
        raise
    except Exception as error:  # noqa: BLE001  the answer that the caller waits for is there
        let_through(error)
        log.warning(
            "%s is not in the ledger %s yet: %s; it will be booked when the batch is looked at again, by wait, results "
            "or cost",
            what,
            recorder.ledger.path,
            error,
        )
