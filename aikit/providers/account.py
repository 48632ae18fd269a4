"""
The account that calls use: where its costs are booked, and a key that tells it from others.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final

import attrs

from aikit.http.headers import Headers, is_secret

_OPENAIS: Final = "openai-"
"""Organization and project: headers that begin so."""


@attrs.frozen
class Account:
    """
    The account in which a batch is booked.

    Attributes:
        kind: Of the provider, ``"openai"`` or ``"local"``.

        address: Its base URL; of the embedded provider its folder.

        is_free: Whether tokens of models without a price cost nothing.
    """

    kind: str
    address: str
    is_free: bool = False


def key_of(base_url: str, headers: Headers) -> str:
    """
    Return a key that identifies the account at *base_url* that *headers* give access to, without secrets.
    """
    named = ((name.lower(), value) for name, value in headers.items())
    who = sorted((name, value) for name, value in named if is_secret(name, value) or name.startswith(_OPENAIS))
    return f"{base_url} {hashlib.sha256(json.dumps(who).encode()).hexdigest()}"


def as_text(place: object) -> str:
    """
    Return a path as text that SQLite can hold: bytes in it that are no UTF-8 are written as escapes.
    """
    return str(place).encode("utf-8", "backslashreplace").decode()
