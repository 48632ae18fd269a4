"""
A client of a server that speaks as the Gemini Developer API does.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aikit import OpenAIClient
from tests.gemini_server import KEY, GeminiServer, serving_gemini


@pytest.fixture
def gemini(monkeypatch: pytest.MonkeyPatch) -> Iterator[GeminiServer]:
    """
    The server; breaks are gone on after without a pause.
    """
    monkeypatch.setattr("aikit.providers.gemini.upload._PAUSE_S", 0.001)
    monkeypatch.setattr("aikit.http.retry.RetryPolicy._backoff", lambda *_: 0.001)
    with serving_gemini() as server:
        yield server


@pytest.fixture
def client(gemini: GeminiServer) -> Iterator[OpenAIClient]:
    """
    The client.
    """
    with OpenAIClient(KEY, provider="gemini", base_url=gemini.url, timeout=10) as client:
        yield client
