"""
``aikit batch run`` at the Gemini API: killed again and again, it pays for one batch.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aikit import jsonl
from tests.gemini_server import KEY, GeminiServer, serving_gemini

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("lost", [0, 1])
def test_a_run_that_is_killed_ten_times_pays_once(tmp_path: Path, lost: int) -> None:
    """
    At any moment of its upload, its creation and its wait, and after a lost answer; the last is left in peace.
    """
    questions = [jsonl.chat_line(f"word {n}", model="gemini-2.5-flash", custom_id=f"q{n}") for n in range(20)]
    jsonl.write(tmp_path / "in.jsonl", questions)
    with serving_gemini(GeminiServer(asks=3, loses_batches=lost)) as server:
        providers = tmp_path / "providers.json"
        providers.write_text(json.dumps({"providers": {"gemini": {"baseURL": server.url}}}))
        environment = os.environ | {
            "AIKIT_PROVIDERS": str(providers),
            "AIKIT_PROVIDER": "gemini",
            "AIKIT_HOME": str(tmp_path / "home"),
            "GEMINI_API_KEY": KEY,
            "NO_PROXY": "127.0.0.1",
        }
        options = ["--output", str(tmp_path / "out.jsonl"), "--yes", "--poll-interval", "0.3"]
        command = [sys.executable, "-m", "aikit", "batch", "run", str(tmp_path / "in.jsonl"), *options]
        for number in range(10):
            asked = len(server.received)
            with subprocess.Popen(
                command, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ) as process:
                while process.poll() is None and len(server.received) == asked:
                    time.sleep(0.01)
                time.sleep(0.03 * number)
                process.kill()
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "secret" not in done.stdout + done.stderr
    assert len(server.batches) == 1
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert [row["custom_id"] for row in rows] == [f"q{n}" for n in range(20)]
