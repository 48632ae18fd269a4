"""
What Azure answers, as OpenAI would have answered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from aikit.types.errors import OpenAIError
from aikit.types.files import FilePage, OpenAIFile

RAW_STATUS: Final = "azure_status"
"""Field among *extra* with the status as it came, where OpenAI has none of that name."""

UNREADY: Final = frozenset(("pending", "running"))
"""Statuses of files that are not yet processed, so that no batch can be made of them."""

_WORD: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SPELLINGS: Final = {"canceled": "cancelled", "canceling": "cancelling"}
_FILE_STATUSES: Final = frozenset(("uploaded", "processed", "error", "deleting", "deleted"))


def as_openai_file(data: Any) -> Any:
    """
    Return a File object with a status that OpenAI has, the raw one beside it, and ``bytes`` though they be unknown.
    """
    # pending, running, processed, error, deleted: https://github.com/Azure/azure-rest-api-specs (read 2026-11-21)
    if not isinstance(data, dict) or (data.get("status") in _FILE_STATUSES and "bytes" in data):
        return data
    said = data.get("status")
    status = said.strip().lower() if isinstance(said, str) else said
    raw = {RAW_STATUS: status} if status in UNREADY else {}
    return {"bytes": None, **data, "status": "uploaded" if raw else status or None, **raw}


def as_openai_upload(data: Any) -> Any:
    """
    Return an Upload object whose file is one of OpenAI.
    """
    return {**data, "file": as_openai_file(data["file"])} if isinstance(data, dict) and data.get("file") else data


def as_openai_batch(data: Any) -> Any:
    """
    Return a Batch object with OpenAI's spellings, and with what is left out or null where it says nothing.

    Blobs stand for the files of a batch whose input is one.
    """
    # https://learn.microsoft.com/azure/ai-services/openai/how-to/batch (read 2026-11-21)
    if not isinstance(data, dict):
        return data
    usual = {"endpoint": "", "completion_window": "24h", "input_file_id": data.get("input_blob") or ""}
    filled = {name: value for name, value in usual.items() if not data.get(name)}
    batch = {**data, **filled, "status": _batch_status(data.get("status"))}
    return batch | dict(_output_blobs(batch))


def _output_blobs(batch: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """
    Yield the blobs of an ended batch as its files; each has a name also where nothing is to be written, and it is not.
    """
    counts = batch.get("request_counts")
    counted = counts if isinstance(counts, dict) else {}
    for kind, count in (("output", "completed"), ("error", "failed")):
        blob, number = batch.get(f"{kind}_blob"), counted.get(count)
        is_none = number == 0 and (kind == "output" or batch["status"] == "completed")
        is_unbegun = batch["status"] == "failed" and not number
        if blob and not batch.get(f"{kind}_file_id") and not (is_none or is_unbegun):
            yield f"{kind}_file_id", blob


def _batch_status(said: Any) -> Any:
    """
    Return a status in OpenAI's spelling: there are ``Validating``, ``InProgress`` and ``canceled``.
    """
    if not isinstance(said, str):
        return said
    words = _WORD.sub("_", said.strip()).lower().replace(" ", "_")
    return _SPELLINGS.get(words, words)


def page_of(whole: FilePage, query: Mapping[str, Any]) -> FilePage:
    """
    Cut out of the *whole* list the page that *query* asks for, as OpenAI pages: newest first unless told otherwise.

    Raises:
        OpenAIError: There is no file with the id that the page is to follow.
    """
    is_newest_first = query.get("order") != "asc"
    files = sorted(whole.files, key=_age, reverse=is_newest_first)
    after, limit = query.get("after"), int(query.get("limit", 0)) or len(files)
    start = _place_after(after, files) if after is not None else 0
    page = files[start : start + limit]
    cursor = page[-1].id if page and start + limit < len(files) else None
    return attrs.evolve(FilePage.of(page, cursor), unread=whole.unread if start == 0 else ())


def _age(file: OpenAIFile) -> tuple[int, str]:
    return file.created_at, file.id


def _place_after(after: str, files: list[OpenAIFile]) -> int:
    for place, file in enumerate(files):
        if file.id == after:
            return place + 1
    message = f"no file {after!r} is in the list any more that the page is to follow; begin with the first page again"
    raise OpenAIError(message=message, code="invalid_value", param="after")
