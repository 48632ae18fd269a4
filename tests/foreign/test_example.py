"""
The example that points at a server, pointed at a foreign one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.foreign.aimock import Aimock

pytestmark = pytest.mark.foreign

ROOT = Path(__file__).parents[2]


def test_the_example_runs_on_the_server_it_is_pointed_at(aimock: Aimock, tmp_path: Path) -> None:
    """With an address as its argument, the very same program talks to that server."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    command = [sys.executable, str(ROOT / "examples" / "pointing_at_a_server.py"), aimock.base_url]

    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == f"OpenAIClient(openai, base_url='{aimock.base_url}')"
    assert done.stdout.splitlines()[-1] == "deleted: True"
    assert [entry["method"] for entry in aimock.journal()] == ["POST", "GET", "DELETE"]
