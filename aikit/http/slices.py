"""
Slices of a source, each a source of its own: what goes up in parts is read where it lies, and never copied.
"""

from __future__ import annotations

import hashlib
from codecs import BOM_UTF8
from collections.abc import Callable, Generator, Iterator
from typing import Final, TypeAlias

import attrs

from aikit.http.messages import Reader
from aikit.http.sources import Source
from aikit.http.streams import StreamSource

_CHUNK_BYTES: Final = 256 * 1024

OnRead: TypeAlias = Callable[[int], object]
"""Called with the size of each chunk that was read."""


def are_apart(source: Source) -> bool:
    """
    Return whether slices of *source* can be read side by side; those of one stream cannot.
    """
    return not isinstance(source, StreamSource)


def slice_of(source: Source, start: int, size_bytes: int) -> Source:
    """
    Return *size_bytes* of *source* from *start* on as a source; they must be in it.
    """
    return _Slice(parent=source, start=start, size_bytes=size_bytes)


def prefix_md5s(source: Source, part_bytes: int, on_read: OnRead) -> Generator[str, None, None]:
    """
    Hash the content once, and yield the MD5 of all that ends with each part, in hexadecimal: the last is of the whole.

    Args:
        source: Read as far as digests are asked for.

        part_bytes: Size of each part but the last.

        on_read: Called with the size of each chunk; what it raises ends the reading.

    Raises:
        OpenAIError: The source cannot be read to its end.
    """
    digest, left = hashlib.md5(usedforsecurity=False), part_bytes
    for chunk in _chunks(source, on_read, part_bytes):
        digest.update(chunk)
        left -= len(chunk)
        if not left:
            left = part_bytes
            yield digest.hexdigest()
    if left < part_bytes:
        yield digest.hexdigest()


def sha256_of(source: Source, on_read: OnRead) -> str:
    """
    Return the SHA-256 of the whole content, in hexadecimal; see `prefix_md5s`.
    """
    digest = hashlib.sha256(usedforsecurity=False)
    for chunk in _chunks(source, on_read, _CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def _chunks(source: Source, on_read: OnRead, part_bytes: int) -> Iterator[bytes]:
    """
    Read *source* in chunks, none of which is in two parts.
    """
    reader, left = source.open(), part_bytes
    try:
        while chunk := reader.read(min(_CHUNK_BYTES, left)):
            left = left - len(chunk) or part_bytes
            on_read(len(chunk))
            yield chunk
    finally:
        reader.close()


def without_mark(source: Source) -> Source:
    """
    Return *source* without the byte order mark of UTF-8 that it may begin with.

    Raises:
        OpenAIError: It cannot be read.
    """
    if not source.is_replayable or source.size_bytes is None:
        return _Unmarked(parent=source, is_replayable=source.is_replayable)
    reader = source.open()
    try:
        start = _read(reader, len(BOM_UTF8))
    finally:
        reader.close()
    return slice_of(source, len(start), source.size_bytes - len(start)) if start == BOM_UTF8 else source


def _read(reader: Reader, size: int) -> bytes:
    """
    Return *size* bytes, fewer only at the end: a reader may give less than it was asked for.
    """
    read = b""
    while len(read) < size and (chunk := reader.read(size - len(read))):
        read += chunk
    return read


@attrs.frozen(kw_only=True)
class _Unmarked:
    """
    A stream of unknown size without the mark it may begin with.
    """

    parent: Source
    is_replayable: bool
    size_bytes: None = None

    @property
    def name(self) -> str:
        """The stream's."""
        return self.parent.name

    @property
    def mime_type(self) -> str | None:
        """Likewise."""
        return self.parent.mime_type

    def resolved(self) -> _Unmarked:
        """
        Return itself.
        """
        return self

    def open(self, start: int = 0) -> Reader:  # noqa: ARG002  no slice is made of an unknown size
        """
        Start from the first byte.
        """
        return _UnmarkedReader(self.parent.open())


@attrs.define
class _UnmarkedReader:
    """
    Looks at the first bytes when they are read, and gives them unless they are the mark.
    """

    _reader: Reader
    _is_begun: bool = False

    def read(self, size: int, /) -> bytes:
        if self._is_begun:
            return self._reader.read(size)
        self._is_begun = True
        start = _read(self._reader, len(BOM_UTF8))
        return self._reader.read(size) if start == BOM_UTF8 else start

    def close(self) -> None:
        self._reader.close()


@attrs.frozen(kw_only=True)
class _Slice:
    """
    A stretch of a file or of a stream that can go back.
    """

    parent: Source
    start: int
    size_bytes: int
    is_replayable: bool = True

    @property
    def name(self) -> str:
        """The whole's."""
        return self.parent.name

    @property
    def mime_type(self) -> str | None:
        """Likewise."""
        return self.parent.mime_type

    def resolved(self) -> _Slice:
        """
        Return itself.
        """
        return self

    def open(self, start: int = 0) -> Reader:
        """
        Start from byte *start*; see `aikit.http.sources.Source.open`.
        """
        return _SliceReader(self.parent.open(self.start + start), self.size_bytes - start)


@attrs.define
class _SliceReader:
    """
    Reads to the end of the slice and no further.
    """

    _reader: Reader
    _left: int

    def read(self, size: int, /) -> bytes:
        chunk = self._reader.read(min(size, self._left)) if self._left else b""
        self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        self._reader.close()
