"""
Formats of files, deletions and batches (line, table row, card, JSON), and of sizes and times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from aikit.cli.safety import safe
from aikit.types.batches import INTENT_KEY, TIMES, OpenAIBatch
from aikit.types.files import OpenAIFile, OpenAIFileDeleted

Cell = Callable[[Any], str]

_TIMES_OF_BATCH: Final = ("created_at", *TIMES)
_UNITS: Final = ("KiB", "MiB", "GiB", "TiB")


@attrs.frozen(kw_only=True)
class Shape:
    """
    How values of one kind are printed.

    Attributes:
        fields: Returns the fields of a tab-separated line.

        columns: Returns the columns of a table of these values, title → cell; empty for values that have no table.

        flexible: Title of the column that is cut when the table is too wide.

        spare: Titles of the columns that are left out, one after the other, where that would cut it too short.

        short: Title → cell of the columns that can be narrower, when all that is spare is left out.

        details: Returns name → text of the fields of a card, for a person.
    """

    fields: Callable[[Any], list[str]]
    columns: Callable[[Sequence[Any]], Mapping[str, Cell]]
    flexible: str = ""
    spare: tuple[str, ...] = ()
    short: Mapping[str, Cell] = attrs.field(factory=dict)
    details: Callable[[Any], Mapping[str, str]] = lambda _: {}


def shape_of(value: Any) -> Shape:
    """
    Return the shape of the type of *value*.
    """
    return _SHAPES[type(value)]


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


def _share(batch: OpenAIBatch) -> str:
    counts = batch.request_counts
    return f"{(counts.completed + counts.failed) * 100 // counts.total}%" if counts.total else ""


def _batch_details(batch: OpenAIBatch) -> Mapping[str, str]:
    values = batch.to_dict()
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
        fields=_file_fields,
        columns=_file_columns,
        flexible="NAME",
        spare=("EXPIRES", "CREATED", "PURPOSE"),
        details=_file_details,
    ),
    OpenAIFileDeleted: Shape(fields=lambda deleted: [deleted.id, "deleted"], columns=lambda _: {}),
    OpenAIBatch: Shape(
        fields=_batch_fields,
        columns=_batch_columns,
        flexible="STATUS",
        spare=("ENDPOINT", "CREATED", "FAILED"),
        short={"DONE": _share},
        details=_batch_details,
    ),
}


def human_size(size: float | None) -> str:
    """
    Return *size* in bytes as people say it; a KiB has 1,024 bytes.
    """
    if size is None:
        return "?"
    if size < 1024:
        return "1 byte" if size == 1 else f"{size:.0f} bytes"
    power = min(len(_UNITS), int(math.log(size * 1.0005, 1024)))
    shown = size / 1024**power
    return f"{shown:.1f} {_UNITS[power - 1]}" if shown < 9.95 else f"{shown:.0f} {_UNITS[power - 1]}"


def human_seconds(seconds: float) -> str:
    """
    Return a span of time as people say it: ``0.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 5 min``.
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def human_time(timestamp: int | None) -> str:
    """
    Return Unix seconds in the local time zone: with the time of day near today, with the year otherwise.
    """
    when = _datetime(timestamp)
    if when is None:
        return ""
    local = when.astimezone()
    is_near = abs((datetime.now(UTC) - when).days) < 180
    return local.strftime("%d %b %H:%M" if is_near else "%d %b  %Y")


def iso_time(timestamp: int | None) -> str:
    """
    Return Unix seconds as ISO 8601 in UTC, ``""`` for none.
    """
    when = _datetime(timestamp)
    return "" if when is None else when.strftime("%Y-%m-%dT%H:%M:%SZ")


def counted(count: int, noun: str) -> str:
    """
    Return ``1 file``, ``2 files``.
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def named(names: list[str], most: int = 5, *, total: int | None = None) -> str:
    """
    Return the first of *names*, and how many more there are; *total* counts names that are not in the list, too.
    """
    count = len(names) if total is None else total
    shown = ", ".join(safe(name) for name in names[:most])
    return shown if count <= most else f"{shown} and {count - most:,} more"


def _datetime(timestamp: int | None) -> datetime | None:
    try:
        return None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)
    except (OverflowError, OSError, ValueError):  # a provider's value may be out of range
        return None
