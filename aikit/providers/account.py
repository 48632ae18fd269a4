"""
Whose files are meant: where they are, and who asks for them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from aikit.http.headers import Headers
from aikit.http.secrecy import is_secret

if TYPE_CHECKING:
    from aikit.providers import Provider

_OPENAIS: Final = "openai-"
"""Organization and project: headers that begin so."""


def account_key(provider: Provider, extra_headers: Mapping[str, str] | None = None) -> str:
    """
    Return what is the same for all calls that see the same files; no secret is in it.

    Args:
        provider: Its address counts, and the key, organization and project that it asks with.

        extra_headers: Of the call, which win.
    """
    if provider.kind == "local":
        return f"local {as_text(getattr(provider, 'home', provider.base_url))}"
    headers = Headers(getattr(provider, "headers", {})).merged(extra_headers)
    named = ((name.lower(), value) for name, value in headers.items())
    who = sorted((name, value) for name, value in named if is_secret(name, value) or name.startswith(_OPENAIS))
    return f"{provider.base_url} {hashlib.sha256(json.dumps(who).encode()).hexdigest()}"


def as_text(place: object) -> str:
    """
    Return a path as text that SQLite can hold: bytes in it that are no UTF-8 are written as escapes.
    """
    return str(place).encode("utf-8", "backslashreplace").decode()
