"""
``aikit batch run`` at Vertex AI: killed again and again, it pays for one job.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.providers.killed_runs import run_killed
from tests.vertex_server import BUCKET, PROJECT, TOKEN, VertexServer, serving_vertex

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("lost", [0, 1])
def test_a_run_that_is_killed_ten_times_pays_once(tmp_path: Path, lost: int) -> None:
    """
    At any moment of its upload, its creation and its wait, and after a lost answer; the last is left in peace.
    """
    with serving_vertex(VertexServer(polls=3, loses_jobs=lost, shards=2)) as server:
        providers = tmp_path / "providers.json"
        entry = {"baseURL": server.url, "project": PROJECT, "bucket": BUCKET, "storage_url": server.url}
        providers.write_text(json.dumps({"providers": {"vertex": entry | {"apiKey": TOKEN}}}))
        environment = {"AIKIT_PROVIDERS": str(providers), "AIKIT_PROVIDER": "vertex"}
        printed = run_killed(tmp_path, "gemini-2.5-flash", environment, server.received)
    assert "secret" not in printed
    assert len(server.jobs) == 1
