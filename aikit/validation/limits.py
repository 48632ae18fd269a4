"""
The limits of providers: dated data in ``limits.json``, read when it is first needed.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from typing import Any, Final

import attrs

from aikit.storage.package_data import read_data

_UNBOUNDED: Final = sys.maxsize


def _bound(value: int | None) -> int:
    return _UNBOUNDED if value is None else value


def _extensions(value: Mapping[str, list[str]]) -> Mapping[str, tuple[str, ...]]:
    return {purpose: tuple(extensions) for purpose, extensions in value.items()}


@attrs.frozen(kw_only=True)
class Limits:
    """
    The limits of one kind of provider; an unknown bound is ``sys.maxsize``.

    Attributes:
        purposes: Purposes of uploads.

        output_purposes: Purposes of files that only the provider makes.

        has_other_purposes: Whether other purposes may be accepted, too.

        checked_purposes: Purposes whose JSONL lines are checked.

        translated_purposes: Those whose lines the provider translates, and thereby checks, before it sends any.

        removes_mark: Whether a byte order mark is taken off JSONL when it is sent, so that none is a problem.

        imports_files: Whether the provider fetches a file itself, from an address that it is given.

        extensions: Purpose → allowed extensions of names; a purpose that is not a key allows any.

        upload_max_bytes: Of a file in a multipart upload.

        upload_part_max_bytes: Of one part of it.

        batch_endpoints: Values of ``url`` in batch lines; empty allows any.

        has_any_batch_url: Whether ``url`` may be as other providers write it, and ``method`` and ``url`` left out.

        has_other_parameters: Whether bodies of lines may have parameters that OpenAI does not know.

        batch_completion_windows: Values of ``completion_window``; empty allows any.

        fine_tune_max_images: Of one example.

        line_max_bytes: Of one JSONL line.

        filename_max_bytes: Of a name in UTF-8.

        creations_per_minute: Of files.

        deletions_per_minute: Of files.
    """

    purposes: tuple[str, ...] = attrs.field(converter=tuple)
    output_purposes: tuple[str, ...] = attrs.field(converter=tuple)
    has_other_purposes: bool
    checked_purposes: tuple[str, ...] = attrs.field(converter=tuple)
    translated_purposes: tuple[str, ...] = attrs.field(converter=tuple)
    removes_mark: bool
    imports_files: bool
    extensions: Mapping[str, tuple[str, ...]] = attrs.field(converter=_extensions, hash=False)
    file_max_bytes: int = attrs.field(converter=_bound)
    upload_max_bytes: int = attrs.field(converter=_bound)
    upload_part_max_bytes: int = attrs.field(converter=_bound)
    batch_max_bytes: int = attrs.field(converter=_bound)
    batch_max_lines: int = attrs.field(converter=_bound)
    embeddings_batch_max_inputs: int = attrs.field(converter=_bound)
    batch_endpoints: tuple[str, ...] = attrs.field(converter=tuple)
    has_any_batch_url: bool
    has_other_parameters: bool = attrs.field(eq=False)  # no limit: nothing is refused for it
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
        Return the largest size of a file of *purpose* in bytes, in one request or *in_parts*.
        """
        if purpose == "batch":
            return self.batch_max_bytes
        return max(self.upload_max_bytes, self.file_max_bytes) if in_parts else self.file_max_bytes


@functools.cache
def limits_for(provider_kind: str) -> Limits:
    """
    Return the limits of a kind of provider, or of ``"compatible"``: of any other address in OpenAI's format.

    Raises:
        ValueError: *provider_kind* is unknown.
    """
    kinds = _kinds()
    if provider_kind not in kinds:
        raise ValueError(
            f'no limits are known for provider kind "{provider_kind}"; known are {", ".join(sorted(kinds))}'
        )
    return Limits(**{name: entry["value"] for name, entry in _entries(kinds, provider_kind).items()})


@functools.cache
def known_limits() -> tuple[str, ...]:
    """
    Return the names that `limits_for` knows.
    """
    return tuple(_kinds())


def _kinds() -> dict[str, Any]:
    kinds = read_data("aikit.validation", "limits.json")
    del kinds["about"]
    return kinds


def _entries(kinds: Mapping[str, Any], kind: str) -> dict[str, Any]:
    own = dict(kinds[kind])
    like = own.pop("like", None)
    return own if like is None else _entries(kinds, like) | own
