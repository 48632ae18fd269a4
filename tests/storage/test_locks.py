"""
Tests of locks that one has at a time, and that nobody has after its process is gone.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient
from aikit.storage import locks
from aikit.storage.locks import locked, release, remove_if_abandoned, take
from aikit.storage.private import private_opener
from tests.systems import posix_only


def test_one_has_it_at_a_time(tmp_path: Path) -> None:
    """Also within a process, until it is closed."""
    first = take(tmp_path / "lock")
    assert first is not None
    assert take(tmp_path / "lock") is None
    first.close()
    second = take(tmp_path / "lock")
    assert second is not None
    second.close()


@posix_only
def test_who_has_it_may_remove_it(tmp_path: Path) -> None:
    """The next one makes it anew, and it is a lock again."""
    first = take(tmp_path / "lock")
    assert first is not None
    (tmp_path / "lock").unlink()
    first.close()
    second = take(tmp_path / "lock")
    assert second is not None
    assert take(tmp_path / "lock") is None
    second.close()


@pytest.mark.skipif(sys.platform == "win32", reason="fork is POSIX")
def test_a_forked_child_does_not_keep_it(tmp_path: Path) -> None:
    """When the parent lets go, it is free, though the child lives; until then the child has not freed it."""
    lock = take(tmp_path / "lock")
    assert lock is not None
    (end, ending), (lives, living) = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        os.close(ending)
        os.write(living, b"x")
        os.read(end, 1)
        os._exit(0)
    try:
        os.read(lives, 1)
        assert take(tmp_path / "lock") is None
        lock.close()
        again = take(tmp_path / "lock")
        assert again is not None
        again.close()
    finally:
        os.close(ending)
        os.waitpid(child, 0)
        for descriptor in (end, lives, living):
            os.close(descriptor)


def test_what_was_left_to_the_parent_is_not_released(tmp_path: Path) -> None:
    """A child made by fork, in which the file is closed, does not remove it: another would take the lock beside."""
    lock = take(tmp_path / "lock")
    assert lock is not None
    kept = FileIO(lock.fileno(), closefd=False)
    kept.close()
    release(tmp_path / "lock", kept)
    assert (tmp_path / "lock").exists()
    release(tmp_path / "lock", lock)
    assert not (tmp_path / "lock").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed there")
def test_a_lock_whose_file_is_removed_meanwhile_is_taken_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A lock on a file that has no name any more would exclude no other process.
    """
    path, plain, removed = tmp_path / "lock", locks._is_taken_by, iter([True])

    def remove_first(file: FileIO) -> bool:
        if next(removed, False):
            path.unlink()
        return plain(file)

    monkeypatch.setattr(locks, "_is_taken_by", remove_first)
    file = locks.take(path)
    assert file is not None
    assert path.exists()
    assert locks.take(path) is None
    locks.release(path, file)
    assert not path.exists()


def _fifo(place: Path) -> None:
    os.mkfifo(place)


def _heard_fifo(place: Path) -> None:
    os.mkfifo(place)
    threading.Thread(target=lambda: os.close(os.open(place, os.O_RDONLY | os.O_NONBLOCK))).start()


def _link(place: Path) -> None:
    (place.parent / "other").write_bytes(b"another program's")
    place.symlink_to("other")


def _link_to_nothing(place: Path) -> None:
    place.symlink_to("missing")


def _link_to_fifo(place: Path) -> None:
    os.mkfifo(place.parent / "fifo")
    place.symlink_to("fifo")


@pytest.mark.skipif(sys.platform == "win32", reason="FIFOs are POSIX")
@pytest.mark.parametrize("make", [_fifo, _heard_fifo, _link, _link_to_nothing, _link_to_fifo])
def test_lock_that_is_no_regular_file_is_refused_at_once(make: Callable[[Path], None], tmp_path: Path) -> None:
    """A FIFO is not waited for, a link not followed: nothing is made or changed where it leads."""
    place = tmp_path / "lock"
    make(place)
    before = sorted(tmp_path.iterdir())
    for opener in (None, private_opener):
        with pytest.raises(OSError, match="is no regular file; remove it"):
            take(place, opener)
    with pytest.raises(OSError, match="is no regular file; remove it"), locked(place):
        pass
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.skipif(sys.platform == "win32", reason="FIFOs are POSIX")
def test_what_is_swept_is_not_waited_for(tmp_path: Path) -> None:
    """A FIFO among the files that processes left behind holds up nothing."""
    os.mkfifo(tmp_path / "fifo")
    remove_if_abandoned(tmp_path / "fifo")
    assert [path.name for path in tmp_path.iterdir()] == ["fifo"]


def test_lock_that_is_held_for_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was stopped may hold it for ever."""
    monkeypatch.setattr(locks, "_PATIENCE_S", 0.1)
    held = take(tmp_path / "lock")
    assert held is not None
    with pytest.raises(OSError, match=r"has held the lock .* for a minute; stop it"), locked(tmp_path / "lock"):
        pass
    held.close()
    with locked(tmp_path / "lock"):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="FIFOs are POSIX")
@pytest.mark.parametrize("name", ["home/local/lock", "home/uploaded.lock", ".m.jsonl.lock", "home/transfers.lock"])
def test_calls_end_within_their_deadline(name: str, tmp_path: Path) -> None:
    """Whichever lock cannot be had, a call says so or goes on without it."""
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(tmp_path / name)
    (tmp_path / "a.txt").write_bytes(b"x")
    options: dict[str, Any] = {"skip_identical": True, "manifest": tmp_path / "m.jsonl", "deadline": 5}
    with OpenAIClient(provider="local", home=tmp_path / "home") as client:
        result = client.files.create_many([tmp_path / "a.txt"], "user_data", **options)
    codes = {"home/local/lock": ["storage_unavailable"], ".m.jsonl.lock": ["unusable_manifest"]}
    assert [error.code for error in result.errors] == codes.get(name, [])
    assert all("is no regular file; remove it" in error.message for error in result.errors)


def test_journal_that_cannot_be_used_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """However many files a call sends, the log has one warning of it."""
    (tmp_path / "home" / "uploaded.db").mkdir(parents=True)
    (tmp_path / "home").chmod(0o700)
    with OpenAIClient(provider="local", home=tmp_path / "home") as client:
        files = [f"{number}".encode() for number in range(40)]
        options: dict[str, Any] = {"skip_identical": True, "filename": None}
        paths = [tmp_path / f"{number}.txt" for number in range(40)]
        for path, content in zip(paths, files, strict=True):
            path.write_bytes(content)
        assert client.files.create_many(paths, "user_data", **options).success
    warnings = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert len([one for one in warnings if "journal of uploads" in one.message]) == 1
