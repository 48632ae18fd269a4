"""
The checksum of what is uploaded, taken while it is read.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from aikit.http.context import CallContext
from aikit.http.messages import Reader
from aikit.http.sources import Source

try:
    import google_crc32c
except ImportError:  # it comes with the extra
    google_crc32c = None

_BLOCK: Final = 256 * 1024
_CASTAGNOLI: Final = 0x82F63B78  # the polynomial, its bits reversed as RFC 3720 has them
_ONE: Final = 1 << 31
_BYTE: Final = 1 << 23  # x to the eighth
_LETTERS: Final = 32


def _new_digest() -> tuple[str, Any]:
    """
    Return the field of an object that has its checksum, and what takes it: CRC32C takes a tenth of the time of MD5.
    """
    if google_crc32c is not None and google_crc32c.implementation == "c":
        return "crc32c", google_crc32c.Checksum()
    return "md5Hash", hashlib.md5(usedforsecurity=False)


@attrs.define
class Checksum:
    """
    Checksum of the beginning of a source, read in whichever stretches.

    Attributes:
        size_bytes: Of the beginning.
    """

    size_bytes: int = 0
    _digest: tuple[str, Any] = attrs.field(factory=_new_digest)

    def is_of(self, stored: Mapping[str, Any]) -> bool:
        """
        Return whether an object has it; one that has none of the kind is as good.
        """
        field, digest = self._digest
        return stored.get(field) in {None, b64encode(digest.digest()).decode()}

    def take(self, start: int, chunk: bytes) -> None:
        """
        Take what of *chunk*, which is at *start*, was not read before.
        """
        known = self.size_bytes - start
        if 0 <= known < len(chunk):
            self._digest[1].update(chunk[known:] if known else chunk)
            self.size_bytes = start + len(chunk)

    def read_rest(self, source: Source, context: CallContext) -> None:
        """
        Take what of *source* was not read before.
        """
        reader = source.open(self.size_bytes)
        try:
            while chunk := reader.read(_BLOCK):
                context.raise_if_cancelled()
                self.take(self.size_bytes, chunk)
        finally:
            reader.close()


@attrs.frozen
class Summed:
    """
    A stretch of a source, from *start* on, of which the checksum is taken as it is read.
    """

    source: Source
    start: int
    checksum: Checksum

    def open(self) -> Reader:
        """
        Start from its first byte.
        """
        return _SummingReader(self.source.open(), self.start, self.checksum)


@attrs.define
class _SummingReader:
    """
    Reads, and takes what it reads.
    """

    _reader: Reader
    _position: int
    _checksum: Checksum

    def read(self, size: int, /) -> bytes:
        chunk = self._reader.read(size)
        self._checksum.take(self._position, chunk)
        self._position += len(chunk)
        return chunk

    def close(self) -> None:
        self._reader.close()


def joined_crc32c(parts: Iterable[tuple[str, int]]) -> str:
    """
    Return the CRC32C, as objects have it, of what *parts*, of each CRC32C and size, are together.

    Raises:
        ValueError: One is no CRC32C.
    """
    joined = 0
    for crc32c, size in parts:
        joined = _product(joined, _power(_BYTE, size)) ^ int.from_bytes(b64decode(crc32c), "big")
    return b64encode(joined.to_bytes(4, "big")).decode()


def _product(one: int, other: int) -> int:
    """
    Return the product of two polynomials of bits modulo that of CRC32C.
    """
    product = 0
    for bit in range(31, -1, -1):
        if one >> bit & 1:
            product ^= other
        other = other >> 1 ^ (_CASTAGNOLI if other & 1 else 0)
    return product


def _power(base: int, exponent: int) -> int:
    power = _ONE
    while exponent:
        if exponent & 1:
            power = _product(power, base)
        base, exponent = _product(base, base), exponent >> 1
    return power


def digest_of(path: Path) -> str:
    """
    Return a digest of the file at *path* that fits into a label.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_LETTERS]
