"""
Bodies that are JSON, read strictly.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request

from aikit.gateway.incoming.refusals import request_refused
from aikit.gateway.incoming.slow_clients import body_of
from aikit.types.interruptions import let_through
from aikit.validation.lines import make_decoder, parsed

BODY_MAX_BYTES: Final = 1024 * 1024
_DEPTH_MAX: Final = 64
_HINT: Final = "We could not parse the JSON body of your request."


async def receive_json(request: Request, *, may_be_empty: bool = False) -> dict[str, Any]:
    """
    Return the object that is the body of *request*, at most 1 MiB of it.

    Args:
        request: The request.

        may_be_empty: Whether no body stands for an empty object.

    Raises:
        OpenAIError: It is too large or too slow; no JSON; no object; nested more than 64 deep; or has a key twice.
        ClientDisconnect: The client is gone.
    """
    body = bytearray()
    async for chunk in body_of(request, BODY_MAX_BYTES):
        body += chunk
    if may_be_empty and not body.strip():
        return {}
    try:
        value = parsed(bytes(body), _DECODER)
    except ValueError as error:
        let_through(error)
        raise request_refused(400, f"{_HINT} {error}", "invalid_json") from None
    if type(value) is not dict:
        raise request_refused(400, f"{_HINT} It must be an object in braces.", "invalid_json")
    if _is_deeper(value, _DEPTH_MAX):
        raise request_refused(400, f"{_HINT} It is nested more than {_DEPTH_MAX} deep.", "invalid_json")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"The key {twice[:100]!r} is in one object twice.")
    return found


_DECODER: Final = make_decoder(object_pairs_hook=_once)


def _is_deeper(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in {dict, list}
        ]
        if not level:
            return False
    return True
