"""
The cost of a batch, from its counted tokens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

import attrs

from aikit.billing.prices import Prices
from aikit.billing.rates import KINDS
from aikit.billing.usage_counter import Counts, UsageCounter
from aikit.types.costs import OpenAIBatchCost, OpenAIModelCost
from aikit.types.usage import Usage


def cost_of(counter: UsageCounter, prices: Prices, notes: tuple[str, ...] = (), missing: int = 0) -> OpenAIBatchCost:
    """
    Return the cost of the lines in *counter*; *missing* answers are in no file.
    """
    models = tuple(sorted(_models(counter), key=lambda model: -model.requests))
    cost = OpenAIBatchCost(
        models=models,
        answered=counter.answered,
        failed=counter.failed,
        untold=counter.untold,
        missing=missing,
        problem_count=counter.problem_count,
        problems=tuple(counter.problems),
    )
    return attrs.evolve(cost, notes=(*notes, *_notes(cost, counter, prices)))


def _notes(cost: OpenAIBatchCost, counter: UsageCounter, prices: Prices) -> Iterator[str]:
    if cost.unpriced:
        yield prices.why_unknown(cost.unpriced)
    for note, lines in sum((counts.notes for counts in counter.counts.values()), Counter()).items():
        yield f"{lines:,} answers: {note}"
    yield from _notes_on_kinds(counter, prices)
    if cost.untold:
        yield f"{cost.untold:,} answers do not tell their tokens"
    if cost.missing:
        yield f"{cost.missing:,} answers that the provider counts, or does not count as failed, are in neither file"
    if cost.problem_count:
        yield f"{cost.problem_count:,} lines could not be read, see problems"
    if cost.is_lower_bound:
        yield "so the total is a lower bound: it cost at least that"


def _notes_on_kinds(counter: UsageCounter, prices: Prices) -> Iterator[str]:
    for (model, step), counts in counter.counts.items():
        for kind in _unpriced(step, counts):
            tokens = f"{counts.other_tokens[kind]:,} {kind} tokens of {model or 'lines that name no model'}"
            give = f': give "{kind}" in {prices.path} or as OpenAIClient(prices=…)' if kind in KINDS else ""
            yield f"{tokens} have no price of their own and are counted as text{give}"
        if counts.vague:
            yield f"{counts.vague:,} answers of {model} do not tell which of their tokens cost more than text"


def _models(counter: UsageCounter) -> Iterator[OpenAIModelCost]:
    by_model: dict[str, list[tuple[int, Counts]]] = {}
    for (model, step), counts in counter.counts.items():
        if counts.requests:
            by_model.setdefault(model, []).append((step, counts))
    for model, found in by_model.items():
        costs = [_cost(step, counts) for step, counts in found]
        known = [cost for cost in costs if cost is not None]
        yield OpenAIModelCost(
            model=model,
            requests=sum(counts.requests for _, counts in found),
            usage=sum((counts.usage for _, counts in found), Usage()),
            cost=sum(known, Decimal(0)) if len(known) == len(costs) else None,
            is_lower_bound=any(
                counts.is_lower_bound or counts.vague or _unpriced(step, counts) for step, counts in found
            ),
        )


def _cost(step: int, counts: Counts) -> Decimal | None:
    return None if counts.price is None else counts.price.batch_rates(step).cost(counts.usage)


def _unpriced(step: int, counts: Counts) -> tuple[str, ...]:
    return () if counts.price is None else counts.price.batch_rates(step).unpriced(counts.usage)
