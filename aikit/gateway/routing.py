"""
Addresses: one table, and the spellings in which each of its addresses is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

import attrs

from aikit.gateway.call import Route
from aikit.gateway.outgoing.errors import shown
from aikit.types.errors import OpenAIError

_MAX_SEGMENTS: Final = 8
_OPENAI: Final = "openai"
_VERSION: Final = "v1"


@attrs.frozen
class Endpoint:
    """
    A method of an address, and the function that answers it.

    Attributes:
        template: Below the spelling's prefix, such as ``/files/{file_id}``.

        is_open: Whether no key is needed.

        is_own: Whether it is of the gateway and of no provider: taken as it stands only, and nothing names an account.
    """

    method: str
    template: str
    route: Route
    is_open: bool = False
    is_own: bool = False


@attrs.frozen
class Found:
    """
    The endpoint of a request.

    Attributes:
        ids: Parts of the address, by their names in the template.

        provider: The provider that the path names.
    """

    endpoint: Endpoint
    ids: Mapping[str, str]
    provider: str | None = None


@attrs.define
class _Node:
    """
    What follows after some segments of an address.
    """

    children: dict[str, _Node] = attrs.field(factory=dict)
    wild: _Node | None = None
    name: str = ""
    methods: dict[str, Endpoint] = attrs.field(factory=dict)


@attrs.define(eq=False)
class RouteTable:
    """
    All endpoints, found by method and path in any spelling.
    """

    # /v1/…, /…, /{provider}/v1/… as LiteLLM's proxy; /openai/…?api-version= and /openai/v1/… as Azure's SDKs call

    _root: _Node = attrs.field(factory=_Node)

    @classmethod
    def of(cls, endpoints: Iterable[Endpoint]) -> RouteTable:
        """
        Return the table of *endpoints*.
        """
        table = cls()
        for endpoint in endpoints:
            node = table._root
            for segment in endpoint.template.strip("/").split("/"):
                node = _below(node, segment)
            node.methods[endpoint.method] = endpoint
        return table

    def find(self, method: str, raw_path: bytes, *, is_azure: bool = False) -> Found:
        """
        Return the endpoint of a request.

        Args:
            method: In upper case.

            raw_path: As it came, without the query; each segment is decoded once.

            is_azure: Whether an SDK of Azure's sent it, for which ``/openai`` is no provider's name.

        Raises:
            OpenAIError: No such address (404), or another method (405).
        """
        segments = _segments(raw_path)
        rest, provider = _without_prefix(segments)
        node, ids = self._walk(rest)
        if node is None or not node.methods or (rest is not segments and _is_own(node)):
            raise _unknown(method, raw_path)
        endpoint = node.methods.get(method)
        if endpoint is None and method == "HEAD":
            endpoint = next((each for each in node.methods.values() if each.is_open and each.method == "GET"), None)
        if endpoint is None:
            raise _not_allowed(method, node)
        return Found(endpoint, ids, None if is_azure and provider == _OPENAI else provider)

    def _walk(self, segments: list[str]) -> tuple[_Node | None, dict[str, str]]:
        node, ids = self._root, dict[str, str]()
        for segment in segments:
            following = node.children.get(segment)
            if following is None:
                following = node.wild
                if following is None or not segment:
                    return None, ids
                ids[following.name] = segment
            node = following
        return node, ids


def address_of(raw_path: bytes) -> str:
    """
    Return the address of *raw_path* as templates have it, without the prefix of its spelling.
    """
    return "/" + "/".join(_without_prefix(_segments(raw_path))[0])


def _below(node: _Node, segment: str) -> _Node:
    if not segment.startswith("{"):
        return node.children.setdefault(segment, _Node())
    node.wild = node.wild or _Node(name=segment[1:-1])
    return node.wild


def _segments(raw_path: bytes) -> list[str]:
    parts = raw_path.split(b"/", _MAX_SEGMENTS)[1:]
    if len(parts) > 1 and not parts[-1]:
        parts.pop()  # with and without the slash at the end
    return [_decoded(part) for part in parts]


def _decoded(segment: bytes) -> str:
    return (unquote_to_bytes(segment) if b"%" in segment else segment).decode("utf-8", "replace")


def _without_prefix(segments: list[str]) -> tuple[list[str], str | None]:
    """
    Return *segments* without the spelling's prefix, and the provider that it names.
    """
    match segments:
        case [first, *rest] if first == _VERSION:
            return rest, None
        case [provider, second, *rest] if second == _VERSION and provider:
            return rest, provider
        case [first, *rest] if first == _OPENAI:
            return rest, None
    return segments, None


def _is_own(node: _Node) -> bool:
    return any(endpoint.is_own for endpoint in node.methods.values())


def _unknown(method: str, raw_path: bytes) -> OpenAIError:
    path = shown(raw_path.decode("utf-8", "replace"))
    return OpenAIError(
        message=f"Invalid URL ({method} {path}): the gateway serves files, uploads, batches and models.",
        status=404,
        code="unknown_url",
    )


def _not_allowed(method: str, node: _Node) -> OpenAIError:
    allowed = ", ".join(sorted(node.methods))
    return OpenAIError(
        message=f"Not allowed to {method} on this address; it takes {allowed}.",
        status=405,
        code="method_not_supported",
        headers={"allow": allowed},
    )
