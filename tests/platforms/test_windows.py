"""
What of Windows and macOS can be tried without them.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from aikit import storage
from aikit.storage.walk import walk
from aikit.types.interruptions import LONGEST_WAIT_S, AudibleCondition

_ROOT: Final = Path(__file__).parents[2]
_CAN_PRETEND: Final = pytest.mark.skipif(sys.platform != "linux", reason="what is taken away there is Linux's")


def _played(scene: str, folder: Path) -> list[str]:
    """
    Play a scene of `as_windows` in a process of its own; return the last line that it said.
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.platforms.as_windows", scene, str(folder)],
        cwd=_ROOT,
        env=os.environ | {"AIKIT_HOME": str(folder.parent / "home")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.slow
@_CAN_PRETEND
def test_every_module_can_be_imported_without_what_windows_lacks(tmp_path: Path) -> None:
    """
    No module needs fcntl, pwd or resource, or what is missing of os, signal and others, to be loaded.
    """
    (told,) = _played("import", tmp_path)
    assert int(told.removesuffix(" modules")) > 300


@pytest.mark.slow
@_CAN_PRETEND
def test_demo_runs_with_the_locks_and_open_files_of_windows(tmp_path: Path) -> None:
    """
    The whole command line on the embedded provider: no open file is removed or replaced.
    """
    assert _played("demo", tmp_path)[-1] == "0"


@pytest.mark.slow
@_CAN_PRETEND
def test_files_and_batches_with_the_locks_and_open_files_of_windows(tmp_path: Path) -> None:
    """
    Uploads, downloads over what is there, many files with a manifest and a run, twice; no lock and no part is left.
    """
    folder = tmp_path / "folder"
    folder.mkdir()
    assert _played("files", folder) == ["7 2 True", "7 2 True", "[] False"]


@pytest.mark.slow
@_CAN_PRETEND
def test_locks_of_windows(tmp_path: Path) -> None:
    """
    One has it at a time, its file goes with it, and one that only looks keeps nobody from it.
    """
    assert _played("locks", tmp_path) == ["[True, True, False, False, True]"]


@attrs.frozen
class _Entry:
    """
    An entry of a folder as another system tells of it.
    """

    name: str
    path: str
    status: Any
    is_folder: bool = False

    def stat(self, *, follow_symlinks: bool) -> Any:
        """Return its marks."""
        assert not follow_symlinks
        return self.status

    def is_dir(self) -> bool:
        """Tell whether it is a folder."""
        return self.is_folder

    def is_file(self) -> bool:
        """Tell whether it is a file."""
        return not self.is_folder

    def is_symlink(self) -> bool:
        """Say no: a junction is none, to Python."""
        return False


@attrs.frozen
class _Entries:
    """
    What ``os.scandir`` gives.
    """

    found: tuple[_Entry, ...]

    def __enter__(self) -> tuple[_Entry, ...]:
        return self.found

    def __exit__(self, *_: object) -> None:
        pass


@attrs.frozen
class _Marks:
    """
    What ``os.stat`` tells of a file on Windows and macOS alone.
    """

    st_file_attributes: int = 0
    st_reparse_tag: int = 0
    st_flags: int = 0


@pytest.mark.parametrize(
    ("system", "platform", "marks"),
    [
        ("nt", "win32", _Marks(st_file_attributes=stat.FILE_ATTRIBUTE_HIDDEN)),
        ("posix", "darwin", _Marks(st_flags=stat.UF_HIDDEN)),
    ],
)
def test_files_that_the_system_hides_are_left_out_of_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, platform: str, marks: _Marks
) -> None:
    """
    Such as desktop.ini: hidden by a mark, and not by a dot in front.
    """
    entries = (_Entry("desktop.ini", "desktop.ini", marks), _Entry("seen.txt", "seen.txt", _Marks()))
    assert _walked(tmp_path, monkeypatch, system, platform, entries) == ["seen.txt"]


def test_junctions_of_windows_are_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Python 3.11 takes them for folders, and one of the folder itself would lead in circles.
    """
    junction = _Entry("again", str(tmp_path), _Marks(st_reparse_tag=0xA0000003), is_folder=True)
    entries = (junction, _Entry("seen.txt", "seen.txt", _Marks()))
    assert _walked(tmp_path, monkeypatch, "nt", "win32", entries) == ["seen.txt"]


def _walked(
    folder: Path, monkeypatch: pytest.MonkeyPatch, system: str, platform: str, entries: tuple[_Entry, ...]
) -> list[str]:
    found = walk(str(folder), recursive=True)
    with monkeypatch.context() as patched:
        patched.setattr("aikit.storage.walk.os.scandir", lambda _: _Entries(entries))
        patched.setattr("aikit.storage.walk.os.name", system)
        patched.setattr("aikit.storage.walk.sys.platform", platform)
        files = [one.file for one in found]
    return [Path(file).name for file in files]


def test_manifest_in_other_letters_is_left_out_of_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A file system without capitals opens it all the same, and it is no file to send.
    """
    (tmp_path / "Many.jsonl").write_text("x")
    (tmp_path / "seen.txt").write_text("x")
    monkeypatch.setattr("os.path.samefile", lambda one, other: str(one).casefold() == str(other).casefold())
    found = walk(str(tmp_path), recursive=True, but=tmp_path / "many.JSONL")
    assert [Path(one.file).name for one in found] == ["seen.txt"]


def test_file_that_another_program_has_open_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    On Windows, what reads a file for a moment keeps it from being replaced; elsewhere a refusal is one.
    """
    part, target, tries = tmp_path / "part", tmp_path / "target", list[Path]()
    part.write_text("new")
    plain = Path.replace

    def refused(self: Path, to: Path) -> Path:
        tries.append(to)
        if len(tries) % 3:
            raise PermissionError(13, "used by another process")
        return plain(self, to)

    monkeypatch.setattr(Path, "replace", refused)
    monkeypatch.setattr("aikit.storage.os.name", "posix")
    with pytest.raises(PermissionError):
        storage.replace(part, target)
    monkeypatch.setattr("aikit.storage.os.name", "nt")
    storage.replace(part, target)
    monkeypatch.undo()
    assert (target.read_text(), len(tries)) == ("new", 3)


def test_waits_are_made_in_pieces() -> None:
    """
    On Windows, Ctrl-C is heard between two waits only, so that none is long; the end is noticed all the same.
    """
    condition, ends = AudibleCondition(threading.Lock()), time.monotonic() + LONGEST_WAIT_S + 0.2
    with condition:
        assert condition.wait_for(lambda: time.monotonic() > ends)
        assert not condition.wait_for(lambda: False, 0.01)
