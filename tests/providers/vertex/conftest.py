"""
A client of a server that speaks as Vertex AI and Google Cloud Storage do.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aikit import OpenAIClient
from tests.vertex_server import BUCKET, PROJECT, TOKEN, VertexServer, serving_vertex


@pytest.fixture
def vertex(monkeypatch: pytest.MonkeyPatch) -> Iterator[VertexServer]:
    """
    The server, which the environment leads to; breaks are gone on after without a pause.
    """
    monkeypatch.setattr("aikit.providers.vertex.upload._PAUSE_S", 0.001)
    monkeypatch.setattr("aikit.http.retry.RetryPolicy._backoff", lambda *_: 0.001)
    with serving_vertex() as server:
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", PROJECT)
        monkeypatch.setenv("GCS_BUCKET_NAME", BUCKET)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        yield server


@pytest.fixture
def client(vertex: VertexServer) -> Iterator[OpenAIClient]:
    """
    The client.
    """
    with OpenAIClient(TOKEN, provider="vertex", base_url=vertex.url, timeout=10) as client:
        yield client
