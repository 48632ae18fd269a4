"""
Errors of a storage folder: a full disk, missing permissions, a damaged or newer database.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs

from aikit.storage import shown
from aikit.types.interruptions import let_through

NO_SPACE: Final = frozenset((errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)))
TOO_MANY_OPEN: Final = frozenset((errno.EMFILE, errno.ENFILE))
FEWER_OPEN: Final = "close some, or raise the limit of open files (ulimit -n)"
_DAMAGED: Final = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
_BUSY: Final = frozenset((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED))


@attrs.frozen(kw_only=True, slots=False, str=False)
class StoreError(Exception):
    """
    A storage folder cannot be used; stored data is unchanged, the operation was not carried out.

    Attributes:
        message: What was wrong and what to do.

        code: ``"insufficient_storage"``, ``"storage_busy"``, ``"storage_damaged"``, ``"storage_too_new"`` or
            ``"storage_unavailable"``.
    """

    message: str
    code: str

    def __str__(self) -> str:
        return self.message


@contextmanager
def telling_faults(folder: Path) -> Iterator[None]:
    """
    Turn errors of disk and SQLite inside the block into a `StoreError` about *folder*.
    """
    try:
        yield
    except (OSError, sqlite3.Error, UnicodeDecodeError) as error:
        let_through(error)
        raise _told(folder, error) from error


def _told(folder: Path, error: OSError | sqlite3.Error | UnicodeDecodeError) -> StoreError:
    if isinstance(error, OSError):
        return _of_disk(folder, error)
    if isinstance(error, sqlite3.Error):
        return _of_database(folder, error)
    return _damaged(folder, error)  # what SQLite says of names in a damaged file


def _of_disk(folder: Path, error: OSError) -> StoreError:
    if error.errno in NO_SPACE:
        return _full(folder)
    reason = error.strerror or str(error)
    advice = "check the folder's permissions, or set AIKIT_HOME to a folder that can be written"
    advice = FEWER_OPEN if error.errno in TOO_MANY_OPEN else advice
    message = f"the store in {shown(folder)} cannot be used: {reason}; {advice}"
    return StoreError(message=message, code="storage_unavailable")


def _of_database(folder: Path, error: sqlite3.Error) -> StoreError:
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if primary == sqlite3.SQLITE_FULL:
        return _full(folder)
    if primary in _BUSY:
        return StoreError(
            message=f"the store in {folder} is busy: another process has been writing for too long; try again",
            code="storage_busy",
        )
    if primary in _DAMAGED:
        return _damaged(folder, error)
    return StoreError(
        message=f"the store in {folder} cannot be used: {error}; check the folder's permissions and free space, or "
        "set AIKIT_HOME to another folder",
        code="storage_unavailable",
    )


def _damaged(folder: Path, error: Exception) -> StoreError:
    return StoreError(
        message=f"the store in {folder} is damaged ({error}); move that folder away and upload the files again",
        code="storage_damaged",
    )


def _full(folder: Path) -> StoreError:
    return StoreError(
        message=f"there is no space left for the store in {folder}, so nothing was changed; free some space on "
        "that disk, then try again",
        code="insufficient_storage",
    )
