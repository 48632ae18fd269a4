"""
How a file, a deletion or a batch is printed: as fields of a line, as a row of a table, field by field, or as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from aikit.cli.output.text import human_size, human_time, iso_time
from aikit.types.batches import INTENT_KEY, OpenAIBatch
from aikit.types.files import OpenAIFile, OpenAIFileDeleted

Cell = Callable[[Any], str]

_TIMES_OF_BATCH: Final = (
    "created_at",
    "in_progress_at",
    "expires_at",
    "finalizing_at",
    "completed_at",
    "failed_at",
    "expired_at",
    "cancelling_at",
    "cancelled_at",
)


@attrs.frozen(kw_only=True)
class Shape:
    """
    How values of one kind are printed.

    Attributes:
        to_json: As the API gives it.

        fields: Of a tab-separated line.

        columns: Of a table of these very values; title → cell. None for what is told line by line.

        flexible: Title of the column that is cut when the table is too wide.

        spare: Titles of the last columns, as far as they may be left out before that.

        details: Name → text, for a person.
    """

    to_json: Callable[[Any], dict[str, Any]]
    fields: Callable[[Any], list[str]]
    columns: Callable[[Sequence[Any]], Mapping[str, Cell]]
    flexible: str = ""
    spare: tuple[str, ...] = ()
    details: Callable[[Any], Mapping[str, str]] = lambda _: {}


def shape_of(value: Any) -> Shape:
    """
    Return how *value* is printed.
    """
    return _SHAPES[type(value)]


def batch_to_json(batch: OpenAIBatch) -> dict[str, Any]:
    """
    Return *batch* as the API gives it, fields that we do not know included.
    """
    names = ("object", "id", "endpoint", "model", "input_file_id", "completion_window", "status")
    values: dict[str, Any] = {name: getattr(batch, name) for name in names}
    values |= {"output_file_id": batch.output_file_id, "error_file_id": batch.error_file_id}
    if batch.errors:
        values["errors"] = {"object": "list", "data": [attrs.asdict(error) for error in batch.errors]}
    values |= {name: getattr(batch, name) for name in _TIMES_OF_BATCH}
    values["request_counts"] = attrs.asdict(batch.request_counts)
    values |= {"usage": batch.usage, "metadata": dict(batch.metadata) or None}
    return {name: value for name, value in values.items() if value is not None} | dict(batch.extra)


def _deleted_to_json(deleted: OpenAIFileDeleted) -> dict[str, Any]:
    return {"id": deleted.id, "object": deleted.object, "deleted": deleted.deleted} | dict(deleted.extra)


def _file_fields(file: OpenAIFile) -> list[str]:
    size = "" if file.bytes is None else str(file.bytes)
    times = [iso_time(file.created_at), iso_time(file.expires_at)]
    return [file.id, file.filename, size, file.purpose, file.status or "", *times]


def _file_columns(files: Sequence[OpenAIFile]) -> Mapping[str, Cell]:
    columns: dict[str, Cell] = {
        "ID": lambda file: file.id,
        "NAME": lambda file: file.filename,
        "SIZE": lambda file: human_size(file.bytes),
        "PURPOSE": lambda file: file.purpose,
        "CREATED": lambda file: human_time(file.created_at),
    }
    if any(file.expires_at for file in files):
        columns["EXPIRES"] = lambda file: human_time(file.expires_at)
    return columns


def _file_details(file: OpenAIFile) -> Mapping[str, str]:
    details = {name: str(value) for name, value in file.to_wire().items() if name != "object"}
    if file.bytes is not None and file.bytes >= 1024:
        details["bytes"] = f"{file.bytes:,} ({human_size(file.bytes)})"
    return _with_times(details, file, ("created_at", "expires_at"))


def _batch_fields(batch: OpenAIBatch) -> list[str]:
    counts = batch.request_counts
    files = [batch.input_file_id, batch.output_file_id or "", batch.error_file_id or ""]
    times = [iso_time(batch.created_at), iso_time(batch.expires_at)]
    numbers = [str(number) for number in (counts.total, counts.completed, counts.failed)]
    return [batch.id, batch.status, *numbers, batch.endpoint, *files, *times]


def _batch_columns(batches: Sequence[OpenAIBatch]) -> Mapping[str, Cell]:
    columns: dict[str, Cell] = {"ID": lambda batch: batch.id, "STATUS": lambda batch: batch.status, "DONE": _done}
    if any(batch.request_counts.failed for batch in batches):
        columns["FAILED"] = lambda batch: f"{batch.request_counts.failed:,}"
    return columns | {"CREATED": lambda batch: human_time(batch.created_at), "ENDPOINT": lambda batch: batch.endpoint}


def _done(batch: OpenAIBatch) -> str:
    counts = batch.request_counts
    return f"{counts.completed + counts.failed:,}/{counts.total:,}" if counts.total else ""


def _batch_details(batch: OpenAIBatch) -> Mapping[str, str]:
    values = batch_to_json(batch)
    details = {name: str(value) for name, value in values.items() if name not in {"object", "errors", "metadata"}}
    counts = batch.request_counts
    details["request_counts"] = f"{counts.total:,}: {counts.completed:,} completed, {counts.failed:,} failed"
    if batch.usage:
        details["usage"] = ", ".join(f"{name} {count:,}" for name, count in _numbers(batch.usage))
    for number, error in enumerate(batch.errors, 1):
        place = "" if error.line is None else f"line {error.line}: "
        details[f"error {number}"] = f"{place}{error.message} ({error.code})"
    own = {name: text for name, text in batch.metadata.items() if name != INTENT_KEY}
    details |= {f"metadata {name}": text for name, text in own.items()}
    return _with_times(details, batch, _TIMES_OF_BATCH)


def _numbers(usage: Mapping[str, Any]) -> list[tuple[str, int]]:
    return [(name, count) for name, count in usage.items() if isinstance(count, int)]


def _with_times(details: dict[str, str], value: Any, names: Sequence[str]) -> Mapping[str, str]:
    times = {name: human_time(getattr(value, name)) for name in names if name in details}
    return details | times


_SHAPES: Final[Mapping[type, Shape]] = {
    OpenAIFile: Shape(
        to_json=OpenAIFile.to_wire,
        fields=_file_fields,
        columns=_file_columns,
        flexible="NAME",
        spare=("EXPIRES",),
        details=_file_details,
    ),
    OpenAIFileDeleted: Shape(
        to_json=_deleted_to_json, fields=lambda deleted: [deleted.id, "deleted"], columns=lambda _: {}
    ),
    OpenAIBatch: Shape(
        to_json=batch_to_json,
        fields=_batch_fields,
        columns=_batch_columns,
        flexible="STATUS",
        spare=("CREATED", "ENDPOINT"),
        details=_batch_details,
    ),
}
