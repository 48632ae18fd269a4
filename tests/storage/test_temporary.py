"""
Temporary folders: they go away, also those of killed processes; where there is none, it is said what to set.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import pytest

from aikit import OpenAIClient, OpenAIError
from aikit.cli import main
from aikit.storage.spill import Spool
from aikit.storage.temporary import _Sweeps, sweep, temporary_folder, temporary_root


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Take all temporary folders away, as a container that is read-only does.
    """
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/nowhere/at/all"])


def test_a_folder_is_its_owners_only_and_goes_away() -> None:
    """
    Its name says whose it is.
    """
    with temporary_folder() as name:
        folder = Path(name)
        assert folder.parent == temporary_root()
        assert folder.name.startswith("aikit-")
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    A temporary folder of the test's own, which was not looked through yet.
    """
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("aikit.storage.temporary._sweeps", _Sweeps())
    return tmp_path


_HOLDER: Final = """
import os, sys
from pathlib import Path
from aikit.storage.temporary import TemporaryFolder
folder = TemporaryFolder.make()
(folder.path / "prompts.jsonl").write_text("secret")
if "fork" in sys.argv and not os.fork():
    folder.remove()
    os._exit(0)
if "fork" in sys.argv:
    os.wait()
print(folder.path, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 and fork are POSIX")
@pytest.mark.parametrize("how", ["alone", "fork"])
def test_what_a_killed_process_leaves_is_removed_by_the_next(root: Path, how: str) -> None:
    """
    While it lives nothing of it is touched, also after its child let go; then the next folder made removes all.
    """
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        sweep(root)
        assert (left / "prompts.jsonl").read_text() == "secret"
        process.kill()
    with temporary_folder() as made:
        assert [one.name for one in root.iterdir()] == [Path(made).name]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_only_folders_with_a_free_lock_are_removed(root: Path) -> None:
    """
    Links are not followed, whichever part is one, and folders of older versions and of other programs stay.
    """
    outside = root / "outside"
    for name in ("outside", "aikit-old", "aikit-linked-lock", "aikit-fifo", "other-left", "aikit-left"):
        (root / name).mkdir()
        (root / name / "kept").touch()
    for name in ("outside", "other-left", "aikit-left"):
        (root / name / ".lock").touch()
    (root / "aikit-link").symlink_to(outside)
    (root / "aikit-linked-lock" / ".lock").symlink_to(outside / ".lock")
    (root / "aikit-left" / "link").symlink_to(outside)
    (root / "aikit-file").touch()
    os.mkfifo(root / "aikit-fifo" / ".lock")
    before = {one.name for one in root.iterdir()}
    sweep(root)
    assert before - {one.name for one in root.iterdir()} == {"aikit-left"}
    assert (outside / "kept").exists()


def test_a_folder_keeps_its_lock_until_all_else_is_gone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Else a process that is killed while it removes one leaves what no other removes.
    """
    left: list[set[str]] = []
    monkeypatch.setattr("shutil.rmtree", lambda path, **_: left.append({each.name for each in Path(path).iterdir()}))
    with temporary_folder() as path:
        for name in (".input.part", "a", "z"):
            (Path(path) / name).touch()
    sweep(root)
    assert left == [{".lock"}] * 2


def test_many_folders_are_removed_in_several_goes(root: Path) -> None:
    """
    A call that makes a folder does not clean up for long.
    """
    for number in range(60):
        (root / f"aikit-{number}").mkdir()
        (root / f"aikit-{number}" / ".lock").touch()
    for left in (10, 0):
        sweep(root)
        assert len(list(root.iterdir())) == left


@pytest.mark.usefixtures("nowhere")
def test_lists_of_results_say_what_to_set() -> None:
    """
    What does not fit into memory has no place.
    """
    spool = Spool()
    for number in range(10):
        spool.put(number, "x" * 100_000)
    with pytest.raises(OpenAIError, match="set TMPDIR") as caught:
        spool.put(10, "x" * 100_000)
    assert caught.value.code == "storage_unavailable"


def test_results_of_a_batch_say_what_to_set(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """
    The call ends with an error of its own, and is done again when there is a folder.
    """
    line = {"custom_id": "1", "method": "POST", "url": "/v1/embeddings", "body": {"model": "m", "input": "x"}}
    with OpenAIClient(provider="local", home=tmp_path / "home") as client:
        file = client.files.create(json.dumps(line).encode(), "batch", {"filename": "a.jsonl", "throw": True}).file
        assert file is not None
        batch = client.batches.create(file.id, "/v1/embeddings", {"throw": True}).batch
        assert batch is not None
        assert client.batches.wait(batch.id, {"deadline": 30, "poll_interval": 0.1}).success
        assert client.batches.results(batch.id).success
        request.getfixturevalue("nowhere")
        (error,) = client.batches.results(batch.id).errors
    assert error.code == "storage_unavailable"
    assert "set TMPDIR" in error.message


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("command", [["files", "content", "file-1"], ["demo"]])
def test_commands_say_what_to_set(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A sentence and exit code 1.
    """
    home = [] if command == ["demo"] else ["--home", str(tmp_path / "home")]
    assert main([*command, *home]) == 1
    assert "set TMPDIR" in capsys.readouterr().err
