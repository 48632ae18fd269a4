"""
What batches cost for which no price was known: counted again, and corrected, when there is one.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from aikit.gateway.money.booking import shown, spend_of
from aikit.gateway.money.watching import count
from aikit.gateway.outgoing.batch_objects import batch_in
from aikit.types.errors import Rejected

if TYPE_CHECKING:
    from aikit.gateway.money.means import Means
    from aikit.gateway.registry.rows import BatchRow
    from aikit.types.batches import OpenAIBatch

log: Final = logging.getLogger("aikit.gateway")

_LONGEST_S: Final = 31 * 86_400.0
"""Providers keep answers for about a month."""


async def correct_all(gateway: Means) -> None:
    """
    Correct what batches cost that were booked without a price in the last month, where there is one now.

    Several may do it at once: the difference is booked by one.
    """
    since, after, batches = gateway.clock() - _LONGEST_S, "", gateway.registry.batches
    try:
        while rows := await gateway.in_thread(batches.unpriced, since=since, after=after):
            after = rows[-1].id
            for row in rows:
                await _correct(gateway, row)
    except Exception:
        log.exception("costs without a price could not be looked at; they are after the next start")


async def _correct(gateway: Means, row: BatchRow) -> None:
    try:
        batch = batch_in(row)
        if not await _has_price(gateway, row, batch):
            return
        cost, deployment = await count(gateway, row, batch)
    except KeyError:  # the account is configured no more
        return
    except Rejected as failure:
        log.info("the cost of batch %s stays as it is booked: %s", row.id, failure.errors[0])
        return
    told = row.body["aikit"]
    if cost.total is None or cost.usage.total_tokens < told["usage"]["total_tokens"]:  # some answers are gone
        return
    spend, body = spend_of(row, batch, cost, deployment, gateway.clock()), {**row.body, "aikit": shown(cost)}
    if await gateway.in_thread(gateway.registry.batches.correct, row.id, spend, body=body):
        log.info("batch %s cost %s US dollars, by prices that were not known when it was booked", row.id, cost.total)


async def _has_price(gateway: Means, row: BatchRow, batch: OpenAIBatch) -> bool:
    """
    Return whether there is a price now for a model of the batch that had none, or for one that its lines ask.
    """
    deployment = gateway.settings.deployment(row.deployment)
    own: dict[str, Any] = {"provider": deployment.name, "prices": deployment.prices or None}
    prices = await gateway.in_thread(gateway.client.batches.prices, **own)
    unpriced = [name for name, model in row.body["aikit"]["models"].items() if model["cost"] is None]
    asked = [deployment.model_for(name) or name for name in (row.facts or {}).get("models", ())]
    return any(prices.price_of(name, batch.created_at) is not None for name in (*unpriced, *asked))
