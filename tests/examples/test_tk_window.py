"""
The window among the examples, run on a screen that nobody looks at, and clicked.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aikit import OpenAIClient
from aikit.local.store import Store
from tests.examples.conftest import example
from tests.examples.screen import Screen, missing, shown

pytestmark = pytest.mark.foreign

# The window has a fixed place and size; these are places on the screen.
UPLOAD, CANCEL, REFRESH, DELETE, FIRST_FILE = (734, 105), (734, 147), (634, 487), (734, 487), (200, 256)
MESSAGE = {"x": 60, "y": 464, "width": 520, "height": 46}
BUTTON = {"x": 690, "y": 90, "width": 20, "height": 20}
BAR = {"x": 60, "y": 140, "width": 300, "height": 14}
ROW = {"x": 64, "y": 246, "width": 200, "height": 22}
RED, GREEN, BLUE, SELECTED = "#B91C1C", "#15803D", "#2563EB", "#DBE6FD"

Opened = Callable[[object], subprocess.Popen[str]]


@pytest.fixture
def screen(environment: dict[str, str], home: Path) -> Iterator[Screen]:
    """Run the screen; the window keeps its files in the home."""
    lacking = missing()
    if lacking:
        pytest.skip(lacking)
    with shown(environment | {"AIKIT_HOME": str(home)}) as screen:
        yield screen


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Name the folder that the window keeps files in."""
    return tmp_path / "aikit"


@pytest.fixture
def client(home: Path) -> Iterator[OpenAIClient]:
    """Look into the same folder from this process."""
    with OpenAIClient(provider="local", home=home) as client:
        yield client


@pytest.fixture
def opened(screen: Screen) -> Iterator[Opened]:
    """Open the window with a path in its field; it is closed at the end in any case."""
    running: list[subprocess.Popen[str]] = []

    def open_with(path: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, example("tk_window"), str(path)],
            env=screen.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append(process)
        screen.find("aikit files")
        screen.until(lambda: BLUE in screen.colours(**BUTTON), "the button that uploads")
        return process

    yield open_with
    for process in running:
        process.kill()
        process.communicate()


def names(client: OpenAIClient) -> list[str]:
    """Return the names of the stored files."""
    return [file.filename for file in client.files.list().throw().files]


def closed(screen: Screen, window: subprocess.Popen[str]) -> tuple[int, str]:
    """Close the window by its key; return exit code and output."""
    screen.press(screen.find("aikit files"), "ctrl+q")
    output, _ = window.communicate(timeout=10)
    return window.returncode, output


def select_first_file(screen: Screen) -> None:
    """Click the first file of the list as soon as there is one."""
    screen.until(lambda: len(screen.colours(**ROW)) > 1, "a file in the list")
    screen.click(*FIRST_FILE)
    screen.until(lambda: SELECTED in screen.colours(**ROW), "the selection")


def huge_file(folder: Path) -> Path:
    """Return the path of a file as large as any may be, which takes a moment to store."""
    path = folder / "huge.bin"
    with path.open("wb") as file:
        file.truncate(512 * 1024 * 1024)
    return path


def test_a_file_is_uploaded_listed_and_deleted_by_clicks(
    screen: Screen, opened: Opened, client: OpenAIClient, home: Path, tmp_path: Path
) -> None:
    """Clicks store the file whose path is in the field, select it in the list, and delete it again."""
    content = os.urandom(3_000_000)
    path = tmp_path / "report.pdf"
    path.write_bytes(content)
    window = opened(path)

    screen.click(*UPLOAD)
    screen.until(lambda: names(client) == ["report.pdf"], "the upload")
    screen.until(lambda: GREEN in screen.colours(**MESSAGE), "the good news")
    (file,) = client.files.list().files
    stored = Store(home).retrieve(file.id)
    assert stored is not None
    assert stored.sha256 == hashlib.sha256(content).hexdigest()

    select_first_file(screen)
    screen.photograph(tmp_path / "window.png")
    screen.click(*DELETE)
    screen.until(lambda: names(client) == [], "the deletion")
    assert closed(screen, window) == (0, "")


def test_a_running_upload_is_shown_and_cancelled(
    screen: Screen, opened: Opened, client: OpenAIClient, home: Path, tmp_path: Path
) -> None:
    """While a large file goes up, the bar moves and the window takes clicks; after the cancel nothing is left."""
    window = opened(huge_file(tmp_path))

    screen.click(*UPLOAD)
    screen.until(lambda: BLUE in screen.colours(**BAR), "the bar to move")
    screen.click(*CANCEL)
    screen.until(lambda: RED in screen.colours(**MESSAGE), "the news that it was cancelled")

    assert BLUE not in screen.colours(**BAR)
    assert names(client) == []
    assert list((home / "local" / "incoming").iterdir()) == []
    assert closed(screen, window) == (0, "")


def test_closing_the_window_ends_a_running_upload(
    screen: Screen, opened: Opened, client: OpenAIClient, tmp_path: Path
) -> None:
    """A window that is closed in the middle of an upload goes at once, and so does what was sent."""
    window = opened(huge_file(tmp_path))

    screen.click(*UPLOAD)
    screen.until(lambda: BLUE in screen.colours(**BAR), "the bar to move")
    started = time.monotonic()

    assert closed(screen, window) == (0, "")
    assert time.monotonic() - started < 5
    assert names(client) == []


@pytest.mark.parametrize("name", ["missing.txt", "empty.txt", ""])
def test_an_error_is_shown_in_the_window(
    screen: Screen, opened: Opened, client: OpenAIClient, tmp_path: Path, name: str
) -> None:
    """A file that is not there, one that is empty, and a field without a path are told in red, and nothing ends."""
    (tmp_path / "empty.txt").touch()
    window = opened(tmp_path / name if name else "")

    screen.click(*UPLOAD)
    screen.until(lambda: RED in screen.colours(**MESSAGE), "the news of the error")

    assert names(client) == []
    assert closed(screen, window) == (0, "")


def test_what_others_store_is_seen_after_a_click(
    screen: Screen, opened: Opened, client: OpenAIClient, tmp_path: Path
) -> None:
    """The list is read again on demand, so that a file of another process can be deleted here."""
    window = opened(tmp_path)
    client.files.create(b"content", "user_data", {"filename": "other.txt"}).throw()

    screen.click(*REFRESH)
    select_first_file(screen)
    screen.click(*DELETE)

    screen.until(lambda: names(client) == [], "the deletion")
    assert closed(screen, window) == (0, "")
