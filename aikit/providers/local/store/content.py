"""
The bytes of a stored file, whole or the part that was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from io import FileIO
from types import TracebackType
from typing import Final, Self

import attrs

from aikit.providers.local.api.file_rules import Refusal
from aikit.storage.errors import StoreError

CHUNK_BYTES: Final = 256 * 1024
_RANGE: Final = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))", re.ASCII)


@attrs.define(eq=False)
class Content:
    """
    An open part of a stored file; used in a ``with`` block, which closes it.

    Attributes:
        file: Open from its first byte; stays readable when the file is deleted meanwhile.

        start: First byte to hand out.

        size_bytes: How many from there on.
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

    def copy_to(self, write: Callable[[memoryview], object]) -> None:
        """
        Hand it to *write* in chunks, each valid only during the call.

        Raises:
            StoreError: The disk has less than was stored (code ``"storage_damaged"``).
        """
        self.file.seek(self.start)
        left = self.size_bytes
        with memoryview(bytearray(min(CHUNK_BYTES, left))) as buffer:
            while left:
                count = self._filled(buffer[: min(len(buffer), left)])
                write(buffer[:count])
                left -= count

    def _filled(self, buffer: memoryview) -> int:
        try:
            count = self.file.readinto(buffer)
        except OSError as error:
            raise _damaged(self.file, error.strerror or str(error)) from error
        if not count:
            raise _damaged(self.file, "it is shorter than it was when it was stored")
        return count


def asked_part(headers: Mapping[str, str], size_bytes: int, etag: str) -> tuple[int, int] | None:
    """
    Return start and size of the part that Range and If-Range in *headers* (lower case) ask for, ``None`` for the whole.

    Raises:
        Refusal: There is no such part (status 416).
    """
    # RFC 9110 sections 13.1.5 and 14.2: what is not understood, several ranges among it, is answered with the whole.
    found = _RANGE.fullmatch(headers.get("range", "").replace(" ", ""))
    if found is None or headers.get("if-range", etag) != etag:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        start, end = max(size_bytes - int(suffix), 0), size_bytes
    elif last and int(last) < int(first):
        return None
    else:
        start, end = int(first), min(int(last) + 1, size_bytes) if last else size_bytes
    if start >= size_bytes:
        raise _no_such_part(size_bytes)
    return start, end - start


def _no_such_part(size_bytes: int) -> Refusal:
    return Refusal(
        f"The range asked for starts behind the file's last byte; the file has {size_bytes} bytes.",
        param="range",
        code="range_not_satisfiable",
        status=416,
        headers={"content-range": f"bytes */{size_bytes}"},
    )


def _damaged(file: FileIO, why: str) -> StoreError:
    return StoreError(
        message=f"the stored content {file.name!r} cannot be read: {why}; delete the file and upload it again",
        code="storage_damaged",
    )
