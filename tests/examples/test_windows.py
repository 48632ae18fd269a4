"""
The windows among the examples, run on a screen that nobody looks at, clicked and typed into.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

from aikit import OpenAIClient
from aikit.providers.local.store.files import Store
from tests.dispatch.toolkits import Toolkit, required
from tests.examples.conftest import example
from tests.examples.screen import Screen, shown
from tests.stopwatch import Stopwatch

pytestmark = pytest.mark.foreign

RED, BLUE, SELECTED = "#B91C1C", "#2563EB", "#DBE6FD"
PATIENCE_S = 10

Place = tuple[int, int]


@attrs.frozen
class Kind:
    """
    One of the two windows; each has a fixed place and size, so these are places on the screen.

    Attributes:
        script: Name of the example.

        toolkit: What it is made with.

        upload: The button.

        delete: Likewise.

        first_file: The first line of the list.

        cancel: The button of the only line of what goes up and down.

        choose_next_provider: The keys that do it.
    """

    script: str
    toolkit: str
    upload: Place
    download: Place
    delete: Place
    first_file: Place
    cancel: Place
    choose_next_provider: tuple[str, ...]

    @property
    def row(self) -> dict[str, int]:
        """The first line of the list."""
        return {"x": 400, "y": self.first_file[1] - 9, "width": 300, "height": 18}


TK = Kind(
    "file_manager_tk",
    "tk",
    (483, 56),
    (612, 56),
    (741, 56),
    (200, 125),
    (743, 514),
    ("shift+Tab",) * 4 + ("Down", "Down", "Return"),
)
QT = Kind(
    "file_window_qt",
    "PySide6",
    (553, 37),
    (653, 37),
    (753, 37),
    (200, 105),
    (758, 520),
    ("alt+p", "Down"),
)
LIST = {"x": 50, "y": 94, "width": 700, "height": 250}
TRANSFERS = {"x": 40, "y": 385, "width": 640, "height": 150}

Opened = Callable[..., subprocess.Popen[str]]


@pytest.fixture(params=[TK, QT], ids=["tk", "qt"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """Give each of the two windows."""
    kind: Kind = request.param
    return kind


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Name the folder that the window keeps files in."""
    return tmp_path / "aikit"


@pytest.fixture
def screen(environment: dict[str, str], home: Path) -> Iterator[Screen]:
    """Run the screen; the window keeps its files in the home."""
    with shown(environment | {"AIKIT_HOME": str(home)}) as screen:
        yield screen


@pytest.fixture
def toolkit(kind: Kind, screen: Screen) -> Toolkit:
    """Find what the window is made with."""
    return required(kind.toolkit, screen.environment)


@pytest.fixture
def client(home: Path) -> Iterator[OpenAIClient]:
    """Look into the same folder from this process."""
    with OpenAIClient(provider="local", home=home) as client:
        yield client


