"""
Data on this machine's disk: folders, SQLite files, locks, journals, and their errors.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_NO_HOME: Final = "HOME is not set, and this user has no home folder"
_LONG: Final = 300
_PATIENCE_S: Final = 1.0
_LOOK_S: Final = 0.02


NO_HOME: Final = Path(os.devnull, "aikit")
"""A home in which nothing can be kept, for programs that go on without one: what is kept there is lost, and logged."""


class NoHomeError(ValueError):
    """
    The environment names no folder where aikit could keep things.
    """


def home_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """
    Return the folder of all data of aikit: ``AIKIT_HOME``, else ``~/.aikit``.

    Raises:
        NoHomeError: There is no such user, or this one has no home.
    """
    named = environ.get("AIKIT_HOME", "").strip()
    try:
        return Path(named).expanduser() if named else Path.home() / ".aikit"
    except RuntimeError:
        why = f"AIKIT_HOME names {shown(named)}, and there is no such user" if named else _NO_HOME
        raise NoHomeError(f"{why}; set AIKIT_HOME to a folder where aikit may keep things") from None


def shown(path: object) -> str:
    """
    Return *path* for a message, shortened where it is overlong.
    """
    text = str(path)
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def exists(path: str | os.PathLike[str]) -> bool:
    """
    Return whether there is something at *path*; not for one that is too long or lies where nobody may look.
    """
    return os.path.exists(path)  # noqa: PTH110  Path.exists() raises for these before Python 3.14


def is_folder(path: str | os.PathLike[str]) -> bool:
    """
    Return whether *path* is a folder; see `exists`.
    """
    return os.path.isdir(path)  # noqa: PTH112  likewise


def is_file(path: str | os.PathLike[str]) -> bool:
    """
    Return whether *path* is a regular file; see `exists`.
    """
    return os.path.isfile(path)  # noqa: PTH113  likewise


def replace(part: Path, target: Path) -> None:
    """
    Give the file *part* the name *target*, which a file may have.

    On Windows that is impossible while one of them is open, also in a program that looks for viruses or makes an index:
    for a moment it is waited for.

    Raises:
        OSError: It cannot have that name.
    """
    ends_at = time.monotonic() + _PATIENCE_S
    while True:
        try:
            part.replace(target)
        except PermissionError:
            if os.name != "nt" or time.monotonic() >= ends_at:
                raise
            time.sleep(_LOOK_S)
        else:
            return


def sync(path: Path) -> None:
    """
    Make a file, or the names in a folder, last through a power cut.

    Raises:
        OSError: *path* cannot be opened, or its file system cannot do that.
    """
    is_folder = path.is_dir()
    if is_folder and sys.platform == "win32":  # folders cannot be opened there
        return
    descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)  # Windows asks for a right to write
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
