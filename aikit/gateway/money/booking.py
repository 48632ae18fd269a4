"""
The booking of a batch that is over: what the client counted becomes a row of the books, and a part of the Batch object.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import attrs

from aikit.billing.prices import named
from aikit.gateway.registry.rows import BatchRow, ModelSpend, SpendRow
from aikit.types.costs import OpenAIBatchCost
from aikit.types.events import ended_at

if TYPE_CHECKING:
    from aikit.gateway.values import Deployment
    from aikit.types.batches import OpenAIBatch


def spend_of(
    row: BatchRow, batch: OpenAIBatch, cost: OpenAIBatchCost, deployment: Deployment | None, now: float
) -> SpendRow:
    """
    Return the row of the books for a batch that is over.
    """
    usage = cost.usage
    return SpendRow(
        request_id=f"{row.id}_batch_cost",
        batch_id=row.id,
        token=row.owner,
        end_user=row.user,
        provider="" if deployment is None else deployment.provider,
        deployment=row.deployment,
        tags=row.tags,
        cost=cost.total,
        is_lower_bound=cost.is_lower_bound,
        requests=sum(model.requests for model in cost.models),
        prompt_tokens=usage.input_tokens,
        completion_tokens=usage.output_tokens,
        models=tuple(
            ModelSpend(
                model=model.model,
                requests=model.requests,
                prompt_tokens=model.usage.input_tokens,
                completion_tokens=model.usage.output_tokens,
                cost=model.cost,
            )
            for model in cost.models
        ),
        started_at=float(row.created_at),
        ended_at=float(ended_at(batch) or now),
        booked_at=now,
        metadata={"batch_status": batch.status, "request_counts": attrs.asdict(batch.request_counts)},
    )


def shown(cost: OpenAIBatchCost) -> dict[str, Any]:
    """
    Return *cost* as the Batch object tells it: in US dollars, of all and of each model; what is not known is ``None``.
    """
    told: dict[str, Any] = {
        "cost": None if cost.total is None else float(cost.total),
        "cost_is_complete": not cost.is_lower_bound,
        "models": {
            model.model: {
                "requests": model.requests,
                "usage": model.usage.to_wire(),
                "cost": None if model.cost is None else float(model.cost),
            }
            for model in cost.models
        },
    }
    warnings = list(_warnings(cost))
    return {**told, **({"warnings": warnings} if warnings else {}), "usage": cost.usage.to_wire()}


def _warnings(cost: OpenAIBatchCost) -> Iterator[str]:
    """
    Yield what is to be known of the total; the client's own notes tell where prices are kept, which is for operators.
    """
    if cost.unpriced:
        yield f"no price is known for {named(cost.unpriced)}, whose answers are not in the cost"
    if cost.untold or cost.missing or cost.problem_count:
        count = cost.untold + cost.missing + cost.problem_count
        yield f"{count:,} answers could not be counted, and are not in the cost"
    if cost.is_lower_bound and not cost.unpriced and cost.total is not None:
        yield "the cost is a lower bound: it cost at least that"


def nothing_known(why: str) -> OpenAIBatchCost:
    """
    Return the cost of a batch whose answers cannot be had any more.
    """
    return OpenAIBatchCost(missing=1, notes=(why,))