@pytest.fixture
def opened(kind: Kind, toolkit: Toolkit, screen: Screen, tmp_path: Path) -> Iterator[Opened]:
    """Open the window with files to upload; it is closed at the end in any case."""
    running: list[subprocess.Popen[str]] = []

    def open_with(*paths: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [toolkit.python, example(kind.script), *map(str, paths)],
            env=toolkit.environment(screen.environment) | {"PYTHONWARNINGS": "error"},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append(process)
        screen.find("aikit files")
        x, y = kind.upload
        button = {"x": x - 32, "y": y - 8, "width": 64, "height": 16}
        screen.until(lambda: BLUE in screen.colours(**button), "the button that uploads")
        return process

    yield open_with
    for process in running:
        process.kill()
        process.communicate()


def names(client: OpenAIClient) -> list[str]:
    """Return the names of the stored files."""
    return sorted(file.filename for file in client.files.list().throw().files)


def closed(screen: Screen, window: subprocess.Popen[str]) -> tuple[int, str]:
    """Close the window by its key; return exit code and output."""
    screen.press(screen.find("aikit files"), "ctrl+q")
    output, _ = window.communicate(timeout=PATIENCE_S)
    return window.returncode, output


def select_first_file(screen: Screen, kind: Kind) -> None:
    """Click the first file of the list as soon as there is one."""
    screen.until(lambda: len(screen.colours(**kind.row)) > 1, "a file in the list")
    screen.click(*kind.first_file)
    screen.until(lambda: SELECTED in screen.colours(**kind.row), "the selection")


def huge_file(folder: Path, name: str = "huge.bin") -> Path:
    """Return the path of a file that takes a moment to store, and hardly any room here."""
    path = folder / name
    with path.open("wb") as file:
        file.truncate(3 * 1024**3)
    return path


@contextmanager
def held(window: subprocess.Popen[str]) -> Iterator[None]:
    """Let nothing go on in the window's process meanwhile, however fast it is; what it gets waits for it."""
    window.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        window.send_signal(signal.SIGCONT)


def delete_selected(screen: Screen, key: str) -> None:
    """Press Delete and answer the question."""
    screen.press(screen.find("aikit files"), "Delete")
    screen.press(screen.find("Delete"), key)


def test_a_file_is_uploaded_and_deleted_by_clicks(
    kind: Kind, screen: Screen, opened: Opened, client: OpenAIClient, home: Path, tmp_path: Path
) -> None:
    """A file chosen in the dialog is stored and listed; deleting it asks first, and only yes deletes it."""
    content = os.urandom(3_000_000)
    path = tmp_path / "report.pdf"
    path.write_bytes(content)
    window = opened()

    screen.click(*kind.upload)
    screen.type(screen.find("Upload"), str(path))
    screen.until(lambda: names(client) == ["report.pdf"], "the upload")
    (file,) = client.files.list().files
    stored = Store(home).retrieve(file.id)
    assert stored is not None
    assert stored.sha256 == hashlib.sha256(content).hexdigest()

    select_first_file(screen, kind)
    screen.click(*kind.delete)
    screen.press(screen.find("Delete"), "Escape")
    time.sleep(0.2)
    assert names(client) == ["report.pdf"]
    delete_selected(screen, "alt+y")
    screen.until(lambda: names(client) == [], "the deletion")
    assert closed(screen, window) == (0, "")


def test_several_files_go_up_at_once_and_one_is_cancelled(
    screen: Screen, opened: Opened, client: OpenAIClient, home: Path, tmp_path: Path
) -> None:
    """While a large file goes up with its bar moving, small ones are stored; Escape cancels what still runs."""
    small = [tmp_path / f"{number}.txt" for number in range(3)]
    for path in small:
        path.write_text(path.name)
    window = opened(*small, huge_file(tmp_path))

    screen.until(lambda: BLUE in screen.colours(**TRANSFERS), "the bar to move")
    with held(window):
        screen.press(screen.find("aikit files"), "Escape")
    screen.until(lambda: RED in screen.colours(**TRANSFERS), "the news that it was cancelled")

    assert names(client) == ["0.txt", "1.txt", "2.txt"]
    assert list((home / "local" / "incoming").iterdir()) == []
    assert closed(screen, window) == (0, "")


def test_a_running_upload_is_cancelled_by_its_button(
    kind: Kind, screen: Screen, opened: Opened, client: OpenAIClient, home: Path, tmp_path: Path
) -> None:
    """The button at the end of the line stops the upload, and one more click clears the line away."""
    window = opened(huge_file(tmp_path))

    screen.until(lambda: BLUE in screen.colours(**TRANSFERS), "the bar to move")
    with held(window):
        screen.click(*kind.cancel)
    screen.until(lambda: RED in screen.colours(**TRANSFERS), "the news that it was cancelled")
    assert BLUE not in screen.colours(**TRANSFERS)
    assert names(client) == []
    screen.click(*kind.cancel)
    screen.until(lambda: RED not in screen.colours(**TRANSFERS), "the line to be cleared away")

    assert list((home / "local" / "incoming").iterdir()) == []
    assert closed(screen, window) == (0, "")


def test_closing_the_window_ends_a_running_upload(
    screen: Screen, opened: Opened, client: OpenAIClient, tmp_path: Path
) -> None:
    """A window that is closed in the middle of an upload goes at once, and so does what was sent."""
    window = opened(huge_file(tmp_path))

    screen.until(lambda: BLUE in screen.colours(**TRANSFERS), "the bar to move")
    watch = Stopwatch()

    assert closed(screen, window) == (0, "")
    assert watch.stop() < 5
    assert names(client) == []


def test_a_thousand_files_go_up_a_few_lines_at_a_time(
    screen: Screen, opened: Opened, client: OpenAIClient, tmp_path: Path
) -> None:
    """As many lines at once would be higher than a window can be, which ends the program: most wait for theirs."""
    paths = [tmp_path / f"{number}.txt" for number in range(1_000)]
    for path in paths:
        path.write_text(path.name)
    window = opened(*paths)

    screen.until(lambda: len(names(client)) > 60, "more files than there are lines")
    screen.press(screen.find("aikit files"), "Escape")
    assert closed(screen, window) == (0, "")
    assert len(names(client)) < 1_000


def test_all_files_are_deleted_with_the_keyboard(screen: Screen, opened: Opened, client: OpenAIClient) -> None:
    """Hundreds are selected and deleted a few at a time; closing the window stops with what is under way."""
    for number in range(300):
        client.files.create(b"content", "user_data", {"filename": f"{number}.txt"}).throw()
    window = opened()

    main = screen.find("aikit files")
    screen.until(lambda: len(screen.colours(**LIST)) > 3, "files in the list")
    screen.press(main, "ctrl+a")
    screen.until(lambda: SELECTED in screen.colours(**LIST), "the selection")
    delete_selected(screen, "alt+y")

    screen.until(lambda: names(client) == [], "the deletion")
    assert closed(screen, window) == (0, "")


def test_the_list_waits_for_no_upload(
    kind: Kind, screen: Screen, opened: Opened, client: OpenAIClient, tmp_path: Path
) -> None:
    """While as many uploads run as a client makes at once, and more, the list is read on F5 all the same."""
    window = opened(*(huge_file(tmp_path, f"{number}.bin") for number in range(7)))
    client.files.create(b"content", "user_data", {"filename": "here.txt"}).throw()

    screen.press(screen.find("aikit files"), "F5")
    screen.until(lambda: len(screen.colours(**kind.row)) > 1, "a file in the list")
    assert names(client) == ["here.txt"]
    screen.press(screen.find("aikit files"), "Escape")

    assert closed(screen, window) == (0, "")


def test_a_long_name_widens_no_window(kind: Kind, screen: Screen, opened: Opened, tmp_path: Path) -> None:
    """What went wrong with a file stands beside its name, however long that is, and can be cleared away."""
    (tmp_path / ("x" * 250)).touch()
    window = opened(tmp_path / ("x" * 250))

    screen.until(lambda: RED in screen.colours(**TRANSFERS), "the news of the error")
    screen.click(*kind.cancel)
    screen.until(lambda: RED not in screen.colours(**TRANSFERS), "the line to be cleared away")

    assert closed(screen, window) == (0, "")


@pytest.mark.parametrize("name", ["missing.txt", "empty.txt"])
def test_an_error_is_shown_in_its_line(
    screen: Screen, opened: Opened, client: OpenAIClient, tmp_path: Path, name: str
) -> None:
    """A file that is not there and one that is empty are told in red where they were to go up, and nothing ends."""
    (tmp_path / "empty.txt").touch()
    window = opened(tmp_path / name)

    screen.until(lambda: RED in screen.colours(**TRANSFERS), "the news of the error")

    assert names(client) == []
    assert closed(screen, window) == (0, "")


def test_what_others_store_is_seen_and_downloaded(
    kind: Kind, screen: Screen, opened: Opened, client: OpenAIClient, tmp_path: Path
) -> None:
    """The list is read again on F5, so that a file of another process can be saved and deleted here."""
    window = opened()
    content = b'{"item": {"answer": 42}}\n' * 1_000
    client.files.create(content, "evals", {"filename": "other.jsonl"}).throw()
    (tmp_path / "saved").mkdir()

    screen.press(screen.find("aikit files"), "F5")
    select_first_file(screen, kind)
    screen.press(screen.find("aikit files"), "Return")
    dialog, target = ("Download", "saved/other.jsonl") if kind is TK else ("Download to", "saved")
    screen.type(screen.find(dialog), str(tmp_path / target))
    saved = tmp_path / "saved" / "other.jsonl"
    screen.until(lambda: saved.is_file() and saved.read_bytes() == content, "the download")
    delete_selected(screen, "alt+y")

    screen.until(lambda: names(client) == [], "the deletion")
    assert closed(screen, window) == (0, "")


def test_a_provider_that_cannot_be_reached_is_told_in_the_list(
    kind: Kind, screen: Screen, opened: Opened, home: Path, client: OpenAIClient
) -> None:
    """Another provider is chosen with the keyboard; its error stands where its files would."""
    home.mkdir(mode=0o700)
    (home / "AIProviders.json").write_text(
        json.dumps({"providers": {"nowhere": {"baseURL": "http://127.0.0.1:9/v1", "apiKey": "k"}}})
    )
    client.files.create(b"content", "user_data", {"filename": "here.txt"}).throw()
    window = opened()

    screen.until(lambda: len(screen.colours(**kind.row)) > 1, "a file in the list")
    main = screen.find("aikit files")
    screen.press(main, *kind.choose_next_provider)  # at once: focus that is set again takes a list away
    screen.until(lambda: RED in screen.colours(**LIST), "the error in place of the list")
    assert closed(screen, window) == (0, "")
