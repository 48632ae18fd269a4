"""
What batches cost, before and after, as flows; and how the ledger learns of batches from all calls that see one.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import attrs

from aikit.billing.costs import cost_of
from aikit.billing.counting import AskedModels, Counter, CountingSink
from aikit.billing.estimates import Estimator, refusal
from aikit.billing.prices import Prices, named
from aikit.billing.recorder import BillingRecorder
from aikit.billing.usage_counter import Counts, UsageCounter
from aikit.http.context import CallContext
from aikit.http.flow import Flow
from aikit.http.sources import Source, source_of
from aikit.resources.arguments import require_id
from aikit.resources.batches.fetch import ask_for_answers, output_missing
from aikit.resources.batches.parameters import BatchCreationParameters
from aikit.resources.batches.rows.join import lacks_output
from aikit.storage import exists
from aikit.types.batches import OpenAIBatch
from aikit.types.costs import OpenAIBatchCost, OpenAIBatchEstimate
from aikit.types.errors import CancelledError, OpenAIError, Rejected
from aikit.types.usage_reader import Tokens, read_tokens, sides_told

if TYPE_CHECKING:
    from aikit.providers import Provider

log: Final = logging.getLogger("aikit")
_FILE_ID: Final = re.compile(r"[A-Za-z0-9_=-]+")  # whatever the server: without the dot and the slash of paths
_CHUNK: Final = 256 * 1024
_UNNAMED: Final = "no file is named yet: the tokens are what the provider tells of the whole batch"
_GONE: Final = "the batch's files are gone: the tokens are what the provider tells of the whole batch"


def input_of(file: Any) -> Source | str:
    """
    Return what *file* stands for: something on this machine, or, if there is no file of that name, an uploaded one.

    Raises:
        TypeError: *file* is no path, bytes, binary stream or id.
        ValueError: *file* is empty, or a closed stream.
    """
    if isinstance(file, str) and ("://" in file or _FILE_ID.fullmatch(file)) and not exists(file):
        require_id("file", file)
        return file
    return source_of(file, filename="batch.jsonl")


def estimate(
    provider: Provider,
    file: Source | str,
    recorder: BillingRecorder,
    context: CallContext,
    own_prices: Mapping[str, Any] | None = None,
) -> Flow[OpenAIBatchEstimate]:
    """
    Estimate what the lines of *file* will cost: something on this machine, or the id of an uploaded file.

    Raises:
        OpenAIError: It cannot be read or fetched, or the user's prices cannot be used.
    """
    prices = recorder.prices(provider.account(), own_prices)
    if isinstance(file, str):
        estimator: Estimator = yield from _count_at_provider(provider, file, lambda: Estimator(prices))
    else:
        estimator = _count_here(file.resolved(), Estimator(prices), context)
    return estimator.result()


def check_affordable(
    provider: Provider,
    file: Source | str,
    options: BatchCreationParameters,
    recorder: BillingRecorder,
    context: CallContext,
) -> Flow[None]:
    """
    Check, where *options* have a *max_cost*, that a batch of the lines of *file* will not cost more.

    Raises:
        Rejected: It may (codes ``"max_cost_exceeded"`` and ``"unknown_cost"``).
    """
    if options.max_cost is None:
        return
    found = yield from estimate(provider, file, recorder, context)
    problem = refusal(found, Decimal(options.max_cost), options.max_cost_of)
    if problem is not None:
        raise Rejected([problem])


def count(
    provider: Provider,
    batch: OpenAIBatch,
    prices: Prices,
    here: Mapping[str, Path] = MappingProxyType({}),
    *,
    is_patient: bool = False,
) -> Flow[OpenAIBatchCost]:
    """
    Count what *batch* cost by its files; those that are *here*, by their ids, are not fetched.

    Raises:
        OpenAIError: They cannot be fetched.
    """
    notes: tuple[str, ...] = ()
    try:
        found = yield from _count_files(provider, batch, prices, here, is_patient=is_patient)
        asked = None
        if prices.own and found.unpriced:
            asked = yield from _find_deployment(provider, batch, prices, here)
        if asked is not None:
            notes = (f"answers of {named(found.unpriced)} cost what {asked} costs, which was asked",)
            prices = attrs.evolve(prices, others=prices.price_of(asked, batch.created_at))
            found = yield from _count_files(provider, batch, prices, here, is_patient=is_patient)
    except OpenAIError as error:
        tokens = None if batch.usage is None else read_tokens(dict(batch.usage))
        is_unnamed = error.code == "output_missing"
        if tokens is None or not (error.is_not_found_error or (is_unnamed and tokens.asked + tokens.answered)):
            raise
        return cost_of(_as_told(batch, tokens, prices), prices, (_UNNAMED if is_unnamed else _GONE,))
    return cost_of(found, prices, notes, missing=_missing(batch, found))


def _find_deployment(
    provider: Provider, batch: OpenAIBatch, prices: Prices, here: Mapping[str, Path]
) -> Flow[str | None]:
    """
    Return the model that all lines of *batch* ask, if it has a price: the answers of a deployment name another one.
    """
    names = [batch.model]
    if not batch.model or prices.price_of(batch.model, batch.created_at) is None:
        try:
            names = (yield from _counted(provider, batch.input_file_id, AskedModels, here)).names
        except CancelledError:
            raise
        except OpenAIError:
            return None
    is_priced = len(names) == 1 and names[0] and prices.price_of(names[0], batch.created_at) is not None
    return names[0] if is_priced else None


def _count_files(
    provider: Provider, batch: OpenAIBatch, prices: Prices, here: Mapping[str, Path], *, is_patient: bool
) -> Flow[UsageCounter]:
    def counter() -> UsageCounter:
        return UsageCounter(lambda model: prices.price_of(model, batch.created_at), batch.model or "")

    if lacks_output(batch):
        raise output_missing(batch)
    total = counter()
    for file_id in dict.fromkeys((batch.output_file_id, batch.error_file_id)):  # one may be both
        if file_id is not None:
            ask = partial(_counted, provider, file_id, counter, here)
            try:
                total.merge((yield from (ask_for_answers(provider, batch, ask) if is_patient else ask())))
            except OpenAIError as error:
                if not error.is_not_found_error or file_id == batch.output_file_id:
                    raise
                _do_without_errors(
                    batch, total, error, is_final=is_patient or file_id in here or batch.output_file_id in here
                )
    told = batch.request_counts
    if batch.status == "completed" and not (told.completed + told.failed + total.lines):
        raise output_missing(batch)
    return total


def _do_without_errors(batch: OpenAIBatch, found: UsageCounter, error: OpenAIError, *, is_final: bool) -> None:
    """
    Go on where the error file of *batch* is not there: failed lines have no answer that was paid for.

    Some providers name one also if nothing failed, and then there is none.

    Raises:
        OpenAIError: Lines failed, and it may be there later, or no answers were *found* either: *error*.
    """
    if batch.request_counts.failed <= found.failed:
        return
    if not is_final or batch.output_file_id is None:
        raise error
    message = f"the error file of the batch, {batch.error_file_id}, is gone, and its lines are not counted"
    found.problem_count += 1
    found.problems.append(OpenAIError(message=message, code="file_gone"))


def _missing(batch: OpenAIBatch, found: UsageCounter) -> int:
    """
    Return how many answers the provider counts that were not *found*; a line of whatever kind may be one of them.

    In a batch that is completed, a request that is not counted as failed may have been answered.
    """
    told = batch.request_counts
    lines = max(told.total, told.completed + told.failed) - found.lines
    answered = told.total - max(told.failed, found.failed) if batch.status == "completed" else told.completed
    return max(min(max(answered, told.completed) - found.answered, lines), 0)


def _as_told(batch: OpenAIBatch, tokens: Tokens, prices: Prices) -> UsageCounter:
    """
    Return what the provider tells of the whole batch.

    Where long requests cost more, no price fits, unless all together are not long.
    """
    price = prices.price_of(batch.model or "", batch.created_at)
    if price is not None and price.step(tokens.asked):
        price = None
    requests = batch.request_counts
    counts = Counts(price)
    counts.add(tokens)
    counts.requests = max(requests.completed, 1)
    counts.vague = counts.requests * (price is not None and price.is_vague(sides_told(batch.usage or {})))
    told = UsageCounter(lambda _: price, answered=requests.completed, failed=requests.failed)
    told.counts[batch.model or "", 0] = counts
    return told


def _counted(provider: Provider, file_id: str, make_counter: Callable[[], Any], here: Mapping[str, Path]) -> Flow[Any]:
    if file_id in here:
        return _count_here(source_of(here[file_id]).resolved(), make_counter(), CallContext())
    return (yield from _count_at_provider(provider, file_id, make_counter))


def _count_at_provider(provider: Provider, file_id: str, make_counter: Callable[[], Any]) -> Flow[Any]:
    sink: CountingSink[Any] = CountingSink(make_counter=make_counter)
    expected = yield from provider.download_file(file_id, sink)
    sink.require_whole(expected)
    return sink.finish()


def _count_here(source: Source, counter: Counter, context: CallContext) -> Any:
    sink: CountingSink[Any] = CountingSink(make_counter=lambda: counter)
    reader = source.open()
    try:
        while chunk := reader.read(_CHUNK):
            sink.write(memoryview(chunk))
            context.report("estimating", sink.done, source.size_bytes)
    finally:
        reader.close()
    return sink.finish()
