"""
Uploads in parts for providers that have none: the gateway keeps the parts until the file is complete, an hour at most.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Sequence
from io import FileIO
from pathlib import Path
from typing import Final

import attrs

from aikit.storage.errors import telling_faults
from aikit.storage.locks import is_held, release, take
from aikit.storage.private import make_private
from aikit.types.errors import OpenAIError
from aikit.types.interruptions import suppress

LIFE_S: Final = 3600
_GRACE_S: Final = 600
_BLOCK_BYTES: Final = 1024 * 1024
_WHOLE: Final = "whole"
_LOCK: Final = "lock"


@attrs.frozen(eq=False)
class KeptUploads:
    """
    A folder with one folder for each upload, which has its parts by their ids, and a lock while they become a file.
    """

    folder: Path
    clock: Callable[[], float] = time.time
    _held: dict[str, FileIO] = attrs.field(factory=dict, init=False)

    def begin(self, upload_id: str) -> None:
        """
        Make room for an upload, and remove what is left of old ones.
        """
        with telling_faults(self.folder):
            make_private(self.folder)
            for path in self.folder.iterdir():
                with suppress(OSError):
                    if path.stat().st_mtime < self.clock() - LIFE_S - _GRACE_S and not is_held(path / _LOCK):
                        shutil.rmtree(path, ignore_errors=True)
            make_private(self.folder / upload_id)

    def add(self, upload_id: str, part_id: str, content: Path, announced: int) -> None:
        """
        Take the file *content* as a part.

        Raises:
            OpenAIError: The upload is over, or has more bytes than were *announced* already.
        """
        with telling_faults(self.folder):
            if sum(path.stat().st_size for path in self._parts(upload_id)) > announced:
                message = f"The parts have more bytes than the {announced} that the upload was created with."
                raise OpenAIError(message=message, status=400, code="size_mismatch", param="data")
            shutil.move(content, self.folder / upload_id / part_id)

    def join(self, upload_id: str, part_ids: Sequence[str], announced: int, md5: str | None) -> Path:
        """
        Return the file that the parts make, in their order; until `give_back`, or the end of this process, it is held.

        Raises:
            OpenAIError: The upload is over or being completed, or size or checksum is another.
            StoreError: The disk is full.
        """
        self._held[upload_id] = self._hold(upload_id)
        try:
            return self._joined(upload_id, part_ids, announced, md5)
        except BaseException:
            self.give_back(upload_id)
            raise

    def _joined(self, upload_id: str, part_ids: Sequence[str], announced: int, md5: str | None) -> Path:
        known = {path.name: path for path in self._parts(upload_id)}
        target = self.folder / upload_id / _WHOLE
        size, digest = 0, hashlib.md5(usedforsecurity=False)
        with telling_faults(self.folder), target.open("wb") as whole:
            for part_id in part_ids:
                if part_id not in known:
                    raise over(upload_id, "expired")
                size += _copy(known[part_id], whole.write, digest.update)
                if size > announced:
                    break  # before a part that is named again and again fills the disk
        _require_same("part_ids", "size_mismatch", size, announced)
        if md5 is not None:
            _require_same("md5", "checksum_mismatch", digest.hexdigest(), md5.lower())
        return target

    def give_back(self, upload_id: str) -> None:
        """
        Let the upload be completed anew.
        """
        (self.folder / upload_id / _WHOLE).unlink(missing_ok=True)
        release(self.folder / upload_id / _LOCK, self._held.pop(upload_id))

    def end(self, upload_id: str) -> None:
        """
        Forget an upload that was joined.
        """
        self._remove(upload_id, self._held.pop(upload_id))

    def cancel(self, upload_id: str) -> None:
        """
        Forget an upload.

        Raises:
            OpenAIError: It is over or being completed.
        """
        self._remove(upload_id, self._hold(upload_id))

    def _remove(self, upload_id: str, lock: FileIO) -> None:
        with lock:
            if os.name == "nt":  # an open file cannot be removed there
                lock.close()
            shutil.rmtree(self.folder / upload_id, ignore_errors=True)

    def _hold(self, upload_id: str) -> FileIO:
        with telling_faults(self.folder):
            try:
                lock = take(self.folder / upload_id / _LOCK)
            except FileNotFoundError:
                raise over(upload_id, "expired") from None
        if lock is None:
            raise over(upload_id, "completing")
        return lock

    def _parts(self, upload_id: str) -> list[Path]:
        try:
            return [path for path in (self.folder / upload_id).iterdir() if path.name not in {_WHOLE, _LOCK}]
        except FileNotFoundError:
            raise over(upload_id, "expired") from None


def over(upload_id: str, status: str) -> OpenAIError:
    """
    Return the refusal of an upload that takes nothing any more.
    """
    return OpenAIError(message=f"Upload {upload_id} has status '{status}'.", status=400, code="upload_not_pending")


def _copy(path: Path, *takers: Callable[[bytes], object]) -> int:
    size = 0
    with path.open("rb") as part:
        while block := part.read(_BLOCK_BYTES):
            size += len(block)
            for take in takers:
                take(block)
    return size


def _require_same(param: str, code: str, got: object, announced: object) -> None:
    if got != announced:
        message = f"The content of the parts has {got}, but {announced} was announced."
        raise OpenAIError(message=message, status=400, code=code, param=param)
