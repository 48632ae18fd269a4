"""
Batches as the gateway keeps and gives them: what the provider said, with ids and metadata of their callers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from aikit.types.batches import TIMES, OpenAIBatch
from aikit.types.wire import NOTHING

if TYPE_CHECKING:
    from aikit.gateway.registry.rows import BatchRow

_COST: Final = "aikit"
_UNKNOWN: Final[Mapping[str, Any]] = {"cost": None, "cost_is_complete": False, "models": {}}


def body_of(batch: OpenAIBatch, row: BatchRow) -> dict[str, Any]:
    """
    Return *batch* as the registry keeps it: with the provider's ids, the caller's metadata, and the known cost.
    """
    names = ("id", "endpoint", "model", "completion_window", "status", "created_at", *TIMES)
    body: dict[str, Any] = {name: value for name in names if (value := getattr(batch, name)) is not None}
    body |= {"input_file_id": batch.input_file_id, "request_counts": attrs.asdict(batch.request_counts)}
    files = {"output_file_id": batch.output_file_id, "error_file_id": batch.error_file_id, "usage": batch.usage}
    body |= {name: value for name, value in files.items() if value is not None}
    if batch.errors:
        body["errors"] = {"object": "list", "data": [attrs.asdict(error) for error in batch.errors]}
    kept = {name: row.body[name] for name in ("metadata", _COST) if name in row.body}
    return {**batch.extra, **body, **kept}


def batch_in(row: BatchRow) -> OpenAIBatch:
    """
    Return the batch that *row* keeps, as the provider told it.
    """
    return OpenAIBatch.from_wire({**row.body, "metadata": None})


def batch_object(row: BatchRow) -> dict[str, Any]:
    """
    Return the Batch object of *row*, as its owner gets it; of the provider's own fields none is shown.
    """
    body, cost = row.body, row.body.get(_COST, _UNKNOWN)
    names: dict[str, Any] = {name: body.get(name) for name in TIMES}
    usage = cost.get("usage") or body.get("usage") or NOTHING
    return {
        "id": row.id,
        "object": "batch",
        "endpoint": row.endpoint,
        **({"model": body["model"]} if body.get("model") else {}),
        "errors": _errors(row),
        "input_file_id": row.input_file_id,
        "completion_window": body.get("completion_window", "24h"),
        "status": row.status,
        "output_file_id": row.output_file_id,
        "error_file_id": row.error_file_id,
        "created_at": row.created_at,
        **names,
        "request_counts": body.get("request_counts", {"total": 0, "completed": 0, "failed": 0}),
        **({"usage": usage} if usage else {}),
        "metadata": body.get("metadata"),
        _COST: {name: value for name, value in cost.items() if name != "usage"},
    }


def _errors(row: BatchRow) -> dict[str, Any] | None:
    """
    Return why the batch was not begun, without the ids that the provider gave to it and to its input.
    """
    errors = row.body.get("errors")
    if not errors:
        return None
    own = {row.body.get("id"): row.id, row.body.get("input_file_id"): row.input_file_id}
    return {"object": "list", "data": [{**one, "message": _own_text(one["message"], own)} for one in errors["data"]]}


def _own_text(text: str, own: Mapping[str | None, str]) -> str:
    for upstream, ours in own.items():
        text = text.replace(upstream, ours) if upstream else text
    return text
