"""
Folders and files that only their owner can read, whatever the umask says.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
import sys
import threading
from pathlib import Path
from typing import Final

from aikit.storage import NO_HOME
from aikit.types.interruptions import suppress

log: Final = logging.getLogger("aikit")

_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_OTHERS: Final = 0o077
_told: Final[set[str]] = set()
_creating: Final = threading.Lock()


def make_private(home: Path, *below: str) -> None:
    """
    Make the folder *home*, and those *below* it, for their owner only; folders that are there stay as they are.

    A home that is open to others is told once in the log.

    Raises:
        OSError: A folder cannot be made.
    """
    if home == NO_HOME:
        raise OSError(errno.ENOENT, "HOME is not set, and this user has no home folder")
    home.parent.mkdir(parents=True, exist_ok=True)
    for folder in (home, *(home / name for name in below)):
        try:
            folder.mkdir(_FOLDER_MODE)
        except FileExistsError:
            folder.stat()  # a link that leads nowhere, or to itself, says so
            if not folder.is_dir():
                raise
        else:
            _set_mode(folder, _FOLDER_MODE)
    _tell_if_open(home)


def private_opener(path: str, flags: int) -> int:
    """
    Open *path* for `open` to write; a new file is its owner's only, one that is there stays as it is.
    """
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    except FileExistsError:
        if flags & os.O_EXCL:
            raise
        return os.open(path, flags, _FILE_MODE)
    if sys.platform != "win32":
        with suppress(OSError):  # there are file systems without modes
            os.fchmod(descriptor, _FILE_MODE)
    return descriptor


def restrict(path: Path) -> None:
    """
    Take from others what they may do with *path*, which a part of aikit made that also makes what users keep.
    """
    _set_mode(path, path.stat().st_mode & _FOLDER_MODE)


def create_private(path: Path) -> None:
    """
    Make an empty file at *path* if there is none, for a library that takes the mode of its files from the first.

    Raises:
        OSError: It cannot be made.
    """
    with _creating:  # closing a descriptor lets go of the locks that other threads have on the same file: POSIX
        if not path.exists():
            os.close(private_opener(str(path), os.O_WRONLY | os.O_CREAT))


def _set_mode(path: Path, mode: int) -> None:
    with suppress(OSError):  # there are file systems without modes
        path.chmod(mode)


def _tell_if_open(home: Path) -> None:
    mode = stat.S_IMODE(home.stat().st_mode)
    if os.name == "nt" or not mode & _OTHERS or str(home) in _told:
        return
    _told.add(str(home))
    log.warning(
        "%s, where aikit keeps files, their names and what batches cost, is open to other users (mode %o); "
        "close it with: chmod -R go-rwx %s",
        home,
        mode,
        home,
    )
