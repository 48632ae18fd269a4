"""
What becomes of a batch, from its provider to the registry: its status, its files, and what it cost.

Several may look after one batch at once, the poller and requests, in several processes. So each step may be repeated:
files are registered once for a batch and a role, a batch that is over stays over, and its end is booked once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from aikit.gateway.ids import new_id
from aikit.gateway.money.booking import nothing_known, shown, spend_of
from aikit.gateway.outgoing.batch_objects import batch_in, body_of
from aikit.gateway.registry.rows import BatchRow, FileRow
from aikit.types.batches import INTENT_KEY, OpenAIBatch
from aikit.types.errors import ExchangeError, Rejected
from aikit.types.events import ended_at

if TYPE_CHECKING:
    from aikit.gateway.money.means import Means
    from aikit.gateway.values import Deployment
    from aikit.types.costs import OpenAIBatchCost
    from aikit.types.errors import OpenAIError

log: Final = logging.getLogger("aikit.gateway")

_ACCOUNTS_FAULTS: Final = frozenset(("token_unavailable", "keyring_unavailable"))
_REFUSING: Final = frozenset((401, 403, 408, 425, 429))
_PAGES: Final = 10
_FIRST_LOOK_S: Final = 2.0
_CLOCKS_APART_S: Final = 3600
_FORGOTTEN_S: Final = 2 * 86_400.0
"""After so long, a batch that its provider does not know is over, and answers that cannot be had are given up."""


def options_of(deployment: Deployment, **more: Any) -> dict[str, Any]:
    """
    Return the options of a call of the client that nobody waits for at the other end.
    """
    return {"provider": deployment.name, "background": True, **more}


async def refresh(gateway: Means, row: BatchRow, **options: Any) -> BatchRow:
    """
    Ask the provider for the batch of *row*, and return the row as it is then.

    Raises:
        Rejected: It could not be asked.
        KeyError: The account is configured no more.
    """
    deployment = gateway.settings.deployment(row.deployment)
    result = await gateway.client.batches.retrieve(row.upstream_id or "", **options_of(deployment, **options))
    if result.errors or result.batch is None:
        raise Rejected(result.errors)
    return await note(gateway, row, result.batch)


async def note(gateway: Means, row: BatchRow, batch: OpenAIBatch) -> BatchRow:
    """
    Keep what the provider says of the batch of *row*; its files become its owner's.
    """
    files = await _registered(gateway, row, batch)
    changes: dict[str, Any] = {"status": batch.status, "body": body_of(batch, row), "upstream_id": batch.id, **files}
    if all(getattr(row, name) == value for name, value in changes.items()):
        return row
    if row.upstream_id is None or batch.is_ended:
        changes["next_poll_at"] = gateway.clock() + (0 if batch.is_ended else _FIRST_LOOK_S)
    stored = await gateway.in_thread(gateway.registry.batches.update, row.id, **changes)
    if stored is None and row.upstream_id is None:  # it was thought never to be created
        stored = attrs.evolve(row, **changes)
        await gateway.in_thread(gateway.registry.batches.add, stored)
    return stored or row


async def _registered(gateway: Means, row: BatchRow, batch: OpenAIBatch) -> dict[str, str]:
    """
    Return the gateway's ids of the files that *batch* made, given to those that have none yet.
    """
    found: dict[str, str] = {}
    upstream = {"output": batch.output_file_id, "error": batch.error_file_id}
    for role, upstream_id in upstream.items():
        if upstream_id is None or getattr(row, f"{role}_file_id") is not None:
            continue
        is_both = role == "error" and upstream_id == batch.output_file_id  # some providers put all into one
        own = (found.get("output_file_id") or row.output_file_id) if is_both else None
        found[f"{role}_file_id"] = own or await _register(gateway, row, batch, role, upstream_id)
    return found


async def _register(gateway: Means, row: BatchRow, batch: OpenAIBatch, role: str, upstream_id: str) -> str:
    deployment = gateway.settings.deployment(row.deployment)
    result = await gateway.client.files.retrieve(upstream_id, **options_of(deployment, max_retries=0, timeout=30))
    known: Mapping[str, Any] = {} if result.file is None else result.file.to_wire()
    told: dict[str, Any] = {
        "object": "file",
        "bytes": known.get("bytes") or 0,
        "created_at": known.get("created_at") or ended_at(batch) or batch.created_at,
        "filename": f"{row.id}_{role}.jsonl",  # the provider's has its own id of the batch
        "purpose": "batch_output",
        "status": "processed",
    }
    file = FileRow(
        id=new_id("file-"),
        deployment=row.deployment,
        upstream_id=upstream_id,
        owner=row.owner,
        purpose=told["purpose"],
        filename=told["filename"],
        size_bytes=told["bytes"],
        created_at=told["created_at"],
        role=role,
        batch_id=row.id,
        user=row.user,
        tags=row.tags,
        body={**known, **told},
    )
    return (await gateway.in_thread(gateway.registry.files.add, file)).id


async def settle(gateway: Means, row: BatchRow) -> BatchRow | None:
    """
    Look at the provider for the batch of a *row* whose creation had no answer; return the row with it, if it is there.

    Raises:
        Rejected: It could not be looked for.
        KeyError: The account is configured no more.
    """
    deployment = gateway.settings.deployment(row.deployment)
    after: str | None = None
    for _ in range(_PAGES):
        query = {"limit": 100} | ({"after": after} if after else {})
        page = await gateway.client.batches.list(**options_of(deployment, **query))
        if page.errors:
            raise Rejected(page.errors)
        for batch in page.batches or ():
            if batch.metadata.get(INTENT_KEY) == row.intent:
                return await note(gateway, row, batch)
        after = page.last_id
        if not page.has_more or not after or _is_before(page.batches, row.created_at - _CLOCKS_APART_S):
            break
    return None


def _is_before(batches: Any, moment: float) -> bool:
    times = [batch.created_at for batch in batches or ()]
    return bool(times) and times[-1] < moment <= times[0]


async def book(gateway: Means, row: BatchRow) -> bool:
    """
    Count what the batch of *row* cost, which is over, and book it; return whether this call was the one that did.

    Raises:
        Rejected: Its answers could not be counted, and may be later.
        KeyError: The account is configured no more.
    """
    batch = batch_in(row)
    cost, deployment = await count(gateway, row, batch)
    return await _book(gateway, row, batch, cost, deployment)


async def count(gateway: Means, row: BatchRow, batch: OpenAIBatch) -> tuple[OpenAIBatchCost, Deployment]:
    """
    Return what *batch*, that of *row*, cost by its answers, and the account that has them.

    Raises:
        Rejected: Its answers could not be counted.
        KeyError: The account is configured no more.
    """
    deployment = gateway.settings.deployment(row.deployment)
    result = await gateway.client.batches.cost(batch, **options_of(deployment, prices=deployment.prices or None))
    if result.errors or result.cost is None:
        raise Rejected(result.errors)
    return result.cost, deployment


async def give_up(gateway: Means, row: BatchRow, why: str) -> bool:
    """
    Book a batch whose provider tells no more of it: as expired if it was not over, at a cost that is not known.
    """
    batch = batch_in(row) if row.upstream_id is not None else None
    if batch is None or not batch.is_ended:
        now = int(gateway.clock())
        body = {**row.body, "status": "expired", "expired_at": now}
        row = attrs.evolve(row, status="expired", body=body)
        await gateway.in_thread(gateway.registry.batches.update, row.id, status="expired", body=body)
        batch = batch_in(row)
    log.warning("batch %s is booked at an unknown cost: %s", row.id, why)
    try:
        deployment = gateway.settings.deployment(row.deployment)
    except KeyError:
        deployment = None
    return await _book(gateway, row, batch, nothing_known(why), deployment)


async def _book(
    gateway: Means, row: BatchRow, batch: OpenAIBatch, cost: OpenAIBatchCost, deployment: Deployment | None
) -> bool:
    spend = spend_of(row, batch, cost, deployment, gateway.clock())
    body = {**row.body, "aikit": shown(cost)}
    is_booked = await gateway.in_thread(gateway.registry.batches.book, row.id, spend, body=body)
    if is_booked and cost.notes:
        log.warning("batch %s: %s", row.id, "; ".join(cost.notes))
    return is_booked


def is_forgotten(row: BatchRow, now: float) -> bool:
    """
    Return whether it is so long ago that *row* was created, or ended, that nothing more will come of it.
    """
    over_at = None if row.upstream_id is None else ended_at(batch_in(row))
    return now - (over_at or row.created_at) > _FORGOTTEN_S


def is_of_account(error: OpenAIError) -> bool:
    """
    Return whether *error* tells that the account cannot be asked now, and nothing of what was asked for.
    """
    status = error.status or 0
    is_refused = status >= 500 or status in _REFUSING or error.code in _ACCOUNTS_FAULTS
    return isinstance(error, ExchangeError) or is_refused
