"""
What a signal handler raises in a waiting call, as time limits of task queues do, is the program's own.
"""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from aikit import OpenAIClient, jsonl
from tests.scripted_server import Exchange, ScriptedServer, rendered, serving
from tests.stopwatch import Stopwatch

pytestmark = [
    pytest.mark.usefixtures("untold_collections"),
    pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no alarms"),
    # What is raised amid a weak reference's end or a finalizer is lost to Python itself; the next alarm is not.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

_FILE: Final = {"object": "file", "bytes": 7, "created_at": 1, "filename": "a.bin", "purpose": "user_data"}
_BATCH: Final = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": "/v1/chat/completions",
    "input_file_id": "file-1",
    "completion_window": "24h",
    "status": "in_progress",
    "created_at": 1,
}
_ALARM_S: Final = 0.15
_AGAIN_S: Final = 3.0
_LONG_S: Final = 20.0


class _OwnError(Exception):
    """An error of a task queue, as its soft time limit."""


class _OwnLimit(BaseException):
    """A wish that no ``except Exception`` is to catch."""


_RAISED: Final = (TimeoutError, ConnectionError, BrokenPipeError, OSError, ValueError, SystemExit, _OwnError, _OwnLimit)


def _answer(exchange: Exchange) -> None:
    """Answer as the path asks: files are there, or slow, or broken."""
    _, path, _ = exchange.request_head()
    file_id = path.rsplit("/", 1)[-1]
    if "slow" in path:
        time.sleep(_LONG_S)
    elif "busy" in path:
        exchange.sock.sendall(rendered(503, b"{}", {"Retry-After": "20"}))
    elif "content" in path:
        exchange.sock.sendall(rendered(200, b"", {"Content-Length": "10000"}) + b"half")
        time.sleep(_LONG_S)
    elif "batch" in path:
        exchange.sock.sendall(rendered(200, json.dumps(_BATCH).encode()))
    else:
        status = "uploaded" if "pending" in path else "processed"
        exchange.sock.sendall(rendered(200, json.dumps({**_FILE, "id": file_id, "status": status}).encode()))


def _reads_nothing(exchange: Exchange) -> None:
    if exchange.request_head()[0] == "POST":
        time.sleep(_LONG_S)
    exchange.read_body()
    _answer(exchange)


_reads_nothing.reads_no_body = True  # type: ignore[attr-defined]  # as the server's own marks


class _SlowStream(io.BytesIO):
    """A stream of the caller's that takes its time, in whatever it is asked to do."""

    slow = ""

    def seek(self, *args: int) -> int:
        """Go there."""
        time.sleep(_LONG_S * (self.slow == "seek"))
        return super().seek(*args)

    def tell(self) -> int:
        """Say where it is."""
        time.sleep(_LONG_S * (self.slow == "tell"))
        return super().tell()

    def read(self, size: int | None = -1, /) -> bytes:
        """Read."""
        time.sleep(_LONG_S * (self.slow == "read" or (self.slow == "later" and size != 16)))
        return super().read(size)


