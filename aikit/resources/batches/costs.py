"""
What batches cost, before and after, as flows; and the ledger's eye on batches that other calls see.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from aikit.billing.costs import cost_of
from aikit.billing.counting import Counter, CountingSink
from aikit.billing.estimates import Estimator, refusal
from aikit.billing.prices import Prices
from aikit.billing.recorder import BillingRecorder
from aikit.billing.usage_counter import Counts, UsageCounter
from aikit.http.context import CallContext
from aikit.http.flow import Flow
from aikit.http.messages import Request, Response
from aikit.http.retry import intercept
from aikit.http.sources import Source, source_of
from aikit.types.batches import OpenAIBatch, OpenAIBatchRequestCounts
from aikit.types.costs import OpenAIBatchCost, OpenAIBatchEstimate
from aikit.types.errors import CancelledError, OpenAIError, Rejected
from aikit.types.events import CREATED, ENDED
from aikit.types.usage import Usage

if TYPE_CHECKING:
    from aikit.providers import Provider

log: Final = logging.getLogger("aikit")
_FILE_ID: Final = re.compile(r"[A-Za-z0-9_=-]+")  # whatever the server: without the dot and the slash of paths
_CHUNK: Final = 256 * 1024
_GONE: Final = "the batch's files are gone: the tokens are what the provider tells of the whole batch"


def input_of(file: Any) -> Source | str:
    """
    Return what *file* stands for: something on this machine, or, if there is no file of that name, an uploaded one.

    Raises:
        TypeError: *file* is no path, bytes, binary stream or id.
        ValueError: *file* is empty, or a closed stream.
    """
    if isinstance(file, str) and _FILE_ID.fullmatch(file) and not Path(file).exists():
        return file
    return source_of(file, filename="batch.jsonl")


def estimated(
    provider: Provider, file: Source | str, books: BillingRecorder, context: CallContext
) -> Flow[OpenAIBatchEstimate]:
    """
    Estimate what the lines of *file* will cost: something on this machine, or the id of an uploaded file.

    Raises:
        OpenAIError: It cannot be read or fetched, or the user's prices cannot be used.
    """
    prices = books.prices(provider.account())
    if isinstance(file, str):
        estimator: Estimator = yield from _counted_in(provider, file, lambda: Estimator(prices))
    else:
        estimator = _counted_here(file.resolved(), Estimator(prices), context)
    return estimator.result()


def require_affordable(
    estimating: Flow[OpenAIBatchEstimate], max_cost: Decimal, of: Literal["high", "low"]
) -> Flow[None]:
    """
    Check before a batch is created that it will not cost more than *max_cost* US dollars at that end of the estimate.

    Raises:
        Rejected: It may (codes ``"max_cost_exceeded"`` and ``"unknown_cost"``).
    """
    problem = refusal((yield from estimating), max_cost, of)
    if problem is not None:
        raise Rejected([problem])


def costed(provider: Provider, batch: OpenAIBatch | str, books: BillingRecorder) -> Flow[OpenAIBatchCost]:
    """
    Count what *batch* cost; book that, if nobody has.

    Raises:
        OpenAIError: It has not ended (code ``"batch_not_ended"``), its files cannot be fetched, or the user's prices
            cannot be used.
    """
    from aikit.resources.batches.fetch import ended_batch  # noqa: PLC0415  waiting needs nothing of what is there

    over = yield from ended_batch(provider, batch)
    account = provider.account(over)
    cost = yield from _cost(provider, over, books.prices(account))
    if books.is_kept:
        _try_to(lambda: books.book_ended(account, over, cost), f"that batch {over.id} has ended", books)
    return cost


def created(flow: Flow[OpenAIBatch], provider: Provider, books: BillingRecorder) -> Flow[OpenAIBatch]:
    """
    Book the batch that *flow* creates.
    """
    batch = yield from flow
    if books.is_kept:
        _try_to(lambda: books.book_created(provider.account(batch), batch), f"that batch {batch.id} was created", books)
    return batch


def seen(
    flow: Flow[OpenAIBatch], provider: Provider, books: BillingRecorder, *, only_own: bool = False
) -> Flow[OpenAIBatch]:
    """
    Book the end of the batch that *flow* returns, or raises, if it has ended; whatever goes wrong is only logged.

    Args:
        flow: Asks for the batch.

        provider: Whose it is.

        books: Where it is booked.

        only_own: Only if the ledger knows that it was created here: nothing of strangers is fetched.
    """
    try:
        batch = yield from flow
    except Rejected as rejected:
        if isinstance(rejected.value, OpenAIBatch):
            yield from noticed(provider, rejected.value, books, only_own=only_own)
        raise
    yield from noticed(provider, batch, books, only_own=only_own)
    return batch


def noticed(
    provider: Provider,
    batch: OpenAIBatch,
    books: BillingRecorder,
    *,
    only_own: bool = False,
    here: Mapping[str, Path] = MappingProxyType({}),
) -> Flow[None]:
    """
    Book the end of *batch* if it has ended and nobody has; whatever goes wrong is only logged.

    Its files are fetched for that, once and aside, unless they are *here*, by their ids: what the caller asked does not
    depend on it.
    """
    if not books.is_kept or not batch.is_ended:
        return
    account = provider.account(batch)
    try:
        if books.knows(ENDED, account, batch.id) or (only_own and not books.knows(CREATED, account, batch.id)):
            return
        cost = yield from intercept(_cost(provider, batch, books.prices(account), here), _aside)
        books.book_ended(account, batch, cost)
    except CancelledError:
        raise
    except Exception as error:  # noqa: BLE001  the answer that the caller waits for is there
        _log_trouble(f"that batch {batch.id} has ended", error, books)


def _aside(request: Request) -> Flow[Response]:
    response: Response = yield attrs.evolve(request, is_best_effort=True)
    return response


def _try_to(book: Callable[[], None], what: str, books: BillingRecorder) -> None:
    try:
        book()
    except Exception as error:  # noqa: BLE001  likewise
        _log_trouble(what, error, books)


def _log_trouble(what: str, error: Exception, books: BillingRecorder) -> None:
    log.warning(
        "%s is not in the ledger %s yet: %s; it will be booked when the batch is looked at again, by wait, results or "
        "cost",
        what,
        books.ledger.path,
        error,
    )


def _cost(
    provider: Provider, batch: OpenAIBatch, prices: Prices, here: Mapping[str, Path] = MappingProxyType({})
) -> Flow[OpenAIBatchCost]:
    def tally() -> UsageCounter:
        return UsageCounter(lambda model: prices.price_of(model, batch.created_at), batch.model or "")

    try:
        if batch.output_file_id is None and batch.request_counts.completed:
            raise _without_output(batch)
        total = tally()
        for file_id in (batch.output_file_id, batch.error_file_id):
            if file_id is None:
                continue
            if file_id in here:
                total.merge(_counted_here(source_of(here[file_id]).resolved(), tally(), CallContext()))
            else:
                total.merge((yield from _counted_in(provider, file_id, tally)))
    except OpenAIError as error:
        usage = Usage.from_wire(batch.usage)
        if usage is None or not (error.is_not_found_error or error.code == "output_missing"):
            raise
        return cost_of(_as_told(batch, usage, prices), prices, (_GONE,))
    return cost_of(total, prices, missing=_missing(batch.request_counts, total))


def _missing(told: OpenAIBatchRequestCounts, found: UsageCounter) -> int:
    """
    Return how many answers the provider counts that were not *found*; a line of whatever kind may be one of them.
    """
    lines = found.answered + found.failed + found.problem_count
    return max(min(told.completed - found.answered, max(told.total, told.completed + told.failed) - lines), 0)


def _without_output(batch: OpenAIBatch) -> OpenAIError:
    return OpenAIError(
        message=f"batch {batch.id} has ended with {batch.request_counts.completed:,} answers, and the provider names "
        "no file with them; ask again later",
        code="output_missing",
    )


def _as_told(batch: OpenAIBatch, usage: Usage, prices: Prices) -> UsageCounter:
    """
    Return what the provider tells of the whole batch.

    Where long requests cost more, no price fits, unless all together are not long.
    """
    price = prices.price_of(batch.model or "", batch.created_at)
    if price is not None and price.step(usage.input_tokens):
        price = None
    requests = batch.request_counts
    counts = Counts(
        price,
        max(requests.completed, 1),
        usage.input_tokens,
        usage.cached_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
    )
    told = UsageCounter(lambda _: price, answered=requests.completed, failed=requests.failed)
    told.counts[batch.model or "", 0] = counts
    return told


def _counted_in(provider: Provider, file_id: str, make_counter: Callable[[], Any]) -> Flow[Any]:
    sink: CountingSink[Any] = CountingSink(make_counter=make_counter)
    expected = yield from provider.download_file(file_id, sink)
    if expected is not None and expected != sink.done:
        raise OpenAIError(
            message=f"{sink.done} bytes of file {file_id} came, but it has {expected}; try again", code="size_mismatch"
        )
    return sink.finish()


def _counted_here(source: Source, counter: Counter, context: CallContext) -> Any:
    sink: CountingSink[Any] = CountingSink(make_counter=lambda: counter)
    reader = source.open()
    try:
        while chunk := reader.read(_CHUNK):
            sink.write(memoryview(chunk))
            context.report("estimating", sink.done, source.size_bytes)
    finally:
        reader.close()
    return sink.finish()
