"""
Slices of a source, each a source of its own: what goes up in parts is read where it lies, and never copied.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import attrs

from aikit.http.messages import Reader
from aikit.http.sources import Source, StreamSource

_CHUNK_BYTES: Final = 1024 * 1024

OnRead: TypeAlias = Callable[[int], object]
"""Called with the size of each chunk that was read."""


def has_slices(source: Source) -> bool:
    """
    Tell whether *source* can be cut: its size is known, and it can be read from anywhere.
    """
    return source.size_bytes is not None and source.is_replayable


def are_apart(source: Source) -> bool:
    """
    Tell whether slices of *source* can be read side by side; those of one stream cannot.
    """
    return not isinstance(source, StreamSource)


def slice_of(source: Source, start: int, size_bytes: int) -> Source:
    """
    Return *size_bytes* of *source* from *start* on as a source; they must be in it.
    """
    return _Slice(parent=source, start=start, size_bytes=size_bytes)


def md5_of(source: Source, on_read: OnRead) -> str:
    """
    Return the MD5 of the whole content, in hexadecimal; see `sha256_of`.
    """
    return _digest_of(source, hashlib.md5(usedforsecurity=False), on_read)


def sha256_of(source: Source, on_read: OnRead) -> str:
    """
    Return the SHA-256 of the whole content, in hexadecimal.

    Args:
        source: Read to its end.

        on_read: Called with the size of each chunk; what it raises ends the reading.

    Raises:
        OpenAIError: It cannot be read to its end.
    """
    return _digest_of(source, _sha256(), on_read)


def _digest_of(source: Source, digest: hashlib._Hash, on_read: OnRead) -> str:
    reader = source.open()
    try:
        while chunk := reader.read(_CHUNK_BYTES):
            digest.update(chunk)
            on_read(len(chunk))
    finally:
        reader.close()
    return digest.hexdigest()


def _sha256() -> hashlib._Hash:
    return hashlib.sha256(usedforsecurity=False)


@attrs.define(eq=False)
class HashingSource:
    """
    A source that is hashed while it is read, whoever reads it.
    """

    source: Source
    _digest: Any = attrs.field(factory=_sha256)

    @property
    def name(self) -> str:
        """The source's."""
        return self.source.name

    @property
    def size_bytes(self) -> int | None:
        """The source's."""
        return self.source.size_bytes

    @property
    def is_replayable(self) -> bool:
        """The source's."""
        return self.source.is_replayable

    @property
    def digest(self) -> str:
        """Of what was read since it was opened last, in hexadecimal."""
        digest: str = self._digest.hexdigest()
        return digest

    def resolved(self) -> HashingSource:
        """
        Return itself.
        """
        return self

    def open(self, start: int = 0) -> Reader:
        """
        Start from byte *start*; see `aikit.http.sources.Source.open`.
        """
        self._digest = _sha256()
        return _HashingReader(self.source.open(start), self._digest)


@attrs.define
class _HashingReader:
    """
    Hashes what it reads.
    """

    _reader: Reader
    _digest: Any

    def read(self, size: int, /) -> bytes:
        chunk = self._reader.read(size)
        self._digest.update(chunk)
        return chunk

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
