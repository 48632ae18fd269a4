"""
Files of Vertex AI on emulators of Google Cloud Storage by others, and beside Google's own library.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any, Final

import pytest
import requests

from aikit import OpenAIClient
from aikit.providers.vertex.names import OUTPUT, STORED, FileName, read_file_id
from tests.foreign.aimock import Missing
from tests.foreign.libraries import said_by
from tests.foreign.storage_servers import BUCKET, breaking_line, fake_gcs_server, gcp_storage_emulator
from tests.providers.vertex.answers.translated import candidate, row, written
from tests.storage_bucket import CHUNK
from tests.vertex_server import PROJECT, TOKEN, serving_vertex

LIBRARY: Final = "google-cloud-storage==3.17.1"
_MANY_BYTES: Final = 200 * 1024 * 1024

Server = Callable[[Path], AbstractContextManager[str]]
SERVERS: Final[tuple[Server, ...]] = (fake_gcs_server, gcp_storage_emulator)

pytestmark = [pytest.mark.foreign, pytest.mark.slow]


@contextmanager
def _served(server: Server, folder: Path) -> Iterator[str]:
    try:
        running = server(folder)
        url = running.__enter__()
    except (Missing, TimeoutExpired) as reason:
        pytest.skip(str(reason))
    try:
        yield url
    finally:
        running.__exit__(None, None, None)


@contextmanager
def _client_of(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIClient]:
    for name, value in (
        ("GOOGLE_CLOUD_PROJECT", "my-project"),
        ("GCS_BUCKET_NAME", BUCKET),
        ("STORAGE_EMULATOR_HOST", url),
        ("NO_PROXY", "127.0.0.1"),
        ("no_proxy", "127.0.0.1"),
    ):
        monkeypatch.setenv(name, value)
    with OpenAIClient("", provider="vertex", base_url=url, timeout=60) as client:
        yield client


@pytest.mark.parametrize("server", SERVERS)
def test_files_come_back_as_they_went_up(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    Chunks, an empty file, a stream of unknown size, lists in pages, a download to disk, a deletion and what is gone.
    """
    monkeypatch.setattr("aikit.providers.vertex.upload._CHUNK_BYTES", 8 * CHUNK)
    monkeypatch.setattr("aikit.providers.vertex.objects._ON_PAGE", 2)
    content, path = os.urandom(20 * CHUNK + 17), tmp_path / "out.bin"
    with _served(server, tmp_path) as url, _client_of(url, monkeypatch) as client:
        options: dict[str, Any] = {"filename": "Übung #1?.bin", "throw": True, "validate": False}
        large = client.files.create(content, "user_data", **options).file
        empty = client.files.create(b"", "user_data", **options).file
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as stream:
            stream.write(b"stream" * 1000)
        with os.fdopen(reading, "rb") as stream:
            streamed = client.files.create(stream, "user_data", **options).file
        assert large is not None
        assert empty is not None
        assert streamed is not None
        assert (large.filename, large.bytes, empty.bytes, streamed.bytes) == ("Übung #1?.bin", len(content), 0, 6000)
        assert client.files.retrieve(large.id).file == large
        first = client.files.list({"limit": 2, "throw": True})
        second = client.files.list({"limit": 2, "after": first.last_id, "throw": True})
        assert (first.has_more, second.has_more) == (True, False)
        assert {file.id for file in (*first.files, *second.files)} == {large.id, empty.id, streamed.id}
        assert client.files.download(large.id, path).success
        assert path.read_bytes() == content
        assert client.files.content(streamed.id).content == b"stream" * 1000
        for file in (large, empty, streamed):
            assert client.files.delete(file.id).success
        assert client.files.list({"throw": True}).files == ()
        for call in (client.files.retrieve, client.files.delete, client.files.content):
            (error,) = call(large.id).errors
            assert (error.status, error.message) == (404, f"No such File object: {large.id}")


