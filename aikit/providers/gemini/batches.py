"""
Batches of the Gemini API, which are operations, as `OpenAIBatch`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aikit.providers.gemini.names import BATCHES, FILES, id_of, read_batch_label
from aikit.providers.google.batches import CHAT, EMBEDDINGS, ENDS, WINDOW, status_of
from aikit.providers.google.paging import unreadable
from aikit.types.batches import OpenAIBatch

METHODS: Final = {CHAT: "batchGenerateContent", EMBEDDINGS: "asyncBatchEmbedContent"}
"""Endpoint of the lines → method that a batch of such lines is created with."""

_CANCELLED: Final = 1  # of google.rpc.Code
_NO_FILE: Final = ""


def batch_from_wire(data: Any) -> OpenAIBatch:
    """
    Read the operation that a batch is.

    Raises:
        OpenAIError: It is none (code ``"invalid_response"``).
    """
    # https://ai.google.dev/api/batch-api (read 2026-11-30)
    if not isinstance(data, dict) or id_of(data.get("name"), BATCHES) is None:
        raise unreadable("batch", data)
    return OpenAIBatch.from_wire(batch_in_openai_names(data))


def batch_in_openai_names(data: Any) -> dict[str, Any]:
    """
    Return an operation as OpenAI would write a batch; of what is none, as much as can be read.
    """
    batch_id = id_of(data.get("name"), BATCHES) if isinstance(data, dict) else None
    if batch_id is None:
        return {}
    about = _object(data, "metadata")
    metadata, input_file_id = read_batch_label(about.get("displayName"))
    told_input = id_of(_object(about, "inputConfig").get("fileName"), FILES)
    status = _status(data, about)
    fields = {
        "id": batch_id,
        "object": "batch",
        "endpoint": EMBEDDINGS if "Embed" in str(about.get("@type")) else CHAT,
        "input_file_id": told_input or input_file_id or _NO_FILE,
        "completion_window": WINDOW,
        "status": status,
        "created_at": about.get("createTime"),
        "model": str(about.get("model") or "").removeprefix("models/") or None,
        "errors": {"data": [_error(data["error"])]} if data.get("error") else None,
        "output_file_id": _output(data, about),
        "request_counts": _counts(_object(about, "batchStats")),
        "metadata": dict(metadata),
        "state": about.get("state"),
    }
    if status in ENDS:
        fields[ENDS[status]] = about.get("endTime") or about.get("updateTime")
    return {name: value for name, value in fields.items() if value is not None}


def _object(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = data.get(name)
    return value if isinstance(value, dict) else {}


def _status(data: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """
    Return what the state says; an operation that ended with an error has failed, whatever its state was.
    """
    status = status_of(about.get("state"))
    if data.get("done") is True and data.get("error") and status not in ENDS:
        return "cancelled" if _object(data, "error").get("code") == _CANCELLED else "failed"
    return status


def _error(error: Any) -> Any:
    return error if not isinstance(error, dict) else {**error, "code": error.get("status") or error.get("code")}


def _output(data: Mapping[str, Any], about: Mapping[str, Any]) -> str | None:
    answer = _object(data, "response")
    for place in (_object(about, "output"), _object(answer, "output"), answer):
        file_id = id_of(place.get("responsesFile"), FILES)
        if file_id is not None:
            return file_id
    return None


def _counts(stats: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "total": stats.get("requestCount"),
        "completed": stats.get("successfulRequestCount"),
        "failed": stats.get("failedRequestCount"),
    }
