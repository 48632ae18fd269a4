"""
Open binary streams as sources: measured once, and read by one call at a time.
"""

from __future__ import annotations

import errno
import io
import os
import threading
from collections.abc import Hashable
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any, Final, Self
from weakref import WeakValueDictionary

import attrs

from aikit.http.filenames import JSONL_PURPOSES, fitting_name, own_name
from aikit.http.messages import Reader
from aikit.http.signatures import HEAD_BYTES, TAIL_BYTES, is_zip
from aikit.http.stream_layers import attribute, layers
from aikit.types.errors import OpenAIError
from aikit.types.ids import kind_of
from aikit.types.interruptions import let_through

_FEW: Final = 16  # bytes tell whether it gives text
_LONGEST_PATH: Final = 500  # characters of one, in messages: it may be a text that was taken for a path
_A_TEXT: Final = "if it is a text and no path, pass it as bytes"
_TEXT: Final = 'file is a text stream; open it in binary mode: open(path, "rb")'


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
    problem: OpenAIError | None = attrs.field(default=None, repr=False)
    """Why it cannot be measured, which is told when it is resolved: mistakes in files are no mistakes of calls."""
    hold: Hold | None = attrs.field(default=None, repr=False, eq=False)
    mime_type: str | None = None

    @property
    def is_replayable(self) -> bool:
        """Whether the stream can go back to its start."""
        return self.start is not None

    def resolved(self) -> StreamSource:
        """
        Return itself; see `aikit.http.sources.Source.resolved`.
        """
        if self.problem is not None:
            raise self.problem
        return self

    def open(self, start: int = 0) -> Reader:
        """
        Go back to where it stood, and on to byte *start*; see `aikit.http.sources.Source.open`.
        """
        self.resolved()
        if self.start is not None:
            try:
                self.stream.seek(self.start + start)
            except Exception as error:
                raise unreadable(self.name, error) from error
        return _StreamReader(self, start)


def stream_source(stream: Any, filename: str | None, purpose: str) -> StreamSource:
    """
    Return *stream* as a source, held until `aikit.http.sources.release`.

    Raises:
        TypeError: It gives text, or is asynchronous.
        ValueError: It is closed, another call reads it, or there is no name for it.
    """
    if iscoroutinefunction(attribute(stream, "read")):
        raise TypeError(
            f"file is an asynchronous stream, {type(stream).__name__}; pass the plain stream in it, for an UploadFile: "
            "upload.file, and filename=upload.filename, or its content: await upload.read()"
        )
    if attribute(stream, "closed", default=False) is True:
        raise ValueError("file is a closed stream; open it and leave it open until the call has terminated")
    if isinstance(stream, io.TextIOBase) or _is_text(stream):
        raise TypeError(_TEXT)
    hold = Hold.take(stream)
    try:
        return _measured(stream, filename, purpose, hold)
    except BaseException:
        hold.release()
        raise


def _is_text(stream: Any) -> bool:
    has_mode = isinstance(attribute(stream, "mode"), str)
    return has_mode and all(attribute(stream, name, _TEXT) is not _TEXT for name in ("encoding", "newlines"))


def _measured(stream: Any, filename: str | None, purpose: str, hold: Hold) -> StreamSource:
    name = filename or own_name(stream)
    try:
        start, size, head, tail = _measure(stream, HEAD_BYTES if not name and purpose not in JSONL_PURPOSES else _FEW)
    except Exception as error:  # noqa: BLE001  whatever it raises: EOFError, LZMAError, BadZipFile, …
        problem = unreadable(name or "the stream", error)
        return StreamSource(stream=stream, name=name or "file", size_bytes=None, start=None, problem=problem, hold=hold)
    if isinstance(head, str):
        raise TypeError(_TEXT)
    return StreamSource(
        stream=stream, name=name or fitting_name(bytes(head), purpose, tail), size_bytes=size, start=start, hold=hold
    )


