"""
Ids of files, batches, uploads and parts: whether an answer is about the object that was asked for.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

_PREFIX: Final = re.compile(r"\A(?:file|batch|upload|part)[-_]")
_LITELLM: Final = re.compile(r"(?:(?:file|batch)[-_])?bGl0ZWxsb")
"""An id that a gateway makes of others: base64 of ``litellm…``, which holds the provider's own id."""


def is_same_id(asked: str, told: str) -> bool:
    """
    Return whether an answer that names *told* may be about *asked*: gateways rewrite ids.

    Case, percent-encoding, the prefix of the kind and a path in front do not count; ids that a gateway encodes whole
    are not compared.
    """
    if asked == told or is_encoded_id(asked) or is_encoded_id(told):
        return True
    one, other = _plain(asked), _plain(told)
    return bool(one and other) and (one == other or one.endswith(f"/{other}") or other.endswith(f"/{one}"))


def is_encoded_id(one: str) -> bool:
    """
    Return whether a gateway made the id *one* of others, and may have rewritten the object, too.
    """
    return _LITELLM.match(one) is not None


def _plain(one: str) -> str:
    path, slash, last = unquote(unquote(one)).casefold().rpartition("/")
    return f"{path}{slash}{_PREFIX.sub('', last)}"
