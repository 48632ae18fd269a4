"""
Texts about batches: estimates, costs and counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from aikit.cli.output.formats import counted, named
from aikit.cli.safety import safe
from aikit.types.costs import OpenAIBatchCost, OpenAIBatchEstimate, OpenAIModelCost

COST_TITLES: Final = ("MODEL", "REQUESTS", "INPUT", "CACHED", "OUTPUT", "REASONING", "COST")


def money(amount: Decimal | None) -> str:
    """
    Return US dollars as people read them: cents, and of smaller amounts two digits that count.
    """
    if amount is None:
        return "unknown"
    if amount == 0 or amount >= 1:
        return f"${amount:,.2f}"
    digits = max(2, 1 - amount.adjusted())
    return f"${amount:.{digits}f}"


def span(low: int, high: int | None) -> str:
    """
    Return the text of a number between *low* and *high*.
    """
    if high is None:
        return f"at least {low:,}"
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def estimate_text(estimate: OpenAIBatchEstimate, *, is_own: bool = False) -> str:
    """
    Return the tokens and cost of an estimate, on one line; *is_own* is said of one's own server, which has no prices.
    """
    models = named([model.model for model in estimate.models if model.model])
    asked = f"{counted(estimate.requests, 'request')}" + (f" to {models}" if models else "")
    if estimate.cost_high == 0:
        return f"{asked}, free of charge"
    tokens_in = span(estimate.input_tokens_low, estimate.input_tokens_high)
    tokens_out = f"{span(estimate.output_tokens_low, estimate.output_tokens_high)} out"
    if estimate.is_unbounded and not estimate.output_tokens_low:
        tokens_out = "unlimited tokens out"
    price = "a server of your own, without prices" if is_own else price_text(estimate)
    return f"{asked}: {tokens_in} tokens in, {tokens_out}; {price}"


def price_text(estimate: OpenAIBatchEstimate) -> str:
    """
    Return the cost of an estimate.
    """
    low, high = estimate.cost_low, estimate.cost_high
    if estimate.unpriced:
        return f"cost unknown, there is no price for {named(list(estimate.unpriced))}"
    if high is None:
        why = "the output has no token limit" if estimate.is_unbounded else "some of the input cannot be counted"
        return f"cost at least {money(low)}, {why}"
    return f"cost {money(high)}" if low == high else f"cost {money(low)} to {money(high)}"


def cost_text(cost: OpenAIBatchCost) -> str:
    """
    Return the cost of an ended batch, on one line.
    """
    usage = cost.usage
    tokens = f"{usage.input_tokens:,} tokens in, {usage.output_tokens:,} out"
    if cost.total is None:
        why = f"there is no price for {named(list(cost.unpriced))}" if cost.unpriced else "no response has its usage"
        return f"cost unknown, {why}; {tokens}"
    least = "at least " if cost.is_lower_bound else ""
    return f"cost {least}{money(cost.total)}; {tokens}"


def cost_cells(model: OpenAIModelCost) -> list[str]:
    """
    Return one model's row of a table.
    """
    usage = model.usage
    tokens = (usage.input_tokens, usage.cached_tokens, usage.output_tokens, usage.reasoning_tokens)
    name = safe(model.model) or "(not reported)"
    return [name, f"{model.requests:,}", *(f"{count:,}" for count in tokens), money(model.cost)]


def cost_fields(model: OpenAIModelCost) -> list[str]:
    """
    Return one model's fields of a tab-separated line; an unknown cost is empty, never 0.
    """
    usage = model.usage
    tokens = (usage.input_tokens, usage.cached_tokens, usage.output_tokens, usage.reasoning_tokens)
    return [model.model, str(model.requests), *map(str, tokens), "" if model.cost is None else str(model.cost)]


def counts_text(counts: Mapping[str, int]) -> str:
    """
    Return the counts by status: ``5 requests: 4 ok, 1 failed``.
    """
    told = [f"{count:,} {status}" for status, count in counts.items() if count or status == "ok"]
    return f"{counted(sum(counts.values()), 'request')}: {', '.join(told)}"


def reasons_text(reasons: Mapping[str, int], most: int = 3) -> str:
    """
    Return the reasons of failures, the most frequent first; ``""`` for none.
    """
    ordered = sorted(reasons.items(), key=lambda one: -one[1])
    told = [f"{count:,} {safe(reason)}" for reason, count in ordered[:most]]
    more = f", {len(ordered) - most:,} other reasons" if len(ordered) > most else ""
    return ", ".join(told) + more


def list_text(values: Sequence[str]) -> str:
    """
    Return *values* with commas.
    """
    return ", ".join(safe(value) for value in values)
