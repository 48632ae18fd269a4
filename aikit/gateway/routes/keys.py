"""
Keys by HTTP, as LiteLLM's ``/key/…`` takes and answers them: for the master key, and for a key what it is itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.responses import Response

from aikit.gateway.call import Call
from aikit.gateway.incoming.json_body import receive_json
from aikit.gateway.key_fields import KeyFieldsError, key_object, read_fields, read_key
from aikit.gateway.outgoing.errors import shown
from aikit.gateway.outgoing.objects import json_answer
from aikit.gateway.queries import whole_of
from aikit.gateway.registry.errors import DuplicateError
from aikit.gateway.registry.keys import hash_of, masked
from aikit.gateway.registry.rows import KeyRow
from aikit.gateway.routing import Endpoint
from aikit.gateway.who import is_same, require_admin, without_keys
from aikit.types.errors import OpenAIError, Rejected

_MOST_DELETED: Final = 500
_MOST_LISTED: Final = 100
_OF_REQUESTS: Final = ("key", "new_key")

# https://docs.litellm.ai/docs/proxy/virtual_keys (read 2026-11-30)


async def generate(call: Call) -> Response:
    """
    Make a key, and show it this once.
    """
    fields = await _body(call)
    key = _readable(lambda: read_key(fields.pop("key", None)))
    _require_new(call, key)
    changes = _readable(lambda: read_fields(fields, now=call.gateway.clock()))
    row = KeyRow(token=hash_of(key), hash=hash_of(key), key_name=masked(key), **changes)
    row = await _checked(call, call.gateway.registry.keys.add, row)
    return json_answer(_with_key(row, key))


async def update(call: Call) -> Response:
    """
    Change what a request names of a key.
    """
    fields = await _body(call)
    named = fields.pop("key", None)
    row = await _required(call, named)
    changed = await _edit(call, row, fields)
    return json_answer({**key_object(changed), "key": named})


async def regenerate(call: Call) -> Response:
    """
    Give a key another secret, and show that this once; all that the key made stays its own.
    """
    fields = await _body(call)
    row = await _required(call, call.ids.get("key") or fields.pop("key", None))
    fields.pop("key", None)
    key = _readable(lambda: read_key(fields.pop("new_key", None)))
    _require_new(call, key)
    row = await _edit(call, row, fields)
    changed = await _checked(call, call.gateway.registry.keys.regenerate, row.token, key=key)
    return json_answer(_with_key(changed or row, key))


async def block(call: Call) -> Response:
    """
    Let a key open nothing, until it is unblocked.
    """
    return await _set_blocked(call, blocked=True)


async def unblock(call: Call) -> Response:
    """
    Let a blocked key open again what it may.
    """
    return await _set_blocked(call, blocked=False)


async def _set_blocked(call: Call, *, blocked: bool) -> Response:
    fields = await _body(call)
    row = await _required(call, fields.pop("key", None))
    if fields:
        raise _problems({name: f"{shown(name)!r} is no field of this request; it takes key alone" for name in fields})
    changed = await call.gateway.in_thread(call.gateway.registry.keys.block, row.token, blocked=blocked)
    return json_answer(key_object(changed or row))


async def delete(call: Call) -> Response:
    """
    Delete keys, all that are named or none; what they made stays, for the master key to see.
    """
    fields = await _body(call)
    named = [*_listed(fields, "keys"), *_listed(fields, "key_aliases")]
    if fields or not named:
        raise _problems(dict.fromkeys([*fields][:_MOST_DELETED] or ["keys"], "name keys or key_aliases, as lists"))
    rows = [await _required(call, name) for name in named]
    for row in rows:
        await call.gateway.in_thread(call.gateway.registry.keys.remove, row.token)
    return json_answer({"deleted_keys": named})


async def info(call: Call) -> Response:
    """
    Tell all of a key but its secret; a key is told of itself only.
    """
    named = call.request.query_params.get("key")
    own = call.principal.token
    if own is None:
        row = await _required(call, named)
    else:
        found = await _found(call, own if named is None else named)
        if found is None or found.token != own:
            raise OpenAIError(message="You are not allowed to access this key's info.", status=403, type="auth_error")
        row = found
    return json_answer({"key": row.token if named is None else named, "info": key_object(row)})


async def list_keys(call: Call) -> Response:
    """
    List keys by their tokens, or as whole objects.
    """
    require_admin(call.principal, without_keys(call.request.url.path))
    query = call.request.query_params
    page = whole_of(query, "page", default=1, most=1_000_000, least=1)
    size = whole_of(query, "size", default=10, most=_MOST_LISTED, least=1)
    token = hash_of(query["key_hash"]) if query.get("key_hash", "").startswith("sk-") else query.get("key_hash")
    wanted = {"user_id": query.get("user_id"), "team_id": query.get("team_id"), "alias": query.get("key_alias")}
    rows, total = await call.gateway.look(
        call.gateway.registry.keys.listed, offset=(page - 1) * size, limit=size, token=token, **wanted
    )
    is_full = query.get("return_full_object", "").lower() in {"true", "1"}
    keys = [key_object(row) if is_full else row.token for row in rows]
    told = {"keys": keys, "total_count": total, "current_page": page, "total_pages": -(-total // size)}
    return json_answer(told)


def _with_key(row: KeyRow, key: str) -> dict[str, Any]:
    return {"key": key, "token_id": row.token, **key_object(row)}


async def _body(call: Call) -> dict[str, Any]:
    require_admin(call.principal, without_keys(call.request.url.path))
    return await receive_json(call.request, may_be_empty=True)


async def _found(call: Call, named: Any) -> KeyRow | None:
    return await call.gateway.look(call.gateway.registry.keys.find, named)


async def _required(call: Call, named: Any) -> KeyRow:
    if not isinstance(named, str) or not named:
        raise _problems({"key": "key: name a key, its hash or its alias"})
    row = await _found(call, named)
    if row is None:
        raise OpenAIError(message=f"Key not found: {_told(named)}", status=404, type="not_found_error", param="key")
    return row


def _told(named: str) -> str:
    """
    Return of what names a key what an error may repeat: of a secret nothing but its end.
    """
    return masked(named) if named.startswith("sk-") else shown(named)


def _require_new(call: Call, key: str) -> None:
    master = call.gateway.settings.master_key
    if master is not None and is_same(key, master):
        raise OpenAIError(message="key: that is the master key", status=400, param="key")


async def _edit(call: Call, row: KeyRow, fields: Mapping[str, Any]) -> KeyRow:
    def changes_of(found: KeyRow) -> Mapping[str, Any]:
        return read_fields(fields, now=call.gateway.clock(), metadata=found.metadata)

    changed: KeyRow | None = await _checked(call, call.gateway.registry.keys.edit, row.token, changes_of)
    return changed or row


async def _checked(call: Call, change: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """
    Change the registry in a thread, and tell what it refuses.
    """
    try:
        return await call.gateway.in_thread(change, *arguments, **named)
    except KeyFieldsError as error:
        raise _problems(error.problems) from None
    except DuplicateError as error:
        raise OpenAIError(message=str(error), status=400, type="bad_request_error", param="key_alias") from None


def _listed(fields: dict[str, Any], name: str) -> list[str]:
    value = fields.pop(name, None)
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > _MOST_DELETED or not all(isinstance(each, str) for each in value):
        raise _problems({name: f"{name}: must be a list of at most {_MOST_DELETED} texts"})
    return value


def _readable(read: Any) -> Any:
    try:
        return read()
    except KeyFieldsError as error:
        raise _problems(error.problems) from None


def _problems(problems: Mapping[str, str]) -> Rejected:
    return Rejected(
        [
            OpenAIError(message=text, status=400, type="bad_request_error", param=name, code="invalid_value")
            for name, text in problems.items()
        ]
    )


ENDPOINTS: Final = (
    Endpoint("POST", "/key/generate", generate, is_own=True),
    Endpoint("POST", "/key/update", update, is_own=True),
    Endpoint("POST", "/key/regenerate", regenerate, is_own=True),
    Endpoint("POST", "/key/{key}/regenerate", regenerate, is_own=True),
    Endpoint("POST", "/key/block", block, is_own=True),
    Endpoint("POST", "/key/unblock", unblock, is_own=True),
    Endpoint("POST", "/key/delete", delete, is_own=True),
    Endpoint("GET", "/key/info", info, is_own=True),
    Endpoint("GET", "/key/list", list_keys, is_own=True),
)
