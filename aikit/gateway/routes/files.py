"""
Files: uploaded through the spool, and known by the gateway's own ids afterwards.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import attrs
from starlette.responses import Response

from aikit.gateway.attribution import attribution_of
from aikit.gateway.call import Call
from aikit.gateway.choice import require_models, require_purpose
from aikit.gateway.ids import new_id
from aikit.gateway.incoming.files import receive_file
from aikit.gateway.incoming.forms import single
from aikit.gateway.incoming.line_check import FileRules
from aikit.gateway.incoming.line_facts import LineFacts
from aikit.gateway.limits import own_or, refusal
from aikit.gateway.outgoing.content import content_answer, disposition
from aikit.gateway.outgoing.errors import no_such
from aikit.gateway.outgoing.objects import deleted_object, file_object, json_answer, list_object
from aikit.gateway.registry.columns import cleaned_text
from aikit.gateway.registry.errors import UnknownCursorError
from aikit.gateway.registry.rows import FileRow
from aikit.gateway.routing import Endpoint
from aikit.providers.local.api.file_rules import parse_list_query
from aikit.resources.files.stream import OpenAIFileStreamResult
from aikit.types.errors import OpenAIError, Rejected
from aikit.types.files import OpenAIFile
from aikit.types.ids import may_name

log: Final = logging.getLogger("aikit.gateway")

_OF_ROUTING: Final = frozenset(
    ("custom_llm_provider", "provider", "model", "target_model_names", "target_model_names[]", "api-version")
)
_EXPIRY: Final = "expires_after"
_DAY_S: Final = 86_400


async def create_file(call: Call) -> Response:
    """
    Take a file, and send it on when it is whole and good.
    """
    # https://developers.openai.com/api/reference/resources/files/methods/create (read 2026-11-21)
    gateway = call.gateway
    spooled = await receive_file(call.request, gateway.spool, gateway.settings, partial(_rules, call))
    with spooled:
        deployment = call.choose(spooled.fields)
        purpose = single(spooled.fields, "purpose") or ""
        if spooled.facts is not None:
            require_models(call.principal, spooled.facts.models, deployment)
            await count_batch_file(call)
        sent = partial(gateway.client.files.create, spooled.source, purpose)
        result = await call.ask(sent, filename=spooled.filename, expires_after=_expiry(spooled.fields))
    told = attribution_of(call.request.headers, spooled.fields, call.principal.metadata)
    keep = partial(keep_file, user=told.user, tags=told.tags, facts=spooled.facts)
    row = await keep(call, result.file, spooled.size_bytes)
    return json_answer(file_object(row.id, row.body))


async def _take_back(call: Call, file: OpenAIFile) -> None:
    """
    Delete at its provider what could not be noted: the caller is told that there is no file, and sends it again.
    """
    deleted = await call.gateway.client.files.delete(file.id, {"provider": call.account.name, "background": True})
    if deleted.errors:
        log.warning("request %s: file %s stays at %s: %s", call.call_id, file.id, call.account.name, deleted.errors[0])


async def keep_file(
    call: Call,
    file: OpenAIFile | None,
    size_bytes: int,
    *,
    user: str | None,
    tags: tuple[str, ...],
    facts: LineFacts | None = None,
) -> FileRow:
    """
    Put a new file of the chosen account into the registry, and return its row; what does not get there is deleted.

    Args:
        call: The request.

        file: As the provider tells it.

        size_bytes: Where the provider does not tell it yet.

        user: For whom it was made.

        tags: By which its costs are summed.

        facts: What its lines ask for.
    """
    if file is None:
        raise RuntimeError("a call without errors has a file")
    file = attrs.evolve(file, bytes=size_bytes) if file.bytes is None else file
    row = FileRow(
        id=new_id("file-"),
        deployment=call.account.name,
        upstream_id=file.id,
        owner=call.principal.token,
        purpose=cleaned_text(file.purpose) or "",  # it is stored there, whatever its provider calls it
        filename=cleaned_text(file.filename) or "",
        size_bytes=file.bytes or size_bytes,
        created_at=file.created_at,
        facts=facts.to_json() if facts is not None else None,
        user=user,
        tags=tags,
        body=file.to_wire(),
    )
    try:
        return await call.gateway.in_thread(call.gateway.registry.files.add, row)
    except Exception:
        await _take_back(call, file)
        raise


async def list_files(call: Call) -> Response:
    """
    Answer with a page of the caller's files, of all accounts unless some are named.
    """
    # https://developers.openai.com/api/reference/resources/files/methods/list (read 2026-11-21)
    query = call.request.query_params
    wanted = parse_list_query({name: value for name, value in query.items() if name not in _OF_ROUTING})
    read = partial(
        call.gateway.registry.files.page,
        call.principal,
        after=wanted.after,
        limit=wanted.limit,
        order="desc" if wanted.newest_first else "asc",
        purpose=wanted.purpose,
        deployments=call.names,
    )
    try:
        page = await call.gateway.look(read)
    except UnknownCursorError:
        raise no_such("File", wanted.after or "", "after") from None
    return json_answer(list_object((file_object(row.id, row.body) for row in page.rows), has_more=page.has_more))


async def retrieve_file(call: Call) -> Response:
    """
    Answer with the file as its provider sees it now.
    """
    # https://developers.openai.com/api/reference/resources/files/methods/retrieve (read 2026-11-21)
    row = await find_file(call)
    with _gone(row):
        result = await call.ask(partial(call.gateway.client.files.retrieve, row.upstream_id))
    body: Mapping[str, Any] = result.file.to_wire() if result.file is not None else {}
    body = {**body, "bytes": row.size_bytes} if body.get("bytes") is None and row.body else body
    if row.role != "input":  # the provider names it after its own id of the batch
        body = {**body, "filename": row.filename}
    if row.body and row.body != body:
        await call.gateway.in_thread(call.gateway.registry.files.set_body, row.id, body)
    return json_answer(file_object(row.id, body))


async def file_content(call: Call) -> Response:
    """
    Answer with the content, as it comes from the provider.
    """
    # https://developers.openai.com/api/reference/resources/files/methods/content (read 2026-11-21)
    gateway, request = call.gateway, call.request
    row = await find_file(call)
    gateway.limits.download(call.principal, gateway.settings.max_file_downloads_per_minute, row.id)

    def begin(start: int, end: int | None) -> Awaitable[OpenAIFileStreamResult]:
        return call.ask(partial(gateway.client.files.stream, row.upstream_id), start=start, end=end)

    with _gone(row):
        answer = await content_answer(
            request.headers, begin, file_id=row.id, filename=row.filename, is_head=request.method == "HEAD"
        )
    if row.role != "input":  # the provider names it after its own id of the batch
        answer.headers["content-disposition"] = disposition(None, row.filename)
    return answer


async def delete_file(call: Call) -> Response:
    """
    Delete a file at its provider, and forget it.
    """
    # https://developers.openai.com/api/reference/resources/files/methods/delete (read 2026-11-21)
    row = await find_file(call)
    await _require_booked(call, row)
    try:
        with _gone(row):
            await call.ask(partial(call.gateway.client.files.delete, row.upstream_id))
    except OpenAIError:  # it is gone there, too
        await call.gateway.in_thread(call.gateway.registry.files.remove, row.id)
        raise
    await call.gateway.in_thread(call.gateway.registry.files.remove, row.id)
    return json_answer(deleted_object(row.id))


async def find_file(
    call: Call, file_id: str | None = None, param: str = "id", fields: Mapping[str, Any] | None = None
) -> FileRow:
    """
    Return the row of a file that the caller may see, with its account chosen.

    The master key may also name a file as its provider does; such a row has no *body*, and the registry none of it.

    Args:
        call: The request.

        file_id: That of the address unless told.

        param: Where it stood.

        fields: Of the JSON body.

    Raises:
        OpenAIError: There is no such file, or it is another key's.
    """
    wanted = call.ids["file_id"] if file_id is None else file_id
    files = call.gateway.registry.files
    row = files.cached(wanted, call.principal) or await call.gateway.look(files.get, wanted, call.principal)
    if row is not None:
        call.choose(row=row)
        return row
    if not call.principal.is_admin or not may_name("file", wanted):
        raise no_such("File", wanted, param)
    return FileRow(
        id=wanted,
        deployment=call.choose(fields).name,
        upstream_id=wanted,
        owner=None,
        purpose="",
        filename="",
        size_bytes=0,
        created_at=0,
    )


def _rules(call: Call, fields: Mapping[str, Any]) -> FileRules:
    """
    Return what a file must obey where *fields* send it, and refuse what the caller may not.
    """
    call.choose(fields)
    require_purpose(call.principal, single(fields, "purpose") or "")
    return rules_of(call)


def rules_of(call: Call) -> FileRules:
    """
    Return what a file must obey at the account that was chosen.
    """
    deployment = call.account
    provider = call.gateway.provider(deployment)
    most, source = records_max(call)
    return FileRules(
        limits=provider.limits,
        line_rules=provider.line_rules,
        deployment=deployment,
        max_records=most,
        max_records_source=source,
    )


def records_max(call: Call) -> tuple[int | None, str]:
    """
    Return how many lines a batch file of the caller may have, ``None`` for any number; and where that is set.
    """
    name = "max_batch_file_records"
    return own_or(call.principal, name, call.gateway.settings.max_batch_file_records)


async def count_batch_file(call: Call) -> None:
    """
    Count a file for a batch among the key's uploads of the day.

    Raises:
        OpenAIError: There were as many as the key may upload; status 429.
    """
    gateway, now = call.gateway, call.gateway.clock()
    name = "max_batch_file_uploads_per_day"
    limit, source = own_or(call.principal, name, gateway.settings.max_batch_file_uploads_per_day)
    if call.principal.token is None or limit is None:
        return
    day = int(now // _DAY_S)
    add = partial(gateway.registry.counts.add, "batch_file_uploads", call.principal.token, day, limit=limit)
    if await gateway.in_thread(add) is None:
        # https://docs.litellm.ai/docs/batches (read 2026-11-30)
        wait_s = int((day + 1) * _DAY_S - now) + 1
        held = f"{name} is {limit} for this key (set {source})"
        advice = f"The count resets at 00:00 UTC, in {wait_s} seconds."
        what = "Batch file upload limit reached, the file was not forwarded to the provider"
        raise refusal(f"{what}: {held}", wait_s, advice=advice)


def _expiry(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    """
    Return *expires_after* of a form.
    """
    told = {name: single(fields, f"{_EXPIRY}[{name}]") for name in ("anchor", "seconds")}
    given: dict[str, Any] = {name: text for name, text in told.items() if text is not None}
    seconds = given.get("seconds", "")
    if seconds.isascii() and seconds.isdigit() and len(seconds) < 16:
        given["seconds"] = int(seconds)
    return given or None


async def _require_booked(call: Call, row: FileRow) -> None:
    """
    Refuse to delete what a batch made before it is known what the batch cost.
    """
    if row.batch_id is None or row.role == "input":
        return
    batches = call.gateway.registry.batches
    batch = await call.gateway.look(batches.get, row.batch_id, call.principal)
    if batch is not None and not batch.is_booked:
        message = f"{row.id} is still read to know what {row.batch_id} cost; try again in a minute."
        raise OpenAIError(message=message, status=409, code="in_use", param="id")


@contextmanager
def _gone(row: FileRow) -> Iterator[None]:
    """
    Tell that a provider does not have the file any more like that it never had it.
    """
    try:
        yield
    except Rejected as error:
        if error.errors[0].status == 404:
            raise no_such("File", row.id) from None
        raise


ENDPOINTS: Final = (
    Endpoint("POST", "/files", create_file),
    Endpoint("GET", "/files", list_files),
    Endpoint("GET", "/files/{file_id}", retrieve_file),
    Endpoint("GET", "/files/{file_id}/content", file_content),
    Endpoint("HEAD", "/files/{file_id}/content", file_content),
    Endpoint("DELETE", "/files/{file_id}", delete_file),
)
