"""
The system's temporary folder, and folders in it that are their owner's only; those of killed processes are removed.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import Any, Final

import attrs

from aikit.storage.locks import take, take_existing
from aikit.types.errors import OpenAIError

_PREFIX: Final = "aikit-"
_LOCK: Final = ".lock"
_SWEEP_EVERY_S: Final = 60.0
_MOST_ENTRIES: Final = 10_000
_MOST_REMOVED: Final = 50


def temporary_root() -> Path:
    """
    Return the system's temporary folder.

    Raises:
        OpenAIError: There is none that can be written (code ``"storage_unavailable"``).
    """
    try:
        return Path(tempfile.gettempdir())
    except OSError:
        message = "there is no temporary folder that can be written; set TMPDIR to one"
        raise OpenAIError(message=message, code="storage_unavailable") from None


@attrs.frozen(eq=False)
class TemporaryFolder:
    """
    A folder with a lock that lives as long as its process: when that is killed, the next one removes the folder.

    Attributes:
        path: Where it is.
    """

    path: Path
    _lock: FileIO | None
    _pid: int = attrs.field(factory=os.getpid, init=False)

    @classmethod
    def make(cls, root: Path | None = None) -> TemporaryFolder:
        """
        Make a folder in *root*, or in the system's temporary folder, and remove those whose processes are gone.

        Raises:
            OpenAIError: There is no place for one (code ``"storage_unavailable"``).
            OSError: That place is full, or *root* is none.
        """
        if root is None:
            _sweep_sometimes(temporary_root())
        else:
            sweep(root)
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
        try:
            lock = take(path / _LOCK)
        except FileNotFoundError:
            lock = None
        except OSError:  # this file system has no locks: without one, no other process touches the folder
            with suppress(OSError):
                (path / _LOCK).unlink(missing_ok=True)
            return cls(path, None)
        return cls.make(root) if lock is None else cls(path, lock)  # another process found it without a holder

    @classmethod
    def within(cls, owned: Path) -> TemporaryFolder:
        """
        Make a folder without a lock in *owned*, whose own lock is enough.

        Raises:
            OSError: That place is full, or there is no such folder.
        """
        return cls(Path(tempfile.mkdtemp(dir=owned)), None)

    def remove(self) -> None:
        """
        Remove the folder; a child made by fork leaves that to its parent.
        """
        if self._pid != os.getpid():
            return
        if os.name == "nt" and self._lock is not None:  # an open file cannot be removed there
            self._lock.close()
        _remove(self.path)
        if self._lock is not None:
            self._lock.close()


@contextmanager
def temporary_folder() -> Iterator[str]:
    """
    Make a folder that is removed at the end of the ``with`` block.

    Raises:
        OpenAIError: There is no place for one (code ``"storage_unavailable"``).
        OSError: That place is full.
    """
    folder = TemporaryFolder.make()
    try:
        yield str(folder.path)
    finally:
        folder.remove()


@attrs.define
class _Sweeps:
    """
    When this process last looked for folders of killed ones; `_lock` guards that.
    """

    _next_at: float = 0.0
    _lock: Any = attrs.field(factory=threading.Lock)

    def is_due(self) -> bool:
        with self._lock:
            now = time.monotonic()
            is_due = now >= self._next_at
            if is_due:
                self._next_at = now + _SWEEP_EVERY_S
            return is_due


_sweeps: Final = _Sweeps()


def _sweep_sometimes(root: Path) -> None:
    if _sweeps.is_due():
        with suppress(OSError):
            sweep(root)


def sweep(root: Path) -> None:
    """
    Remove the folders in *root* that killed processes of this user left: their locks can be taken.

    Of 10,000 entries up to 50 folders are removed; links are not followed, and what has no lock is let be.
    """
    with os.scandir(root) as entries:
        ours = [entry for entry in islice(entries, _MOST_ENTRIES) if entry.name.startswith(_PREFIX)]
    removed = 0
    for entry in ours:
        if removed < _MOST_REMOVED:
            with suppress(OSError):
                removed += _is_ours(entry.stat(follow_symlinks=False)) and _removed(Path(entry.path))


def _is_ours(state: os.stat_result) -> bool:
    return stat.S_ISDIR(state.st_mode) and (not hasattr(os, "getuid") or state.st_uid == os.getuid())


def _removed(path: Path) -> bool:
    lock = take_existing(path / _LOCK)
    if lock is None:
        return False
    if os.name == "nt":
        lock.close()
    _remove(path)
    lock.close()
    return True


def _remove(path: Path) -> None:
    """
    Remove a folder, its lock at last: what is left when the process is killed meanwhile, the next one removes.
    """
    with suppress(OSError), os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            elif entry.name != _LOCK:
                with suppress(OSError):
                    os.unlink(entry.path)  # noqa: PTH108  the entry has its path as text
    shutil.rmtree(path, ignore_errors=True)
