"""
Paths such as ``/dev/stdout`` and ``/dev/fd/3``, which name an open file of a process and no place on a disk.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

_MOST_LINKS: Final = 40
"""As many as Linux follows."""

# Links in these folders lead to what is open, which may have lost its name: they must not be resolved to one.
_FOLDER: Final = re.compile(r"(?:/dev/fd|/proc/(\d+)(?:/task/\d+)?(?:/.*)?)", re.DOTALL)


def names_open_file(path: str | os.PathLike[str]) -> bool:
    """
    Return whether *path*, or the link that it is, names an open file of a process.
    """
    return _place(path) is not None


def descriptor_of(path: str | os.PathLike[str]) -> int | None:
    """
    Return the file descriptor of this process that *path* names, or the link that it is; ``None`` for all others.
    """
    place = _place(path)
    if place is None or place.parent.name != "fd" or not place.name.isdecimal():
        return None
    found = _FOLDER.fullmatch(str(place.parent))
    is_own = found is not None and found[1] in {None, str(os.getpid())}
    return int(place.name) if is_own else None


def _place(path: str | os.PathLike[str]) -> Path | None:
    """
    Follow *path* link by link to an entry of a folder of open files, but not beyond.
    """
    place = os.fspath(path)
    for _ in range(_MOST_LINKS):
        folder, name = os.path.split(place)
        entry = Path(os.path.realpath(folder), name)
        if _FOLDER.fullmatch(str(entry.parent)) and (entry.parent.name == "fd" or entry.is_symlink()):
            return entry
        try:
            place = os.path.join(entry.parent, os.readlink(entry))  # noqa: PTH115, PTH118  likewise
        except (OSError, ValueError):  # no link: the end
            return None
    return None