def _measure(stream: Any, head_bytes: int) -> tuple[int | None, int | None, Any, bytes]:
    """
    Return position, bytes from there to the end, and first and last of them; nothing of a stream that cannot go back.
    """
    try:
        if not stream.seekable():
            return None, None, b"", b""
        start = stream.tell()
    except (AttributeError, OSError) as error:
        let_through(error)
        return None, None, b"", b""
    try:
        end = stream.seek(0, os.SEEK_END)
        end = stream.tell() if end is None else end
        stream.seek(start)
        head, tail = stream.read(head_bytes), b""
        if head_bytes == HEAD_BYTES and isinstance(head, bytes) and is_zip(head):
            stream.seek(max(start, end - TAIL_BYTES))
            tail = stream.read(TAIL_BYTES)
        stream.seek(start)
    except (AttributeError, OSError) as error:
        let_through(error)
        if stream.tell() != start:  # what comes from here on is not the whole
            raise
        return None, None, b"", b""
    return start, max(end - start, 0), head if isinstance(head, str) else bytes(memoryview(head or b"")), tail


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
            raise changed(self._source.name)
        if self._done == total and self._read_stream(1):
            raise changed(self._source.name)
        return chunk

    def _read_stream(self, size: int) -> bytes:
        name = self._source.name
        try:
            chunk = self._source.stream.read(size)
        except Exception as error:  # a stream of the caller's may raise anything: EOFError, zlib.error, …
            raise unreadable(name, error) from error
        if chunk is None:
            raise unreadable(name, BlockingIOError("the stream has nothing to read yet; make it blocking"))
        if not isinstance(chunk, bytes | bytearray | memoryview):
            raise unreadable(name, TypeError(f"its read() gave {type(chunk).__name__}, not bytes"))
        return bytes(chunk)

    def close(self) -> None:
        pass


@attrs.define(eq=False)
class Hold:
    """
    The use of a stream by one call, until `release`, or until nothing refers to the hold any more.

    Two calls that read one stream would each get a part of it. All wrappers of one stream have one hold, and so have
    all streams of one file descriptor, for they share its position.
    """

    _innermost: Any  # kept, so that no other object gets its id meanwhile
    _keys: tuple[Hashable, ...]

    @classmethod
    def take(cls, stream: Any) -> Self:
        """
        Hold *stream*.

        Raises:
            ValueError: Another call holds it. As with a closed stream, the program can know, so the call says so.
        """
        innermost = [*layers(stream)][-1]
        hold = cls(innermost, (("stream", id(innermost)), *_descriptor(innermost)))
        with _lock:
            others = [_holds.get(key) for key in hold._keys]
            if any(other is not None and not other.is_void() for other in others):
                raise ValueError(
                    "file is a stream that another call is reading; wait until that has terminated, or open the file "
                    "once for each call"
                )
            _holds.update(dict.fromkeys(hold._keys, hold))
        return hold

    def release(self) -> None:
        """
        Let other calls read the stream.
        """
        with _lock:
            for key in self._keys:
                if _holds.get(key) is self:
                    del _holds[key]

    def is_void(self) -> bool:
        """
        Return whether the stream was closed, so that its file descriptor may be another file's by now.
        """
        return isinstance(self._innermost, io.FileIO) and self._innermost.closed


_holds: Final[WeakValueDictionary[Hashable, Hold]] = WeakValueDictionary()
_lock = threading.Lock()  # guards `_holds`


def _descriptor(stream: Any) -> tuple[Hashable, ...]:
    if not isinstance(stream, io.RawIOBase):  # fileno() of others may do more than tell
        return ()
    try:
        return (("descriptor", stream.fileno()),)
    except (OSError, ValueError):
        return ()


def _after_fork_in_child() -> None:
    global _lock  # noqa: PLW0603  a lock that another thread held when this process was made is held for ever
    _lock = threading.Lock()
    _holds.clear()  # the calls go on in the parent


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def unreadable(name: object, error: Exception) -> OpenAIError:
    """
    Return the error for a file that cannot be read because of *error*; what a signal handler raised goes through.
    """
    let_through(error)
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    mend = f"; {_A_TEXT}" if getattr(error, "errno", None) == errno.ENAMETOOLONG else ""
    return OpenAIError(message=f"{_cut(name)} cannot be read: {reason}{mend}", code="unreadable_file", param="file")


def missing(path: object) -> OpenAIError:
    """
    Return the error for a file that is not there.
    """
    mend = _mend(Path(str(path)))
    return OpenAIError(message=f"{_cut(path)} does not exist; {mend}", code="file_not_found", param="file")


def _mend(path: Path) -> str:
    if kind := kind_of(path.name):
        return f"it looks like the id of a {kind}, and a path belongs here"
    if any(sign in str(path) for sign in ("\n", '{"')):
        return _A_TEXT
    literal = "*" if "*" in str(path) else "~" if any(part.startswith("~") for part in path.parts) else ""
    return f"check the path: {literal} stands for itself" if literal else "check the path"


def _cut(path: object) -> str:
    return text if len(text := str(path)) <= _LONGEST_PATH else f"{text[:_LONGEST_PATH]}…"


def changed(name: object) -> OpenAIError:
    """
    Return the error for a file that is not what it was when the call began.
    """
    return OpenAIError(
        message=f"{name} was changed while it was sent, so nothing was stored; send it again when it is complete",
        code="file_changed",
        param="file",
    )
