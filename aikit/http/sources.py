"""
What is uploaded: a path, bytes or a binary stream, as bodies of known name and, where possible, known size.
"""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, TypeAlias

import attrs

from aikit.http.filenames import encodable, fitting_name, own_name, require_plain_name
from aikit.http.messages import Reader
from aikit.types.errors import OpenAIError

FileSource: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
"""What may be uploaded: a path, bytes-like, or a binary stream read from where it stands to its end."""


class Source(Protocol):
    """
    What is uploaded, opened anew for every attempt.

    Attributes:
        name: The file's name without folders.

        size_bytes: Exact size; ``None`` when only reading would tell.

        is_replayable: Whether it can be opened more than once.
    """

    @property
    def name(self) -> str: ...  # noqa: D102  told above
    @property
    def size_bytes(self) -> int | None: ...  # noqa: D102  told above
    @property
    def is_replayable(self) -> bool: ...  # noqa: D102  told above

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
    Return what *file* stands for; a file on disk is not touched yet.

    Args:
        file: Path, bytes-like, or binary stream.

        filename: Name to upload it under; without one a path's or stream's own, or one that fits the content.

        purpose: For ``.jsonl`` purposes, bytes without a name become ``file.jsonl``.

    Raises:
        TypeError: *file* is none of the three kinds, or a text stream.
        ValueError: *file* is empty as a path or closed as a stream; *filename* is no plain name or is missing.
    """
    if filename is not None:
        require_plain_name(filename)
    if isinstance(file, str | os.PathLike):
        return _path_source(file, filename)
    if isinstance(file, bytes | bytearray | memoryview):
        content = _plain_bytes(file)
        return BytesSource(content=content, name=filename or fitting_name(bytes(content[:16]), purpose))
    if callable(getattr(file, "read", None)):
        return _stream_source(file, filename, purpose)
    raise TypeError(f"file must be a path, bytes or a binary stream, not {type(file).__name__}")


@attrs.frozen(kw_only=True)
class PathSource:
    """
    A file on disk.
    """

    path: Path
    name: str
    size_bytes: int | None = None
    modified_ns: int | None = None
    is_replayable: bool = True

    def resolved(self) -> PathSource:
        """
        Return it with its size; see `Source.resolved`. One that has it stays what it is.
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
        return PathSource(path=self.path, name=self.name, size_bytes=status.st_size, modified_ns=status.st_mtime_ns)

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
                raise _changed(self._source.path)
        return chunk

    def check(self) -> None:
        if not self._source.is_unchanged(self._file):
            self._file.close()
            raise _changed(self._source.path)

    def close(self) -> None:
        self._file.close()


@attrs.frozen(kw_only=True)
class BytesSource:
    """
    Bytes in memory; they are not copied, so they must not be changed while they are sent.
    """

    content: memoryview = attrs.field(repr=False)
    name: str
    is_replayable: bool = True
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
        content = self.content[start:]
        return io.BytesIO(content) if len(content) < _SMALL else _BytesReader(content)


_SMALL: Final = 64 * 1024


@attrs.define
class _BytesReader:
    """
    Hands out bytes slice by slice, without a copy of the whole.
    """

    _content: memoryview
    _done: int = 0

    def read(self, size: int, /) -> bytes:
        chunk = bytes(self._content[self._done : self._done + size])
        self._done += len(chunk)
        return chunk

    def close(self) -> None:
        pass


@attrs.frozen(kw_only=True)
class StreamSource:
    """
    An open binary stream, from where it stood to its end; it stays open, it is the caller's.
    """

    stream: Any = attrs.field(repr=False)
    name: str
    size_bytes: int | None
    start: int | None
    """Where it stood; ``None`` when it cannot go back."""

    @property
    def is_replayable(self) -> bool:
        """Whether the stream can go back to its start."""
        return self.start is not None

    def resolved(self) -> StreamSource:
        """
        Return itself.
        """
        return self

    def open(self, start: int = 0) -> Reader:
        """
        Go back to where it stood, and on to byte *start*; see `Source.open`.
        """
        if self.start is not None:
            try:
                self.stream.seek(self.start + start)
            except Exception as error:
                raise _unreadable(self.name, error) from error
        return _StreamReader(self, start)


