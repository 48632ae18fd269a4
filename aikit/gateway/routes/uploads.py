"""
Uploads: large files that come in parts, under the gateway's ids for the upload, its parts and the file it becomes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs
from starlette.responses import Response

from aikit.gateway.attribution import attribution_of
from aikit.gateway.call import Call
from aikit.gateway.choice import require_models, require_purpose
from aikit.gateway.ids import new_id
from aikit.gateway.incoming.files import Spooled, receive_file
from aikit.gateway.incoming.forms import single
from aikit.gateway.incoming.json_body import receive_json
from aikit.gateway.incoming.line_check import LineCheck, check_file
from aikit.gateway.incoming.line_facts import LineFacts
from aikit.gateway.incoming.names import check_extension
from aikit.gateway.incoming.refusals import file_too_large
from aikit.gateway.kept_uploads import LIFE_S, over
from aikit.gateway.outgoing.errors import no_such, shown
from aikit.gateway.outgoing.objects import file_object, json_answer, part_object, upload_object
from aikit.gateway.registry.rows import PartRow, UploadRow
from aikit.gateway.routes.files import count_batch_file, keep_file, rules_of
from aikit.gateway.routing import Endpoint
from aikit.gateway.settings import GatewaySettings
from aikit.http.checked_file import CheckedFile
from aikit.http.sources import source_of
from aikit.providers.local.api.uploads import parse_upload, part_ids_in
from aikit.types.errors import OpenAIError, Rejected
from aikit.types.files import OpenAIFile
from aikit.types.ids import may_name
from aikit.types.uploads import OpenAIUpload, OpenAIUploadPart
from aikit.validation import check_part

_Made = tuple[OpenAIUpload, OpenAIFile | None, LineFacts | None]
_ORDER: Final[tuple[str, ...]] = ("filename", "purpose", "bytes", "mime_type", "expires_after")
_WITHOUT_UPLOADS: Final = frozenset((404, 405, 501))  # of a server that has files and no uploads
_PART_MAX_BYTES: Final = 65 * 2**20  # of the body: SDKs send parts of 64 MiB, and the client knows what a part may have


@attrs.frozen
class _PartCaps:
    """
    The bounds of one part; those of the whole were compared when it was announced.
    """

    max_request_size_bytes: int | None
    max_file_size_bytes: int | None = None
    max_batch_file_size_bytes: int | None = None
    allowed_file_extensions: tuple[str, ...] = ()
    blocked_file_extensions: tuple[str, ...] = ()


async def create_upload(call: Call) -> Response:
    """
    Announce a file that will come in parts.
    """
    # https://developers.openai.com/api/reference/resources/uploads/methods/create (read 2026-11-21)
    gateway = call.gateway
    fields = await receive_json(call.request)
    call.choose(fields)
    asked = {name: fields[name] for name in _ORDER if name in fields}
    parse_upload(asked)
    require_purpose(call.principal, asked["purpose"])
    _require_small(gateway.settings, asked)
    if asked["purpose"] == "batch":
        await count_batch_file(call)
    upload = await _created(call, asked)
    told = attribution_of(call.request.headers, fields, call.principal.metadata)
    row = UploadRow(
        id=new_id("upload_"),
        deployment=call.account.name,
        upstream_id=upload.id,
        owner=call.principal.token,
        created_at=upload.created_at,
        body=asked,
        user=told.user,
        tags=told.tags,
    )
    if not row.upstream_id:
        await asyncio.to_thread(gateway.kept_uploads.begin, row.id)
    await gateway.in_thread(gateway.registry.uploads.add, row)
    return json_answer(upload_object(row.id, upload))


async def _created(call: Call, asked: dict[str, Any]) -> OpenAIUpload:
    """
    Announce the upload at the provider; one without an id is the gateway's own.

    It is where the provider has none, and where models in lines are renamed, since lines cross the ends of parts.
    """
    if asked["purpose"] == "batch" and rules_of(call).is_renaming:
        return _own_upload(asked, int(call.gateway.clock()), "pending")
    create = partial(call.gateway.client.uploads.create, asked["filename"], asked["purpose"], asked["bytes"])
    try:
        result = await call.ask(create, mime_type=asked["mime_type"], expires_after=asked.get("expires_after"))
    except Rejected as error:
        first = error.errors[0]
        if first.code != "unsupported" and first.status not in _WITHOUT_UPLOADS:
            raise
        return _own_upload(asked, int(call.gateway.clock()), "pending")
    if result.upload is None:
        raise RuntimeError("a call without errors has an upload")
    return result.upload


def _own_upload(asked: Mapping[str, Any], created_at: int, status: str) -> OpenAIUpload:
    told = {name: asked[name] for name in ("filename", "purpose", "bytes")}
    return OpenAIUpload(id="", created_at=created_at, expires_at=created_at + LIFE_S, status=status, **told)


async def add_part(call: Call) -> Response:
    """
    Take one part, and send it on when it is whole.
    """
    # https://developers.openai.com/api/reference/resources/uploads/subresources/parts/methods/create (read 2026-11-21)
    gateway = call.gateway
    row = await _find(call)
    most = min(gateway.settings.max_request_size_bytes or _PART_MAX_BYTES, _PART_MAX_BYTES)
    part_id = new_id("part_")
    with await receive_file(call.request, gateway.spool, _PartCaps(most), part="data") as spooled:
        part = await _sent(call, row, part_id, spooled)
    await gateway.in_thread(
        gateway.registry.uploads.add_part, PartRow(id=part_id, upload_id=row.id, upstream_id=part.id)
    )
    return json_answer(part_object(part_id, row.id, part))


async def _sent(call: Call, row: UploadRow, part_id: str, spooled: Spooled) -> OpenAIUploadPart:
    gateway = call.gateway
    if not row.upstream_id:
        if problems := check_part(source_of(spooled.path), gateway.provider(call.account).limits):
            raise Rejected(problems)
        await asyncio.to_thread(gateway.kept_uploads.add, row.id, part_id, spooled.path, row.body["bytes"])
        return OpenAIUploadPart(id=part_id, created_at=int(gateway.clock()), upload_id=row.id)
    result = await call.ask(partial(gateway.client.uploads.add_part, row.upstream_id, spooled.path))
    if result.part is None:
        raise RuntimeError("a call without errors has a part")
    return result.part


async def complete_upload(call: Call) -> Response:
    """
    Have the file made of its parts, and know it by an id of its own.
    """
    # https://developers.openai.com/api/reference/resources/uploads/methods/complete (read 2026-11-21)
    gateway = call.gateway
    row = await _find(call)
    asked = await receive_json(call.request)
    parts = await gateway.look(_parts, call, row, part_ids_in(asked))
    md5 = single(asked, "md5")
    async with (_completed if row.upstream_id else _joined)(call, row, parts, md5) as (upload, made, facts):
        file = await keep_file(call, made, upload.bytes, user=row.user, tags=row.tags, facts=facts)
        await gateway.in_thread(gateway.registry.uploads.finish, row.id, {"status": "completed", "file": file.id})
    return json_answer(upload_object(row.id, upload, file_object(file.id, file.body)))


@asynccontextmanager
async def _completed(call: Call, row: UploadRow, parts: list[str], md5: str | None) -> AsyncIterator[_Made]:
    """
    Have the provider make the file.
    """
    result = await call.ask(partial(call.gateway.client.uploads.complete, row.upstream_id, parts), md5=md5)
    if result.upload is None:
        raise RuntimeError("a call without errors has an upload")
    yield result.upload, result.file, None


@asynccontextmanager
async def _joined(call: Call, row: UploadRow, parts: list[str], md5: str | None) -> AsyncIterator[_Made]:
    """
    Make the file here, and send it as one; the parts stay if it cannot be sent or noted.
    """
    gateway, order = call.gateway, row.body
    whole = await asyncio.to_thread(gateway.kept_uploads.join, row.id, parts, order["bytes"], md5)
    try:
        async with _ready(call, whole, order["purpose"]) as (file, facts):
            create = partial(gateway.client.files.create, file, order["purpose"])
            result = await call.ask(create, filename=order["filename"], expires_after=order.get("expires_after"))
        yield _own_upload(order, row.created_at, "completed"), result.file, facts
    except BaseException:
        await asyncio.to_thread(gateway.kept_uploads.give_back, row.id)
        raise
    await asyncio.to_thread(gateway.kept_uploads.end, row.id)


@asynccontextmanager
async def _ready(call: Call, whole: Path, purpose: str) -> AsyncIterator[tuple[Path | CheckedFile, LineFacts | None]]:
    """
    Yield what is sent of a file that is *whole*, and what its lines ask for: as of one that came in one piece.

    Raises:
        OpenAIError: Its lines are refused.
    """
    if purpose != "batch":
        yield whole, None
        return
    spool, renamed = call.gateway.spool, None
    check = LineCheck(rules_of(call), spool)
    try:
        renamed = await asyncio.to_thread(check_file, check, whole)
        require_models(call.principal, check.facts.models, call.account)
        yield CheckedFile.of(whole if renamed is None else renamed.path, purpose), check.facts
    finally:
        spool.run_later(check.close)
        if renamed is not None:
            spool.run_later(renamed.remove)


async def cancel_upload(call: Call) -> Response:
    """
    Give an upload up.
    """
    # https://developers.openai.com/api/reference/resources/uploads/methods/cancel (read 2026-11-21)
    row = await _find(call)
    upload = await _cancelled(call, row)
    await call.gateway.in_thread(call.gateway.registry.uploads.finish, row.id, {"status": "cancelled"})
    return json_answer(upload_object(row.id, upload))


async def _cancelled(call: Call, row: UploadRow) -> OpenAIUpload:
    if not row.upstream_id:
        await asyncio.to_thread(call.gateway.kept_uploads.cancel, row.id)
        return _own_upload(row.body, row.created_at, "cancelled")
    result = await call.ask(partial(call.gateway.client.uploads.cancel, row.upstream_id))
    if result.upload is None:
        raise RuntimeError("a call without errors has an upload")
    return result.upload


async def _find(call: Call) -> UploadRow:
    """
    Return the upload of the address, with its account chosen; the master key may name it as its provider does.
    """
    wanted = call.ids["upload_id"]
    row = await call.gateway.look(call.gateway.registry.uploads.get, wanted, call.principal)
    if row is not None:
        call.choose(row=row)
        if row.is_finished and not row.upstream_id:
            raise over(row.id, row.body["status"])
        return row
    if not call.principal.is_admin or not may_name("upload", wanted):
        raise no_such("Upload", wanted, "upload_id")
    return UploadRow(id=wanted, deployment=call.choose().name, upstream_id=wanted, owner=None, created_at=0)


def _parts(call: Call, upload: UploadRow, part_ids: list[str]) -> list[str]:
    """
    Return the provider's ids of the parts.
    """
    found = []
    for part_id in part_ids:
        part = call.gateway.registry.uploads.part(upload.id, part_id)
        if part is None and upload.id != upload.upstream_id:
            message = f"Upload {upload.id} has no part '{shown(part_id)}'."
            raise OpenAIError(message=message, status=400, code="invalid_value", param="part_ids")
        upstream_id = part_id if part is None else part.upstream_id
        call.own_ids[upstream_id] = part_id
        found.append(upstream_id)
    return found


def _require_small(settings: GatewaySettings, asked: dict[str, Any]) -> None:
    """
    Compare what is announced with the bounds that a file in one piece has.
    """
    check_extension(asked["filename"], settings)
    is_batch = asked["purpose"] == "batch"
    for most, is_cap_of_batch in ((settings.max_file_size_bytes, False), (settings.max_batch_file_size_bytes, True)):
        if most is not None and asked["bytes"] > most and is_batch >= is_cap_of_batch:
            raise file_too_large(asked["bytes"], most, is_batch=is_cap_of_batch)


ENDPOINTS: Final = (
    Endpoint("POST", "/uploads", create_upload),
    Endpoint("POST", "/uploads/{upload_id}/parts", add_part),
    Endpoint("POST", "/uploads/{upload_id}/complete", complete_upload),
    Endpoint("POST", "/uploads/{upload_id}/cancel", cancel_upload),
)
