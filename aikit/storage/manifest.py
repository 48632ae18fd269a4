"""
A manifest: the outcome of each file of a bulk upload, a line of JSON each, so that the upload can be resumed.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import FileIO
from pathlib import Path
from typing import Any, Final

import attrs

from aikit.storage import exists
from aikit.storage.errors import NO_SPACE
from aikit.storage.locks import release, take
from aikit.storage.spill import OffsetIndex
from aikit.types.bulk_files import IDENTICAL, KEPT, UPLOADED, OpenAIFileItem
from aikit.types.errors import OpenAIError
from aikit.types.interruptions import let_through, suppress

_HEAD: Final = b'{"path": '
_LINE_MAX: Final = 1024 * 1024  # no line of ours comes near
_DONE: Final = (UPLOADED, KEPT, IDENTICAL)  # no set: the value in a damaged line may have no hash


@attrs.frozen(kw_only=True)
class FileState:
    """
    Path, size and time of a file on disk, with purpose and account.

    Attributes:
        path: Absolute.

        modified_ns: Time of its last change.

        account: Whose files these are at the provider; no secret is in it.
    """

    path: str
    size_bytes: int
    modified_ns: int
    purpose: str
    account: str

    @property
    def key(self) -> str:
        """Key that the same file has in later calls."""
        return _key(self.account, self.purpose, self.path)


@attrs.define(eq=False)
class Manifest:
    """
    A manifest that is being written.

    A line has ``path`` (absolute), ``status``, ``size``, ``sha256``, ``file_id``, ``file``, ``errors`` and more; the
    last line about a path counts. A killed process leaves whole lines and at most one torn one, which is not read.

    Attributes:
        path: As it was given; a link is followed, so that one file has one lock under whichever name.
    """

    path: Path
    clock: Callable[[], float] = time.time
    _place: Path = attrs.field(init=False)
    _file: FileIO = attrs.field(init=False)
    _places: OffsetIndex = attrs.field(init=False)
    _closing: ExitStack = attrs.field(factory=ExitStack, init=False)
    _is_whole: bool = attrs.field(default=True, init=False)
    _moving: Any = attrs.field(factory=threading.Lock, init=False)  # writing moves the place that is read from, too

    def __attrs_post_init__(self) -> None:
        self._place = Path(os.path.realpath(self.path))

    @classmethod
    def open(cls, path: Path, raise_if_unwanted: Callable[[], None] = lambda: None) -> Manifest:
        """
        Open the manifest at *path*, made if need be, and read what it has; an error of *raise_if_unwanted* ends that.

        Raises:
            OpenAIError: It cannot be used (code ``"unusable_manifest"``), another call is at it (code
                ``"manifest_in_use"``), or there is no room for its index (code ``"insufficient_storage"``).
        """
        manifest = cls(path)
        try:
            manifest._open(raise_if_unwanted)
        except OSError as error:
            manifest._closing.close()
            raise manifest._unusable(error.strerror or str(error)) from error
        except BaseException:
            manifest._closing.close()
            raise
        return manifest

    def __len__(self) -> int:
        return len(self._places)

    def find_done(self, state: FileState, sha256: Callable[[], str]) -> OpenAIFileItem | None:
        """
        Return the outcome of a file that is done and has not changed since; ``None`` if it is to be sent.

        Args:
            state: The file as it is now.

            sha256: Gives the digest of its content; asked where only the time of its change is another one.
        """
        place = self._places.get(state.key)
        if place is None:
            return None
        line = _read(self._read_at(*place))
        if line is None or line.get("size") != state.size_bytes:
            return None
        if line.get("modified_ns") != state.modified_ns and line.get("sha256") != sha256():
            return None
        return self._kept(line)

    def note(self, item: OpenAIFileItem, state: FileState) -> None:
        """
        Write the outcome of a file, at once and in one piece.

        Raises:
            OpenAIError: There is no room, or the file cannot be written.
        """
        own = {"path": state.path, "modified_ns": state.modified_ns}
        line = json.dumps({**item.to_dict(), **own, "purpose": state.purpose, "account": state.account})
        try:
            self._append(line.encode() + b"\n")
        except OSError as error:
            code = "insufficient_storage" if error.errno in NO_SPACE else "unusable_manifest"
            message = f"the manifest {self.path} cannot be written: {error.strerror or error}"
            raise OpenAIError(message=message, code=code, param="manifest") from error

    def close(self) -> None:
        """
        Close and release the manifest; its lines last through a power cut.
        """
        with suppress(OSError):
            os.fsync(self._file.fileno())
        with suppress(OSError):
            self._closing.close()

    def _append(self, line: bytes) -> None:
        with self._moving:
            left = memoryview(line if self._is_whole else b"\n" + line)
            self._is_whole = False
            while left:
                written = self._file.write(left)  # as much as has room: a disk fills up in the middle of a line
                if not written:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                left = left[written:]
            self._is_whole = True

    def _read_at(self, start: int, size: int) -> bytes:
        with self._moving:
            self._file.seek(start)  # writing is at the end all the same
            return self._file.read(size) or b""

    def _open(self, raise_if_unwanted: Callable[[], None]) -> None:
        if exists(self._place) and not stat.S_ISREG(self._place.stat().st_mode):
            raise self._unusable("it is no regular file")
        self._lock()
        self._file = self._closing.enter_context(FileIO(self._place, "a+"))
        self._places = OffsetIndex()
        self._closing.callback(self._places.close)
        self._load(raise_if_unwanted)

    def _lock(self) -> None:
        path = self._place.with_name(f".{self._place.name}.lock")
        lock = take(path, opener=None)
        if lock is None:
            message = (
                f"the manifest {self.path} is in use by another call, here or in another process; "
                "wait until that has ended, or stop it"
            )
            raise OpenAIError(message=message, code="manifest_in_use", param="manifest")
        self._closing.callback(release, path, lock)

    def _load(self, raise_if_unwanted: Callable[[], None]) -> None:
        """
        Index its lines; a file of another program is refused and left as it is.
        """
        is_ours = False
        for start, line in self._lines():
            raise_if_unwanted()
            is_ours |= self._remember(start, line)
        head = self._read_at(0, _LINE_MAX).strip(b"\0\r\n ")  # a power cut may leave nothing but zeros
        if head and not is_ours and head[: len(_HEAD)] != _HEAD[: len(head)]:
            raise self._unusable("it has something else in it; give it a name of its own")
        end = self._file.seek(0, os.SEEK_END)
        self._is_whole = not end or self._read_at(end - 1, 1) == b"\n"

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """
        Read the lines with their places; of one that is longer than any of ours, as if it were several.
        """
        start = 0
        with self._place.open("rb") as file:
            while line := file.readline(_LINE_MAX):
                yield start, line
                start += len(line)

    def _unusable(self, why: str) -> OpenAIError:
        message = f"the manifest {self.path} cannot be used: {why}"
        return OpenAIError(message=message, code="unusable_manifest", param="manifest")

    def _remember(self, start: int, raw: bytes) -> bool:
        """
        Index one line; return whether it is one of a manifest.
        """
        line = _read(raw)
        if line is None or not {"path", "status"} <= line.keys():
            return False
        key = _key(line.get("account"), line.get("purpose"), line.get("path"))
        if line.get("status") in _DONE:
            self._places.put(key, start, len(raw))
        else:
            self._places.drop(key)
        return True

    def _kept(self, line: dict[str, Any]) -> OpenAIFileItem | None:
        try:
            item = OpenAIFileItem.from_dict(line)
        except (KeyError, TypeError, OpenAIError):
            return None
        if item.file is None or (item.file.expires_at is not None and item.file.expires_at <= self.clock()):
            return None
        return attrs.evolve(item, status=KEPT, was_sent=False)


def _key(account: object, purpose: object, path: object) -> str:
    return f"{account}\n{purpose}\n{path}"


def _read(raw: bytes) -> dict[str, Any] | None:
    """
    Return the line as an object; ``None`` if it is torn or another program's.
    """
    try:
        line = json.loads(raw)
    except (ValueError, RecursionError) as error:
        let_through(error)
        return None
    return line if isinstance(line, dict) else None