@pytest.mark.parametrize("server", SERVERS)
def test_parts_are_put_together(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    More parts than one request takes become a file in the order that is named, and nothing else is left.
    """
    contents = [os.urandom(1000 + number) for number in range(40)]
    whole = b"".join(contents)
    with _served(server, tmp_path) as url, _client_of(url, monkeypatch) as client:
        upload = client.uploads.create("a.bin", "user_data", len(whole), {"throw": True}).upload
        assert upload is not None
        parts = [client.uploads.add_part(upload.id, one, {"throw": True}).part for one in reversed(contents)]
        names = [part.id for part in reversed(parts) if part is not None]
        md5 = hashlib.md5(whole, usedforsecurity=False).hexdigest()
        done = client.uploads.complete(upload.id, names, {"md5": md5, "throw": True}).upload
        assert done is not None
        assert done.file is not None
        assert client.files.content(done.file.id).content == whole
        left = requests.get(f"{url}/storage/v1/b/{BUCKET}/o", timeout=10).json()["items"]
        assert [one["name"] for one in left] == [f"aikit/{read_file_id(done.file.id).stored}"]


@pytest.mark.parametrize("seed", [1, 2])
def test_an_upload_goes_on_through_breaks_at_random(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seed: int) -> None:
    """
    The connection breaks again and again within 200 MB; the server is asked what has arrived, and the content is whole.
    """
    monkeypatch.setattr("aikit.providers.vertex.upload._PAUSE_S", 0.05)
    path, whole = tmp_path / "in.bin", hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(_MANY_BYTES // 2**20):
            block = os.urandom(2**20)
            whole.update(block)
            file.write(block)
    with (
        _served(gcp_storage_emulator, tmp_path) as url,
        breaking_line(url, seed, 1_000_000, 40_000_000) as line,
        _client_of(line.url, monkeypatch) as client,
    ):
        made = client.files.create(path, "user_data", {"throw": True}).file
        assert made is not None
        assert line.breaks > 3
        with _client_of(url, monkeypatch) as reader:
            back = tmp_path / "out.bin"
            assert reader.files.download(made.id, back).success
        with back.open("rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == whole.hexdigest()
        assert [one.bytes for one in client.files.list({"throw": True}).files] == [_MANY_BYTES]


@pytest.mark.parametrize("server", SERVERS)
def test_what_one_stores_the_other_reads(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    Google's library sees name, purpose and content of ours; what it stores under the prefix is a file with an id.
    """
    with _served(server, tmp_path) as url, _client_of(url, monkeypatch) as client:
        ours = client.files.create(b"ours", "user_data", {"filename": "Übung.txt", "throw": True}).file
        assert ours is not None
        name, theirs = f"aikit/{read_file_id(ours.id).stored}", FileName(STORED, "team/their file+ü.txt")
        seen = json.loads(said_by(LIBRARY, "google_storage.py", BUCKET, name, f"aikit/{theirs.stored}"))
        assert seen["content"] == "ours"
        assert seen["size"] == 4
        assert seen["metadata"] == {"filename": "Übung.txt", "purpose": "user_data"}
        assert seen["names"] == sorted([name, f"aikit/{theirs.stored}"])
        found = client.files.retrieve(theirs.id, {"throw": True}).file
        assert found is not None
        assert (found.filename, found.purpose, found.bytes) == ("theirs.txt", "vision", 6000)
        assert client.files.content(theirs.id).content == b"theirs" * 1000
        assert {file.id for file in client.files.list({"throw": True}).files} == {ours.id, theirs.id}


@pytest.mark.parametrize("server", SERVERS)
def test_rows_of_a_job_are_read_from_where_it_wrote_them(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """
    Their names have colons, there are several of them, and all are deleted.
    """
    folder = "aikit/outputs/x/prediction-model-2026-09-02T20:06:30.166279Z"
    rows = [row({"candidates": [candidate("ü" * 90_000)]}, key=f"their-{number}") for number in range(20)]
    with _served(server, tmp_path) as url, _client_of(url, monkeypatch) as client, serving_vertex() as vertex:
        for shard in range(2):
            about = {"uploadType": "media", "name": f"{folder}/predictions_{shard}.jsonl"}
            content, kind = written(rows[shard::2]), {"Content-Type": "application/octet-stream"}
            place = f"{url}/upload/storage/v1/b/{BUCKET}/o"
            requests.post(place, params=about, data=content, headers=kind, timeout=10).raise_for_status()
        output = {"gcsOutputDirectory": f"gs://{BUCKET}/{folder}"}
        state = {"state": "JOB_STATE_SUCCEEDED", "completionStats": {"successfulCount": "20"}, "outputInfo": output}
        file_id = FileName(OUTPUT, vertex.add(model="publishers/google/models/gemini-2.5-flash", **state)).id
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", PROJECT)
        with OpenAIClient(TOKEN, provider="vertex", base_url=vertex.url) as other:
            made = other.files.content(file_id, {"throw": True}).content or b""
            assert other.files.delete(file_id).success
            assert other.files.content(file_id).errors[0].status == 404
        read = [json.loads(line)["custom_id"] for line in made.splitlines()]
        assert read == [f"their-{number}" for number in (*range(0, 20, 2), *range(1, 20, 2))]
        assert not client.files.list({"throw": True}).files