@attrs.define
class _StreamReader:
    """
    Reads a stream that is not ours, as many bytes as were promised.
    """

    _source: StreamSource
    _done: int = 0

    def read(self, size: int, /) -> bytes:
        total = self._source.size_bytes
        wanted = size if total is None else min(size, total - self._done)
        chunk = self._read_stream(wanted) if wanted else b""
        self._done += len(chunk)
        if total is not None and (self._done > total or (self._done < total and not chunk)):
            raise _changed(self._source.name)
        if self._done == total and self._read_stream(1):
            raise _changed(self._source.name)
        return chunk

    def _read_stream(self, size: int) -> bytes:
        name = self._source.name
        try:
            chunk = self._source.stream.read(size)
        except Exception as error:  # a stream of the caller's may raise anything: EOFError, zlib.error, …
            raise _unreadable(name, error) from error
        if chunk is None:
            raise _unreadable(name, BlockingIOError("the stream has nothing to read yet; make it blocking"))
        if not isinstance(chunk, bytes | bytearray | memoryview):
            raise _unreadable(name, TypeError(f"its read() gave {type(chunk).__name__}, not bytes"))
        return bytes(chunk)

    def close(self) -> None:
        pass


def _plain_bytes(file: bytes | bytearray | memoryview) -> memoryview:
    view = memoryview(file)
    if not view.c_contiguous:
        raise TypeError("file is a memoryview with gaps; pass bytes(view), which is a copy without")
    return view.cast("B") if view.nbytes else memoryview(b"")


def _path_source(file: str | os.PathLike[str], filename: str | None) -> PathSource:
    path = os.fspath(file)
    if not isinstance(path, str):
        raise TypeError("file must be a path as str, not bytes; use os.fsdecode(path)")
    if not path:
        raise ValueError("file must not be an empty path")
    if "\0" in path:
        raise ValueError("file must not be a path with a NUL character")
    place = Path(path)
    return PathSource(path=place, name=encodable(filename or place.name or place.resolve().name))


def _stream_source(stream: Any, filename: str | None, purpose: str) -> StreamSource:
    if getattr(stream, "closed", False):
        raise ValueError("file is a closed stream; open it and leave it open until the call has terminated")
    if isinstance(stream, io.TextIOBase) or (isinstance(getattr(stream, "mode", None), str) and _is_text(stream)):
        raise TypeError('file is a text stream; open it in binary mode: open(path, "rb")')
    start, size, head = _measure(stream)
    return StreamSource(
        stream=stream,
        name=filename or own_name(stream) or fitting_name(head, purpose),
        size_bytes=size,
        start=start,
    )


def _is_text(stream: Any) -> bool:
    return hasattr(stream, "encoding") and hasattr(stream, "newlines")


def _measure(stream: Any) -> tuple[int | None, int | None, bytes]:
    """
    Return position, bytes from there to the end, and the first 16 of them; nothing of a stream that cannot go back.
    """
    try:
        if not stream.seekable():
            return None, None, b""
        start = stream.tell()
        end = stream.seek(0, os.SEEK_END)
        end = stream.tell() if end is None else end
        stream.seek(start)
        head = stream.read(16)
        stream.seek(start)
    except (AttributeError, OSError):
        return None, None, b""
    if isinstance(head, str):
        raise TypeError('file is a text stream; open it in binary mode: open(path, "rb")')
    return start, max(end - start, 0), bytes(head or b"")


def _unreadable(path: object, error: Exception) -> OpenAIError:
    if isinstance(error, FileNotFoundError):
        return OpenAIError(message=f"{path} does not exist; check the path", code="file_not_found", param="file")
    reason = getattr(error, "strerror", None) or str(error)
    return OpenAIError(message=f"{path} cannot be read: {reason}", code="unreadable_file", param="file")


def _changed(path: object) -> OpenAIError:
    return OpenAIError(
        message=f"{path} was changed while it was sent, so nothing was stored; send it again when it is complete",
        code="file_changed",
        param="file",
    )
