"""
Whose files are meant: where they are, and who asks for them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from aikit.headers import Headers

if TYPE_CHECKING:
    from aikit.providers import Provider

_WHO: Final = ("authorization", "api-key", "openai-organization", "openai-project")
_DIGITS: Final = 16


def account_key(provider: Provider, extra_headers: Mapping[str, str] | None = None) -> str:
    """
    Return what is the same for all calls that see the same files; no secret is in it.

    Args:
        provider: Its address counts, and the key, organization and project that it asks with.

        extra_headers: Of the call, which win.
    """
    if provider.kind == "local":
        return f"local {getattr(provider, 'home', provider.base_url)}"
    headers = Headers(getattr(provider, "headers", {})).merged(extra_headers)
    who = "\n".join(f"{name}: {headers.get(name, '')}" for name in _WHO)
    return f"{provider.base_url} {hashlib.sha256(who.encode()).hexdigest()[:_DIGITS]}"
