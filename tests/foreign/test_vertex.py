"""
The server that stands for Vertex AI is one to Google's own library and by Google's own description of it.
"""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

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
