"""
A file at an address, which a provider fetches by itself.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit

import attrs

from aikit.http.messages import Reader
from aikit.types.errors import OpenAIError

_ADDRESS: Final = re.compile(r"https?://", re.IGNORECASE)


@attrs.frozen(kw_only=True)
class URLSource:
    """
    A file at an address, from which the provider fetches it; nothing of it is read here.

    Attributes:
        url: The address; with the signature that may be in it, it is a secret.
    """

    url: str = attrs.field(repr=False)
    name: str
    size_bytes: None = None
    is_replayable: bool = True
    mime_type: None = None

    def resolved(self) -> URLSource:
        """
        Return itself.
        """
        return self

    def open(self, start: int = 0) -> Reader:  # noqa: ARG002  as of other sources
        """
        Refuse.
        """
        raise OpenAIError(message="a file at an address is not read here; fetch it first", code="unsupported")


def is_address(file: str) -> bool:
    """
    Return whether *file* begins as an address does.
    """
    return _ADDRESS.match(file) is not None


def url_source(address: str, filename: str | None) -> URLSource:
    """
    Return what is at *address*, under *filename* or the last name of its path.

    Raises:
        ValueError: *address* is not whole.
    """
    parts = urlsplit(address)
    if not parts.hostname or not (address.isascii() and address.isprintable()):
        raise ValueError("file begins like an address and is none; copy it again, whole and percent-encoded")
    return URLSource(url=address, name=filename or unquote(parts.path).rpartition("/")[2] or parts.hostname)
