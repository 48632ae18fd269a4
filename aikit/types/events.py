"""
What the ledger keeps: that a batch was created, that it has ended, and what was known of it later only.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal

import attrs

from aikit.types.batches import OpenAIBatch, OpenAIBatchRequestCounts
from aikit.types.costs import OpenAIModelCost
from aikit.types.json_form import Jsonable
from aikit.types.usage import Usage
from aikit.types.wire import NOTHING

CREATED: Final = "created"
ENDED: Final = "ended"
CORRECTED: Final = "corrected"


@attrs.frozen(kw_only=True)
class OpenAIBatchEvent(Jsonable):
    """
    An event of a batch, as the ledger keeps it and hooks get it.

    Attributes:
        kind: ``"created"`` or ``"ended"``, at most one of each of a batch in a ledger; or ``"corrected"``, when prices
            or files were there that its end was booked without: counts, tokens and dollars are what is *more* than the
            events before say, so that all events of a batch add up.

        batch_id: The batch.

        provider: Kind of the provider, ``"openai"`` or ``"local"``.

        address: Its base URL; of the embedded provider its folder.

        at: When it came about, in Unix seconds, as the provider says; of a correction, when it was found.

        created_at: When the batch was created, in Unix seconds, as the provider says.

        booked_at: When it was booked, in Unix seconds of this machine.

        status: Of the batch then.

        endpoint: What its lines ask.

        input_file_id: The file with its requests.

        model: The model asked, where the provider tells.

        request_counts: How many requests were where.

        usage: Tokens of all models; ``None`` when it was created.

        cost: US dollars; ``None`` when it was created, and where no price is known.

        is_lower_bound: Whether it cost more than *cost*, or may have: prices or tokens are missing. Of a batch with
            corrections the last one's counts.

        models: Tokens and cost of each model.

        metadata: The batch's.
    """

    kind: Literal["created", "ended", "corrected"]
    batch_id: str
    provider: str
    address: str
    at: int
    created_at: int
    booked_at: int
    status: str
    endpoint: str
    input_file_id: str
    model: str | None = None
    request_counts: OpenAIBatchRequestCounts = attrs.field(factory=OpenAIBatchRequestCounts)
    usage: Usage | None = None
    cost: Decimal | None = None
    is_lower_bound: bool = False
    models: tuple[OpenAIModelCost, ...] = ()
    metadata: Mapping[str, str] = attrs.field(default=NOTHING, hash=False)

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Models whose price is not known."""
        return tuple(model.model for model in self.models if model.cost is None)


def ended_at(batch: OpenAIBatch) -> int | None:
    """
    Return when *batch* ended, in Unix seconds, as the provider says; ``None`` if it does not.
    """
    times = {
        "completed": batch.completed_at,
        "failed": batch.failed_at,
        "expired": batch.expired_at,
        "cancelled": batch.cancelled_at,
    }
    return times.get(batch.status)
