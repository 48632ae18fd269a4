"""
Who calls: the key of a request, and whether it is good.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from aikit.gateway.outgoing.errors import shown
from aikit.gateway.settings import GatewaySettings
from aikit.gateway.settings.keys import is_loopback
from aikit.gateway.state import Gateway
from aikit.gateway.values import Principal
from aikit.types.errors import OpenAIError

# The first that is there counts: LiteLLM's own header, OpenAI's, Azure's, and that of other SDKs.
_KEY_HEADERS: Final = (b"x-litellm-api-key", b"authorization", b"api-key", b"x-api-key")
_BEARER: Final = "bearer "
_MAX_KEY: Final = 4_096
_MASTER: Final = Principal()
_MISSING: Final = "Send a key in the header Authorization: Bearer KEY."
_WRONG: Final = "Incorrect API key provided."
_KEY_IN_PATH: Final = re.compile(r"sk(?:-|%2d)[^/]*", re.IGNORECASE)
_ANY: Final = "0.0.0.0"  # noqa: S104  as some programs call this machine


async def identify(gateway: Gateway, headers: Iterable[tuple[bytes, bytes]]) -> Principal:
    """
    Return who sends a request with *headers*.

    Without a master key, no key and an unknown one have all rights; a key that is known has its own.

    Raises:
        OpenAIError: There is no key, or it is not good; status 401. Or a page of another site sends the request to a
            gateway without keys; status 403.
    """
    master = gateway.settings.master_key
    if master is None:
        _require_local(headers, gateway.settings)
    key = presented_key(headers)
    if key is None or len(key) > _MAX_KEY:
        if master is None and key is None:
            return _MASTER
        raise _refused(
            "Send a key in the header Authorization: Bearer KEY." if key is None else _WRONG, "invalid_api_key"
        )
    if master is not None and is_same(key, master):
        return _MASTER
    row = gateway.registry.keys.cached(key)
    if row is None and not gateway.registry.keys.is_unknown(key):
        row = await gateway.look(gateway.registry.keys.by_key, key)
    if row is None and master is None:
        return _MASTER
    if row is None:
        raise _refused(_WRONG, "invalid_api_key")
    if row.blocked:
        raise _refused("The API key is blocked.", "key_blocked")
    if row.is_expired(gateway.clock()):
        raise _refused("The API key has expired.", "expired_key")
    return row.principal()


def require_admin(principal: Principal, path: str) -> None:
    """
    Refuse who does not have the master key.

    Raises:
        OpenAIError: Status 401, as LiteLLM answers.
    """
    if not principal.is_admin:
        message = "Authentication Error, Only proxy admin can be used to generate, delete, update info for new "
        raise OpenAIError(message=f"{message}keys/users/teams. Route={shown(path)}", status=401, type="auth_error")


def without_keys(path: str) -> str:
    """
    Return *path* as it may be logged: LiteLLM's clients put keys into it.
    """
    return _KEY_IN_PATH.sub("sk-***", path)


def presented_key(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """
    Return the key that *headers* hold, in whichever of the headers that SDKs send it.

    Raises:
        OpenAIError: A header is there twice, with different keys; status 400.
    """
    found: dict[bytes, str] = {}
    for name, value in headers:
        if name in _KEY_HEADERS:
            key = _without_scheme(value.decode("latin-1"))
            if key and found.setdefault(name, key) != key:
                message = f"Send one {name.decode()} header; there are several."
                raise OpenAIError(message=message, status=400, code="invalid_value")
    return next((found[name] for name in _KEY_HEADERS if name in found), None)


def is_same(key: str, expected: str) -> bool:
    """
    Compare keys in a time that tells nothing of either.
    """
    return hmac.compare_digest(sha256(key.encode()).digest(), sha256(expected.encode()).digest())


def _without_scheme(value: str) -> str:
    value = value.strip()
    return value[len(_BEARER) :].strip() if value[: len(_BEARER)].lower() == _BEARER else value


def _refused(message: str, code: str) -> OpenAIError:
    return OpenAIError(
        message=message,
        status=401,
        code=code,
        headers={"www-authenticate": "Bearer"},
    )


def _require_local(headers: Iterable[tuple[bytes, bytes]], settings: GatewaySettings) -> None:
    """
    Refuse what a page of another site sends through the browser of whoever runs a gateway without keys.
    """
    for name, value in () if settings.may_be_open else headers:
        text = value.decode("latin-1")
        if (name == b"origin" and text not in settings.cors_origins and not _is_loopback(text)) or (
            name == b"host" and not _is_loopback(f"//{text}")
        ):
            raise OpenAIError(
                message="Without a master key, the gateway takes requests of programs on this machine only; set "
                "general_settings.master_key.",
                status=403,
                code="master_key_missing",
            )


def _is_loopback(address: str) -> bool:
    try:
        host = urlsplit(address).hostname or ""
        return host == _ANY or is_loopback(host)
    except ValueError:
        return False
