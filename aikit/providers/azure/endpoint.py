"""
The address of a resource: its two surfaces, and what people write for either.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import attrs

_DATED: Final = re.compile(r"20\d\d-\d\d-\d\d(-preview)?")
_PREVIEW: Final = "preview"
_PLAIN: Final = ("v1", "latest")
_BELOW: Final = frozenset(
    (
        *("v1", "deployments", "files", "batches", "uploads", "models"),
        *("responses", "chat", "completions", "embeddings"),
    )
)
"""What follows ``/openai`` in addresses that are copied from the portal, or from an example."""


@attrs.frozen
class Endpoint:
    """
    Where a resource answers.

    Attributes:
        resource: Its address, which both surfaces have in common.

        is_dated: Whether it is the surface with a dated ``api-version``; otherwise it is ``/openai/v1``.

        query: Goes with every request: ``api-version``, and what else the address had.
    """

    # https://learn.microsoft.com/azure/ai-services/openai/api-version-lifecycle (read 2026-11-21)

    resource: str
    is_dated: bool
    query: str = attrs.field(default="", repr=False)

    @classmethod
    def of(cls, address: str, api_version: str | None) -> Endpoint:
        """
        Return what *address* means, which may have a surface, an operation or an ``api-version`` in it.

        Args:
            address: What it says of surface and version counts.

            api_version: A date, ``"v1"`` or ``"preview"``; without any, it is v1.

        Raises:
            ValueError: The version is none, or is not one of the surface that the address names.
        """
        parts = urlsplit(address)
        path, below = _split(parts.path)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        said = next((value for name, value in pairs if name.lower() == "api-version"), None)
        version = (said or api_version or _PLAIN[0]).strip().lower()
        is_dated = _DATED.fullmatch(version) is not None
        if not is_dated and version not in {*_PLAIN, _PREVIEW}:
            raise ValueError(f"api_version {version!r} is not one of v1, preview, or a date such as 2024-10-21")
        if is_dated and below == _PLAIN[0]:
            if said:
                raise ValueError(f"api-version {said!r} is none of /openai/v1; leave it out, or leave out /v1")
            is_dated = False  # the address is the newer of the two: the version was for the other surface
        named = [("api-version", version)] if is_dated or version == _PREVIEW else []
        others = [(name, value) for name, value in pairs if name.lower() != "api-version"]
        resource = urlunsplit((parts.scheme, parts.netloc, path, "", ""))
        return cls(resource, is_dated, urlencode(named + others))

    @property
    def base_url(self) -> str:
        """Address of the surface, without a slash at its end."""
        return self.resource + ("/openai" if self.is_dated else "/openai/v1")

    def url(self, path: str) -> str:
        """
        Return the address of *path*, which may have a query.
        """
        joint = "&" if "?" in path else "?"
        return f"{self.base_url}{path}{joint}{self.query}" if self.query else self.base_url + path


def _split(path: str) -> tuple[str, str]:
    """
    Return what of *path* is before ``/openai``, and what follows it at once.
    """
    segments = path.rstrip("/").split("/")
    for place in range(1, len(segments)):
        below = segments[place + 1].lower() if place + 1 < len(segments) else ""
        if segments[place].lower() == "openai" and (not below or below in _BELOW):
            return "/".join(segments[:place]), below
    return "/".join(segments), ""