@attrs.frozen
class _Place:
    """What calls need: clients, and files on this machine."""

    folder: Path
    server: ScriptedServer
    client: OpenAIClient
    local: OpenAIClient

    def stream(self, slow: str) -> Any:
        """Upload a stream that is slow in one thing."""
        stream = _SlowStream(b"content")
        stream.slow = slow
        return self.client.files.create(stream, "user_data", {"filename": "a.bin"})

    def connect(self) -> Any:
        """Call a server that accepts nothing."""
        with socket.create_server(("127.0.0.1", 0), backlog=1) as full:
            waiting = [socket.socket() for _ in range(8)]
            for sock in waiting:
                sock.settimeout(0)
                sock.connect_ex(full.getsockname())
            with OpenAIClient("k", base_url=f"http://127.0.0.1:{full.getsockname()[1]}/v1") as client:
                try:
                    return client.files.retrieve("file-1")
                finally:
                    for sock in waiting:
                        sock.close()

    def keyed(self) -> Any:
        """Call with a key that takes its time."""
        with OpenAIClient(_slow_key, base_url=self.server.url) as client:
            return client.files.retrieve("file-1")

    def locked(self) -> Any:
        """Call the embedded provider while another process writes to its database."""
        with closing(sqlite3.connect(self.folder / "home" / "local" / "files.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            return self.local.files.create(b"content", "user_data", {"filename": "a.bin"})


def _slow_key() -> str:
    time.sleep(_LONG_S)
    return "k"


def _slow_paths(folder: Path) -> Iterator[Path]:
    time.sleep(_LONG_S)
    yield folder / "in.jsonl"


_CALLS: Final[dict[str, Callable[[_Place], Any]]] = {
    "connecting": _Place.connect,
    "asking for a key": _Place.keyed,
    "waiting for an answer": lambda on: on.client.files.retrieve("slow"),
    "waiting to try again": lambda on: on.client.files.retrieve("busy"),
    "reading a body": lambda on: on.client.files.content("file-1"),
    "downloading": lambda on: on.client.files.download("file-1", on.folder / "got.bin"),
    "waiting for a batch": lambda on: on.client.batches.wait("batch_1", {"poll_interval": 0.02}),
    "waiting for a file": lambda on: on.client.files.wait("pending", {"poll_interval": 0.02}),
    "waiting for a result": lambda on: on.client.files.retrieve("slow", {"background": True}).wait(),
    "reading a stream": lambda on: on.stream("later"),
    "measuring a stream": lambda on: on.stream("seek"),
    "asking a stream": lambda on: on.stream("tell"),
    "looking into a stream": lambda on: on.stream("read"),
    "taking paths": lambda on: on.client.files.create_many(_slow_paths(on.folder), "user_data"),
    "calling back": lambda on: on.client.files.create(
        b"content", "user_data", {"filename": "a.bin", "on_progress": lambda _: time.sleep(_LONG_S)}
    ),
    "the embedded provider": lambda on: [on.local.files.list() for _ in range(100_000)],
    "a database's lock": _Place.locked,
    "checking": lambda on: [jsonl.check(on.folder / "in.jsonl") for _ in range(100_000)],
    "estimating": lambda on: [on.local.batches.estimate(on.folder / "in.jsonl") for _ in range(100_000)],
}


@contextmanager
def _alarmed(error: BaseException) -> Iterator[None]:
    """Have a signal handler raise *error* soon."""

    def handle(_: int, __: Any) -> None:
        raise error

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, _ALARM_S, _AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Place]:
    """Clients of a scripted server and of the embedded provider, whose time-outs are long, and a file with mistakes."""
    folder = tmp_path_factory.mktemp("place")
    line = json.dumps(jsonl.chat_line("Hello?", model="gpt-4o", custom_id="one"))
    (folder / "in.jsonl").write_text((line + '\n{"a": nope}\n') * 50)
    with (
        serving(_answer) as server,
        OpenAIClient("k", base_url=server.url, home=folder / "home") as client,
        OpenAIClient(provider="local", home=folder / "home") as local,
    ):
        assert local.files.list().success
        yield _Place(folder, server, client, local)
        client.close(cancel=True)


def _call(make: Callable[[_Place], Any], place: _Place, error: BaseException) -> BaseException | None:
    """Return what comes of a call in which a signal handler raises *error*."""
    try:
        with _alarmed(error):
            make(place)
    except BaseException as caught:  # noqa: BLE001  it is the case
        return caught
    return None


@pytest.mark.parametrize("kind", _RAISED, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", _CALLS)
def test_it_goes_through_and_the_client_stays_usable(place: _Place, name: str, kind: type[BaseException]) -> None:
    """The very exception leaves the call soon, and the next calls have whole answers, on connections that are whole."""
    error, watch = kind("of its own"), Stopwatch()
    assert _call(_CALLS[name], place, error) is error
    assert watch.stop() < _LONG_S / 2
    for file_id in ("file-7", "file-8"):
        result = place.client.files.retrieve(file_id)
        assert result.file is not None
        assert result.file.id == file_id
    assert place.local.files.list().success
    assert not [path.name for path in place.folder.iterdir() if "got" in path.name]


@pytest.mark.parametrize("kind", _RAISED, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("at_once", ["one", "many", "parts"])
def test_it_goes_through_amid_an_upload(tmp_path: Path, at_once: str, kind: type[BaseException]) -> None:
    """An upload whose server reads nothing ends soon, and lets go of stream, folder and manifest."""
    (tmp_path / "large.bin").write_bytes(bytes(20_000_000))
    error, paths, manifest = kind("of its own"), [tmp_path / "large.bin"] * 3, tmp_path / "m.jsonl"
    with serving(_reads_nothing) as server, OpenAIClient("k", base_url=server.url, home=tmp_path) as client:
        place = _Place(tmp_path, server, client, client)
        with (tmp_path / "large.bin").open("rb") as file:
            calls: dict[str, Callable[[_Place], Any]] = {
                "one": lambda on: on.client.files.create(file, "user_data"),
                "many": lambda on: on.client.files.create_many(paths, "user_data", {"manifest": manifest}),
                "parts": lambda on: on.client.files.create(paths[0], "user_data", {"on_progress": lambda _: None}),
            }
            assert _call(calls[at_once], place, error) is error
            assert client.files.retrieve("file-1").success
            result = client.files.create(file, "user_data", {"background": True})  # the stream is free again
            result.cancel()
            result.wait(10)
        again = client.files.create_many([], "user_data", {"manifest": manifest})
        assert again.success, again.errors
        client.close(cancel=True)


def test_a_failure_amid_the_handling_of_a_time_limit_is_a_failure(place: _Place) -> None:
    """A program that tidies up after its time limit gets results from the calls that it makes for that."""
    error = TimeoutError("of its own")
    with pytest.raises(TimeoutError), _alarmed(error):
        place.client.files.retrieve("slow")
    try:
        raise error
    except TimeoutError:
        with OpenAIClient("k", base_url="http://127.0.0.1:9/v1", max_retries=0) as client:
            result = client.files.retrieve("file-1")
        assert [one.code for one in result.errors] == ["connection_error"]


def test_descriptors_are_let_go(place: _Place) -> None:
    """Calls that a signal handler ended leave no sockets and files open."""
    folder = Path("/proc/self/fd")
    if not folder.exists():
        pytest.skip("this system does not list descriptors")
    counts = []
    for _ in range(12):
        assert _call(_CALLS["reading a body"], place, OSError("of its own")) is not None
        counts.append(len(os.listdir(folder)))  # noqa: PTH208  likewise
    assert counts[-1] <= counts[2] + 14  # the server's ends, which sleep, are of this process too
