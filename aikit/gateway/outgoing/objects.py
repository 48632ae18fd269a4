"""
Objects of the API as the gateway gives them: what the provider said, with the gateway's own ids.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from starlette.responses import Response

from aikit.types.uploads import OpenAIUpload, OpenAIUploadPart

_PRINTABLE: Final = re.compile(r"[\x20-\x7e\xa0-\xff]{1,1000}")
_OF_FILES: Final = ("bytes", "created_at", "expires_at", "filename", "purpose", "status", "status_details")


def json_answer(value: Any, status: int = 200) -> Response:
    """
    Return *value* as an answer.
    """
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Response(body, status, media_type="application/json")


def printable(value: str | None) -> str | None:
    """
    Return *value* if a header can have it: with one that cannot, the server has to break the connection off.
    """
    return value if value is not None and _PRINTABLE.fullmatch(value) else None


def file_object(own_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the File object *body* under the gateway's id; of the provider's own fields none is shown, for they name it.
    """
    shown = {name: body[name] for name in _OF_FILES if name in body}
    if "id" in body and shown.get("status_details"):
        shown["status_details"] = str(shown["status_details"]).replace(body["id"], own_id)
    return {"id": own_id, "object": "file", **shown}


def deleted_object(own_id: str) -> dict[str, Any]:
    """
    Return the confirmation that a file is gone.
    """
    return {"id": own_id, "object": "file", "deleted": True}


def upload_object(own_id: str, upload: OpenAIUpload, file: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """
    Return *upload* under the gateway's id, with the File object that it became.
    """
    kept = ("object", "bytes", "created_at", "filename", "purpose", "status", "expires_at")
    return {"id": own_id, **{name: getattr(upload, name) for name in kept}, "file": file}


def part_object(own_id: str, own_upload_id: str, part: OpenAIUploadPart) -> dict[str, Any]:
    """
    Return *part* under the gateway's ids.
    """
    return {"id": own_id, "object": "upload.part", "created_at": part.created_at, "upload_id": own_upload_id}


def list_object(items: Iterable[Mapping[str, Any]], *, has_more: bool) -> dict[str, Any]:
    """
    Return one page of *items*, with the ids of its first and last.
    """
    data = list(items)
    first_id, last_id = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return {"object": "list", "data": data, "first_id": first_id, "last_id": last_id, "has_more": has_more}
