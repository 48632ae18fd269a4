"""
The server that stands for Vertex AI is one to Google's own library and by Google's own description of it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from aikit import OpenAIClient, jsonl
from tests.foreign.discovery import Discovery
from tests.foreign.libraries import GENAI, discovery_wheel, said_by
from tests.vertex_server import BUCKET, LOCATION, PROJECT, TOKEN, VertexServer, serving_vertex

pytestmark = [pytest.mark.foreign, pytest.mark.slow]

_LINE: Final = {"key": "r-1", "request": {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}}
_INPUT: Final = f"gs://{BUCKET}/aikit/files/theirs.jsonl"
_JOB: Final[dict[str, Any]] = {
    "displayName": "ours",
    "model": "publishers/google/models/gemini-2.5-flash",
    "labels": {"aikit_endpoint": "chat-completions"},
    "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": [_INPUT]}},
    "outputConfig": {
        "predictionsFormat": "jsonl",
        "gcsDestination": {"outputUriPrefix": f"gs://{BUCKET}/aikit/outputs/ours"},
    },
}


def _seen_by_google(server: VertexServer, job: str, source: str = _INPUT) -> dict[str, Any]:
    """
    Return what Google's library tells after it looked at a job and created two, one of which it cancelled.
    """
    target = f"gs://{BUCKET}/aikit/outputs/theirs"
    said = said_by(GENAI, "google_vertex.py", server.url, TOKEN, PROJECT, LOCATION, job, source, target)
    seen: dict[str, Any] = json.loads(said)
    return seen


def _checked(server: VertexServer) -> set[str]:
    """
    Return the methods that were called, each as Google describes it.
    """
    apis = {name: Discovery.of(discovery_wheel(), f"{name}.v1") for name in ("aiplatform", "storage")}
    called = set()
    for asked, status, answer in server.answered:
        api = apis["storage" if "storage/v1" in asked.path else "aiplatform"]
        if "upload_id=" in asked.path:  # a session is no method: what it answers is what its beginning promised
            asked = attrs.evolve(asked, method="POST", body=b"")  # noqa: PLW2901  the same in Google's words
        called.add(api.check(asked, status, answer).removeprefix("aiplatform.projects.locations."))
    return called


def test_googles_library_drives_the_server() -> None:
    """
    Unmodified: it finds, creates, lists and cancels jobs, and all that passes is as Google describes it.
    """
    with serving_vertex(VertexServer(polls=1)) as server:
        server.storage.store(BUCKET, "aikit/files/theirs.jsonl", json.dumps(_LINE).encode())
        job = server.add(**_JOB)
        seen = _seen_by_google(server, job)
        assert seen["found"][0] == "ours"
        assert (seen["state"], seen["stopped"][1]) == ("JOB_STATE_SUCCEEDED", "JOB_STATE_CANCELLED")
        assert seen["listed"] == [one["name"] for one in reversed(server.jobs.values())]
        assert [name.rpartition("/")[2] for name in seen["ours"]] == [job]
    jobs = {f"batchPredictionJobs.{name}" for name in ("create", "get", "list", "cancel")}
    assert _checked(server) == jobs


def test_what_one_creates_the_other_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Google's library finds aikit's jobs, and aikit lists, reads and deletes what came of Google's; all is as described.
    """
    for name, value in {"PROJECT": PROJECT, "LOCATION": LOCATION}.items():
        monkeypatch.setenv(f"GOOGLE_CLOUD_{name}", value)
    monkeypatch.setenv("GCS_BUCKET_NAME", BUCKET)
    lines = [jsonl.chat_line(f"word {n}", model="gemini-2.5-flash", custom_id=f"ü{n}") for n in range(3)]
    jsonl.write(tmp_path / "in.jsonl", lines)
    with serving_vertex(VertexServer(shards=2)) as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        with OpenAIClient(TOKEN, provider="vertex", base_url=server.url) as client:
            file = client.files.create(tmp_path / "in.jsonl", "batch", {"throw": True}).file
            assert file is not None
            ours = client.batches.create(file.id, "/v1/chat/completions", {"throw": True}).batch
            assert ours is not None
            (job,) = server.jobs.values()
            (source,) = job["inputConfig"]["gcsSource"]["uris"]
            seen = _seen_by_google(server, ours.id.removeprefix("batch_"), source)
            assert seen["found"][:2] == [job["displayName"], job["model"]]
            assert [name.rpartition("/")[2] for name in seen["ours"]] == [ours.id.removeprefix("batch_")]
            listed = client.batches.list({"throw": True}).batches
            assert [batch.id.removeprefix("batch_") for batch in listed] == [
                name.rpartition("/")[2] for name in seen["listed"]
            ]
            theirs = listed[1]
            assert (theirs.metadata, theirs.input_file_id) == ({"display_name": "their job"}, file.id)
            rows = list(client.batches.results(theirs.id, {"throw": True}))
            assert [(row.custom_id, row.text) for row in rows] == [(f"ü{n}", f"yes, word {n}") for n in range(3)]
            assert client.batches.wait(ours.id, {"poll_interval": 0.01}).success
            assert client.files.delete(theirs.output_file_id or "").success
            assert client.files.delete(file.id).success
    called = _checked(server)
    assert called >= {f"batchPredictionJobs.{name}" for name in ("create", "get", "list", "cancel")}
    assert called >= {f"storage.objects.{name}" for name in ("insert", "get", "list", "delete")}


def test_parts_are_sent_and_put_together_as_google_describes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Order, parts, what is put together in two steps, a part that is too late, and what is given up.
    """
    monkeypatch.setattr("aikit.providers.vertex.composing._AT_ONCE", 2)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", PROJECT)
    monkeypatch.setenv("GCS_BUCKET_NAME", BUCKET)
    with serving_vertex() as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        with OpenAIClient(TOKEN, provider="vertex", base_url=server.url) as client:
            options: dict[str, Any] = {"throw": True, "expires_after": {"anchor": "created_at", "seconds": 3600}}
            made, left = (client.uploads.create("ü.txt", "user_data", 3, **options).upload for _ in range(2))
            assert made is not None
            assert left is not None
            parts = [client.uploads.add_part(made.id, content, {"throw": True}).part for content in (b"a", b"b", b"c")]
            ids = [part.id for part in parts if part is not None]
            md5 = hashlib.md5(b"abc", usedforsecurity=False).hexdigest()
            assert client.uploads.complete(made.id, ids, {"md5": md5}).success
            assert not client.uploads.add_part(made.id, b"d").success
            assert client.uploads.add_part(left.id, b"abc").success
            assert client.uploads.cancel(left.id).success
    assert _checked(server) == {f"storage.objects.{name}" for name in ("insert", "get", "list", "compose", "delete")}
