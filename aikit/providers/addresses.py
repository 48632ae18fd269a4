"""
Base URLs: checked, written in one way, and compared.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from aikit.http.headers import redacted

OPENAI_URL: Final = "https://api.openai.com/v1"
QUOTES: Final = "\"'`“”„‘’«»"  # noqa: RUF001  those of word processors, too
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_SCHEMELESS: Final = re.compile(r"(?P<host>localhost|[a-z\d-]+(?:\.[a-z\d-]+)+)(?::\d+)?(?:/.*)?", re.IGNORECASE)
_LOOPBACK: Final = frozenset(("localhost", "127.0.0.1", "::1"))


def usable_url(base_url: str | None, *, name: str = "base_url", with_query: bool = False) -> str | None:
    """
    Return *base_url* with scheme and host in lower case, an international host as DNS has it, and no slash at its end.

    Args:
        base_url: As it was given.

        name: Of the setting, for messages.

        with_query: Whether it may have a query.

    Raises:
        ValueError: It is no http(s) address of a host, or has parts that belong elsewhere.
    """
    if base_url is None:
        return None
    if not isinstance(base_url, str):
        raise TypeError(f"{name} must be a string, not {type(base_url).__name__}")
    base_url = base_url.strip()
    try:
        parts = urlsplit(base_url)
        has_port = parts.port != 0
    except ValueError:  # brackets or a port that are none: their message would repeat a password
        parts, has_port = None, False
    shown = f"{name} {redacted(base_url)!r}"
    if "@" in base_url and (parts is None or not has_port):
        shown = f"{name} {base_url.split(':', 1)[0]!r}…"
    problem = _problem_of(base_url, parts, has_port=has_port)
    if problem or parts is None:
        raise ValueError(f"{shown} {problem}")
    if parts.username is not None or (parts.query and not with_query) or parts.fragment:
        raise ValueError(f"{shown} must have no user, query or fragment; pass the key as api_key")
    netloc = _in_ascii(shown, parts)
    return urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), parts.query, ""))


def account_address(base_url: str) -> str:
    """
    Return *base_url* as it stands for an account: this machine has one name, and no default port.

    A dot at the end of the host is left out as well.
    """
    parts = urlsplit(base_url)
    named = (parts.hostname or "").removesuffix(".")
    host = "localhost" if named in _LOOPBACK else named
    port = "" if parts.port in {None, _DEFAULT_PORTS.get(parts.scheme)} else f":{parts.port}"
    return urlunsplit((parts.scheme, (f"[{host}]" if ":" in host else host) + port, parts.path, parts.query, ""))


def origin(url: str) -> str:
    """
    Return scheme, host and port of *url*, so that two addresses of one origin have the same; this machine has one name.
    """
    scheme, _, rest = account_address(url).partition("://")
    return f"{scheme}://{rest.split('/', 1)[0].split('?', 1)[0]}"


def is_account(address: str, written: str) -> bool:
    """
    Return whether *address*, of an account, is what an event of the ledger has *written*, maybe before it was so.
    """
    return address == written or (written.startswith("http") and address == account_address(written))


def _problem_of(base_url: str, parts: SplitResult | None, *, has_port: bool) -> str | None:
    """
    Return what is wrong with the address as a whole, and how it is right.
    """
    if base_url[:1] in QUOTES and base_url:
        return "has quotes around it; give it without them"
    odd = next((char for char in base_url if char in " \\" or not char.isprintable()), None)
    if odd is not None:
        return f"has {odd!r}, which no URL has; it must start with http:// or https:// and name a host"
    if parts is None and "[" not in base_url and "]" not in base_url:
        return "has a port that is none; ports are 1 to 65535"
    if parts is None or parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return f"must start with http:// or https:// and name a host{_with_scheme(base_url)}"
    if not has_port:
        return "has a port that is none; ports are 1 to 65535"
    foreign = next((char for char in parts.path if not char.isascii()), None)
    return None if foreign is None else f"has {foreign!r} behind its host; write it as {quote(foreign)}"


def _with_scheme(base_url: str) -> str:
    """
    Return the end of a message that asks whether *base_url* is meant with a scheme, if that is what it lacks.
    """
    address = base_url.partition("?")[0]
    found = _SCHEMELESS.fullmatch(address)
    if found is None:
        return ""
    is_near = found["host"] in _LOOPBACK or not found["host"].strip("0123456789.")
    return f"; did you mean {'http' if is_near else 'https'}://{address}?"


def _in_ascii(shown: str, parts: SplitResult) -> str:
    """
    Return host and port as they go into a request.

    Raises:
        ValueError: The host is no name that DNS could have.
    """
    host = parts.hostname or ""
    if not host.isascii():
        from aikit.http.hosts import in_ascii  # noqa: PLC0415  few hosts need requests that early

        try:
            host = in_ascii(host)
        except ValueError as error:
            raise ValueError(f"{shown} names a host that DNS cannot have: {error}") from None
    if ":" in host:
        host = f"[{host}]"
    return host if parts.port is None else f"{host}:{parts.port}"
