"""
Objects of the API as the gateway gives them: what the provider said, with the gateway's own ids.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.responses import Response

from aikit.types.uploads import OpenAIUpload, OpenAIUploadPart


def json_answer(value: Any, status: int = 200) -> Response:
    """
    Return *value* as an answer.
    """
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Response(body, status, media_type="application/json")


def file_object(own_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the File object *body* under the gateway's id.
    """
    return {**body, "object": "file", "id": own_id}


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
