"""
Batches: create, retrieve, list and cancel, at every provider, under the gateway's own ids.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

import attrs
from starlette.responses import Response

from aikit.gateway.attribution import attribution_of
from aikit.gateway.call import Call
from aikit.gateway.choice import require_models
from aikit.gateway.ids import new_id
from aikit.gateway.incoming.json_body import receive_json
from aikit.gateway.incoming.refusals import too_many_records
from aikit.gateway.money.creating import create, estimate_for, hold, intent_for, require_same
from aikit.gateway.money.watching import note
from aikit.gateway.outgoing.batch_objects import batch_object, body_of
from aikit.gateway.outgoing.errors import no_such
from aikit.gateway.outgoing.objects import json_answer, list_object
from aikit.gateway.registry.batches import ENDED
from aikit.gateway.registry.errors import UnknownCursorError
from aikit.gateway.registry.rows import BatchRow, FileRow
from aikit.gateway.routes.batch_orders import Order, order_in, page_in
from aikit.gateway.routes.files import find_file, records_max
from aikit.gateway.routing import Endpoint
from aikit.resources.batches.results import OpenAIBatchResult
from aikit.types.errors import OpenAIError, Rejected
from aikit.types.ids import may_name

_VALIDATING: Final = "validating"


async def create_batch(call: Call) -> Response:
    """
    Create a batch of an uploaded file, once, unless it may cost more than the key has left.
    """
    fields = await receive_json(call.request)
    order = order_in(fields)
    file = await _input(call, order.input_file_id, fields)
    deployment = call.choose(fields, file)
    most, source = records_max(call)
    estimate = await estimate_for(call, file, deployment, is_needed=most is not None)
    require_models(call.principal, () if estimate is None else estimate.models, deployment)
    if most is not None and estimate is not None and estimate.requests > most:  # a file in parts is counted here only
        raise too_many_records(most, source, "Nothing was created.", "input_file_id")
    give_back = call.gateway.limits.batch(
        call.principal,
        requests=0 if estimate is None else estimate.requests,
        tokens=0 if estimate is None else estimate.input_tokens,
    )
    try:
        row = _row(call, fields, order, file)
        held = await hold(call.gateway, row, estimate)
        if held.id == row.id:
            row = await _created(call, order, file, held)
        else:
            require_same(held, order)
            give_back()
            row = held
    except BaseException:
        give_back()
        raise
    return json_answer(batch_object(row))


async def _created(call: Call, order: Order, file: FileRow, row: BatchRow) -> BatchRow:
    creating = asyncio.ensure_future(create(call, row, order, file.upstream_id))
    call.gateway.poller.keep(creating)  # whoever asked may be gone before it is over
    return await asyncio.shield(creating)


async def retrieve_batch(call: Call) -> Response:
    """
    Answer with a batch as its provider tells it now; one that is over and booked is known here.
    """
    row = await _own_batch(call)
    if row is None:
        return await _answer_of_provider(call, call.gateway.client.batches.retrieve)
    if not row.is_booked:
        call.choose(row=row)
        row = await _asked(call, row, call.gateway.client.batches.retrieve)
        if row.status in ENDED:
            row = await call.gateway.poller.booked(row)
    return _answer(call, row)


async def list_batches(call: Call) -> Response:
    """
    Answer with a page of the key's batches, the newest first, of all accounts unless some are named.
    """
    wanted = page_in(call.request.query_params)
    batches = call.gateway.registry.batches
    try:
        page = await call.gateway.look(
            batches.page, call.principal, after=wanted.after, limit=wanted.limit, deployments=call.names
        )
    except UnknownCursorError:
        raise no_such("Batch", wanted.after or "", "after") from None
    await call.gateway.poller.hurry([row.id for row in page.rows if row.status not in ENDED])
    return json_answer(list_object(map(batch_object, page.rows), has_more=page.has_more))


async def cancel_batch(call: Call) -> Response:
    """
    Ask the provider to stop working on a batch; what is done by then stays its owner's.
    """
    row = await _own_batch(call)
    if row is None:
        return await _answer_of_provider(call, call.gateway.client.batches.cancel)
    if row.status not in ENDED:
        call.choose(row=row)
        row = await _asked(call, row, call.gateway.client.batches.cancel)
        await call.gateway.poller.hurry([row.id])
    elif row.status != "cancelled":
        message = f"Cannot cancel a batch with status '{row.status}'."
        raise OpenAIError(message=message, status=409, type="invalid_request_error")
    return _answer(call, row)


async def _input(call: Call, file_id: str, fields: dict[str, Any]) -> FileRow:
    """
    Return the row of a batch's input, also of one that the master key names as its provider does, if it is there.
    """
    file = await find_file(call, file_id, "input_file_id", fields)
    if not file.body:
        try:
            await call.ask(partial(call.gateway.client.files.retrieve, file.upstream_id))
        except Rejected as error:
            if error.errors[0].status == 404:
                raise no_such("File", file_id, "input_file_id") from None
            raise
    return file


async def _own_batch(call: Call) -> BatchRow | None:
    """
    Return the row of the batch of the address; ``None`` for one that the master key may name as its provider does.
    """
    batch_id = call.ids["batch_id"]
    row = await call.gateway.look(call.gateway.registry.batches.get, batch_id, call.principal)
    if row is None and call.principal.is_admin and may_name("batch", batch_id):
        return None
    if row is None or row.upstream_id is None:
        raise no_such("Batch", batch_id)
    with suppress(KeyError):  # headers and logs tell it, and a batch that is over is read without it, too
        call.deployment = call.gateway.settings.deployment(row.deployment)
    return row


async def _answer_of_provider(call: Call, ask: Callable[..., OpenAIBatchResult]) -> Response:
    """
    Answer about a batch that the registry does not know, with the provider's own ids.
    """
    batch_id, deployment = call.ids["batch_id"], call.choose()
    try:
        result = await call.ask(partial(ask, batch_id))
    except Rejected as error:
        if error.errors[0].status == 404:
            raise no_such("Batch", batch_id) from None
        raise
    if result.batch is None:
        raise no_such("Batch", batch_id)
    names = ("id", "input_file_id", "output_file_id", "error_file_id", "endpoint", "created_at", "status")
    told = {name: getattr(result.batch, name) for name in names}
    row = BatchRow(deployment=deployment.name, upstream_id=batch_id, owner=None, **told)
    return _answer(call, attrs.evolve(row, body=body_of(result.batch, row) | {"metadata": result.batch.metadata}))


async def _asked(call: Call, row: BatchRow, ask: Callable[..., OpenAIBatchResult]) -> BatchRow:
    result = await call.ask(partial(ask, row.upstream_id))
    return row if result.batch is None else await note(call.gateway, row, result.batch)


def _row(call: Call, fields: dict[str, Any], order: Order, file: FileRow) -> BatchRow:
    said = attribution_of(call.request.headers, fields, call.principal.metadata)
    return BatchRow(
        id=new_id("batch_"),
        deployment=file.deployment,
        upstream_id=None,
        owner=call.principal.token,
        input_file_id=file.id,
        endpoint=order.endpoint,
        created_at=int(call.gateway.clock()),
        status=_VALIDATING,
        body={"metadata": order.metadata},
        facts=file.facts,
        intent=intent_for(call),
        user=said.user or file.user,
        tags=said.tags or file.tags,
    )


def _answer(call: Call, row: BatchRow) -> Response:
    call.cost = None if row.cost is None else float(row.cost)
    return json_answer(batch_object(row))


ENDPOINTS: Final = (
    Endpoint("POST", "/batches", create_batch),
    Endpoint("GET", "/batches", list_batches),
    Endpoint("GET", "/batches/{batch_id}", retrieve_batch),
    Endpoint("POST", "/batches/{batch_id}/cancel", cancel_batch),
)
