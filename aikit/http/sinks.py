"""
Where a download goes: through breaks, and to a temporary file that gets its real name when it is complete.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import attrs

from aikit.http.descriptors import names_open_file
from aikit.http.messages import Sink
from aikit.storage import replace
from aikit.types.errors import ExchangeError, OpenAIError
from aikit.types.interruptions import let_through, suppress

_WORTH_RESERVING: Final = 1024 * 1024
_CONTENT_RANGE: Final = re.compile(r"bytes (?:(\d{1,18})-\d{1,18}|\*)/(\d{1,18}|\*)", re.ASCII)
_LENGTH: Final = re.compile(r"\d{1,18}", re.ASCII)


class SizeUnknownError(Exception):
    """
    More bytes came than are taken without a size.
    """


@attrs.define(kw_only=True)
class ResumingSink:
    """
    The received part of a content; after a break only the rest is asked for, unless the answer was encoded.

    Attributes:
        done: Bytes that are there.

        total: Bytes the answer announced; ``None`` when it did not.

        expected: Bytes the provider's description of the file announced, for answers that announce none.

        most_unannounced: Bytes that are taken while neither is known; ``None`` for any number.

        undone: What did not come about where they are not all there, for messages.
    """

    done: int = 0
    total: int | None = None
    expected: int | None = None
    most_unannounced: int | None = None
    undone: str = "nothing was saved"
    _etag: str = ""
    _last_modified: str = ""
    _is_encoded: bool = False

    @property
    def resumable(self) -> int:
        """Bytes that the next answer may go on after; none of an encoded one, whose ranges count other bytes."""
        return 0 if self._is_encoded else self.done

    def request_headers(self) -> Mapping[str, str]:
        """
        Ask for what is still missing; only if it is still the same, where the provider gave a strong validator.
        """
        # RFC 9110 sections 13.1.5 and 14.2
        if not self.resumable:
            return {}
        headers = {"Range": f"bytes={self.resumable}-"}
        return headers | {"If-Range": self._etag} if self._is_strong else headers

    def begin(self, status: int, headers: Mapping[str, str]) -> int:
        """
        Go on where the answer starts: after what is there already (206), or anew.
        """
        start, total = self._parse_range(status, headers)
        is_encoded = headers.get("content-encoding", "").strip().lower() not in {"", "identity"}
        if start not in {0, self.resumable} or (start and (is_encoded or not self._is_same(total, headers))):
            raise self._misfit_error("the provider sent another range than was asked for, or of another file")
        if not start:
            self.restart()
        self.done, self._is_encoded = start, is_encoded
        self.total = self.total if total is None or is_encoded else total
        self._etag = headers.get("etag", "")
        self._last_modified = headers.get("last-modified", self._last_modified)
        return start

    def write(self, chunk: memoryview, /) -> None:
        """
        Take one chunk.
        """
        raise NotImplementedError

    @property
    def is_full(self) -> bool:
        """Whether no more is to be written before a reader has taken something: never, unless there is one."""
        return False

    @property
    def has_room(self) -> bool:
        """Whether the reader has taken enough to go on."""
        return True

    def when_room(self, call: Callable[[], object], /) -> None:
        """
        Call *call* once, as soon as there is room.
        """
        call()

    def expect(self, size_bytes: int | None) -> None:
        """
        Take no more than *size_bytes*; where the description of the file tells none, any number on disk.

        Raises:
            OpenAIError: None is told, and memory or an encoding, which makes much of little, is in between (code
                ``"invalid_response"``).
        """
        if size_bytes is None and (self._is_encoded or isinstance(self, MemorySink)):
            message = (
                f"more than {self.most_unannounced:,} bytes came, and neither the answer nor the description tells how "
                "many the file has"
            )
            raise OpenAIError(message=message, code="invalid_response")
        self.expected, self.most_unannounced = size_bytes, None

    def require_room(self, count: int) -> None:
        """
        Check that *count* more bytes are no more than were announced.

        Raises:
            OpenAIError: They are (code ``"size_mismatch"``).
            SizeUnknownError: Nothing was announced, and many have come.
        """
        bound, done = self.total if self.total is not None else self.expected, self.done + count
        if bound is not None and done > bound:
            message = f"more bytes came than the {bound} that the file has; {self.undone}, try again"
            raise OpenAIError(message=message, code="size_mismatch")
        if bound is None and self.most_unannounced is not None and done > self.most_unannounced:
            raise SizeUnknownError

    def require_whole(self, expected_bytes: int | None) -> None:
        """
        Check that all bytes are there.

        Raises:
            OpenAIError: They are not as many as the answer announced, or *expected_bytes* (code ``"size_mismatch"``).
        """
        for total in (self.total, expected_bytes):
            if total is not None and total != self.done:
                raise OpenAIError(
                    message=f"{self.done} bytes came, but the file has {total}; {self.undone}, try again",
                    code="size_mismatch",
                )

    def restart(self) -> None:
        """
        Forget the received bytes; the next attempt asks for the whole.
        """
        self.done, self.total, self._etag, self._last_modified, self._is_encoded = 0, None, "", "", False

    def _parse_range(self, status: int, headers: Mapping[str, str]) -> tuple[int, int | None]:
        if status == 206:
            found = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
            if found is None or found[1] is None:
                raise self._misfit_error("the answer with status 206 has no Content-Range")
            return int(found[1]), None if found[2] == "*" else int(found[2])
        length = headers.get("content-length", "")
        return 0, int(length) if _LENGTH.fullmatch(length) else None

    def _is_same(self, total: int | None, headers: Mapping[str, str]) -> bool:
        """
        Tell whether a range is of the file that the bytes that are there are of: tag and date say so alike.
        """
        # RFC 9110 section 15.3.7: a part has the tag that the whole had; where that is strong, it needs no date
        date = headers.get("last-modified", self._last_modified if self._is_strong else "")
        is_same = (headers.get("etag", ""), date) == (self._etag, self._last_modified)
        return is_same and (total is None or self.total in {None, total})

    @property
    def _is_strong(self) -> bool:
        return bool(self._etag) and not self._etag.startswith("W/")

    def _misfit_error(self, why: str) -> ExchangeError:
        """
        Return the error for an answer that cannot be gone on with; the next attempt asks for the whole.
        """
        self.restart()
        return ExchangeError(message=f"{why}; {self.undone}", code="invalid_response")


@attrs.define(kw_only=True)
class MemorySink(ResumingSink):
    """
    A content in memory; after a break the missing rest is asked for.
    """

    undone: str = "none of them is given"
    _content: io.BytesIO = attrs.field(factory=io.BytesIO)

    def begin(self, status: int, headers: Mapping[str, str]) -> int:
        """
        Go on where the answer starts: after what is there already (206), or anew.
        """
        start = super().begin(status, headers)
        self._content.seek(start)
        self._content.truncate()
        return start

    def write(self, chunk: memoryview, /) -> None:
        """
        Append one chunk.
        """
        self.require_room(len(chunk))
        self.done += self._content.write(chunk)

    def content(self) -> bytes:
        """
        Return what came.
        """
        return self._content.getvalue()  # shared, no second copy


def content_of(sink: Sink) -> bytes:
    """
    Return what *sink* keeps in memory for the response to show; nothing of others.
    """
    return sink.content() if isinstance(sink, MemorySink) else b""


@attrs.define(kw_only=True)
class FileSink(ResumingSink):
    """
    A file that appears under its name only when it is complete; what is missing after a break is asked for.

    Attributes:
        path: Where it appears; a file of that name is replaced and its permissions are kept, a link stays and what it
            points to is replaced; anything else of that name (a device, a pipe, a folder) is refused, and so is a name
            of what is open (``/dev/stdout``): to replace the file behind it would lose what was written there before.

        may_replace: Whether a file, or a link, of that name is replaced at all.
    """

    path: Path
    may_replace: bool = True
    _target: Path = attrs.field(init=False)
    _part: Path = attrs.field(init=False)
    _mode: int | None = None
    _file: FileIO | None = None

    def __attrs_post_init__(self) -> None:
        self._target = Path(os.path.realpath(self.path))  # the part must be beside what it replaces
        name = self._target.name.encode("utf-8", "ignore")[:200].decode("utf-8", "ignore")
        self._part = self._target.with_name(f".{name}.{os.urandom(4).hex()}.part")

    def __enter__(self) -> Self:
        with self._disk():
            return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # what went wrong before is what counts
            if self._file is not None:
                self._file.close()
        with suppress(OSError):
            self._part.unlink(missing_ok=True)

    def begin(self, status: int, headers: Mapping[str, str]) -> int:
        """
        Go on where the answer starts: after what is on disk already (206), or anew.
        """
        start = super().begin(status, headers)
        with self._disk() as file:
            file.seek(start)
            file.truncate()
            _reserve(file, start, self.total)
        return start

    def write(self, chunk: memoryview, /) -> None:
        """
        Append one chunk.

        Raises:
            OpenAIError: The disk is full or broken (code ``"unwritable_file"``).
        """
        self.require_room(len(chunk))
        with self._disk() as file:
            while chunk:
                written = file.write(chunk)
                self.done += written
                chunk = chunk[written:]

    def commit(self, expected_bytes: int | None) -> None:
        """
        Check the size and give the file its name.

        Raises:
            OpenAIError: It has not *expected_bytes* (code ``"size_mismatch"``), or cannot get its name (codes
                ``"unwritable_file"`` and ``"not_a_regular_file"``).
        """
        self.require_whole(expected_bytes)
        with self._disk() as file:
            file.close()  # without fsync: a download can be had again
            self._check_target()
            if not self.may_replace:  # what appears from here on is found by the system
                os.close(os.open(self._target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            if self._mode is not None:
                self._part.chmod(self._mode)
            replace(self._part, self._target)

    @contextmanager
    def _disk(self) -> Iterator[FileIO]:
        try:
            if self._file is None:
                self._file = self._open_part()
            yield self._file
        except FileExistsError as error:
            let_through(error)
            raise OpenAIError(
                message=f"{self.path} is there already, and was left as it is; pass replace=True, or the "
                "path to save it at",
                code="file_exists",
                param="path",
            ) from error
        except OSError as error:
            let_through(error)
            raise OpenAIError(
                message=f"{self.path} cannot be written: {error.strerror or error}; nothing was saved",
                code="unwritable_file",
                param="path",
            ) from error

    def _open_part(self) -> FileIO:
        self._check_target()
        mode = 0o666 if self._mode is None else 0o600  # what replaces a private file is private from its first byte
        return FileIO(self._part, "xb", opener=lambda name, flags: os.open(name, flags, mode))

    def _check_target(self) -> None:
        """
        Note the permissions of what is to be replaced, and refuse what is no file: a rename would destroy it.
        """
        if names_open_file(self.path):
            raise self._no_file()
        if not self.may_replace and os.path.lexists(self.path):
            raise FileExistsError
        try:
            mode = self._target.stat().st_mode
        except FileNotFoundError:
            return
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise self._no_file()
        self._mode = mode & 0o777

    def _no_file(self) -> OpenAIError:
        return OpenAIError(
            message=f"{self.path} is no regular file, and nothing was saved; give the path of a file",
            code="not_a_regular_file",
            param="path",
        )


def _reserve(file: FileIO, start: int, total: int | None) -> None:
    """
    Have the disk set the room aside: a full one is found before the first byte, and the rest is written faster.
    """
    if total is None or total - start < _WORTH_RESERVING or not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(file.fileno(), start, total - start)
    except OSError as error:
        let_through(error)
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise
