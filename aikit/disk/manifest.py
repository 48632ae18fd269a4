"""
A manifest: what became of each of many files, on a line of JSON, so that work can be stopped and gone on with.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any, Final

import attrs

from aikit.disk.faults import NO_SPACE
from aikit.disk.locks import take
from aikit.disk.places import Places
from aikit.errors import OpenAIError
from aikit.many_objects import IDENTICAL, KEPT, UPLOADED, OpenAIFileItem

_DONE: Final = (UPLOADED, KEPT, IDENTICAL)  # no set: what stands in a damaged line may have no hash


@attrs.frozen(kw_only=True)
class FileState:
    """
    What a file on disk looks like, and for what it is sent.

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
        """What the same file has in common with itself later."""
        return _key(self.account, self.purpose, self.path)


@attrs.define(eq=False)
class Manifest:
    """
    A manifest that is being written.

    A line has ``path`` (absolute), ``status``, ``size``, ``sha256``, ``file_id``, ``file``, ``errors`` and more; the
    last line about a path counts. Whoever is killed leaves whole lines and at most one torn one, which is not read.
    """

    path: Path
    clock: Callable[[], float] = time.time
    _file: FileIO = attrs.field(init=False)
    _lock: FileIO = attrs.field(init=False)
    _places: Places = attrs.field(init=False)
    _reading: Any = attrs.field(factory=threading.Lock, init=False)

    @classmethod
    def opened(cls, path: Path) -> Manifest:
        """
        Open the manifest at *path*, made if need be, and read what it has.

        Raises:
            OpenAIError: It cannot be used (code ``"unusable_manifest"``), or another process is at it (code
                ``"manifest_in_use"``).
        """
        manifest = cls(path)
        try:
            manifest._open()
        except OSError as error:
            message = f"the manifest {path} cannot be used: {error.strerror or error}"
            raise OpenAIError(message=message, code="unusable_manifest", param="manifest") from error
        return manifest

    def done(self, state: FileState, sha256: Callable[[], str]) -> OpenAIFileItem | None:
        """
        Return what is known of a file that is done and has not changed since; ``None`` if it is to be sent.

        Args:
            state: What it looks like now.

            sha256: Gives the digest of its content; asked where only the time of its change is another one.
        """
        place = self._places.get(state.key)
        if place is None:
            return None
        line = _read(self._at(*place))
        if line is None or line.get("size") != state.size_bytes:
            return None
        if line.get("modified_ns") != state.modified_ns and line.get("sha256") != sha256():
            return None
        return self._kept(line)

    def note(self, item: OpenAIFileItem, state: FileState) -> None:
        """
        Write down what became of a file, at once and in one piece.

        Raises:
            OpenAIError: There is no room, or the file cannot be written.
        """
        own = {"path": state.path, "modified_ns": state.modified_ns}
        line = json.dumps({**item.to_json(), **own, "purpose": state.purpose, "account": state.account})
        try:
            self._file.write(line.encode() + b"\n")
        except OSError as error:
            code = "insufficient_storage" if error.errno in NO_SPACE else "unusable_manifest"
            message = f"the manifest {self.path} cannot be written: {error.strerror or error}"
            raise OpenAIError(message=message, code=code, param="manifest") from error

    def close(self) -> None:
        """
        Let go of it; what was written lasts through a power cut.
        """
        with suppress(OSError):
            os.fsync(self._file.fileno())
        self._file.close()
        self._places.close()
        with suppress(OSError):  # an open file cannot be removed everywhere
            self._lock_path.unlink()
        self._lock.close()

    def _at(self, start: int, size: int) -> bytes:
        with self._reading:
            self._file.seek(start)  # writing is at the end all the same
            return self._file.read(size) or b""

    @property
    def _lock_path(self) -> Path:
        return self.path.with_name(f".{self.path.name}.lock")

    def _open(self) -> None:
        lock = take(self._lock_path)
        if lock is None:
            message = f"another process is at the manifest {self.path}; let it go on, or stop it first"
            raise OpenAIError(message=message, code="manifest_in_use", param="manifest")
        self._lock = lock
        try:
            self._file = FileIO(self.path, "a+")
            self._places = Places()
        except BaseException:
            lock.close()
            raise
        end = self._file.seek(0, os.SEEK_END)
        if end and self._at(end - 1, 1) != b"\n":
            self._file.write(b"\n")  # ends the torn line
        for start, line in self._lines():
            self._remember(start, line)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        start = 0
        with self.path.open("rb") as file:
            for line in file:
                yield start, line
                start += len(line)

    def _remember(self, start: int, raw: bytes) -> None:
        line = _read(raw)
        if line is None:
            return
        key = _key(line.get("account"), line.get("purpose"), line.get("path"))
        if line.get("status") in _DONE:
            self._places.put(key, start, len(raw))
        else:
            self._places.drop(key)

    def _kept(self, line: dict[str, Any]) -> OpenAIFileItem | None:
        try:
            item = OpenAIFileItem.from_json(line)
        except (KeyError, TypeError, OpenAIError):
            return None
        if item.file is None or (item.file.expires_at is not None and item.file.expires_at <= self.clock()):
            return None
        return attrs.evolve(item, status=KEPT, was_sent=False)


def _key(account: object, purpose: object, path: object) -> str:
    return f"{account}\n{purpose}\n{path}"


def _read(raw: bytes) -> dict[str, Any] | None:
    """
    Return the line; ``None`` for what is torn or somebody else's.
    """
    try:
        line = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return line if isinstance(line, dict) else None
