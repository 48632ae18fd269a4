"""
Prices, ledger and hooks of one client.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from aikit.billing.ledger import Ledger
from aikit.billing.price_overrides import FILE_NAME
from aikit.billing.prices import Prices, prices_for
from aikit.providers.account import Account
from aikit.runtime.callbacks import finish_elsewhere
from aikit.types.batches import OpenAIBatch
from aikit.types.costs import OpenAIBatchCost
from aikit.types.errors import OpenAIError
from aikit.types.events import CREATED, ENDED, OpenAIBatchEvent, ended_at
from aikit.types.interruptions import let_through

log: Final = logging.getLogger("aikit")

Hook = Callable[[OpenAIBatchEvent], object]
"""Gets each event that this process booked."""


@attrs.define(eq=False, kw_only=True)
class BillingRecorder:
    """
    Prices, ledger and hooks of one client.

    Attributes:
        home: Where the ledger and the file of prices are.

        own_prices: What the user gave to the client.

        is_kept: Whether anything is booked.

        hooks: Called with each event, by who booked it.

        dispatcher: Goes on with what a hook returned, if it can await.

        clock: Unix seconds.
    """

    home: Path
    own_prices: Mapping[str, Any] | None = None
    is_kept: bool = True
    hooks: tuple[Hook, ...] = ()
    dispatcher: Any = None
    clock: Callable[[], float] = time.time
    ledger: Ledger = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.ledger = Ledger(self.home)

    def prices(self, account: Account, own: Mapping[str, Any] | None = None) -> Prices:
        """
        Return the prices at *account*; what a call gives as its *own* wins over what the client was given.

        Raises:
            OpenAIError: The user's file of prices cannot be used (code ``"unusable_prices"``).
        """
        try:
            given = {**(self.own_prices or {}), **(own or {})}
            return prices_for(account.address, own=given, path=self.home / FILE_NAME, is_free=account.is_free)
        except (TypeError, ValueError) as error:
            raise OpenAIError(message=str(error), code="unusable_prices") from error

    def booked(self, account: Account, batch_id: str) -> tuple[OpenAIBatchEvent, ...]:
        """
        Return the events that the ledger has of that batch.

        Raises:
            StoreError: The ledger cannot be read.
        """
        return self.ledger.of_batch(account.address, batch_id)

    def record_created(self, account: Account, batch: OpenAIBatch) -> None:
        """
        Record the creation of *batch*, unless the ledger has it, and call the hooks.

        Raises:
            StoreError: The ledger cannot be written.
        """
        self._record(self._created(account, batch))

    def record_end(self, account: Account, batch: OpenAIBatch, cost: OpenAIBatchCost) -> None:
        """
        Record the creation and the end of *batch*, or what *cost* has more than the ledger, and call the hooks.

        Raises:
            StoreError: The ledger cannot be written.
        """
        now = int(self.clock())
        ended = attrs.evolve(
            self._created(account, batch),
            kind=ENDED,
            at=ended_at(batch) or now,
            status=batch.status,
            request_counts=batch.request_counts,
            usage=cost.usage,
            cost=cost.total,
            is_lower_bound=cost.is_lower_bound,
            models=cost.models,
        )
        self._record(self._created(account, batch), ended)

    def close(self) -> None:
        """
        Close the ledger; the next use opens it again.
        """
        self.ledger.close()

    def _created(self, account: Account, batch: OpenAIBatch) -> OpenAIBatchEvent:
        """
        Return the event of creation, the same whenever it is booked.
        """
        return OpenAIBatchEvent(
            kind=CREATED,
            batch_id=batch.id,
            provider=account.kind,
            address=account.address,
            at=batch.created_at,
            created_at=batch.created_at,
            booked_at=int(self.clock()),
            status="validating",
            endpoint=batch.endpoint,
            input_file_id=batch.input_file_id,
            model=batch.model,
            metadata=batch.metadata,
        )

    def _record(self, *events: OpenAIBatchEvent) -> None:
        for event in self.ledger.record(*events):
            for hook in self.hooks:
                self._call(hook, event)

    def _call(self, hook: Hook, event: OpenAIBatchEvent) -> None:
        try:
            finish_elsewhere(self.dispatcher, hook, hook(event))
        except (Exception, SystemExit) as error:
            let_through(error)
            log.exception("hook %r raised; the event stays booked", hook)
