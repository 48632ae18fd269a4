"""
The creation of a batch: noted before the provider is asked, and known afterwards whatever is killed when.

What is noted has a mark, the intent, that goes into the batch's metadata. Where the answer is lost, the poller looks
for the mark at the provider; what is not found there after some minutes was never created, and is forgotten.
"""

from __future__ import annotations

import hashlib
import logging
import os
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import attrs

from aikit.gateway.money import budget
from aikit.gateway.money.estimate import Asked, Estimate, asked_in, estimated, facts_of
from aikit.gateway.money.watching import note, options_of
from aikit.gateway.outgoing.errors import of_provider
from aikit.gateway.registry.rows import BatchRow
from aikit.types.errors import UNEXPECTED, OpenAIError, Rejected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aikit.gateway.call import Call
    from aikit.gateway.registry.rows import FileRow
    from aikit.gateway.routes.batch_orders import Order
    from aikit.gateway.state import Gateway
    from aikit.gateway.values import Deployment, Principal

_DEADLINE_S: Final = 120.0
_LOOK_AFTER_S: Final = 60.0  # meanwhile the creation itself is under way
_SOON_S: Final = 2.0
_LONGEST_KEY: Final = 255
_DOUBT: Final = (
    "The provider's answer was lost, so the batch may have been created all the same: then it is in GET /v1/batches "
    "within minutes. Look there before you create it again, or send an Idempotency-Key with each creation."
)
log: Final = logging.getLogger("aikit.gateway")
_IN_DOUBT: Final = frozenset(("cancelled", "deadline_exceeded", UNEXPECTED))


def intent_for(call: Call) -> str:
    """
    Return the mark of a new batch: its own, or that of the caller's ``Idempotency-Key``.

    Raises:
        OpenAIError: The key is too long.
    """
    key = call.request.headers.get("idempotency-key")
    if not key:
        return os.urandom(16).hex()
    if len(key) > _LONGEST_KEY:
        message = f"Idempotency-Key has {len(key):,} characters; at most {_LONGEST_KEY} are allowed."
        raise OpenAIError(message=message, status=400, code="invalid_value", param="Idempotency-Key")
    return hashlib.sha256(f"{call.principal.token}\n{key}".encode()).hexdigest()[:32]


def require_same(known: BatchRow, order: Order) -> None:
    """
    Refuse an ``Idempotency-Key`` that was used for another batch, or for one whose creation is not over.

    Raises:
        OpenAIError: It was.
    """
    if (known.input_file_id, known.endpoint) != (order.input_file_id, order.endpoint):
        message = "This Idempotency-Key was used for another batch; take a new one for each."
        raise OpenAIError(message=message, status=400, code="invalid_value", param="Idempotency-Key")
    if known.upstream_id is None:
        raise OpenAIError(
            message="The creation with this Idempotency-Key is not over yet; ask again in some seconds.",
            status=409,
            code="creation_pending",
            headers={"retry-after": "5"},
        )


async def estimate_for(
    call: Call, file: FileRow, deployment: Deployment, *, is_needed: bool = False
) -> Estimate | None:
    """
    Return what a batch of the lines of *file* will take; ``None`` where that is not known, and nobody has to know it.

    Whoever has limits has to, and whoever says that it *is_needed*.

    Raises:
        Rejected: The file had to be read at the provider, and cannot be, or not all of its lines.
    """
    models = await _asked(call, file, deployment, is_needed=is_needed or _is_limited(call.principal))
    if models is None:
        return None
    own: dict[str, Any] = {"provider": deployment.name, "prices": deployment.prices or None}
    prices = await call.gateway.in_thread(call.gateway.client.batches.prices, **own)
    return estimated(models, prices, deployment.model_for)


async def _asked(call: Call, file: FileRow, deployment: Deployment, *, is_needed: bool) -> Mapping[str, Asked] | None:
    if file.facts:
        return asked_in(file.facts)
    if not is_needed:
        return None
    client = call.gateway.client
    options = {"prices": deployment.prices or None}
    result = await call.ask(lambda given: client.batches.estimate(file.upstream_id, given), **options)
    if result.estimate is None:
        return None
    if result.estimate.problem_count:  # its provider may read them all the same
        raise Rejected(result.estimate.problems)
    facts = facts_of(result.estimate)
    await call.gateway.in_thread(call.gateway.registry.files.set_facts, file.id, facts)
    return asked_in(facts)


def _is_limited(principal: Principal) -> bool:
    limits = (principal.max_budget, principal.rpm_limit, principal.tpm_limit)
    return bool(principal.models) or any(limit is not None for limit in limits)


async def hold(gateway: Gateway, row: BatchRow, estimate: Estimate | None) -> BatchRow:
    """
    Note *row* before the provider is asked, if the key's budget has room for it; return what is noted of its intent.

    Raises:
        OpenAIError: It has none (status 422, code ``"budget_exceeded"``).
    """
    now = gateway.clock()
    row = attrs.evolve(row, estimate=None if estimate is None else estimate.cost, next_poll_at=now + _LOOK_AFTER_S)
    noted = await gateway.in_thread(gateway.registry.batches.hold, row)
    if noted.left is not None:
        raise budget.refusal(estimate, noted.left)
    return noted.row


async def create(call: Call, row: BatchRow, order: Order, upstream_input: str) -> BatchRow:
    """
    Have the provider create the batch of *row*, which is noted; return the row with it.

    Raises:
        Rejected: The provider refused, and nothing is noted any more; or its answer was lost, and the poller finds out.
    """
    gateway, account, batches = call.gateway, call.account, call.gateway.registry.batches
    options: dict[str, Any] = {"intent": row.intent, "intent_is_new": True, "deadline": _DEADLINE_S, **order.options()}
    begin = partial(gateway.client.batches.create, upstream_input, order.endpoint_at(account))
    try:
        result = await begin(**options_of(account, **options))
        if any(error.param == "metadata" and not error.is_ambiguous for error in result.errors):
            options |= {"metadata": {}}  # the registry keeps it, and has room
            result = await begin(**options_of(account, **options))
    except (TypeError, ValueError) as error:
        await gateway.in_thread(batches.remove, row.id)
        raise OpenAIError(message=str(error), status=400, code="invalid_value") from None
    call.upstream = result.headers
    if result.batch is not None:
        return await note(gateway, row, result.batch)
    errors = result.errors
    if any(error.is_ambiguous or error.code in _IN_DOUBT for error in errors):
        log.warning("request %s: batch %s may have been created: %s", call.call_id, row.id, errors[0])
        await gateway.in_thread(batches.update, row.id, next_poll_at=gateway.clock() + _SOON_S)
        errors = tuple(attrs.evolve(error, message=_DOUBT, is_ambiguous=True) for error in errors[:1])
    else:
        await gateway.in_thread(batches.remove, row.id)
    raise of_provider(errors, call.own_ids, account.api_base)
