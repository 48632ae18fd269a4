"""
Programs that are given away: frozen by PyInstaller and cx_Freeze without options, or in a zip file, and run elsewhere.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.examples.screen import Screen, shown
from tests.files_server import files_server
from tests.frozen import freezers

pytestmark = [pytest.mark.slow, pytest.mark.foreign, pytest.mark.long]

_WINDOW: Final = Path(__file__).with_name("window_program.py")
_COMMAND_LINE: Final = Path(__file__).with_name("command_line.py")
_ALL_WENT_WELL: Final = ["uploaded True", "estimate True", "batch completed"]

Freezer = Callable[[Path, Path], Path]


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    """Run the screen."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with shown(kept) as screen:
        yield screen


@pytest.fixture(autouse=True)
def _freezers() -> None:
    """Make the environment, if it can be made."""
    try:
        freezers.environment()
    except freezers.Missing as reason:
        pytest.skip(str(reason))


def _run(screen: Screen, folder: Path, *command: str | Path) -> str:
    away = folder / "away"
    away.mkdir(exist_ok=True)
    environment = dict(screen.environment) | {"AIKIT_HOME": str(folder / "home")}
    done = subprocess.run(command, cwd=away, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("freeze", [freezers.one_file, freezers.one_folder, freezers.cx_freeze])
def test_a_frozen_window_uploads_and_has_a_batch_answered(freeze: Freezer, screen: Screen, tmp_path: Path) -> None:
    """
    Without any option of the freezer: providers, limits and all calls are there.
    """
    program = freeze(_WINDOW, tmp_path)
    with files_server() as server:
        printed = _run(screen, tmp_path, program, tmp_path / "home", server.url)
    assert printed.splitlines() == _ALL_WENT_WELL
    assert [file["filename"] for file in server.files.values()] == ["hello.txt"]
    if freeze is freezers.one_file:
        inside = freezers.modules_in(program)
        assert {"aikit", "attr", "requests", "urllib3", "certifi", "tkinter"} <= inside
        assert inside & {"click", "rich", "pytest", "genai_prices", "toktok", "opentelemetry"} == set()


@pytest.mark.parametrize("freeze", [freezers.one_folder, freezers.cx_freeze])
def test_a_frozen_command_line_has_all_its_commands(freeze: Freezer, screen: Screen, tmp_path: Path) -> None:
    """
    Those that are loaded by name are there, and answer.
    """
    program = freeze(_COMMAND_LINE, tmp_path)
    local = ("--provider", "local")
    assert json.loads(_run(screen, tmp_path, program, *local, "files", "list", "--json"))["data"] == []
    assert "Next: aikit docs, aikit files --help" in _run(screen, tmp_path, program, "demo")
    assert "# Giving a program away" in _run(screen, tmp_path, program, "docs", "packaging")
    for command in ("batch run", "batches results", "batches create", "files prune", "providers", "completion"):
        assert "Options of every command" in _run(screen, tmp_path, program, *command.split(), "--help")
    with files_server() as server:
        away = ("--base-url", server.url, "--api-key", "k")
        _run(screen, tmp_path, program, *away, "files", "create", "-p", "user_data", _COMMAND_LINE)
        assert "command_line.py" in _run(screen, tmp_path, program, *away, "files", "list")


def test_a_program_in_a_zip_file_does_too(screen: Screen, tmp_path: Path) -> None:
    """
    Python reads modules and data from the file itself.
    """
    archive = freezers.zip_file(_WINDOW, tmp_path)
    with files_server() as server:
        command = (sys.executable, "-I", archive, tmp_path / "home", server.url, "windowless")
        assert _run(screen, tmp_path, *command).splitlines() == _ALL_WENT_WELL
