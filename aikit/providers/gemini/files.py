"""
Files of the Gemini API as `OpenAIFile`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from aikit.providers.checks import Finding
from aikit.providers.gemini.names import FILES, FileLabel, id_of
from aikit.providers.google.paging import require_empty, unreadable
from aikit.types.error_words import read_error
from aikit.types.files import OpenAIFile, OpenAIFileDeleted

_STATUSES: Final = {"ACTIVE": "processed", "PROCESSING": "uploaded", "FAILED": "error"}
_READ: Final = frozenset(("name", "displayName", "sizeBytes", "createTime", "expirationTime", "error"))
_MOST_BYTES: Final = 20 * 2**30  # of a project: https://ai.google.dev/gemini-api/docs/files (read 2026-11-30)


def file_from_wire(data: Any) -> OpenAIFile:
    """
    Read a File.

    Raises:
        OpenAIError: It is none (code ``"invalid_response"``).
    """
    # https://ai.google.dev/api/files#File (read 2026-11-30)
    if not isinstance(data, dict) or id_of(data.get("name"), FILES) is None:
        raise unreadable("File", data)
    return OpenAIFile.from_wire(in_openai_names(data))


def label_from_wire(data: Any) -> FileLabel:
    """
    Read what the display name of a File keeps.

    Raises:
        OpenAIError: It is no File (code ``"invalid_response"``).
    """
    return FileLabel.from_wire(data, file_from_wire(data).id)


def uploaded_from_wire(data: Any) -> OpenAIFile:
    """
    Read the answer to the end of an upload.

    Raises:
        OpenAIError: It has no File (code ``"invalid_response"``).
    """
    return file_from_wire(data.get("file") if isinstance(data, dict) else data)


def quota_finding(files: Iterable[OpenAIFile]) -> Finding:
    """
    Return how near *files* are to what is kept of a project.
    """
    kept = sum(file.bytes or 0 for file in files)
    text = f"{kept / 2**30:,.1f} of at most {_MOST_BYTES / 2**30:,.0f} GiB of files are kept"
    is_good = kept < 0.9 * _MOST_BYTES
    return Finding("quota", is_good=is_good, text=text, mend=None if is_good else "delete files, or wait 48 hours")


def deleted_from_wire(data: Any, file_id: str) -> OpenAIFileDeleted:
    """
    Read the answer to a deletion, an empty object.

    Raises:
        OpenAIError: It is another one (code ``"invalid_response"``).
    """
    require_empty(data)
    return OpenAIFileDeleted(file_id, deleted=True)


def in_openai_names(data: Any) -> dict[str, Any]:
    """
    Return a File as OpenAI would write it; of what is none, as much as can be read.
    """
    file_id = id_of(data.get("name"), FILES) if isinstance(data, dict) else None
    if file_id is None:
        return {}
    label, state = FileLabel.from_wire(data, file_id), data.get("state")
    fields = {
        "id": file_id,
        "object": "file",
        "bytes": data.get("sizeBytes"),
        "created_at": data.get("createTime"),
        "expires_at": data.get("expirationTime"),
        "filename": label.filename,
        "purpose": label.purpose,
        "status": _STATUSES.get(state, state) if isinstance(state, str) else None,
        "status_details": read_error(data["error"]).message if data.get("error") else None,
    }
    others = {name: value for name, value in data.items() if name not in _READ and name not in fields}
    return others | {name: value for name, value in fields.items() if value is not None or name == "bytes"}
