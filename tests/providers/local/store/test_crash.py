"""
What is left behind by processes that died, and by disks that were full.
"""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from aikit.providers.local.api.files import FilesService
from aikit.providers.local.store.files import Store, StoredFile
from tests.providers.local.conftest import files_below

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and resource limits are POSIX"),
]

Start = Callable[..., subprocess.Popen[str]]


def restarted(home: Path) -> tuple[StoredFile, ...]:
    """
    Start anew on what was left, check that both folders hold what is known and no more, and return what is listed.
    """
    store = Store(home)
    listed = store.list(limit=10_000) or ()
    assert files_below(store.folder / "incoming") == []
    assert files_below(store.folder / "blobs") == sorted(file.id for file in listed)
    for file in listed:
        content = (store.folder / "blobs" / file.id).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.bytes, file.sha256)
    store.close()
    return listed


@pytest.mark.parametrize("moment", ["opened", "written", "synced", "moved", "deleted"])
def test_a_kill_before_the_commit_leaves_nothing(home: Path, started: Start, moment: str) -> None:
    """
    Killed before a file is known, or just after it was forgotten, a process leaves nothing after the next start.
    """
    process = started("dying.py", home, moment)
    assert process.wait(30) == -signal.SIGKILL
    assert files_below(home / "local" / "blobs") + files_below(home / "local" / "incoming") != []
    assert restarted(home) == ()


def test_a_kill_after_the_commit_loses_nothing(home: Path, started: Start) -> None:
    """
    Killed right after a file became known, a process leaves it whole.
    """
    process = started("dying.py", home, "kept")
    assert process.wait(30) == -signal.SIGKILL
    assert [file.bytes for file in restarted(home)] == [3_000_000]


@pytest.mark.parametrize("delay_ms", [0, 1, 2, 3, 5, 8, 13])
def test_a_kill_at_any_moment_leaves_whole_files_only(home: Path, started: Start, delay_ms: int) -> None:
    """
    A process that is killed while it uploads one file after the other leaves those it finished, and nothing else.
    """
    process = started("endless.py", home)
    assert process.stdout is not None
    assert process.stdout.readline() == "one more\n"
    time.sleep(delay_ms / 1000)
    process.kill()
    rest = process.stdout.read().count("\n")  # communicate would lose what was read with the first line
    process.wait()
    assert len(restarted(home)) in {rest + 1, rest + 2}


def test_a_start_spares_the_upload_of_another_process(home: Path, started: Start) -> None:
    """
    What a living process is writing survives the start of another one.
    """
    process = started("slow.py", home)
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    other = Store(home)
    assert other.list(limit=1) == ()
    assert len(files_below(home / "local" / "incoming")) == 1
    assert process.communicate("go on\n", timeout=30)[0] == "200\n"
    assert [file.bytes for file in other.list(limit=1) or ()] == [2_000_000]
    other.close()


def test_a_start_spares_the_upload_of_another_store_in_this_process(home: Path, store: Store) -> None:
    """
    What one store is writing survives the start of a second one in the same process.
    """
    with store.receiving() as incoming:
        incoming.write(b"half")
        other = Store(home)
        assert other.list(limit=1) == ()
        other.close()
        incoming.write(b" and half")
        file = store.keep(incoming, filename="a", purpose="user_data", expires_after_s=None)
    assert store.list(limit=2) == (file,)


def test_a_file_without_a_row_is_removed_at_the_next_start(home: Path, store: Store) -> None:
    """
    Content that nothing knows about does not stay.
    """
    assert store.list(limit=1) == ()
    (home / "local" / "blobs" / "file-abc").write_bytes(b"orphan")
    assert restarted(home) == ()


def test_a_row_without_its_file_is_removed_at_the_next_start(home: Path, store: Store) -> None:
    """
    A file whose content somebody removed by hand is not listed any more.
    """
    with store.receiving() as incoming:
        incoming.write(b"content")
        file = store.keep(incoming, filename="a", purpose="user_data", expires_after_s=None)
    (home / "local" / "blobs" / file.id).unlink()
    assert store.open(file.id) is None
    assert restarted(home) == ()


def test_a_full_disk_is_an_answer_and_leaves_nothing(home: Path, started: Start) -> None:
    """
    Where there is no room, the answer says what to do, nothing stays, and less is stored afterwards.
    """
    process = started("cramped.py", home)
    refused, stored = process.communicate(timeout=30)[0].splitlines()
    status, body = refused.split(" ", 1)
    assert status == "507"
    error = json.loads(body)["error"]
    assert (error["type"], error["param"], error["code"]) == ("server_error", None, "insufficient_storage")
    assert "free some space" in error["message"]
    assert stored.startswith("200 ")
    assert [file.bytes for file in restarted(home)] == [1_000]


def test_a_file_that_does_not_fit_is_refused_unread(small_disk: Path) -> None:
    """
    Where the size is known before, a full disk is found before the first byte.
    """
    store = Store(small_disk / "home")
    chunks = iter([b"x" * 1_000_000] * 5)
    reply = FilesService(store=store).create({"purpose": "vision"}, "a", chunks, size_bytes=5_000_000)
    assert (reply.status, len(list(chunks))) == (507, 5)
    store.close()
    assert restarted(small_disk / "home") == ()


def test_deleting_helps_on_a_disk_that_is_full_to_the_last_byte(small_disk: Path) -> None:
    """
    Where not even the database has room to note it, a file can be deleted, and what is stored then is whole.
    """
    store = Store(small_disk / "home")
    service = FilesService(store=store)
    fields = {"purpose": "vision"}
    assert service.create(fields, "a", [b"x" * 200_000]).status == 200
    with (small_disk / "filling").open("wb", buffering=0) as filling, suppress(OSError):
        while filling.write(b"x" * 4096):
            pass
    assert service.create(fields, "b", [b"x"]).status == 507
    file = (store.list(limit=1) or ())[0]
    assert service.delete(file.id).status == 200
    assert service.create(fields, "c", [b"x" * 50_000]).status == 200
    store.close()
    assert [file.filename for file in restarted(small_disk / "home")] == ["c"]
