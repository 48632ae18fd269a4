"""
Tests of locks that one has at a time, and that nobody has after its process is gone.
"""

from __future__ import annotations

import os
import sys
from io import FileIO
from pathlib import Path

import pytest

from aikit.storage import locks
from aikit.storage.locks import take


def test_one_has_it_at_a_time(tmp_path: Path) -> None:
    """Also within a process, until it is closed."""
    first = take(tmp_path / "lock")
    assert first is not None
    assert take(tmp_path / "lock") is None
    first.close()
    second = take(tmp_path / "lock")
    assert second is not None
    second.close()


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
