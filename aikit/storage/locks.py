"""
File locks, which the operating system releases when their process dies, however it dies.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Final

from aikit.storage.private import private_opener
from aikit.types.interruptions import suppress

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


_SAFELY: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""A FIFO would be waited for, past every deadline, and behind a link may be a file of another program."""

_PATIENCE_S: Final = 60.0
_LOOK_S: Final = 0.02
_LOOKS: Final = 3
_taken: Final[weakref.WeakSet[FileIO]] = weakref.WeakSet()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """
    Hold the lock at *path*, after waiting until no process holds it.

    Raises:
        OSError: It cannot be opened, is no regular file, or another process has held it for a minute.
    """
    with _open(path, private_opener) as file:
        ends_at = time.monotonic() + _PATIENCE_S
        while not _is_taken_by(file):
            if time.monotonic() >= ends_at:
                raise OSError(errno.EBUSY, f"another process has held the lock {path} for a minute; stop it")
            time.sleep(_LOOK_S)
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

    Raises:
        OSError: It cannot be opened, or is no regular file.
    """
    while True:
        file = _open(path, opener or _open_as_umask_says)
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


def take_existing(path: Path) -> FileIO | None:
    """
    Take the lock at *path* as `take` does, without making one; ``None`` also when there is none.
    """
    with suppress(OSError):
        file = _open(path, lambda place, flags: os.open(place, flags & ~os.O_CREAT))
        with suppress(OSError):
            if _is_taken_by(file) and os.fstat(file.fileno()).st_nlink:
                return file
        file.close()
    return None


def is_held(path: Path) -> bool:
    """
    Return whether another process or thread holds the lock at *path*; those that look do not disturb each other.

    Raises:
        OSError: It cannot be opened, or is no regular file.
    """
    try:
        file = _open(path, lambda place, flags: os.open(place, flags & ~os.O_CREAT))
    except FileNotFoundError:
        return False
    with file:
        return not _is_taken_by(file, is_shared=True)


def _open(path: Path, opener: Callable[[str, int], int]) -> FileIO:
    try:
        file = FileIO(path, "ab", opener=lambda place, flags: opener(place, flags | _SAFELY))
    except OSError as error:
        if path.is_symlink() or error.errno == errno.ENXIO:  # a FIFO that nothing reads
            raise _no_file(path) from error
        raise
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode) or (not _SAFELY and path.is_symlink()):
        file.close()
        raise _no_file(path)
    return file


def _open_as_umask_says(path: str, flags: int) -> int:
    return os.open(path, flags, 0o666)


def _no_file(path: Path) -> OSError:
    return OSError(errno.EINVAL, f"the lock {path} is no regular file; remove it")


def release(path: Path, file: FileIO) -> None:
    """
    Release a lock that was taken at *path*, and remove its file; one that was left to the parent stays.
    """
    if file.closed:  # in a child made by fork
        return
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
        elif stat.S_ISREG(path.lstat().st_mode):
            with FileIO(path, "rb", opener=lambda place, flags: os.open(place, flags | _SAFELY)) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()  # while the lock is held, so that a writer about to take it notices


if sys.platform == "win32":

    def _is_taken_by(file: FileIO, *, is_shared: bool = False) -> bool:
        for _ in range(1 if is_shared else _LOOKS):  # none is shared there: who only looks has it for an instant
            with suppress(OSError):
                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
                return True
            time.sleep(_LOOK_S)
        return False

else:

    def _is_taken_by(file: FileIO, *, is_shared: bool = False) -> bool:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
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
