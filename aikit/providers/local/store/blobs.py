"""
The bytes of stored files: on their way in, measured and hashed while they are written, and on their way out.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import string
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import attrs

from aikit.storage.errors import NO_SPACE, StoreError, telling_faults
from aikit.storage.locks import mark_as_alive
from aikit.storage.private import private_opener
from aikit.types.interruptions import suppress

CHUNK_BYTES: Final = 256 * 1024
_ALPHABET: Final = string.ascii_letters + string.digits
_WORTH_RESERVING: Final = 4 << 20


def new_id(prefix: str) -> str:
    """
    Return *prefix* and 24 random letters and digits.
    """
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(24))


@attrs.define(eq=False)
class Incoming:
    """
    A file being received; leaving the ``with`` block removes it unless it was moved.

    Attributes:
        id: Id of the file, and name of its blob.

        size_bytes: Written so far.
    """

    _folder: Path
    _expected_bytes: int | None = None
    id: str = ""
    size_bytes: int = 0
    _path: Path = attrs.field(init=False)
    _file: FileIO = attrs.field(init=False)
    _digest: Any = attrs.field(factory=lambda: hashlib.sha256(usedforsecurity=False))

    def __enter__(self) -> Self:
        try:
            with telling_faults(self._folder):
                self._create()
                self._reserve()
        except BaseException:  # Ctrl-C too
            with suppress(AttributeError):  # none was made
                self._file.close()
            if self.id:
                (self._folder / self.id).unlink(missing_ok=True)
            raise
        return self

    def _create(self) -> None:
        while True:
            self.id = new_id("file-")
            self._path = self._folder / self.id
            self._file = FileIO(self._path, "xb", opener=private_opener)
            if mark_as_alive(self._file):
                break
            self._file.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        with suppress(OSError):  # gone when it was moved; if it cannot be removed, the next start does
            self._path.unlink()

    @property
    def sha256(self) -> str:
        """Hash of the bytes written so far, in hexadecimal."""
        digest: str = self._digest.hexdigest()
        return digest

    def write(self, chunk: bytes | memoryview) -> None:
        """
        Append *chunk*.

        Raises:
            StoreError: The disk is full or broken.
        """
        self._digest.update(chunk)
        with telling_faults(self._folder), memoryview(chunk) as view:
            done = 0
            while done < len(view):
                done += self._file.write(view[done:])
            self.size_bytes += done

    def sync(self) -> None:
        """
        Sync the written bytes to disk.
        """
        with telling_faults(self._folder):
            self._file.truncate(self.size_bytes)  # more room may have been reserved
            os.fsync(self._file.fileno())

    def move_to(self, path: Path) -> None:
        """
        Move the file to its final place; inside a write transaction, as it is no longer marked as alive.
        """
        self._file.close()
        self._path.rename(path)

    def _reserve(self) -> None:
        """
        Reserve room on the disk: a full disk is found before the first byte, and writing is faster.
        """
        size = self._expected_bytes
        if size is None or size < _WORTH_RESERVING or not hasattr(os, "posix_fallocate"):
            return
        try:
            os.posix_fallocate(self._file.fileno(), 0, size)
        except OSError as error:
            if error.errno in NO_SPACE:
                self._file.close()
                raise


@attrs.define(eq=False)
class Content:
    """
    An open part of a stored file; used in a ``with`` block, which closes it.

    Attributes:
        file: Open blob; stays readable when the file is deleted meanwhile.

        start: Offset of the first byte.

        size_bytes: Number of bytes.
    """

    file: FileIO
    start: int
    size_bytes: int

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()

    def chunks(self) -> Iterator[memoryview]:
        """
        Yield chunks, each valid only until the next one.

        Raises:
            StoreError: The disk has less than was stored (code ``"storage_damaged"``).
        """
        self.file.seek(self.start)
        left = self.size_bytes
        with memoryview(bytearray(min(CHUNK_BYTES, left))) as buffer:
            while left:
                count = self._filled(buffer[: min(len(buffer), left)])
                yield buffer[:count]
                left -= count

    def _filled(self, buffer: memoryview) -> int:
        try:
            count = self.file.readinto(buffer)
        except OSError as error:
            raise _damaged(self.file, error.strerror or str(error)) from error
        if not count:
            raise _damaged(self.file, "it is shorter than it was when it was stored")
        return count


def _damaged(file: FileIO, why: str) -> StoreError:
    return StoreError(
        message=f"the stored content {file.name!r} cannot be read: {why}; delete the file and upload it again",
        code="storage_damaged",
    )
