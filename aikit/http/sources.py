"""
What is uploaded: a path, bytes or a binary stream, as bodies of known name and, where possible, known size.
"""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, cast

import attrs

from aikit.http.checked_file import CheckedFile
from aikit.http.filenames import encodable, name_of_content, restore_letters
from aikit.http.headers import redacted
from aikit.http.messages import Reader
from aikit.http.named_files import unpack_named
from aikit.http.stream_layers import attribute
from aikit.http.streams import StreamSource, changed, missing, stream_source, unreadable
from aikit.http.url_source import is_address, url_source
from aikit.types.errors import OpenAIError
from aikit.types.interruptions import let_through

if TYPE_CHECKING:
    from mmap import mmap

    class BinaryStream(Protocol):
        """
        An open file, a member of an archive, a pipe: whatever bytes are read from.
        """

        def read(self, size: int = ..., /) -> bytes:
            """Return up to *size* bytes, none at the end."""
            ...


FileContent: TypeAlias = "os.PathLike[str] | bytes | bytearray | memoryview | mmap | BinaryStream | CheckedFile"
"""A path, bytes-like, or a binary stream read from where it stands to its end."""

FileSource: TypeAlias = (
    "str | FileContent | tuple[str | None, FileContent] | tuple[str | None, FileContent, str | None]"
)
"""What may be uploaded: a content, a path as a string, or a content with its name, and its media type."""


class Source(Protocol):
    """
    What is uploaded, opened anew for every attempt.

    Attributes:
        name: The file's name without folders.

        size_bytes: Exact size; ``None`` when only reading would tell.

        is_replayable: Whether it can be opened more than once.

        mime_type: Its media type, where the caller says it; else its name stands for it.
    """

    @property
    def name(self) -> str: ...  # noqa: D102  told above
    @property
    def size_bytes(self) -> int | None: ...  # noqa: D102  told above
    @property
    def is_replayable(self) -> bool: ...  # noqa: D102  told above
    @property
    def mime_type(self) -> str | None: ...  # noqa: D102  told above

    def resolved(self) -> Source:
        """
        Return the source with its size known, if it can be.

        Raises:
            OpenAIError: It is not there, no file, or may not be read.
        """
        ...

    def open(self, start: int = 0) -> Reader:
        """
        Start from byte *start*.

        Raises:
            OpenAIError: It cannot be read (any more).
        """
        ...


def has_slices(source: Source) -> bool:
    """
    Return whether *source* can be cut: its size is known, and it can be read from anywhere.
    """
    return source.size_bytes is not None and source.is_replayable


def source_of(file: Any, *, filename: str | None = None, purpose: str = "") -> Source:
    """
    Return what *file* stands for; a file on disk is not touched yet, and a stream is held until `release`.

    Args:
        file: Path, bytes-like, or binary stream. A file mapped into memory counts as bytes: all of it is sent. One of
            these with its name, and its media type, in a tuple. Or an address, which only a provider reads.

        filename: Name to upload it under; without one that in the tuple, a path's or stream's own, or one that fits
            the content.

        purpose: For ``.jsonl`` purposes, bytes without a name become ``file.jsonl``.

    Raises:
        TypeError: *file* is none of the three kinds, or a text stream or asynchronous.
        ValueError: *file* is empty as a path, closed as a stream or in use by another call, or no whole address;
            *filename* is no plain name or is missing.
    """
    if isinstance(file, tuple):
        return _named_source(file, filename, purpose)
    if isinstance(filename, str) and not filename.isascii():
        filename = restore_letters(filename)
    if filename is not None:
        require_plain_name(filename)
    if isinstance(file, str) and is_address(file):
        source = url_source(file, filename)
        require_plain_name(source.name)
        return source
    if isinstance(file, str | os.PathLike | CheckedFile):
        return _path_source(file, filename)
    if isinstance(file, bytes | bytearray | memoryview):
        content = _plain_bytes(file)
        return BytesSource(content=content, name=filename or name_of_content(content, purpose))
    if any(one.__module__ == "mmap" for one in type(file).__mro__):  # without loading it
        return _mapped_source(file, filename, purpose)
    if callable(attribute(file, "read")):
        return stream_source(file, filename, purpose)
    raise TypeError(f"file must be a path, bytes or a binary stream, not {type(file).__name__}")


