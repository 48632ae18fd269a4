"""
``aikit batch run``, killed again and again.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sized
from pathlib import Path

from aikit import jsonl
from tests.cli.processes import SHORT_LOOKS

_KILLS = 10
_LINES = 20


def run_killed(folder: Path, model: str, environment: Mapping[str, str], asked: Sized) -> str:
    """
    Run a batch of *model*, killed ten times at another moment after its next request each; return what it printed.

    The last run is left in peace, and has all rows.

    Args:
        folder: For the home, the input and the output.

        model: Asked by each line.

        environment: Names the provider; variables of other providers are not passed on.

        asked: Grows with each request that reaches the server.
    """
    jsonl.write(
        folder / "in.jsonl", [jsonl.chat_line(f"word {n}", model=model, custom_id=f"q{n}") for n in range(_LINES)]
    )
    others = ("AZURE_", "OPENAI_", "GEMINI_", "GOOGLE_", "VERTEX", "GCS_", "STORAGE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    env = kept | {"AIKIT_HOME": str(folder / "home"), "NO_PROXY": "127.0.0.1"} | dict(environment)
    options = ["--output", str(folder / "out.jsonl"), "--yes", "--poll-interval", "0.3"]
    command = [*SHORT_LOOKS, "batch", "run", str(folder / "in.jsonl"), *options]
    for number in range(_KILLS):
        before = len(asked)
        with subprocess.Popen(
            command, env=env, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            while process.poll() is None and len(asked) == before:
                time.sleep(0.01)
            time.sleep(0.03 * number)
            process.kill()
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (folder / "out.jsonl").read_text("utf-8").splitlines()]
    assert [row["custom_id"] for row in rows] == [f"q{n}" for n in range(_LINES)]
    return done.stdout + done.stderr
