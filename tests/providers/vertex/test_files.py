"""
Files of Vertex AI, which are objects of a bucket: stored in chunks, through breaks, and read back as OpenAI's.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient, OpenAIFile, OpenAIResult
from aikit.providers.vertex.names import STORED, FileName, read_file_id
from tests.providers.vertex.test_names import FOREIGN_IDS
from tests.storage_bucket import CHUNK
from tests.vertex_server import BUCKET, VertexServer

_UPLOAD = "aikit.providers.vertex.upload"


def _stored(client: OpenAIClient, content: bytes = b"abc", **options: Any) -> OpenAIFile:
    file = client.files.create(content, "user_data", **{"filename": "a.bin", "throw": True, **options}).file
    assert file is not None
    return file


def _contents(vertex: VertexServer) -> list[bytes]:
    return list(vertex.storage.contents.values())


def test_a_file_comes_back_as_it_went_up(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Name, purpose, size, times and status are kept with an object under the prefix; its name has nothing of the file's.
    """
    made = _stored(client, filename="Übung [1].txt", expires_after={"anchor": "created_at", "seconds": 86_400})
    assert client.files.retrieve(made.id, {"throw": True}).file == made
    assert client.files.list({"throw": True}).files == (made,)
    assert (made.filename, made.purpose, made.bytes, made.status) == ("Übung [1].txt", "user_data", 3, "processed")
    assert made.expires_at is not None
    assert abs(made.expires_at - made.created_at - 86_400) < 60
    (name,) = vertex.storage.names(BUCKET)
    assert name == f"aikit/{read_file_id(made.id).stored}"
    assert made.extra == {"uri": f"gs://{BUCKET}/{name}"}
    stored = vertex.storage.buckets[BUCKET][name]
    assert stored["contentType"] == "text/plain"
    assert stored["customTime"].endswith("Z")
    assert client.files.content(made.id).content == b"abc"


