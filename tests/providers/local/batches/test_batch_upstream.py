"""
Batches whose lines are answered by a server: over a real socket, from the client's arguments to the files.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aikit import OpenAIClient
from tests.providers.local.embedded_batches import ENDPOINT, input_of
from tests.scripted_server import answer, serving

_KEY = "sk-of-the-upstream"
_BODY = {"id": "c", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}


def test_lines_go_where_the_client_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the key, the headers and the body given; the key is nowhere on disk."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    home = tmp_path / "home"
    with (
        serving(answer(200, json.dumps(_BODY).encode())) as server,
        OpenAIClient(
            _KEY, provider="local", home=home, base_url=server.url, concurrency=2, custom_headers={"X-Team": "a"}
        ) as client,
    ):
        file = client.files.create(input_of(5), "batch").throw().file
        assert file is not None
        created = client.batches.create(file.id, ENDPOINT).throw().batch
        assert created is not None
        batch = client.batches.wait(created.id, {"poll_interval": 0.05}).throw().batch
        assert batch is not None
        assert batch.output_file_id is not None
        text = client.files.content(batch.output_file_id).throw().text
    assert (batch.status, batch.request_counts.completed) == ("completed", 5)
    assert {each.headers["authorization"] for each in server.received} == {f"Bearer {_KEY}"}
    assert {each.path for each in server.received} == {ENDPOINT}
    assert {each.headers["x-team"] for each in server.received} == {"a"}
    asked = sorted(json.loads(each.body)["messages"][0]["content"] for each in server.received)
    assert asked == [f"question {number}" for number in range(5)]
    assert {json.dumps(json.loads(line)["response"]["body"]) for line in (text or "").splitlines()} == {
        json.dumps(_BODY)
    }
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert _KEY.encode() not in kept
