"""
Where runs are kept: one file each, replaced at once, and a lock that one process at a time holds.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from aikit.resources.batches.run.state import RunOrder, RunState
from aikit.storage import is_file, replace, sync
from aikit.storage.errors import telling_faults
from aikit.storage.locks import release, take
from aikit.storage.private import make_private, private_opener
from aikit.types.errors import OpenAIError
from aikit.types.interruptions import suppress


@attrs.frozen
class RunFolder:
    """
    The folder of all runs.

    Attributes:
        path: ``<home>/runs``.
    """

    path: Path

    @classmethod
    def of(cls, home: Path) -> RunFolder:
        """
        Return the folder of runs in *home*, which is made by the first run.
        """
        return cls(home / "runs")

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """
        Hold the lock of the run *key*; the system releases it when the process dies.

        Raises:
            OpenAIError: Another process holds it (code ``"run_in_progress"``).
            StoreError: The folder cannot be used.
        """
        with telling_faults(self.path):
            make_private(self.path.parent, self.path.name)
            lock = take(self.path / f"{key}.lock")
        if lock is None:
            message = f"another process works on this run ({key}), or another call; wait until it has ended, or stop it"
            raise OpenAIError(message=message, code="run_in_progress")
        try:
            yield
        finally:
            release(self.path / f"{key}.lock", lock)

    def load(self, key: str) -> RunState | None:
        """
        Return the state of the run *key*; ``None`` if it was never begun.

        Raises:
            OpenAIError: What was kept cannot be read (code ``"run_damaged"``).
        """
        path = self._file(key)
        try:
            return RunState.from_json(json.loads(path.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            message = (
                f"the state of this run in {path} cannot be read: {error}; its batches are in batches.list(); "
                "again=True starts over, and pays again"
            )
            raise OpenAIError(message=message, code="run_damaged") from error

    def save(self, state: RunState) -> None:
        """
        Replace the file with the state of a run; a process killed meanwhile leaves the former file.

        Raises:
            StoreError: The folder cannot be used.
        """
        path = self._file(state.order.key)
        part = path.with_name(f".{path.name}.part")  # one writer: it holds the lock
        with telling_faults(self.path):
            try:
                with open(part, "w", encoding="utf-8", opener=private_opener) as file:
                    json.dump(state.to_json(), file, indent=2)
                    file.flush()
                    os.fsync(file.fileno())
                replace(part, path)
            except OSError:
                with suppress(OSError):
                    part.unlink()
                raise
            with suppress(OSError):  # not every file system can
                sync(self.path)

    def save_marks(self, key: str, marks: bytes) -> None:
        """
        Keep by what the lines of the run *key* are known again.

        Raises:
            StoreError: The folder cannot be used.
        """
        with telling_faults(self.path), open(self.path / f"{key}.marks", "wb", opener=private_opener) as file:
            file.write(marks)

    def load_marks(self, key: str) -> bytes:
        """
        Return what was kept; nothing where there is none.
        """
        with suppress(OSError):
            marks = (self.path / f"{key}.marks").read_bytes()
            return marks[: len(marks) // 8 * 8]  # the disk may have been full
        return b""

    def others(self, order: RunOrder) -> list[RunState]:
        """
        Return the runs of the same provider with another content or other options, the oldest first.
        """
        same = [
            state for state in self._all() if state.order.provider == order.provider and state.order.key != order.key
        ]
        return sorted(same, key=lambda state: state.created_at)

    def results(self) -> set[str]:
        """
        Return the paths that runs have written results to.
        """
        return {path for state in self._all() for path in state.results}

    def require_readable(self) -> None:
        """
        Check that what was kept of each run can be read.

        Raises:
            OpenAIError: That of one cannot (code ``"run_damaged"``).
        """
        for path in self.path.glob("*.json"):
            self.load(path.stem)

    def parts_of(self, key: str) -> Path:
        """
        Return where the parts of the run *key* are, if it has several.
        """
        return self.path / key

    def lend_parts(self, key: str, place: Path) -> None:
        """
        Give the parts of a run second names in the new folder *place*, or copies where that is on another disk.
        """
        place.mkdir(mode=0o700)
        for path in filter(is_file, self.parts_of(key).glob("*")):
            try:
                os.link(path, place / path.name)
            except OSError:
                shutil.copyfile(path, place / path.name)

    def forget_parts(self, key: str) -> None:
        """
        Remove the parts of a run, which are at the provider.
        """
        shutil.rmtree(self.parts_of(key), ignore_errors=True)

    def _all(self) -> Iterator[RunState]:
        for path in self.path.glob("*.json"):
            with suppress(OpenAIError):  # of no concern to any other
                state = self.load(path.stem)
                if state is not None:
                    yield state

    def _file(self, key: str) -> Path:
        return self.path / f"{key}.json"
