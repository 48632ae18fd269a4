"""
A private temporary folder, deleted by its owner once no reader uses it.
"""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs

from aikit.storage.errors import FEWER_OPEN, TOO_MANY_OPEN
from aikit.storage.temporary import TemporaryFolder, temporary_root
from aikit.types.errors import OpenAIError
from aikit.types.interruptions import let_through

_NOT_OPENED: Final = "unable to open database file"  # of SQLite, which does not say why


@attrs.define(eq=False, init=False)
class Folder:
    """
    A folder that only this user can read, removed by `close`, with its last holder, or at the interpreter's end.

    Attributes:
        path: Where it is.
    """

    path: Path
    _lock: Any
    _readers: int
    _is_closed: bool
    _remove: weakref.finalize[[], Folder]

    def __init__(self, within: Path | None = None) -> None:
        """
        Make the folder; in the folder *within*, which stays as long, it holds no file open.

        Raises:
            OpenAIError: There is no room for it (code ``"temporary_storage"``).
        """
        with telling_faults(within or temporary_root()):
            folder = TemporaryFolder.make() if within is None else TemporaryFolder.within(within)
        self.path = folder.path
        self._lock = threading.Lock()
        self._readers, self._is_closed = 0, False
        self._remove = weakref.finalize(self, folder.remove)

    def close(self) -> None:
        """
        Remove the folder, once no reader uses it.
        """
        with self._lock:
            self._is_closed = True
            is_free = not self._readers
        if is_free:
            self._remove()

    def require_open(self) -> None:
        """
        Check that the folder is open.

        Raises:
            ValueError: It was closed.
        """
        if self._is_closed:
            raise ValueError("the results are closed; make the call again that gave them")

    @contextmanager
    def reading(self) -> Iterator[Path]:
        """
        Return a context in which the folder stays, also when it is closed meanwhile.

        Raises:
            ValueError: It was closed before.
            OpenAIError: What is inside cannot be read or written (code ``"temporary_storage"``).
        """
        with self._lock:
            self.require_open()
            self._readers += 1
        try:
            with telling_faults(self.path):
                yield self.path
        finally:
            with self._lock:
                self._readers -= 1
                is_over = self._is_closed and not self._readers
            if is_over:
                self._remove()


@contextmanager
def telling_faults(folder: Path) -> Iterator[None]:
    """
    Turn what the disk and SQLite raise inside into an `OpenAIError` about *folder*.
    """
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise unusable(folder, error) from error


def unusable(folder: Path, error: BaseException) -> OpenAIError:
    """
    Return the error for a disk or database *error* in *folder*; what a signal handler raised goes through.
    """
    let_through(error)
    reason = getattr(error, "strerror", None) or error
    advice = "free some space on that disk, or set TMPDIR to a folder with room for the files of the batch"
    if getattr(error, "errno", None) in TOO_MANY_OPEN:
        advice = FEWER_OPEN
    elif str(error) == _NOT_OPENED:
        advice = f"{advice}; if too many files are open, {FEWER_OPEN}"
    message = f"the temporary folder {folder} cannot be used: {reason}; {advice}"
    return OpenAIError(message=message, code="temporary_storage")
