"""
Files that are kept on disk while a request lasts.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

import attrs

from aikit.storage.errors import NO_SPACE
from aikit.storage.private import make_private
from aikit.storage.temporary import TemporaryFolder
from aikit.types.errors import OpenAIError
from aikit.types.interruptions import suppress

P = ParamSpec("P")
T = TypeVar("T")

_THREADS: Final = 4


@attrs.frozen(eq=False)
class Spool:
    """
    A folder of this process for what it receives, and the few threads that write and check it.

    What a process that was killed has left there is removed by the next one that opens a spool in the same place.
    """

    _folder: TemporaryFolder
    _pool: ThreadPoolExecutor

    @classmethod
    def open(cls, root: Path, threads: int = _THREADS) -> Spool:
        """
        Make a folder for this process below *root*, for its owner only.

        Raises:
            OSError: There is no place for it.
        """
        make_private(root)
        return cls(TemporaryFolder.make(root), ThreadPoolExecutor(threads, "aikit-spool"))

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self._folder.path

    def require_room(self, size: int) -> None:
        """
        Refuse what the disk has no room for.

        Raises:
            OpenAIError: There are fewer than *size* bytes free (status 507).
        """
        if size > shutil.disk_usage(self.folder).free:
            raise _unwritable(OSError(errno.ENOSPC, ""))

    def new_file(self) -> SpoolFile:
        """
        Return a file that is made when it is first written.
        """
        return SpoolFile(self.folder)

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """
        Do *work* on one of the threads; it has to be short.
        """
        return asyncio.wrap_future(self._pool.submit(work, *args, **kwargs))

    def run_later(self, work: Callable[[], object]) -> None:
        """
        Do *work* on one of the threads, or at once if the spool is closed; its outcome is of no interest.
        """
        try:
            self._pool.submit(work)
        except RuntimeError:
            work()

    def close(self) -> None:
        """
        Remove the folder, after the work that has begun is done.
        """
        self._pool.shutdown(cancel_futures=True)
        self._folder.remove()


@attrs.define(eq=False)
class SpoolFile:
    """
    One file of a spool, until it is removed; for one thread at a time.

    Attributes:
        size_bytes: What was written.
    """

    _folder: Path
    size_bytes: int = 0
    _file: FileIO | None = None
    _path: Path | None = None

    @property
    def path(self) -> Path:
        """Where it is, once something was written."""
        if self._path is None:
            raise FileNotFoundError("nothing was written yet")
        return self._path

    def write(self, data: bytes) -> None:
        """
        Append *data*.

        Raises:
            OpenAIError: There is no room on disk, or it cannot be written (status 507 or 500).
        """
        try:
            file = self._file or self._open()
            left = memoryview(data)
            while left:
                left = left[file.write(left) :]
        except OSError as error:
            raise _unwritable(error) from error
        self.size_bytes += len(data)

    def read(self, start: int, size: int) -> bytes:
        """
        Return up to *size* bytes from byte *start*.
        """
        with FileIO(self.path) as file:
            file.seek(start)
            return file.read(size)

    def close(self) -> None:
        """
        Let go of the descriptor; the file stays.
        """
        if self._file is not None:
            self._file.close()
            self._file = None

    def remove(self) -> None:
        """
        Remove the file, if there is one.
        """
        self.close()
        if self._path is not None:
            with suppress(OSError):
                os.unlink(self._path)  # noqa: PTH108  nothing else of it is needed

    def _open(self) -> FileIO:
        descriptor, path = tempfile.mkstemp(dir=self._folder)
        self._path = Path(path)
        self._file = FileIO(descriptor, "wb")
        return self._file


def _unwritable(error: OSError) -> OpenAIError:
    if error.errno in NO_SPACE:
        message = "The disk of the gateway is full, so nothing of the file was kept; try again later."
        return OpenAIError(message=message, code="insufficient_storage", status=507, type="server_error")
    message = f"The gateway cannot keep the file: {error.strerror}; its log tells more."
    return OpenAIError(message=message, code="storage_unavailable", status=500, type="server_error")
