"""
Clients that are closed with their window, in real windows of all toolkits.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

import aikit
from tests.dispatch.toolkits import Toolkit, found
from tests.examples.screen import Screen
from tests.scripted_server import Exchange, serving
from tests.stopwatch import Stopwatch

pytestmark = pytest.mark.foreign

PROGRAM: Final = Path(__file__).with_name("closing_program.py")
SIZE: Final = 500_000_000
LONGEST_S: Final = 3.0
"""A fraction of a second on an idle machine; what is sent here would take a quarter of an hour."""

Played = Callable[[str], tuple[float, list[str], str]]


def dawdle(exchange: Exchange) -> None:
    """Take what is sent a little at a time, and never answer."""
    with suppress(OSError):
        while exchange.sock.recv(65_536):
            time.sleep(0.1)


def ended(command: list[str], environment: dict[str, str], folder: Path) -> tuple[float, list[str], str]:
    """Run a program whose first line tells that its window is gone: seconds from then to its end, and what it said."""
    complaints = folder / "complaints"
    with (
        complaints.open("wb") as errors,
        subprocess.Popen(
            command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        killer = threading.Timer(60, process.kill)
        killer.start()
        assert process.stdout is not None
        process.stdout.readline()
        watch = Stopwatch()
        said = process.stdout.read().splitlines()
        process.wait()
        seconds = watch.stop()
        killer.cancel()
    assert process.returncode == 0, complaints.read_text("utf-8")
    return seconds, said, complaints.read_text("utf-8")


@pytest.fixture
def played(toolkit: Toolkit, screen: Screen, tmp_path: Path) -> Iterator[Played]:
    """Play a scene with a slow server: seconds from the window's end to the program's, and what it said."""
    environment, path = toolkit.stage(screen.environment, tmp_path, SIZE)
    with serving(dawdle) as server:

        def play(scene: str) -> tuple[float, list[str], str]:
            command = [toolkit.python, str(PROGRAM), scene, toolkit.name, server.url, str(path)]
            return ended(command, environment, tmp_path)

        yield play


@pytest.mark.parametrize("scene", ["closed", "left", "left_in_a_block"])
def test_program_ends_with_its_window_in_the_middle_of_uploads(played: Played, scene: str) -> None:
    """What moves bytes is cancelled, nothing is called any more, and the process goes without a word."""
    seconds, said, complaints = played(scene)

    assert (said, complaints) == ([], "")
    assert seconds < LONGEST_S


def test_embedded_provider_goes_with_the_window(played: Played) -> None:
    """Lines of a batch that wait for their answers hold up no program; whoever runs them again goes on with them."""
    seconds, said, complaints = played("answering")

    assert (said, complaints) == (["cancelled"], "")
    assert seconds < LONGEST_S


def test_client_that_was_told_late_goes_with_its_window(played: Played) -> None:
    """Calls that were under way before are cancelled, too, and there are no more."""
    seconds, said, complaints = played("late")

    assert (said, complaints) == (["the client is closed; make a new one"], "")
    assert seconds < LONGEST_S


def test_window_of_the_page_ends_with_its_upload(screen: Screen, tmp_path: Path) -> None:
    """What the page of callbacks shows of windows runs as it stands, and goes when its window is destroyed."""
    page = Path(aikit.__file__).parent / "docs" / "callbacks.md"
    shown_there = re.findall(r"^```py\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    destroyed = "root.after(500, lambda: [root.destroy(), print(time.time(), flush=True)])"
    with (tmp_path / "film.mp4").open("wb") as file:
        file.truncate(8 * SIZE)
    source = "\n".join(("import time", shown_there[0].replace("root.mainloop()", f"{destroyed}\nroot.mainloop()")))
    environment = found("tk").environment(screen.environment) | {"AIKIT_HOME": str(tmp_path / "home")}
    seconds, said, complaints = ended([sys.executable, "-c", source], environment, tmp_path)

    assert (said, complaints) == ([], "")
    assert seconds < LONGEST_S


@pytest.mark.parametrize("toolkit", ["PySide6", "PyQt6"], indirect=True)
def test_window_in_the_tray_is_not_gone(toolkit: Toolkit, screen: Screen) -> None:
    """A window of Qt that its program hides when it is closed goes on with its client."""
    lines = (
        f"from {toolkit.name} import QtCore, QtWidgets",
        "from aikit import OpenAIClient",
        "application = QtWidgets.QApplication([])",
        "application.setQuitOnLastWindowClosed(False)",
        "class Tray(QtWidgets.QWidget):",
        "    def closeEvent(self, event):",
        "        event.ignore()",
        "        self.hide()",
        "windows = [Tray(), QtWidgets.QWidget()]",
        "clients = [OpenAIClient('k', base_url='http://127.0.0.1:9/v1', max_retries=0) for _ in windows]",
        "for client, window in zip(clients, windows):",
        "    client.close_with(window)",
        "    window.show()",
        "def look():",
        "    for client in clients:",
        "        try:",
        "            print(client.files.list().errors[0].code)",
        "        except RuntimeError as error:",
        "            print(error)",
        "    application.quit()",
        "QtCore.QTimer.singleShot(100, lambda: [window.close() for window in windows])",
        "QtCore.QTimer.singleShot(300, look)",
        "application.exec()",
    )
    command = [toolkit.python, "-c", "\n".join(lines)]
    environment = toolkit.environment(screen.environment)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert done.stdout.splitlines() == ["connection_error", "the client is closed; make a new one"], done.stderr
