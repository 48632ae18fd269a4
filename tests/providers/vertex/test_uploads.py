"""
Uploads in parts on Vertex AI: parts are objects, and the file is put together where they lie.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any

import pytest

from aikit import OpenAIClient, OpenAIUpload
from tests.vertex_server import BUCKET, VertexServer


def _begun(client: OpenAIClient, size: int, **options: Any) -> OpenAIUpload:
    upload = client.uploads.create("Übung.bin", "user_data", size, {"throw": True, **options}).upload
    assert upload is not None
    return upload


def _part(client: OpenAIClient, upload: OpenAIUpload, content: bytes) -> str:
    part = client.uploads.add_part(upload.id, content, {"throw": True}).part
    assert part is not None
    assert part.upload_id == upload.id
    return part.id


@pytest.mark.parametrize("count", [1, 3, 32, 33, 70])
def test_parts_become_a_file_in_the_order_that_is_named(client: OpenAIClient, vertex: VertexServer, count: int) -> None:
    """
    As many as there are, though one request puts 32 together; nothing is left but the file.
    """
    contents = [os.urandom(number + 1) for number in range(count)]
    whole = b"".join(contents)
    upload = _begun(client, len(whole))
    assert (upload.status, upload.bytes, upload.filename, upload.purpose) == (
        "pending",
        len(whole),
        "Übung.bin",
        "user_data",
    )
    parts = [_part(client, upload, content) for content in reversed(contents)]
    _part(client, upload, b"one that is not named")
    md5 = hashlib.md5(whole, usedforsecurity=False).hexdigest()
    done = client.uploads.complete(upload.id, parts[::-1], {"md5": md5, "throw": True}).upload
    assert done is not None
    assert done.file is not None
    assert (done.status, done.id, done.bytes, done.file.bytes) == ("completed", upload.id, len(whole), len(whole))
    assert (done.file.filename, done.file.purpose) == ("Übung.bin", "user_data")
    assert client.files.list({"throw": True}).files == (done.file,)
    assert client.files.content(done.file.id).content == whole
    assert len(vertex.storage.names(BUCKET)) == 1
    again = client.uploads.complete(upload.id, parts, {"throw": True}).upload
    assert again is not None
    assert again.file == done.file


@pytest.mark.parametrize(
    ("size", "md5", "code"),
    [(5, None, "size_mismatch"), (6, "0" * 32, "checksum_mismatch"), (7, None, "size_mismatch")],
)
def test_a_whole_that_is_another_is_no_file(
    client: OpenAIClient, vertex: VertexServer, size: int, md5: str | None, code: str
) -> None:
    """
    Another size than was announced, or another MD5; the parts stay, and the right ones make the file.
    """
    upload = _begun(client, size)
    parts = [_part(client, upload, content) for content in (b"abc", b"def")]
    options = {} if md5 is None else {"md5": md5}
    (error,) = client.uploads.complete(upload.id, parts, options).errors
    assert error.code == code
    assert client.files.list({"throw": True}).files == ()
    assert len(vertex.storage.names(BUCKET)) == 3


def test_parts_of_another_upload_are_none(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Ids of parts name what is in the upload, and nothing else.
    """
    upload, other = _begun(client, 3), _begun(client, 3)
    foreign = _part(client, other, b"abc")
    vertex.start_anew()
    for part_id in (foreign, "part_%2e%2e", "part_", "x" * 500):
        (error,) = client.uploads.complete(upload.id, [part_id]).errors
        assert (error.code, error.param) == ("invalid_value", "part_ids")
    assert all(one.method == "GET" for one in vertex.received)


@pytest.mark.parametrize("upload_id", ["upload_abc", "upload_" + "a" * 23, "upload_%2e%2e", "upload_0" + "a" * 21, "x"])
def test_an_id_that_is_none_of_ours_sends_nothing(client: OpenAIClient, vertex: VertexServer, upload_id: str) -> None:
    """
    It is told as an upload that there is not.
    """
    for result in (
        client.uploads.add_part(upload_id, b"abc"),
        client.uploads.complete(upload_id, ["part_x"]),
        client.uploads.cancel(upload_id),
    ):
        assert [(error.status, error.code) for error in result.errors] == [(404, None)]
    assert vertex.received == []


def test_a_cancelled_upload_leaves_nothing(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Its parts are gone, and it takes no more.
    """
    upload = _begun(client, 3)
    part = _part(client, upload, b"abc")
    cancelled = client.uploads.cancel(upload.id, {"throw": True}).upload
    assert cancelled is not None
    assert (cancelled.id, cancelled.status, cancelled.bytes) == (upload.id, "cancelled", 3)
    assert vertex.storage.names(BUCKET) == []
    for result in (client.uploads.add_part(upload.id, b"abc"), client.uploads.complete(upload.id, [part])):
        assert [error.status for error in result.errors] == [404]
    assert vertex.storage.names(BUCKET) == []


def test_a_completion_whose_answer_was_lost_is_one(
    client: OpenAIClient, vertex: VertexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The file is put together once, and found by its name.
    """
    upload = _begun(client, 3)
    part = _part(client, upload, b"abc")
    answer, lost = vertex.storage.answer, list[Any]()

    def losing(asked: Any) -> Any:
        answered = answer(asked)
        if "/compose" in asked.path and not lost:
            lost.append(asked)
            return 503, {}, b"{}"
        return answered

    monkeypatch.setattr(type(vertex.storage), "answer", lambda _, asked: losing(asked))
    done = client.uploads.complete(upload.id, [part], {"throw": True}).upload
    assert done is not None
    assert done.file is not None
    assert lost
    assert client.files.content(done.file.id).content == b"abc"
    assert len(vertex.storage.names(BUCKET)) == 1


def test_expiry_is_kept_for_the_file(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    It counts from when the upload was created.
    """
    expiry = {"anchor": "created_at", "seconds": 86_400}
    upload = _begun(client, 3, expires_after=expiry)
    part = _part(client, upload, b"abc")
    done = client.uploads.complete(upload.id, [part], {"throw": True}).upload
    assert done is not None
    assert done.file is not None
    assert done.file.expires_at is not None
    assert abs(done.file.expires_at - upload.created_at - 86_400) < 60
    (name,) = vertex.storage.names(BUCKET)
    assert vertex.storage.buckets[BUCKET][name]["customTime"].endswith("Z")
