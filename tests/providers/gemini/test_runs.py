"""
``aikit batch run`` at the Gemini API: killed again and again, it pays for one batch.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.gemini_server import KEY, GeminiServer, serving_gemini
from tests.providers.killed_runs import run_killed

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("lost", [0, 1])
def test_a_run_that_is_killed_ten_times_pays_once(tmp_path: Path, lost: int) -> None:
    """
    At any moment of its upload, its creation and its wait, and after a lost answer; the last is left in peace.
    """
    with serving_gemini(GeminiServer(asks=3, loses_batches=lost)) as server:
        providers = tmp_path / "providers.json"
        providers.write_text(json.dumps({"providers": {"gemini": {"baseURL": server.url}}}))
        environment = {"AIKIT_PROVIDERS": str(providers), "AIKIT_PROVIDER": "gemini", "GEMINI_API_KEY": KEY}
        printed = run_killed(tmp_path, "gemini-2.5-flash", environment, server.received)
    assert "secret" not in printed
    assert len(server.batches) == 1
