"""
``aikit batch run`` at a resource: killed again and again, it pays for one batch.
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
from tests.azure_server import KEY, VERSION, resource_here

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("ending", ["/openai/v1", f"?api-version={VERSION}"])
def test_a_run_that_is_killed_ten_times_pays_once(tmp_path: Path, ending: str) -> None:
    """
    At any moment of its upload, its creation and its wait; the tenth is left in peace and has all rows.
    """
    questions = [jsonl.chat_line(f"word {n}", model="mine", custom_id=f"q{n}") for n in range(20)]
    jsonl.write(tmp_path / "in.jsonl", questions)
    with resource_here(looks=3) as resource:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "OPENAI_"))}
        environment |= {
            "AZURE_OPENAI_ENDPOINT": resource.url + ending,
            "AZURE_OPENAI_API_KEY": KEY,
            "AIKIT_HOME": str(tmp_path / "home"),
            "AIKIT_PROVIDER": "azure",
            "NO_PROXY": "127.0.0.1",
        }
        options = ["--output", str(tmp_path / "out.jsonl"), "--yes", "--poll-interval", "0.3"]
        command = [sys.executable, "-m", "aikit", "batch", "run", str(tmp_path / "in.jsonl"), *options]
        for number in range(10):
            asked = len(resource.asked)
            with subprocess.Popen(
                command, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ) as process:
                while process.poll() is None and len(resource.asked) == asked:
                    time.sleep(0.01)
                time.sleep(0.03 * number)
                process.kill()
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert len(resource.batches) == 1
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert [row["custom_id"] for row in rows] == [f"q{n}" for n in range(20)]
