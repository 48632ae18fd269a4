"""
Whom a request says that it comes from: its end user and its tags, as they are booked with what it costs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any, Final

import attrs

_USER_HEADERS: Final = ("x-litellm-end-user-id", "x-litellm-customer-id")
_TAGS_HEADER: Final = "x-litellm-tags"
_LONGEST_USER: Final = 256
_LONGEST_TAG: Final = 128
_MOST_TAGS: Final = 32
_LONGEST_LIST: Final = 8192


@attrs.frozen(kw_only=True)
class Attribution:
    """
    Whom a request says that it comes from.

    Attributes:
        user: The end user, at most 256 characters.

        tags: At most 32 different ones of at most 128 characters, in their order.
    """

    user: str | None = None
    tags: tuple[str, ...] = ()


def attribution_of(
    headers: Mapping[str, str], fields: Mapping[str, Any] | None = None, metadata: Mapping[str, Any] | None = None
) -> Attribution:
    """
    Return end user and tags of a request; what cannot be one is left out, as it must not make a request fail.

    Args:
        headers: The request's headers, by lower-case names.

        fields: Its form or its JSON body: ``user``, ``metadata`` and ``litellm_metadata`` count, which may be JSON in a
            text, and fields of forms such as ``litellm_metadata[tags]``.

        metadata: That of the key, whose ``tags`` count too.
    """
    # https://docs.litellm.ai/docs/proxy/request_tags (read 2026-11-30)
    fields = fields or {}
    users = (fields.get("user"), *(headers.get(name) for name in _USER_HEADERS))
    user = next((text for text in (_clean(value, _LONGEST_USER) for value in users) if text), None)
    given = (_object(fields.get(name)).get("tags") for name in ("metadata", "litellm_metadata"))
    forms = (fields.get(f"{name}[tags]{end}") for name in ("metadata", "litellm_metadata") for end in ("", "[]"))
    sources = (*given, *forms, fields.get("tags"), headers.get(_TAGS_HEADER), (metadata or {}).get("tags"))
    tags = (_clean(tag, _LONGEST_TAG) for source in sources for tag in _listed(source))
    return Attribution(user=user, tags=tuple(islice(dict.fromkeys(tag for tag in tags if tag), _MOST_TAGS)))


def without_tags(metadata: Any) -> Any:
    """
    Return a batch's metadata without a list of tags, which no provider takes there; a text of tags stays.
    """
    if isinstance(metadata, Mapping) and isinstance(metadata.get("tags"), list):
        return {name: value for name, value in metadata.items() if name != "tags"}
    return metadata


def _object(value: Any) -> Mapping[str, Any]:
    value = _decoded(value, "{") if isinstance(value, str) else value
    return value if isinstance(value, Mapping) else {}


def _listed(value: Any) -> Iterator[Any]:
    """
    Yield the tags of a list, of a list as JSON, or of a text with commas, as headers and metadata of batches have it.
    """
    if isinstance(value, str):
        decoded = _decoded(value, "[")
        value = decoded if isinstance(decoded, list) else value[:_LONGEST_LIST].split(",")
    if isinstance(value, Iterable) and not isinstance(value, Mapping | bytes):
        yield from islice(value, _MOST_TAGS)


def _decoded(text: str, start: str) -> Any:
    if text[:1] == start and len(text) <= _LONGEST_LIST:
        with suppress(ValueError, RecursionError):
            return json.loads(text)
    return None


def _clean(value: Any, longest: int) -> str:
    """
    Return a text without what cannot be printed and without spaces around it; of anything else, nothing.
    """
    if not isinstance(value, str):
        return ""
    return "".join(mark for mark in value[: 2 * longest] if mark.isprintable()).strip()[:longest].strip()
