"""
Sessions that uploads go to: chunks of a source, and whether an address is the provider's.
"""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlsplit

import attrs

from aikit.http.messages import Reader
from aikit.providers.addresses import origin


class Opened(Protocol):
    """
    What can be read from its first byte, again for each attempt.
    """

    def open(self) -> Reader:
        """Start from its first byte."""
        ...


@attrs.frozen
class Chunk:
    """
    The rest of a chunk, or all of a source that cannot be cut; its progress is that of the whole chunk.

    Attributes:
        size_bytes: ``None`` when only reading would tell, as of `payload_bytes`.

        payload_bytes: Size of the chunk: what is less in `size_bytes` has arrived before.
    """

    source: Opened
    content_type: str
    size_bytes: int | None
    payload_bytes: int | None
    is_replayable: bool = True

    def open(self) -> Reader:
        """
        Start from its first byte.
        """
        return self.source.open()


def is_at(root: str, url: str) -> bool:
    """
    Return whether *url*, which an answer named, is an address of the server at *root*.
    """
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and "@" not in parts.netloc and origin(url) == origin(root)
    except ValueError:
        return False
