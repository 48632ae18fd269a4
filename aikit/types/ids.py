"""
Ids of files, batches, uploads and parts: of what kind they are, and whether an answer is about the one asked for.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from aikit.types.wire import is_id

_PREFIX: Final = re.compile(r"\A(?:file|batch|upload|part)[-_]")
_LITELLM: Final = re.compile(r"(?:(?:file|batch)[-_])?bGl0ZWxsb")
"""An id that a gateway makes of others: base64 of ``litellm…``, which holds the provider's own id."""

_OWN: Final = r"(?:[\da-f-]+|[A-Za-z\d]{24,})"
_KINDS: Final = {
    "file": re.compile(r"file-.+", re.DOTALL),
    "batch": re.compile(f"batch_{_OWN}"),
    "upload": re.compile(f"upload_{_OWN}"),
    "part": re.compile(f"part_{_OWN}"),
}
_PATH: Final = re.compile(
    r"(?:\.{1,2}|~|[A-Z]:)[\\/].*|.*\.(?:csv|gz|jsonl?|ndjson|parquet|pdf|tsv|txt|xlsx|zip)", re.IGNORECASE | re.DOTALL
)


def kind_of(one: str) -> str | None:
    """
    Return what *one* is the id of at every provider: ``"file"``, ``"batch"``, ``"upload"`` or ``"part"``.

    Most providers' ids may be of any kind, and so may those that a gateway encodes: ``None``.
    """
    if is_encoded_id(one):
        return None
    return next((kind for kind, ids in _KINDS.items() if ids.fullmatch(one)), None)


def is_path(one: str) -> bool:
    """
    Return whether *one* is a path on this machine, and at no provider an id; addresses of files may be ids.
    """
    return _PATH.fullmatch(one) is not None and "://" not in unquote(unquote(one))


def may_name(kind: str, one: str) -> bool:
    """
    Return whether *one* may be the id of an object of *kind*.
    """
    return is_id(one) and not is_path(one) and kind_of(one) in {kind, None}


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
