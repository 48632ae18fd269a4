"""
Several processes and threads on one store at the same time.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aikit.local.store import Store
from tests.local.conftest import API, files_below


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
