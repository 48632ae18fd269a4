"""
Labels: what a job keeps of the batch that it is.

A job has no metadata, no endpoint and no number of lines, and labels take few characters. They come back with every
answer, whichever process asks, and the list of jobs can be asked for those that have one.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b32decode, b32encode
from collections.abc import Mapping
from typing import Any, Final

import attrs

from aikit.providers.tokens import unsupported
from aikit.types.batches import INTENT_KEY, BatchOrder
from aikit.types.errors import OpenAIError
from aikit.types.wire import NOTHING, whole_number

_INTENT: Final = "aikit_batch"
_ENDPOINT: Final = "aikit_endpoint"
_LINES: Final = "aikit_lines"
_METADATA: Final = "aikit_metadata_"

# https://docs.cloud.google.com/resource-manager/docs/labels-overview (read 2026-11-30)
_LONGEST: Final = 63
_MOST: Final = 64
_MOST_CHUNKS: Final = _MOST - 3  # the others are above
_DIGEST: Final = 32
_DECODED: Final = 5
_ENCODED: Final = 8
MOST_BYTES: Final = _MOST_CHUNKS * _LONGEST // _ENCODED * _DECODED


@attrs.frozen
class JobLabels:
    """
    What the labels of a job keep.

    Attributes:
        metadata: With the intent; labels of other programs are pairs as they are.

        endpoint: Of the lines, where aikit created the job.

        lines: Of the input, likewise.

        ids: Digest of the custom_ids of these lines, likewise; empty where it is not told.
    """

    metadata: Mapping[str, str] = attrs.field(default=NOTHING, hash=False)
    endpoint: str | None = None
    lines: int | None = None
    ids: str = ""

    @classmethod
    def from_wire(cls, data: Any) -> JobLabels:
        """
        Read the labels of a job, whoever created it.
        """
        if not isinstance(data, dict):
            return cls()
        labels = {name: value for name, value in data.items() if isinstance(value, str)}
        metadata, endpoint = _decoded(labels), labels.get(_ENDPOINT)
        if metadata is None:
            return cls(labels)
        path = f"/v1/{endpoint.replace('-', '/')}" if endpoint else None
        lines, _, ids = labels.get(_LINES, "").partition("_")
        return cls(metadata, path, whole_number(lines), ids)


def labels_for(order: BatchOrder) -> dict[str, str]:
    """
    Return the labels of the job for *order*; the number of lines is added by `with_lines`.

    Raises:
        OpenAIError: Its metadata is too long for labels (codes ``"too_many_metadata"`` and ``"unsupported"``).
    """
    text = json.dumps({**order.metadata, INTENT_KEY: order.intent}, ensure_ascii=False, separators=(",", ":"))
    kept = text.encode("utf-8", "surrogatepass")
    if len(kept) > MOST_BYTES:
        raise _too_long(order, len(kept))
    encoded = b32encode(kept).decode().rstrip("=").lower()
    chunks = [encoded[start : start + _LONGEST] for start in range(0, len(encoded), _LONGEST)]
    return {
        _INTENT: _digest(order.intent),
        _ENDPOINT: order.endpoint.removeprefix("/v1/").replace("/", "-"),
        **{f"{_METADATA}{number}": chunk for number, chunk in enumerate(chunks)},
    }


def with_lines(labels: Mapping[str, str], lines: int, ids: str = "") -> dict[str, str]:
    """
    Return *labels* with the number of *lines*, which Google does not tell while a job waits, and the digest of *ids*.
    """
    return {**labels, _LINES: f"{lines}_{ids}" if ids else str(lines)}


def filter_for(intent: str) -> str:
    """
    Return the filter of a list of jobs for those of an *intent*.
    """
    return f"labels.{_INTENT}={_digest(intent)}"


def filter_for_lines(labels: Any) -> str:
    """
    Return the filter of a list of jobs for those that have the custom_ids of the job with these *labels*.
    """
    told = labels.get(_LINES) if isinstance(labels, dict) else None
    return f'labels.{_LINES}="{told if isinstance(told, str) else ""}"'


def _digest(intent: str) -> str:
    """
    Return a word for *intent*: a filter takes it without quotation marks, and not for a number.
    """
    return f"i{hashlib.sha256(intent.encode('utf-8', 'surrogatepass')).hexdigest()[:_DIGEST]}"


def _decoded(labels: Mapping[str, str]) -> dict[str, str] | None:
    """
    Return the metadata that the chunks are; ``None`` if there are none, or one that another program wrote.
    """
    encoded, number = "", 0
    while (chunk := labels.get(f"{_METADATA}{number}")) is not None:
        encoded, number = encoded + chunk, number + 1
    try:
        kept = json.loads(b32decode(encoded.upper() + "=" * (-len(encoded) % _ENCODED))) if encoded else None
    except (ValueError, RecursionError):
        return None
    is_ours = isinstance(kept, dict) and all(isinstance(value, str) for value in kept.values())
    return kept if is_ours else None


def _too_long(order: BatchOrder, size: int) -> OpenAIError:
    if not order.metadata:
        return unsupported("Vertex AI keeps the intent in labels of the job, and this one is too long for them")
    message = (
        f"Vertex AI keeps metadata in labels of the job, which have room for {MOST_BYTES:,} bytes of JSON; with the "
        f"intent these are {size:,}: give less"
    )
    return OpenAIError(message=message, code="too_many_metadata", param="metadata")
