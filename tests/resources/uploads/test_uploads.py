"""
The Uploads API as its callers see it, on scripted servers.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient, OpenAIFile, OpenAIUpload, OpenAIUploadParameters, OpenAIUploadPart
from aikit.validation.limits import limits_for
from tests.scripted_server import Step, answer, serving

WIRE: dict[str, Any] = {
    "id": "upload_1",
    "bytes": 5,
    "created_at": 1,
    "filename": "a.jsonl",
    "purpose": "batch",
    "status": "pending",
}
PART: dict[str, Any] = {"id": "part_1", "created_at": 1, "upload_id": "upload_1"}
FILE: dict[str, Any] = {"id": "file-1", "bytes": 5, "created_at": 2, "filename": "a.jsonl", "purpose": "batch"}
HOUR = {"anchor": "created_at", "seconds": 3600}


def said(value: Any) -> Step:
    """
    Answer with *value* as JSON.
    """
    return answer(200, json.dumps(value).encode())


def test_an_upload_is_announced() -> None:
    """
    Name, purpose, size, type and expiry reach the provider, and its upload is the result's.
    """
    with serving(said(WIRE)) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.uploads.create("a.jsonl", "batch", 5, OpenAIUploadParameters(expires_after=HOUR))
    assert result.success
    assert result.upload == OpenAIUpload(**WIRE)
    (request,) = server.received
    assert (request.method, request.path) == ("POST", "/v1/uploads")
    assert json.loads(request.body) == {
        "filename": "a.jsonl",
        "purpose": "batch",
        "bytes": 5,
        "mime_type": "application/jsonl",
        "expires_after": HOUR,
    }


@pytest.mark.parametrize("is_checked", [True, False])
def test_an_upload_that_is_not_checked_is_left_to_the_provider(
    monkeypatch: pytest.MonkeyPatch, *, is_checked: bool
) -> None:
    """
    A purpose that OpenAI does not have is refused before sending, unless *validate* is false.
    """
    monkeypatch.setattr("aikit.providers.openai.limits_for", lambda _: limits_for("openai"))
    with serving(said(WIRE)) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.uploads.create("a.jsonl", "new-purpose", 5, {"validate": is_checked})
    assert result.success != is_checked
    assert len(server.received) == (0 if is_checked else 1)


@pytest.mark.parametrize("kind", ["bytes", "path", "stream"])
def test_a_part_is_sent_whole(kind: str, tmp_path: Path) -> None:
    """
    A part is what is given, of whichever kind, in the field ``data``.
    """
    path = tmp_path / "slice"
    path.write_bytes(b"12345")
    data: Any = {"bytes": b"12345", "path": path, "stream": io.BytesIO(b"12345")}[kind]
    with serving(said(PART)) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.uploads.add_part("upload_1", data)
    assert result.part == OpenAIUploadPart(**PART)
    (request,) = server.received
    assert request.path == "/v1/uploads/upload_1/parts"
    assert b'name="data"' in request.body
    assert b"\r\n\r\n12345\r\n" in request.body


def test_a_part_is_sent_again_after_trouble() -> None:
    """
    Sending a part twice costs nothing: only the parts named at completion count.
    """
    with serving(answer(500), said(PART)) as server, OpenAIClient("k", base_url=server.url) as client:
        assert client.uploads.add_part("upload_1", b"12345").success
    assert len(server.received) == 2


def test_completion_names_parts_in_order_and_gives_the_file() -> None:
    """
    The order of the ids is the order of the content; the file it became is at hand.
    """
    done = WIRE | {"status": "completed", "file": FILE}
    with serving(said(done)) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.uploads.complete("upload_1", ["part_2", "part_1"], {"md5": "0" * 32})
    assert result.file == OpenAIFile.from_wire(FILE)
    assert json.loads(server.received[0].body) == {"part_ids": ["part_2", "part_1"], "md5": "0" * 32}


def test_an_upload_is_cancelled() -> None:
    """
    A cancelled upload has no file.
    """
    with serving(said(WIRE | {"status": "cancelled"})) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.uploads.cancel("upload_1")
    assert result.success
    assert result.file is None
    assert (server.received[0].method, server.received[0].path) == ("POST", "/v1/uploads/upload_1/cancel")


def test_what_the_provider_would_refuse_is_not_sent() -> None:
    """
    Purpose, name, size of the whole and size of a part are checked before, all problems are told.
    """
    with OpenAIClient("k") as client:
        whole = client.uploads.create("a.txt", "finetune", 9 << 30)
        wrong = client.uploads.create("a.txt", "batch", 300 << 20)
        part = client.uploads.add_part("upload_1", bytes((64 << 20) + 1))
        empty = client.uploads.add_part("upload_1", b"")
    assert [error.code for error in whole.errors] == ["invalid_purpose", "file_too_large"]
    assert [error.code for error in wrong.errors] == ["invalid_extension", "file_too_large"]
    assert [error.code for error in (*part.errors, *empty.errors)] == ["part_too_large", "empty_part"]
    assert whole.request is wrong.request is part.request is None


def test_what_is_the_callers_fault_raises_at_once() -> None:
    """
    Wrong types and empty values raise before anything is sent.
    """
    with OpenAIClient("k") as client:
        wrong: Any
        for wrong in ("5", 5.0, True):
            with pytest.raises(TypeError, match="size_bytes"):
                client.uploads.create("a.jsonl", "batch", wrong)
        with pytest.raises(ValueError, match="above 0"):
            client.uploads.create("a.jsonl", "batch", 0)
        with pytest.raises(TypeError, match="not one string"):
            client.uploads.complete("upload_1", "part_1")
        with pytest.raises(ValueError, match="at least one part"):
            client.uploads.complete("upload_1", [])
        with pytest.raises(ValueError, match="32 hexadecimal digits"):
            client.uploads.complete("upload_1", ["part_1"], {"md5": "abc"})
        with pytest.raises(ValueError, match="upload_id"):
            client.uploads.cancel("a b")
