"""
Corrections of the ledger: what is known of a batch now and was not when its end was booked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

import attrs

from aikit.billing.rates import Price
from aikit.types.batches import OpenAIBatch, OpenAIBatchRequestCounts
from aikit.types.costs import OpenAIModelCost
from aikit.types.events import CORRECTED, CREATED, OpenAIBatchEvent
from aikit.types.usage import Usage


def sum_of(events: Iterable[OpenAIBatchEvent]) -> OpenAIBatchEvent | None:
    """
    Return the end of a batch with all corrections, of its *events*; ``None`` if the end is not among them.
    """
    whole: OpenAIBatchEvent | None = None
    for event in events:
        if event.kind == CORRECTED and whole is not None:
            whole = _combined(whole, event, 1)
        elif event.kind not in {CORRECTED, CREATED}:
            whole = event
    return whole


def correction(booked: OpenAIBatchEvent, found: OpenAIBatchEvent) -> OpenAIBatchEvent | None:
    """
    Return the event that makes *found* of what is *booked*; ``None`` if *found* does not tell more.
    """
    if not _tells_more(booked, found):
        return None
    return attrs.evolve(_combined(found, booked, -1), kind=CORRECTED, at=found.booked_at)


def may_tell_more(booked: OpenAIBatchEvent, batch: OpenAIBatch, price_of: Callable[[str, int], Price | None]) -> bool:
    """
    Return whether counting *batch* may tell more than is *booked*: there are answers that were not there, or prices.
    """
    counts = booked.request_counts
    if batch.request_counts.completed > counts.completed:
        return True
    if not (counts.completed + counts.failed or _tokens(booked)):
        return batch.output_file_id is not None
    return any(
        _has_now_a_price(model, price_of(model.model, batch.created_at))
        for model in booked.models
        if model.cost is None or _lacks_kinds(model)
    )


def _tells_more(booked: OpenAIBatchEvent, found: OpenAIBatchEvent) -> bool:
    """
    Return whether *found* has answers, tokens or prices that *booked* lacks, and lacks none that this has.
    """
    more = _tokens(found) - _tokens(booked)
    has_lost_a_price = {model.model for model in booked.models if model.cost is not None} & set(found.unpriced)
    if more < 0 or has_lost_a_price or (found.cost is None and booked.cost is not None):
        return False
    has_more = more > 0 or found.request_counts.completed > booked.request_counts.completed
    if not found.is_lower_bound:
        return has_more or booked.is_lower_bound
    if found.cost is not None and booked.cost is not None and found.cost < booked.cost:
        return False
    return has_more or _has_more_prices(booked, found)


def _has_more_prices(booked: OpenAIBatchEvent, found: OpenAIBatchEvent) -> bool:
    """
    Return whether *found* has prices of models, or of kinds of tokens, that *booked* lacks.
    """
    costs = {model.model: model.cost or 0 for model in found.models}
    return (
        _incomplete(found) < _incomplete(booked)
        or set(found.unpriced) < set(booked.unpriced)
        or any(
            costs.get(one.model, 0) > one.cost for one in booked.models if one.cost is not None and _lacks_kinds(one)
        )
    )


def _has_now_a_price(model: OpenAIModelCost, price: Price | None) -> bool:
    """
    Return whether *price* is more than what *model* was booked with.
    """
    cost = None if price is None else price.batch.cost(model.usage)
    if price is None or cost is None or model.cost is None:
        return cost is not None
    return not price.batch_above and not price.batch.unpriced(model.usage) and cost != model.cost


def _lacks_kinds(model: OpenAIModelCost) -> bool:
    """
    Return whether *model* may have tokens of kinds without a price of their own.
    """
    return model.is_lower_bound and bool(model.usage.other_tokens)


def _tokens(event: OpenAIBatchEvent) -> int:
    return 0 if event.usage is None else event.usage.total_tokens


def _incomplete(event: OpenAIBatchEvent) -> set[str]:
    return {model.model for model in event.models if model.cost is None or model.is_lower_bound}


def _combined(event: OpenAIBatchEvent, other: OpenAIBatchEvent, sign: int) -> OpenAIBatchEvent:
    """
    Return *event* with the counts, tokens and dollars of both: added, or with *sign* -1 taken away.
    """
    one, two = event.request_counts, other.request_counts
    usage, more = event.usage or Usage(), other.usage or Usage()
    return attrs.evolve(
        event if sign < 0 else other,
        kind=event.kind,
        at=event.at,
        request_counts=OpenAIBatchRequestCounts(
            one.total + sign * two.total, one.completed + sign * two.completed, one.failed + sign * two.failed
        ),
        usage=usage + more if sign > 0 else usage - more,
        cost=_sum(event.cost, other.cost, sign),
        models=tuple(_models(event, other, sign)),
    )


def _models(event: OpenAIBatchEvent, other: OpenAIBatchEvent, sign: int) -> list[OpenAIModelCost]:
    """
    Return the models of both, without those of which nothing is left.
    """
    ours, theirs = ({model.model: model for model in each.models} for each in (event, other))
    names = [name for name in dict.fromkeys((*ours, *theirs)) if ours.get(name) != theirs.get(name) or sign > 0]
    models = [_model(ours.get(name), theirs.get(name), sign) for name in names]
    return sorted((model for model in models if model.requests or sign < 0), key=lambda model: -model.requests)


def _model(one: OpenAIModelCost | None, two: OpenAIModelCost | None, sign: int) -> OpenAIModelCost:
    if one is None or two is None:
        known = one or two or OpenAIModelCost(model="")
        if two is None or sign > 0:
            return known
        one, two = OpenAIModelCost(model=known.model, cost=Decimal(0)), known
    return OpenAIModelCost(
        model=one.model,
        requests=one.requests + sign * two.requests,
        usage=one.usage + two.usage if sign > 0 else one.usage - two.usage,
        cost=_sum(one.cost, two.cost, sign),
        is_lower_bound=one.is_lower_bound if sign < 0 else two.is_lower_bound,
    )


def _sum(one: Decimal | None, two: Decimal | None, sign: int) -> Decimal | None:
    if one is None and (sign < 0 or two is None):
        return None
    return (one or Decimal(0)) + sign * (two or Decimal(0))
