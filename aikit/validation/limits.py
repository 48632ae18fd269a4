"""
What providers accept: dated data in ``limits.json``, read when it is first needed.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

_UNBOUNDED: Final = sys.maxsize


def _bound(value: int | None) -> int:
    return _UNBOUNDED if value is None else value


def _extensions(value: Mapping[str, list[str]]) -> Mapping[str, tuple[str, ...]]:
    return {purpose: tuple(extensions) for purpose, extensions in value.items()}


@attrs.frozen(kw_only=True)
class Limits:
    """
    What one kind of provider accepts; a bound that nobody knows is ``sys.maxsize``.

    Attributes:
        purposes: What a file may be uploaded for.

        output_purposes: What only the provider itself makes files for.

        has_other_purposes: Whether purposes beyond *purposes* may be accepted too.

        checked_purposes: Purposes whose files are JSONL of a known form.

        extensions: Per purpose, which a name may end in; a purpose that is not a key takes any.

        upload_max_bytes: Of a file that comes in parts.

        upload_part_max_bytes: Of one part.

        batch_endpoints: What ``url`` of a batch line may be; empty when any may.

        batch_completion_windows: By when a batch may be wanted; empty when any may.

        fine_tune_max_images: Of one example.

        line_max_bytes: The longest JSONL line that is read.

        filename_max_bytes: Of a name in UTF-8.

        creations_per_minute: Files that may be created in a minute.

        deletions_per_minute: Files that may be deleted in a minute.
    """

    purposes: tuple[str, ...] = attrs.field(converter=tuple)
    output_purposes: tuple[str, ...] = attrs.field(converter=tuple)
    has_other_purposes: bool
    checked_purposes: tuple[str, ...] = attrs.field(converter=tuple)
    extensions: Mapping[str, tuple[str, ...]] = attrs.field(converter=_extensions, hash=False)
    file_max_bytes: int = attrs.field(converter=_bound)
    upload_max_bytes: int = attrs.field(converter=_bound)
    upload_part_max_bytes: int = attrs.field(converter=_bound)
    batch_max_bytes: int = attrs.field(converter=_bound)
    batch_max_lines: int = attrs.field(converter=_bound)
    embeddings_batch_max_inputs: int = attrs.field(converter=_bound)
    batch_endpoints: tuple[str, ...] = attrs.field(converter=tuple)
    batch_completion_windows: tuple[str, ...] = attrs.field(converter=tuple)
    fine_tune_max_images: int
    line_max_bytes: int
    filename_max_bytes: int
    creations_per_minute: int = attrs.field(converter=_bound)
    deletions_per_minute: int = attrs.field(converter=_bound)
    expires_min_s: int
    expires_max_s: int
    list_min: int
    list_max: int

    def size_limit(self, purpose: str, *, in_parts: bool = False) -> int:
        """
        Return how many bytes a file of *purpose* may have that goes at once, or in parts.
        """
        if purpose == "batch":
            return self.batch_max_bytes
        return max(self.upload_max_bytes, self.file_max_bytes) if in_parts else self.file_max_bytes


@functools.cache
def limits_for(provider_kind: str) -> Limits:
    """
    Return what providers of a kind accept: ``"openai"``, ``"local"``, or ``"compatible"`` for any other address.

    Raises:
        ValueError: Nothing is known about *provider_kind*.
    """
    kinds = _kinds()
    if provider_kind not in kinds:
        raise ValueError(
            f'no limits are known for provider kind "{provider_kind}"; known are {", ".join(sorted(kinds))}'
        )
    return Limits(**{name: entry["value"] for name, entry in _entries(kinds, provider_kind).items()})


def _kinds() -> dict[str, Any]:
    kinds: dict[str, Any] = json.loads(Path(__file__).with_name("limits.json").read_text(encoding="utf-8"))
    del kinds["about"]
    return kinds


def _entries(kinds: Mapping[str, Any], kind: str) -> dict[str, Any]:
    own = dict(kinds[kind])
    like = own.pop("like", None)
    return own if like is None else _entries(kinds, like) | own
