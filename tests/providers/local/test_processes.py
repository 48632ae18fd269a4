"""
Several processes and threads on one store at the same time.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from aikit.http.bodies import MultipartBody
from aikit.http.context import CallContext
from aikit.http.sources import source_of
from aikit.providers.local.store.files import Store
from aikit.types.errors import CancelledError
from tests.providers.local.conftest import API, files_below
from tests.stopwatch import Stopwatch

pytestmark = pytest.mark.slow


@contextmanager
def _writing_elsewhere(home: Path) -> Iterator[Callable[[], None]]:
    """
    Hold the store's write lock, as another process that writes does; give what lets go of it.
    """
    path = home / "local" / "files.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield lambda: connection.execute("ROLLBACK").close()


def test_call_that_waits_for_its_turn_can_be_cancelled(api: API, home: Path) -> None:
    """
    While another process writes, an upload ends soon after it is cancelled, and leaves nothing.
    """
    api.stored_id()
    context = CallContext()
    body = MultipartBody(fields={"purpose": "user_data"}, file_field="file", source=source_of(b"x", filename="a"))
    watch = Stopwatch()
    with _writing_elsewhere(home):
        threading.Timer(0.4, context.cancel).start()
        with pytest.raises(CancelledError):
            api.call("POST", "/files", context, body=body)
    assert watch.stop() < 2
    assert watch.wall_s > 0.3
    assert files_below(home / "local" / "incoming") == []
    assert len(files_below(home / "local" / "blobs")) == 1


def test_call_goes_on_when_it_is_its_turn(api: API, home: Path) -> None:
    """
    An upload waits until the other process is done, and is stored.
    """
    api.stored_id()
    with _writing_elsewhere(home) as let_go:
        threading.Timer(0.5, let_go).start()
        watch = Stopwatch()
        api.stored_id()
        assert watch.stop() < 2
        assert watch.wall_s > 0.3
    assert len(files_below(home / "local" / "blobs")) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals as POSIX has them")
def test_ctrl_c_ends_what_waits_for_its_turn(
    api: API, home: Path, started: Callable[..., subprocess.Popen[str]]
) -> None:
    """
    A program whose upload waits for another process ends within two seconds, and its file is gone.
    """
    api.stored_id()
    process = started("slow.py", home)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    with _writing_elsewhere(home):
        process.stdin.write("\n")
        process.stdin.flush()
        time.sleep(0.5)
        assert process.poll() is None
        watch = Stopwatch()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert watch.stop() < 2
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert files_below(home / "local" / "incoming") == []


def test_four_processes_that_start_on_an_empty_folder_account_for_every_file(
    home: Path, started: Callable[..., subprocess.Popen[str]]
) -> None:
    """
    Four processes that begin at once, upload 50 files each and delete half of them, leave exactly the other half.
    """
    processes = [started("crowd.py", home, who, 50) for who in range(4)]
    outcomes = [process.communicate(timeout=120) for process in processes]
    assert [(process.returncode, error) for process, (_, error) in zip(processes, outcomes, strict=True)] == [
        (0, "")
    ] * 4
    kept = sorted(file_id for output, _ in outcomes for file_id in output.split())
    store = Store(home)
    assert sorted(file.id for file in store.list(limit=10_000) or ()) == kept
    assert len(kept) == 100
    assert files_below(home / "local" / "blobs") == kept
    assert files_below(home / "local" / "incoming") == []
    store.close()


def test_threads_share_one_transport(api: API) -> None:
    """
    Sixteen threads upload, read and delete through one transport without harm to each other.
    """

    def round_trip(number: int) -> bool:
        content = f"{number}\n".encode() * 5_000
        file_id = api.stored_id(content)
        is_same = api.content(file_id).body == content
        return is_same and api.call("DELETE", f"/files/{file_id}").status == 200

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(round_trip, range(100)))
    assert api.call("GET", "/files").json()["data"] == []


@pytest.mark.skipif(sys.platform == "win32", reason="fork is POSIX")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_uses_connections_of_its_own(api: API) -> None:
    """
    A child made by fork stores a file that its parent then sees, and the parent goes on.
    """
    first = api.stored_id()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if api.upload(b"{}\n").status == 200 else 2
            api.transport.close()
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    api.stored_id()
    listed = api.call("GET", "/files?order=asc").json()["data"]
    assert len(listed) == 3
    assert listed[0]["id"] == first
