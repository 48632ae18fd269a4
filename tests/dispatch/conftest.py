"""
A screen, and the toolkits whose windows are shown on it.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.bench.stage import server
from tests.dispatch.toolkits import Toolkit, required
from tests.examples.screen import Screen, shown

PROGRAM: Final = Path(__file__).with_name("window_program.py")
SIZE: Final = 256 * 1024 * 1024

Played = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    """Run the screen."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIKIT_", "OPENAI_", "PYTHON"))}
    with shown(kept) as screen:
        yield screen


@pytest.fixture(params=["tk", "PySide6", "PyQt6", "wx"])
def toolkit(request: pytest.FixtureRequest, screen: Screen) -> Toolkit:
    """Give each toolkit, if it is here or can be had."""
    return required(request.param, screen.environment)


@pytest.fixture
def played(toolkit: Toolkit, screen: Screen, tmp_path: Path) -> Iterator[Played]:
    """Play a scene with an address that answers at once, and a file of many megabytes."""
    environment, path = toolkit.stage(screen.environment, tmp_path, SIZE)
    with server() as (port, _):

        def play(scene: str, said: str = "") -> dict[str, Any]:
            url = f"http://127.0.0.1:{port}/ready/v1"
            command = [toolkit.python, str(PROGRAM), scene, toolkit.name, url, str(path)]
            try:
                done = subprocess.run(
                    command, env=environment, capture_output=True, text=True, timeout=120, check=False
                )
            except subprocess.TimeoutExpired as hung:
                pytest.fail(f"the program did not end, and said: {(hung.stderr or b'').decode()}")  # else it is cut
            assert done.returncode == 0, done.stderr
            assert said in done.stderr
            story: dict[str, Any] = json.loads(done.stdout)
            return story | {"said": done.stderr}

        yield play
