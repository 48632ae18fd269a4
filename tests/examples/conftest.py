"""
What an example is run in: an empty home, an empty folder for what is temporary, and no settings of the user's.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return the environment variables of an example."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIKIT_", "OPENAI_", "PYTHON"))}
    folders = {"HOME": tmp_path / "home", "TMPDIR": tmp_path / "temporary"}
    for folder in folders.values():
        folder.mkdir()
    plain = {"PYTHONPATH": ROOT, "PYTHONWARNINGS": "error", "PYTHONDONTWRITEBYTECODE": 1}
    return kept | {name: str(value) for name, value in (folders | plain).items()}


def example(name: str) -> str:
    """Return the path of an example."""
    return str(ROOT / "examples" / f"{name}.py")
