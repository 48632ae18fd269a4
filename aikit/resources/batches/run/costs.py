"""
What the batches of a run cost.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from aikit.storage.errors import StoreError
from aikit.types.costs import OpenAIBatchCost
from aikit.types.errors import OpenAIError
from aikit.types.events import ENDED

if TYPE_CHECKING:
    from aikit.resources.batches.run.client import Client
    from aikit.resources.batches.run.state import RunState


def costs_of(client: Client, state: RunState) -> tuple[list[OpenAIBatchCost], list[OpenAIError]]:
    """
    Return what each batch of *state* cost that was not refused, and why that of others cannot be told.
    """
    costs, problems = [], []
    for part in state.parts:
        for attempt in part.attempts:
            if attempt.batch_id is None or attempt.status == "failed":
                continue
            cost = _booked(client, attempt.batch_id)
            if cost is None:
                result = client.batches.cost(attempt.batch_id)
                cost = result.cost
                problems += list(result.errors)
            if cost is not None:
                costs.append(cost)
    return costs, problems


def _booked(client: Client, batch_id: str) -> OpenAIBatchCost | None:
    """
    Return what the ledger says, so that no file is fetched once more; ``None`` where that is not the whole cost.
    """
    address = client.provider.account().address
    with suppress(StoreError):
        for event in client.ledger.events(batch_id=batch_id, kind=ENDED):
            if event.address == address and event.cost is not None and not event.is_lower_bound:
                counts = event.request_counts
                return OpenAIBatchCost(models=event.models, answered=counts.completed, failed=counts.failed)
    return None
