"""
A store in a temporary folder, a clock that is set by hand, and calls on the transport in front of it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

import aikit
from aikit.http.bodies import MultipartBody, json_body
from aikit.http.context import CallContext
from aikit.http.headers import Headers
from aikit.http.messages import Request, Response
from aikit.http.sources import source_of
from aikit.providers.local import BASE_URL
from aikit.providers.local.batches.answerer import Answerer
from aikit.providers.local.clock import SpedUpClock
from aikit.providers.local.store.files import Store
from aikit.providers.local.transport import LocalTransport
from tests.providers.local.answerers import answers_of

NOON = 1_795_262_400


@attrs.define
class Clock:
    """
    Time that passes only when told to, backwards too.
    """

    seconds: float = NOON

    def now(self) -> float:
        """Return Unix seconds."""
        return self.seconds

    def wait(self, seconds: float, event: threading.Event) -> bool:
        """Let all of it pass at once."""
        self.seconds += seconds
        return event.is_set()


@attrs.frozen
class API:
    """
    The transport, called with few words.
    """

    transport: LocalTransport

    def call(self, method: str, path: str, context: CallContext | None = None, **others: Any) -> Response:
        """Send a request to *path* below the base URL."""
        return self.transport.send(Request(method=method, url=BASE_URL + path, **others), context or CallContext())

    def upload(
        self, content: Any = b"{}\n", purpose: str = "batch", filename: str | None = "a.jsonl", **fields: str
    ) -> Response:
        """Upload *content*; a field with brackets is written with an underscore before what is in them."""
        form = {"purpose": purpose} | {f"expires_after[{name}]": value for name, value in fields.items()}
        source = source_of(content, filename=filename, purpose=purpose).resolved()
        return self.call("POST", "/files", body=MultipartBody(fields=form, file_field="file", source=source))

    def stored_id(self, content: Any = b"{}\n", purpose: str = "batch", filename: str | None = "a.jsonl") -> str:
        """Upload *content* and return its id."""
        response = self.upload(content, purpose, filename)
        assert response.status == 200, response.body
        file_id: str = response.json()["id"]
        return file_id

    def batch(self, input_file_id: str, endpoint: str = "/v1/chat/completions", **others: Any) -> dict[str, Any]:
        """Create a batch and return it."""
        order = {"input_file_id": input_file_id, "endpoint": endpoint, "completion_window": "24h"} | others
        response = self.call("POST", "/batches", body=json_body(order))
        assert response.status == 200, response.body
        batch: dict[str, Any] = response.json()
        return batch

    def content(self, file_id: str, headers: Mapping[str, str] | None = None) -> Response:
        """Read a file."""
        return self.call("GET", f"/files/{file_id}/content", headers=Headers(headers))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Name a folder that does not exist yet."""
    return tmp_path / "home"


@pytest.fixture
def clock() -> Clock:
    """Start at noon."""
    return Clock()


@pytest.fixture
def store(home: Path, clock: Clock) -> Iterator[Store]:
    """Open a store on that folder and clock."""
    store = Store(home, clock)
    yield store
    store.close()


@pytest.fixture
def api(store: Store) -> Iterator[API]:
    """Put the transport in front of the store."""
    transport = LocalTransport(store)
    yield API(transport)
    transport.close()


@pytest.fixture
def sped() -> SpedUpClock:
    """Give a clock that stands still until it is set forward."""
    return SpedUpClock(speed=0)


@pytest.fixture
def served(home: Path, sped: SpedUpClock) -> Iterator[Callable[..., API]]:
    """Make transports on one home whose lines an answerer has, as others would in other processes."""
    made: list[LocalTransport] = []

    def make(answerer: Answerer, **options: Any) -> API:
        made.append(LocalTransport(Store(home, sped), answers=answers_of(answerer, **options)))
        return API(made[-1])

    yield make
    for transport in made:
        transport.close()


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start programs of this folder in processes of their own; none outlives the test."""
    running: list[subprocess.Popen[str]] = []
    environment = os.environ | {"PYTHONPATH": str(Path(aikit.__file__).parents[1])}

    def start(program: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "error", str(Path(__file__).with_name(program)), *map(str, arguments)]
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """
    Give a disk of three megabytes, where we may make one.
    """
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    place = tmp_path / "disk"
    place.mkdir()
    if mount is None or unmount is None:
        pytest.skip("there is no mount")
    if subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=3m", "tmpfs", place], check=False, capture_output=True
    ).returncode:
        pytest.skip("only root may mount")
    yield place
    subprocess.run([unmount, place], check=True)


def files_below(folder: Path) -> list[str]:
    """Return the names of the files in *folder*."""
    return sorted(path.name for path in folder.iterdir())
