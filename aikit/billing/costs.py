"""
The cost of a batch, from its counted tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from aikit.billing.prices import Prices
from aikit.billing.usage_counter import Counts, UsageCounter
from aikit.types.costs import OpenAIBatchCost, OpenAIModelCost
from aikit.types.usage import Usage


def cost_of(counter: UsageCounter, prices: Prices, notes: tuple[str, ...] = (), missing: int = 0) -> OpenAIBatchCost:
    """
    Return the cost of the lines in *counter*; *missing* answers are in no file.
    """
    models = tuple(sorted(_models(counter), key=lambda model: -model.requests))
    unpriced = [model.model for model in models if model.cost is None]
    return OpenAIBatchCost(
        models=models,
        answered=counter.answered,
        failed=counter.failed,
        untold=counter.untold,
        missing=missing,
        problem_count=counter.problem_count,
        problems=tuple(counter.problems),
        notes=(*notes, *_notes(counter, missing, [prices.why_unknown(unpriced)] if unpriced else [])),
    )


def _notes(counter: UsageCounter, missing: int, notes: list[str]) -> list[str]:
    if counter.untold:
        notes.append(f"{counter.untold:,} answers do not tell their tokens")
    if missing:
        notes.append(f"{missing:,} answers that the provider counts are in neither file")
    if counter.problem_count:
        notes.append(f"{counter.problem_count:,} lines could not be read, see problems")
    if notes:
        notes.append("so the total is a lower bound: it cost at least that")
    return notes


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
            usage=sum((_usage(counts) for _, counts in found), Usage()),
            cost=sum(known, Decimal(0)) if len(known) == len(costs) else None,
        )


def _cost(step: int, counts: Counts) -> Decimal | None:
    return None if counts.price is None else counts.price.batch_rates(step).cost(_usage(counts))


def _usage(counts: Counts) -> Usage:
    return Usage(
        input_tokens=counts.input_tokens,
        cached_tokens=counts.cached_tokens,
        output_tokens=counts.output_tokens,
        reasoning_tokens=counts.reasoning_tokens,
    )
