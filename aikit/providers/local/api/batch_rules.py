"""
What OpenAI refuses when a batch is created or listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from aikit.providers.local.api.refusals import (
    Refusal,
    bounded,
    integer,
    missing,
    require_known,
    unsupported,
    wrong_type,
)
from aikit.providers.local.store.batches import NewBatch
from aikit.validation.limits import limits_for
from aikit.validation.problems import kind_of

_FIELDS: Final = frozenset(("input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after"))
_LIST_FIELDS: Final = frozenset(("after", "limit"))
_MAX_PAIRS: Final = 16
_MAX_KEY: Final = 64
_MAX_VALUE: Final = 512
_OUTPUT_EXPIRES_AFTER_S: Final = 2_592_000
_LIST_DEFAULT: Final = 20
_LIST_MAX: Final = 100


@attrs.frozen(kw_only=True)
class BatchListQuery:
    """
    The query of a list of batches.
    """

    limit: int
    after: str | None


def parse_batch(body: Any) -> NewBatch:
    """
    Parse the decoded body of a creation.

    Raises:
        Refusal: OpenAI would not have it.
    """
    # https://developers.openai.com/api/reference/resources/batches/methods/create (read 2026-11-21)
    if type(body) is not dict:
        raise Refusal(f"Invalid type for the request body: expected an object, but got {kind_of(body)} instead.")
    require_known(body, _FIELDS)
    limits = limits_for("local")
    return NewBatch(
        input_file_id=_text(body, "input_file_id"),
        endpoint=_one_of(body, "endpoint", limits.batch_endpoints),
        completion_window=_one_of(body, "completion_window", limits.batch_completion_windows),
        metadata=_metadata(body.get("metadata")),
        output_expires_after_s=_expiry(body.get("output_expires_after")),
    )


def parse_list_query(fields: Mapping[str, str]) -> BatchListQuery:
    """
    Parse the query of a list.

    Raises:
        Refusal: OpenAI would not have it.
    """
    # https://developers.openai.com/api/reference/resources/batches/methods/list (read 2026-11-21)
    require_known(fields, _LIST_FIELDS)
    limit = integer(fields.get("limit", str(_LIST_DEFAULT)), "limit", 1, _LIST_MAX)
    return BatchListQuery(limit=limit, after=fields.get("after") or None)


def no_such_batch(batch_id: str) -> Refusal:
    """
    Return the refusal for a batch that does not exist.
    """
    return Refusal(f"No batch found with id '{batch_id}'.", status=404)


def not_cancellable(status: str) -> Refusal:
    """
    Return the refusal to cancel a batch that has ended.
    """
    return Refusal(f"Cannot cancel a batch with status '{status}'.", status=409)


def _text(body: Mapping[str, Any], param: str) -> str:
    value = body.get(param)
    if value is None:
        raise missing(param)
    if type(value) is not str:
        raise wrong_type(param, "a string", value)
    return value.encode("utf-8", "replace").decode()  # SQLite takes no lone surrogates


def _one_of(body: Mapping[str, Any], param: str, allowed: tuple[str, ...]) -> str:
    value = _text(body, param)
    if value not in allowed:
        raise unsupported(value, param, allowed)
    return value


def _metadata(value: Any) -> Mapping[str, str] | None:
    if value is None:
        return None
    if type(value) is not dict:
        raise wrong_type("metadata", "an object", value)
    if len(value) > _MAX_PAIRS:
        raise Refusal(
            f"Invalid 'metadata': too many properties. Expected an object with at most {_MAX_PAIRS} properties, "
            f"but got an object with {len(value)} properties instead.",
            "metadata",
            "object_above_max_properties",
        )
    for key, text in value.items():
        _require_pair(key, text)
    return value


def _require_pair(key: str, text: Any) -> None:
    if len(key) > _MAX_KEY:
        raise Refusal(
            f"Invalid 'metadata': property name too long. Expected names with maximum length {_MAX_KEY}, but got one "
            f"with length {len(key)} instead.",
            "metadata",
            "property_name_above_max_length",
        )
    param = f"metadata.{key}"
    if type(text) is not str:
        raise wrong_type(param, "a string", text)
    if len(text) > _MAX_VALUE:
        raise Refusal(
            f"Invalid '{param}': string too long. Expected a string with maximum length {_MAX_VALUE}, but got a "
            f"string with length {len(text)} instead.",
            param,
            "string_above_max_length",
        )


def _expiry(value: Any) -> int:
    if value is None:
        return _OUTPUT_EXPIRES_AFTER_S
    if type(value) is not dict:
        raise wrong_type("output_expires_after", "an object", value)
    for name in value:
        if name not in {"anchor", "seconds"}:
            raise Refusal(
                f"Unknown parameter: 'output_expires_after.{name}'.",
                f"output_expires_after.{name}",
                "unknown_parameter",
            )
    anchor, seconds = value.get("anchor"), value.get("seconds")
    if anchor is None:
        raise missing("output_expires_after.anchor")
    if anchor != "created_at":
        raise unsupported(str(anchor), "output_expires_after.anchor", ("created_at",))
    if seconds is None:
        raise missing("output_expires_after.seconds")
    if type(seconds) is not int:
        raise wrong_type("output_expires_after.seconds", "an integer", seconds)
    limits = limits_for("local")
    return bounded(seconds, "output_expires_after.seconds", limits.expires_min_s, limits.expires_max_s)
