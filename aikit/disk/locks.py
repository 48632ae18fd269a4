"""
Locks on files that the operating system lets go of when their process dies, however it dies.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """
    Hold the lock of that name, waiting for whoever holds it.
    """
    with path.open("ab", buffering=0) as file:
        if sys.platform == "win32":
            _wait_for_first_byte(file)
        else:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield  # closing lets go


def mark_as_alive(file: FileIO) -> bool:
    """
    Show others, until *file* is closed, that its writer lives; ``False`` when somebody removed it just before.
    """
    if sys.platform == "win32":
        return True  # an open file cannot be removed there: being open is the mark
    else:  # noqa: RET505  mypy takes what follows the branch of another system for unreachable
        fcntl.flock(file, fcntl.LOCK_EX)
        return os.fstat(file.fileno()).st_nlink > 0


def remove_if_abandoned(path: Path) -> None:
    """
    Remove the file at *path* unless its writer lives.
    """
    with suppress(FileNotFoundError, PermissionError, BlockingIOError):
        if sys.platform == "win32":
            path.unlink()
        else:
            with path.open("rb", buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()  # while the lock is held, so that a writer about to take it notices


if sys.platform == "win32":

    def _wait_for_first_byte(file: FileIO) -> None:
        while True:
            file.seek(0)
            with suppress(OSError):  # LK_LOCK gives up after ten seconds
                msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
                return