def test_objects_of_other_programs_are_files(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    What is under ``files/`` has an id, a name and a likely purpose; what is elsewhere in the bucket is not there.
    """
    vertex.storage.store(BUCKET, "aikit/files/team/in put.jsonl", b"{}")
    vertex.storage.store(BUCKET, "aikit/files/a:b+ü", b"x", contentType="image/png")
    for name in ("aikit/requests/x.jsonl", "aikit-evil/files/x", "aikit/filesx", "other", "aikit/files/"):
        vertex.storage.store(BUCKET, name, b"secret")
    vertex.storage.store(BUCKET, "aikit/files/../x", b"secret")
    page = client.files.list({"order": "asc", "throw": True})
    assert [(file.filename, file.purpose, file.bytes) for file in page.files] == [
        ("in put.jsonl", "batch", 2),
        ("a:b+ü", "user_data", 1),
    ]
    for file, content in zip(page.files, (b"{}", b"x"), strict=True):
        assert client.files.retrieve(file.id).file == file
        assert client.files.content(file.id).content == content
    assert client.files.delete(page.files[0].id).success
    assert "aikit/files/team/in put.jsonl" not in vertex.storage.names(BUCKET)
    assert any("has a name that no id can have" in note for note in page.notes)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 7])
def test_large_files_go_in_chunks(
    client: OpenAIClient, vertex: VertexServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, size: int
) -> None:
    """
    Each chunk but the last is a multiple of what Google asks for, and the content is the same.
    """
    monkeypatch.setattr(f"{_UPLOAD}._CHUNK_BYTES", CHUNK)
    path, seen = tmp_path / "a.bin", []
    path.write_bytes(os.urandom(size))
    parameters: dict[str, Any] = {
        "on_progress": lambda progress: seen.append((progress.bytes, progress.total)),
        "validate": False,
    }
    result = client.files.create(path, "user_data", **parameters)
    assert result.wait(10)
    assert result.success, result.errors
    assert _contents(vertex) == [path.read_bytes()]
    assert len(vertex.received) == 1 + max(1, -(-size // CHUNK))
    assert seen[-1:] == ([(size, size)] if size else seen[-1:])


@pytest.mark.parametrize("fault", ["cut", "lost", "503"])
@pytest.mark.parametrize("number", [1, 2, 4])
def test_an_upload_goes_on_after_a_break(
    client: OpenAIClient, vertex: VertexServer, monkeypatch: pytest.MonkeyPatch, fault: str, number: int
) -> None:
    """
    The server is asked how much arrived, and only the rest is sent; the object is stored once.
    """
    monkeypatch.setattr(f"{_UPLOAD}._CHUNK_BYTES", 2 * CHUNK)
    content = os.urandom(7 * CHUNK + 5)
    vertex.storage.faults[number] = fault
    _stored(client, content)
    assert _contents(vertex) == [content]
    queries = [one for one in vertex.received if one.headers.get("content-range", "").startswith("bytes */")]
    assert len(queries) == 1
    assert sum(len(one.body) for one in vertex.received if one.method == "PUT") <= len(content) + 2 * CHUNK


def test_breaks_without_progress_end_it(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    What does not get ahead in three tries has failed, with what the server said; no address of a session is shown.
    """
    vertex.storage.faults = dict.fromkeys(range(1, 9), "503")
    result = client.files.create(b"abc", "user_data", {"filename": "a.bin"})
    (error,) = result.errors
    assert (error.status, _contents(vertex)) == (503, [])
    assert "ABCsecret" not in str(error) + repr(error) + str(error.body) + repr(result.request) + repr(result.response)


def test_breaks_that_get_ahead_do_not_count(
    client: OpenAIClient, vertex: VertexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A bad line on which each try brings a part through brings the whole through.
    """
    monkeypatch.setattr(f"{_UPLOAD}._CHUNK_BYTES", 64 * CHUNK)
    vertex.storage.faults = dict.fromkeys(range(1, 6), "cut")
    content = os.urandom(60 * CHUNK + 3)
    _stored(client, content)
    assert _contents(vertex) == [content]


def test_a_session_that_is_forgotten_begins_anew(
    client: OpenAIClient, vertex: VertexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A server that does not know the upload any more, and has no object, gets all of it again.
    """
    monkeypatch.setattr(f"{_UPLOAD}._CHUNK_BYTES", CHUNK)
    answer, content = vertex.storage.answer, os.urandom(3 * CHUNK)

    def forgetful(asked: Any) -> Any:
        if "ABCsecret0" in asked.path and len(vertex.received) == 3:
            vertex.storage.sessions.clear()
            vertex.storage.sessions["gone"] = None  # type: ignore[assignment]  # the next has another number
        return answer(asked)

    monkeypatch.setattr(type(vertex.storage), "answer", lambda _, asked: forgetful(asked))
    _stored(client, content)
    assert _contents(vertex) == [content]
    assert sum(one.method == "POST" for one in vertex.received) == 2


@pytest.mark.parametrize("is_same", [True, False])
def test_an_object_of_that_name_is_never_overwritten(
    client: OpenAIClient, vertex: VertexServer, monkeypatch: pytest.MonkeyPatch, *, is_same: bool
) -> None:
    """
    An object that is there already is the one that was to be stored, if it is the same byte for byte; else it stays.
    """
    monkeypatch.setattr("aikit.providers.vertex.provider.new_name", lambda: "abc")
    there = b"abc" if is_same else b"xyz"
    vertex.storage.store(BUCKET, "aikit/files/abc", there, metadata={"filename": "a.bin", "purpose": "user_data"})
    result = client.files.create(b"abc", "user_data", {"filename": "a.bin"})
    assert [error.code for error in result.errors] == ([] if is_same else ["checksum_mismatch"])
    assert _contents(vertex) == [there]


@pytest.mark.parametrize(("field", "value"), [("crc32c", "AAAA"), ("md5Hash", "AAAA"), ("size", "2"), ("size", None)])
def test_what_arrived_as_something_else_is_deleted(
    client: OpenAIClient, vertex: VertexServer, monkeypatch: pytest.MonkeyPatch, field: str, value: str | None
) -> None:
    """
    Size and checksum are compared with what was read here, MD5 where nothing takes CRC32C; one that differs is deleted.
    """
    if field == "md5Hash":
        monkeypatch.setattr("aikit.providers.vertex.checksum.google_crc32c", None)
    store = vertex.storage.store
    monkeypatch.setattr(type(vertex.storage), "store", lambda _, *about, **__: store(*about) | {field: value})
    (error,) = client.files.create(b"abc", "user_data", {"filename": "a.bin"}).errors
    assert error.code == ("size_mismatch" if field == "size" else "checksum_mismatch")
    assert vertex.storage.names(BUCKET) == []
    assert "ifGenerationMatch=1700" in vertex.received[-1].path


@pytest.mark.parametrize("fault", [None, "lost", "cut"])
def test_a_stream_that_cannot_go_back_is_sent_at_once(
    client: OpenAIClient, vertex: VertexServer, fault: str | None
) -> None:
    """
    Its size is not known; when the answer is lost, the object is looked for, and when it did not arrive that is told.
    """
    vertex.storage.faults = {1: fault} if fault else {}
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as stream:
        stream.write(b"abc")
    with os.fdopen(reading, "rb") as stream:
        result = client.files.create(stream, "user_data", {"filename": "a.bin"})
    assert result.success is (fault != "cut"), result.errors
    assert _contents(vertex) == ([b"abc"] if fault != "cut" else [])


@pytest.mark.parametrize(
    "root", ["https://evil.example", "http://127.0.0.1:1", "http://user@127.0.0.1:1", "ftp://a", "//[", ""]
)
def test_a_session_elsewhere_gets_nothing(client: OpenAIClient, vertex: VertexServer, root: str) -> None:
    """
    A file goes to the storage that was configured, and to no other place that an answer names.
    """
    vertex.storage.url = root or "/"
    (error,) = client.files.create(b"abc", "user_data", {"filename": "a.bin"}).errors
    assert error.code == "invalid_response"
    assert len(vertex.received) == 1
    assert "ABCsecret" not in str(error) + repr(error) + repr(error.headers)


def test_lists_have_openais_cursors(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Google's pages are by name; each file is on one page of ours, the newest first, while its purpose is asked for.
    """
    vertex.storage.page_size = 2
    made = [_stored(client, filename=f"{number}.txt") for number in range(5)]
    vertex.storage.store(BUCKET, "aikit/files/x.jsonl", b"{}")
    seen, after = [], None
    while True:
        options: dict[str, Any] = {"limit": 2, "purpose": "user_data", "throw": True} | (
            {"after": after} if after else {}
        )
        page = client.files.list(**options)
        seen += [file.filename for file in page.files]
        if not page.has_more:
            break
        after = page.last_id
    assert seen == [f"{number}.txt" for number in (4, 3, 2, 1, 0)]
    (error,) = client.files.list({"after": FileName(STORED, "gone").id}).errors
    assert (error.code, error.param) == ("invalid_value", "after")
    assert all("prefix=aikit%2Ffiles%2F" in one.path for one in vertex.received if one.method == "GET")
    assert [file.id for file in client.files.list({"order": "asc", "limit": 1}).files] == [made[0].id]


def test_a_deletion_takes_what_was_made_of_the_file(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Translated lines go first; the custom_ids stay, without which nobody knows whose answers those of a batch are.
    """
    file = _stored(client)
    name = read_file_id(file.id)
    for made in (name.requests, name.ids):
        vertex.storage.store(BUCKET, f"aikit/{made}", b"x")
    vertex.storage.store(BUCKET, "aikit/requests/other.jsonl", b"x")
    deleted = client.files.delete(file.id, {"throw": True}).deleted
    assert deleted is not None
    assert (deleted.id, deleted.deleted) == (file.id, True)
    assert set(vertex.storage.names(BUCKET)) == {"aikit/requests/other.jsonl", f"aikit/{name.ids}"}


@pytest.mark.parametrize("call", ["retrieve", "delete", "content"])
def test_an_unknown_file_is_told_in_the_same_words_as_an_impossible_one(
    client: OpenAIClient, vertex: VertexServer, call: str
) -> None:
    """
    Neither says whether something is there, or in which bucket was looked.
    """
    told = []
    for file_id in (FileName(STORED, "gone").id, "file-impossible"):
        (error,) = getattr(client.files, call)(file_id).errors
        told.append((error.message.replace(file_id, "ID"), error.status, error.code, error.type, error.param))
    assert told[0] == told[1] == ("No such File object: ID", 404, None, "invalid_request_error", "id")
    assert vertex.received


def test_a_bucket_that_is_not_there_is_told(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    That is no unknown file, but a setting to correct.
    """
    vertex.storage.buckets.clear()
    result: OpenAIResult[Any] = client.files.retrieve(FileName(STORED, "gone").id)
    (error,) = result.errors
    assert (error.message, error.status) == ("The specified bucket does not exist.", 404)


@pytest.mark.parametrize("call", ["retrieve", "delete", "content", "download", "wait"])
def test_ids_of_an_attacker_send_nothing(client: OpenAIClient, vertex: VertexServer, tmp_path: Path, call: str) -> None:
    """
    Other buckets, other prefixes, dots, double encodings, NUL and ten kilobytes: not one request leaves.
    """
    vertex.storage.buckets["other-bucket"] = {}
    for name in ("aikit-evil/files/x", "secret", "aikit/files/../../secret"):
        vertex.storage.store(BUCKET, name, b"secret")
    vertex.storage.store("other-bucket", "aikit/files/x", b"secret")
    path = tmp_path / "out.bin"
    others = [name for name in FOREIGN_IDS if name]
    batch_ids = [f"batch_{name[5:]}" for name in others] + ["batch_1/../2", "batch_1%2f2", "batch_01", *others]
    for batch_id in batch_ids if call == "retrieve" else ():
        for ask in (client.batches.retrieve, client.batches.cancel):
            with suppress(ValueError):  # no id of any provider
                assert {error.status for error in ask(batch_id).errors} == {404}
    for file_id in others if call == "content" else ():
        with suppress(ValueError):
            assert not client.batches.create(file_id, "/v1/chat/completions").success
    for file_id in FOREIGN_IDS:
        arguments = (file_id, path) if call == "download" else (file_id,)
        try:
            result = getattr(client.files, call)(*arguments, {"max_wait": 0.01} if call == "wait" else {})
        except ValueError:  # no id of any provider
            continue
        assert not result.success
        assert {error.status for error in result.errors} <= {404, None}
    assert vertex.received == []
    assert not path.exists()


def test_a_download_goes_on_after_a_break(
    client: OpenAIClient, vertex: VertexServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """
    Only the rest is asked for, and only of the same object.
    """
    content, ranges, answer = os.urandom(8_000_000), [], vertex.storage.answer
    file = _stored(client, content)

    def cutting(asked: Any) -> Any:
        status, fields, body = answer(asked)
        if "alt=media" in asked.path:
            ranges.append((asked.headers.get("range"), asked.headers.get("if-range")))
            if len(ranges) < 3:
                fields, body = fields | {"Content-Length": str(len(body))}, body[: len(body) // 2]
        return status, fields, body

    monkeypatch.setattr(type(vertex.storage), "answer", lambda _, asked: cutting(asked))
    path = tmp_path / "out.bin"
    result = client.files.download(file.id, path, {"timeout": 0.5})
    assert result.success, result.errors
    assert path.read_bytes() == content
    assert [one is not None for one, _ in ranges] == [False, True, True]