def require_plain_name(filename: Any) -> None:
    """
    Refuse a *filename* that no file can have.

    Raises:
        TypeError: *filename* is no string.
        ValueError: It has folders or control characters, is empty, or cannot be encoded.
    """
    if not isinstance(filename, str):
        raise TypeError(f"filename must be a string, not {type(filename).__name__}")
    is_plain = not any(char in "/\\\x7f" or ord(char) < 32 or "\ud800" <= char <= "\udfff" for char in filename)
    if not filename or filename in {".", ".."} or not is_plain:
        raise ValueError(
            f"filename {redacted(filename)!r} is no plain name; allowed are names without folders and control "
            "characters"
        )


def release(source: object) -> None:
    """
    Let other calls read the stream of *source*, if it is one: its call is over.
    """
    if isinstance(source, StreamSource) and source.hold is not None:
        source.hold.release()


@attrs.frozen(kw_only=True)
class PathSource:
    """
    A file on disk.

    Attributes:
        checked_for: The purpose that its content is known to be right for.
    """

    path: Path
    name: str
    size_bytes: int | None = None
    modified_ns: int | None = None
    is_replayable: bool = True
    checked_for: str | None = None
    mime_type: str | None = None

    def resolved(self) -> Source:
        """
        Return it with its size; see `Source.resolved`. One that has it stays what it is.

        A file of the kernel's (``/proc``, ``/sys``) tells a size that is not its own: it is read, and goes as bytes.
        """
        if self.modified_ns is not None:
            return self
        try:
            status = self.path.stat()
        except OSError as error:
            raise _unreadable(self.path, error) from error
        if stat.S_ISDIR(status.st_mode):
            raise OpenAIError(
                message=f"{self.path} is a folder; give the path of a file",
                code="is_a_directory",
                param="file",
            )
        if not stat.S_ISREG(status.st_mode):
            raise OpenAIError(
                message=f"{self.path} is no regular file; open it and pass the stream",
                code="not_a_regular_file",
                param="file",
            )
        if status.st_size <= _SMALL and not getattr(status, "st_blocks", 1):
            content = self._read_whole()
            if len(content) != status.st_size:
                return BytesSource(content=_plain_bytes(content), name=self.name, mime_type=self.mime_type)
        return attrs.evolve(self, size_bytes=status.st_size, modified_ns=status.st_mtime_ns)

    def _read_whole(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                content = file.read(_KERNEL_MAX + 1)
        except OSError as error:
            raise _unreadable(self.path, error) from error
        if len(content) > _KERNEL_MAX:
            message = f"{self.path} does not tell its size and goes on and on; copy it to a file first"
            raise OpenAIError(message=message, code="unreadable_file", param="file")
        return content

    def open(self, start: int = 0) -> Reader:
        """
        Start from byte *start*; see `Source.open`.
        """
        try:
            file = io.FileIO(self.path)
            if start:
                file.seek(start)
        except OSError as error:
            raise _unreadable(self.path, error) from error
        reader = _PathReader(file, self, start)
        if self.size_bytes is None or self.size_bytes > _SMALL:
            reader.check()  # a small one is read at once, and checked after that, before any of it is sent
        return reader

    def is_unchanged(self, file: io.FileIO) -> bool:
        """
        Tell whether *file* still has the size and time of modification it had when it was resolved.
        """
        if self.size_bytes is None:
            return True
        status = os.fstat(file.fileno())
        return (status.st_size, status.st_mtime_ns) == (self.size_bytes, self.modified_ns)


@attrs.define
class _PathReader:
    """
    Reads as many bytes as were promised, and says so when the file is not what it was.
    """

    _file: io.FileIO
    _source: PathSource
    _done: int = 0

    def read(self, size: int, /) -> bytes:
        total = self._source.size_bytes
        try:
            chunk = self._file.read(size if total is None else min(size, total - self._done)) or b""
        except OSError as error:
            raise _unreadable(self._source.path, error) from error
        self._done += len(chunk)
        if total is not None and (self._done == total or not chunk):
            self.check()
            if self._done < total:
                raise changed(self._source.path)
        return chunk

    def check(self) -> None:
        if not self._source.is_unchanged(self._file):
            self._file.close()
            raise changed(self._source.path)

    def close(self) -> None:
        self._file.close()


@attrs.frozen(kw_only=True)
class BytesSource:
    """
    Bytes in memory; they are not copied, so they must not be changed while they are sent.

    Attributes:
        content: A view of them, or a file mapped into memory, of which no view is kept: it could not be closed then.
    """

    content: memoryview | mmap = attrs.field(repr=False)
    name: str
    is_replayable: bool = True
    mime_type: str | None = None
    size_bytes: int = attrs.field(init=False, repr=False, eq=False)

    @size_bytes.default
    def _size(self) -> int:
        return len(self.content)

    def resolved(self) -> BytesSource:
        """
        Return itself.
        """
        return self

    def open(self, start: int = 0) -> Reader:
        """
        Start from byte *start*.
        """
        reader = _BytesReader(self, start)
        left = self.size_bytes - start
        return io.BytesIO(reader.read(left)) if left < _SMALL else reader


_SMALL: Final = 64 * 1024
_KERNEL_MAX: Final = 16 * 1024 * 1024


@attrs.define
class _BytesReader:
    """
    Hands out bytes slice by slice, without a copy of the whole.
    """

    _source: BytesSource
    _done: int

    def read(self, size: int, /) -> bytes:
        source = self._source
        end = min(self._done + size, source.size_bytes)
        try:
            chunk = bytes(source.content[self._done : end])
        except ValueError as error:  # a closed map
            raise unreadable(source.name, error) from error
        if len(chunk) < end - self._done:
            raise changed(source.name)
        self._done = end
        return chunk

    def close(self) -> None:
        pass


def _plain_bytes(file: bytes | bytearray | memoryview) -> memoryview:
    view = memoryview(file)
    if not view.c_contiguous:
        raise TypeError("file is a memoryview with gaps; pass bytes(view), which is a copy without")
    return view.cast("B") if view.nbytes else memoryview(b"")


def _mapped_source(file: mmap, filename: str | None, purpose: str) -> BytesSource:
    try:
        return BytesSource(content=file, name=filename or name_of_content(file, purpose))
    except ValueError as error:
        if filename is None and "closed" not in str(error):
            raise
        raise ValueError("file is a closed map; leave it open until the call has terminated") from error


def _named_source(file: tuple[Any, ...], filename: str | None, purpose: str) -> Source:
    name, content, kind = unpack_named(file)
    source: Any = source_of(content, filename=name if filename is None else filename, purpose=purpose)
    return cast("Source", source if kind is None else attrs.evolve(source, mime_type=kind))


def _path_source(file: str | os.PathLike[str] | CheckedFile, filename: str | None) -> PathSource:
    if isinstance(file, CheckedFile):
        known = _path_source(file.path, filename)
        return attrs.evolve(known, size_bytes=file.size_bytes, modified_ns=file.modified_ns, checked_for=file.purpose)
    path = os.fspath(file)
    if not isinstance(path, str):
        raise TypeError("file must be a path as str, not bytes; use os.fsdecode(path)")
    if not path:
        raise ValueError("file must not be an empty path")
    if "\0" in path:
        raise ValueError("file must not be a path with a NUL character")
    place = Path(path)
    return PathSource(path=place, name=encodable(filename or place.name or place.resolve().name))


def _unreadable(path: object, error: Exception) -> OpenAIError:
    let_through(error)
    return missing(path) if isinstance(error, FileNotFoundError) else unreadable(path, error)
