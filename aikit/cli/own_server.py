"""
Servers of one's own, whose models cost nothing that a price list could say.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

from aikit.types.costs import OpenAIBatchEstimate

_INSIDE: Final = (".local", ".localhost", ".lan", ".home", ".home.arpa", ".internal", ".intranet", ".corp", ".svc")
_SOLD: Final = re.compile(
    r"(?:.*[/.])?(?:gpt-(?!oss|j|neo)|o\d\b|chatgpt|codex|text-embedding-|claude|gemini-)", re.IGNORECASE
)
"""Models that only clouds have: a server in front of those, such as a gateway, passes their bills on."""


def is_own_server(address: str, estimate: OpenAIBatchEstimate) -> bool:
    """
    Return whether the models of *estimate* run on a server of the user's own, as far as can be told.

    It stands in a private network, no price is known of any of its models, and none has the name of one that is sold.

    Args:
        address: Base URL of the server; empty where there is none.

        estimate: Of the requests.
    """
    models = [model.model for model in estimate.models]
    is_unpriced = bool(models) and set(models) == set(estimate.unpriced)
    return is_unpriced and _is_private(urlsplit(address).hostname or "") and not any(map(_SOLD.match, models))


def _is_private(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:  # a name
        name = host.removesuffix(".")
        return bool(name) and ("." not in name or name.endswith(_INSIDE))
    return address.is_private and not address.is_unspecified
