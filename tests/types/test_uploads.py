"""
Uploads in parts: what providers say of them.
"""

from __future__ import annotations

from typing import Any

import pytest

from aikit.types.errors import OpenAIError
from aikit.types.files import OpenAIFile
from aikit.types.uploads import OpenAIUpload, OpenAIUploadPart, UploadOrder

_UPLOAD: dict[str, Any] = {
    "id": "upload_1",
    "bytes": 5,
    "created_at": 1,
    "filename": "a.jsonl",
    "purpose": "batch",
    "status": "pending",
}
_FILE: dict[str, Any] = {
    "id": "file-1",
    "bytes": None,
    "created_at": 2,
    "filename": "a.jsonl",
    "purpose": "batch",
}
_PART: dict[str, Any] = {"id": "part_1", "created_at": 1, "upload_id": "upload_1", "object": "upload.part"}


def test_upload_is_read_without_what_is_optional() -> None:
    """
    ``object``, ``expires_at`` and ``file`` may be missing or null.
    """
    expected = OpenAIUpload(**_UPLOAD)
    assert OpenAIUpload.from_wire(_UPLOAD) == expected
    assert OpenAIUpload.from_wire(_UPLOAD | {"file": None, "expires_at": None}) == expected


def test_a_completed_upload_has_its_file() -> None:
    """
    The nested file is one like any other; its size may not be known yet.
    """
    upload = OpenAIUpload.from_wire(_UPLOAD | {"status": "completed", "expires_at": 3601, "file": _FILE, "x": 1})
    assert upload.file == OpenAIFile("file-1", None, 2, "a.jsonl", "batch")
    assert (upload.expires_at, upload.extra) == (3601, {"x": 1})


def test_part_is_read() -> None:
    """
    A part has an id and the upload it belongs to.
    """
    assert OpenAIUploadPart.from_wire(_PART) == OpenAIUploadPart(id="part_1", created_at=1, upload_id="upload_1")


@pytest.mark.parametrize("name", _UPLOAD)
def test_an_upload_that_lacks_a_field_is_an_error_of_its_own(name: str) -> None:
    """
    The message names what is missing or of another type.
    """
    for data in ({key: value for key, value in _UPLOAD.items() if key != name}, _UPLOAD | {name: [1]}):
        with pytest.raises(OpenAIError, match=name) as caught:
            OpenAIUpload.from_wire(data)
        assert caught.value.code == "invalid_response"


@pytest.mark.parametrize("data", [None, [], "part", {}, _PART | {"id": 1}])
def test_what_is_no_part_is_an_error_of_its_own(data: Any) -> None:
    """
    Garbage is told as such, never a crash.
    """
    with pytest.raises(OpenAIError, match="UploadPart"):
        OpenAIUploadPart.from_wire(data)


def test_order_goes_out_without_what_was_not_said() -> None:
    """
    An order has OpenAI's names, and no null.
    """
    order = UploadOrder(filename="a.jsonl", purpose="batch", bytes=5, mime_type="application/jsonl")
    wire = {"filename": "a.jsonl", "purpose": "batch", "bytes": 5, "mime_type": "application/jsonl"}
    assert order.to_wire() == wire
    expiry = {"anchor": "created_at", "seconds": 3600}
    expiring = UploadOrder(filename="a", purpose="b", bytes=1, mime_type="c", expires_after=expiry)
    assert expiring.to_wire()["expires_after"] == expiry
