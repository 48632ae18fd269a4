"""
What batches cost for which no price was known: counted again, and corrected, when there is one.
"""

from __future__ import annotations

import logging
from collections import Counter
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import attrs

from aikit.gateway.money.booking import shown, spend_of
from aikit.gateway.money.watching import count, is_of_account
from aikit.gateway.outgoing.batch_objects import batch_in
from aikit.types.errors import OpenAIError, Rejected

if TYPE_CHECKING:
    from aikit.gateway.money.means import Means
    from aikit.gateway.registry.rows import BatchRow, SpendRow
    from aikit.types.batches import OpenAIBatch
    from aikit.types.costs import OpenAIBatchCost

log: Final = logging.getLogger("aikit.gateway")

_LONGEST_S: Final = 31 * 86_400.0
"""Providers keep answers for about a month."""

_PATIENCE: Final = 3


async def correct_all(gateway: Means) -> bool:
    """
    Correct what batches cost that were booked without a price in the last month, where there is one now.

    Several may do it at once: the difference is booked by one.

    Returns:
        Whether it was done, as far as it can be: ``False`` where an account could not be asked.
    """
    since, after, last, is_done = gateway.clock() - _LONGEST_S, -1, 0, True
    while last != after:
        after, failures = last, Counter[str]()
        rows, last = await gateway.in_thread(gateway.registry.batches.unpriced, since=since, after=after)
        for row in rows:
            if failures[row.deployment] >= _PATIENCE:  # some of the next ones tell whether it can be asked again
                continue
            if not await _is_done(gateway, row):
                failures[row.deployment] += 1
                is_done = False
    return is_done


async def _is_done(gateway: Means, row: BatchRow) -> bool:
    """
    Correct what one batch cost, whatever happens; return ``False`` if its account could not be asked.
    """
    try:
        await _correct(gateway, row)
    except KeyError:  # the account is configured no more
        pass
    except Rejected as failure:
        log.info("the cost of batch %s stays as it is booked: %s", row.id, failure.errors[0])
        return not is_of_account(failure.errors[0])
    except OpenAIError as error:  # the file of prices cannot be used
        log.warning("the cost of batch %s stays as it is booked: %s", row.id, error)
        return False
    except Exception:
        log.exception("the cost of batch %s stays as it is booked", row.id)
    return True


async def _correct(gateway: Means, row: BatchRow) -> None:
    batch = batch_in(row)
    if not await _has_price(gateway, row, batch):
        return
    cost, deployment = await count(gateway, row, batch)
    rows = await gateway.in_thread(gateway.registry.spend.logs, request_id=f"{row.id}_batch_cost")
    cost = _as_booked(cost, row, rows)
    if cost.total is None or _lacks_answers(cost, row):
        return
    spend, body = spend_of(row, batch, cost, deployment, gateway.clock()), {**row.body, "aikit": shown(cost)}
    if await gateway.in_thread(gateway.registry.batches.correct, row.id, spend, body=body, before=row.body):
        log.info("batch %s cost %s US dollars, by prices that were not known when it was booked", row.id, cost.total)


def _as_booked(cost: OpenAIBatchCost, row: BatchRow, rows: tuple[SpendRow, ...]) -> OpenAIBatchCost:
    """
    Return *cost* with what is booked of the models that had a price, which may be another one now, or none.
    """
    booked: dict[str, Decimal] = {}
    for model in chain.from_iterable(each.models for each in rows):
        if model.cost is not None:
            booked[model.model] = booked.get(model.model, Decimal(0)) + model.cost
    told = row.body["aikit"]["models"]
    had_price = {name: model["usage"] for name, model in told.items() if model["cost"] is not None and name in booked}
    models = (
        attrs.evolve(model, cost=booked[model.model]) if had_price.get(model.model) == model.usage.to_wire() else model
        for model in cost.models
    )
    return attrs.evolve(cost, models=tuple(models))


def _lacks_answers(cost: OpenAIBatchCost, row: BatchRow) -> bool:
    """
    Return whether there are fewer tokens than were counted, of all models or of one that had a price.
    """
    told, found = row.body["aikit"], {model.model: model.usage.total_tokens for model in cost.models}
    had_price = {name: model["usage"] for name, model in told["models"].items() if model["cost"] is not None}
    return cost.usage.total_tokens < told["usage"]["total_tokens"] or any(
        found.get(name, 0) < usage["total_tokens"] for name, usage in had_price.items()
    )


async def _has_price(gateway: Means, row: BatchRow, batch: OpenAIBatch) -> bool:
    """
    Return whether there is a price now for a model of the batch that had none, or for the one that all its lines ask.
    """
    deployment = gateway.settings.deployment(row.deployment)
    own: dict[str, Any] = {"provider": deployment.name, "prices": deployment.prices or None}
    prices = await gateway.in_thread(gateway.client.batches.prices, **own)
    names = [name for name, model in row.body["aikit"]["models"].items() if model["cost"] is None]
    asked = {deployment.model_for(name) or name for name in (row.facts or {}).get("models", ())}
    if prices.own:  # else a price of what is asked is none of what answers
        names += [batch.model or "", *(asked if len(asked) == 1 else ())]
    return any(prices.price_of(name, batch.created_at) is not None for name in names)
