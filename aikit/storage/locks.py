"""
File locks, which the operating system releases when their process dies, however it dies.
"""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Final

from aikit.storage.private import private_opener

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


_taken: Final[weakref.WeakSet[FileIO]] = weakref.WeakSet()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """
    Hold the lock at *path*, after waiting until no process holds it.
    """
    with FileIO(path, "ab", opener=private_opener) as file:
        if sys.platform == "win32":
            _wait_for_first_byte(file)
        else:
            fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            if sys.platform != "win32":  # closing would not let go while a child made by fork has it open, too
                fcntl.flock(file, fcntl.LOCK_UN)


def take(path: Path, opener: Callable[[str, int], int] | None = private_opener) -> FileIO | None:
    """
    Take the lock at *path*; ``None`` when another process or thread holds it.

    Args:
        path: Where the lock is; made if need be.

        opener: Creates the file; ``None`` creates it as the umask says, for folders that several users share.

    Returns:
        An open file; closing it lets go. Whoever has it may remove it first, so that no file is left.
    """
    while True:
        file = FileIO(path, "ab", opener=opener)
        try:
            if not _is_taken_by(file):
                file.close()
                return None
        except BaseException:
            file.close()
            raise
        if os.fstat(file.fileno()).st_nlink:
            _taken.add(file)
            return file
        file.close()  # removed by its last holder just now


def release(path: Path, file: FileIO) -> None:
    """
    Release a lock that was taken at *path*, and remove its file.
    """
    if os.name == "nt":  # an open file cannot be removed there, nor one that another process has taken by then
        file.close()
    with suppress(OSError):
        path.unlink()
    file.close()


def mark_as_alive(file: FileIO) -> bool:
    """
    Show other processes, until *file* is closed, that its writer lives; ``False`` when it was removed just before.
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

    def _is_taken_by(file: FileIO) -> bool:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:

    def _is_taken_by(file: FileIO) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _leave_to_parent() -> None:
    """
    In a child made by fork, let go of the parent's locks, which would otherwise outlive the parent.
    """
    for file in list(_taken):
        file.close()  # without unlocking: the parent's own descriptor keeps the lock


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
