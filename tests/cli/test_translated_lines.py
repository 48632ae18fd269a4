"""
Lines that a provider translates, checked by the command line before anything is sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Here
from tests.vertex_server import BUCKET, PROJECT, TOKEN, VertexServer, serving_vertex


@pytest.fixture
def vertex(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[VertexServer]:
    """
    A Vertex AI that the environment leads to.
    """
    with serving_vertex() as server:
        entry = {"baseURL": server.url, "project": PROJECT, "bucket": BUCKET, "storage_url": server.url}
        (tmp_path / "p.json").write_text(json.dumps({"providers": {"vertex": {**entry, "apiKey": TOKEN}}}))
        monkeypatch.setenv("AIKIT_PROVIDERS", str(tmp_path / "p.json"))
        monkeypatch.setenv("AIKIT_PROVIDER", "vertex")
        yield server


def _lines(*bodies: dict[str, Any]) -> str:
    said = {"messages": [{"role": "user", "content": "hi"}]}
    lines = [
        {"custom_id": f"c{number}", "method": "POST", "url": "/v1/chat/completions", "body": {**said, **body}}
        for number, body in enumerate(bodies)
    ]
    return "".join(json.dumps(line) + "\n" for line in lines)


def test_a_check_tells_what_cannot_be_translated(aikit: Here, vertex: VertexServer, tmp_path: Path) -> None:
    """
    As the upload would, with lines, and names that stand twice; other purposes have no such rules.
    """
    bad = {"model": "gemini-2.5-flash", "logit_bias": {"1": 2}}
    text = _lines({"model": "gemini-2.5-flash"}, bad, {"model": "gemini-2.5-flash", "n": 0})
    path = tmp_path / "in.jsonl"
    path.write_text(text + text.splitlines()[0].replace('"c0"', '"x", "custom_id": "y"') + "\n")
    ran = aikit("files", "check", "in.jsonl", "--purpose", "batch")
    assert [(line, code) for _, line, code, _ in ran.fields] == [
        ("2", "unsupported"),
        ("3", "unsupported"),
        ("4", "invalid_json_line"),
    ]
    sent = aikit("files", "create", "in.jsonl", "--purpose", "batch", "--json")
    assert [error["message"] for error in sent.json["errors"]] == [message for *_, message in ran.fields]
    assert (ran.code, sent.code) == (3, 3)
    assert aikit("files", "check", "in.jsonl", "--purpose", "user_data").code == 0
    assert not vertex.received


def test_a_run_of_several_models_tells_all_lines_before_it_begins(
    aikit: Here, vertex: VertexServer, tmp_path: Path
) -> None:
    """
    Their numbers are those of the input, not of a part; no job of a good part is paid meanwhile.
    """
    first, second, unknown = {"model": "gemini-2.5-flash"}, {"model": "gemini-2.5-pro"}, {"model": "gpt-4"}
    bad = {"logit_bias": {"1": 2}}
    text = _lines(first, second, second | bad, first, {"model": "meta/llama-x"} | bad, unknown, unknown)
    (tmp_path / "in.jsonl").write_text(text)
    ran = aikit("batch", "run", "in.jsonl", "--yes")
    assert ran.code == 3
    assert [line.rpartition("line ")[2] for line in ran.err.splitlines()] == ["3)", "6)"]
    assert not vertex.received
