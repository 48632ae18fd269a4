"""
``aikit files usage`` and ``aikit files prune``, and what ``files create`` does with many.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Here
from tests.cli.processes import PROGRAM, Terminal
from tests.files_server import FilesServer, files_server
from tests.stopwatch import Stopwatch

pytestmark = pytest.mark.slow


def notes(tmp_path: Path, count: int) -> Path:
    """
    Return a folder with *count* files, one of them in a folder in it.
    """
    folder = tmp_path / "notes"
    (folder / "inner").mkdir(parents=True)
    for number in range(count - 1):
        (folder / f"{number:03d}.txt").write_text(f"note {number}")
    (folder / "inner" / "last.txt").write_text("last")
    return folder


def test_usage_is_told_in_groups(aikit: Here, good: Path, tmp_path: Path) -> None:
    """
    Off a terminal each sum is a line; --json is the whole.
    """
    aikit("files", "create", good, "-p", "batch")
    aikit("files", "create", notes(tmp_path, 2), "-p", "user_data")
    lines = {(fields[0], fields[1]): fields[2:] for fields in aikit("files", "usage").fields}
    assert lines["total", "all"][0] == "3"
    assert lines["purpose", "batch"][:2] == ["1", str(good.stat().st_size)]
    assert lines["age", "under a day"][0] == "3"
    assert lines["expiry", "never expiring"][0] == "2"
    told = aikit("files", "usage", "-p", "batch", "--expiring", "60d", "--json").json
    assert (told["total"]["files"], told["expiring"]["files"]) == (1, 1)


def test_prune_lists_first_and_deletes_with_yes(aikit: Here, tmp_path: Path) -> None:
    """
    Without --yes nothing goes, and the summary says how to go on; with it, what fits goes.
    """
    aikit("files", "create", notes(tmp_path, 12), "-r", "-p", "user_data")
    ran = aikit("files", "prune", "--name", "00*")
    assert ran.code == 0
    assert {(fields[5], fields[6]) for fields in ran.fields} == {("listed", "named like 00*")}
    assert "10 of 12 files would be deleted" in ran.err
    assert "--yes" in ran.err
    assert len(aikit("files", "list").fields) == 12
    told = aikit("files", "prune", "--name", "00*", "--yes", "--json").json
    assert told["counts"]["deleted"] == 10
    assert {one["prune"]["status"] for one in told["data"]} == {"deleted"}
    assert sorted(fields[1] for fields in aikit("files", "list").fields) == ["010.txt", "last.txt"]
    assert "none of 2 files would be deleted" in aikit("files", "prune", "--older-than", "30d", "--unused").err


def test_prune_without_a_word_is_wrong_usage(aikit: Here) -> None:
    """
    --yes alone is not enough to delete everything.
    """
    ran = aikit("files", "prune", "--yes")
    assert ran.code == 2
    assert "no option selects files; pass --older-than" in ran.err


def test_no_age_is_no_age_to_prune_by(aikit: Here) -> None:
    """
    Older than nothing would be every file: the option itself is refused, by its own name.
    """
    ran = aikit("files", "prune", "--older-than", "0d", "--yes")
    assert ran.code == 2
    assert "--older-than" in ran.err
    assert "at least 1 second" in ran.err
    assert "older_than" not in ran.err


def test_a_deletion_that_fails_has_exit_code_one(aikit: Here) -> None:
    """
    It is told with its reason, and the others are gone.
    """
    with files_server(refusals={"file-1": [403]}) as server:
        for number in range(3):
            server.add(f"file-{number}")
        asked = ("--provider", "openai", "--base-url", server.url, "--api-key", "k")
        ran = aikit("files", "prune", "--name", "a.*", "-y", *asked)
    assert ran.code == 1
    assert [fields[5] for fields in ran.fields] == ["deleted", "failed", "deleted"]
    assert "error: file-1: not now" in ran.err
    assert "2 of 3 files deleted" in ran.err


def test_bare_ids_are_those_that_are_gone(aikit: Here) -> None:
    """
    What could not be deleted is told on stderr only.
    """
    with files_server(refusals={"file-1": [403]}) as server:
        for number in range(3):
            server.add(f"file-{number}")
        asked = ("--provider", "openai", "--base-url", server.url, "--api-key", "k")
        ran = aikit("files", "prune", "--name", "a.*", "-y", "-q", *asked)
    assert ran.out.split() == ["file-2", "file-0"]
    assert (ran.code, ran.err) == (1, "error: file-1: not now (code busy, status 403)\n")


def pruned(server: FilesServer, *more: str) -> Terminal:
    """
    Return a terminal on which all files are being deleted.
    """
    asked = ("--provider", "openai", "--base-url", server.url, "--api-key", "k")
    return Terminal.start(*asked, "files", "prune", "--name", "a.*", "--yes", *more, columns=100)


@pytest.mark.parametrize("more", [(), ("-q",), ("--json",)])
def test_a_terminal_sees_how_many_are_gone(more: tuple[str, ...]) -> None:
    """
    A bar counts them while they go, and makes room for the table; -q and --json leave it out.
    """
    with files_server(about_s=0.1) as server:
        for number in range(30):
            server.add(f"file-{number}")
        terminal = pruned(server, *more)
        assert terminal.end() == 0
    assert ("deleting files" in terminal.seen) == (not more)
    assert ("of 30 " in terminal.seen.partition("file-29")[0]) == (not more)
    assert "file-29" in terminal.text
    if not more:
        assert terminal.text.splitlines()[-1].startswith("30 of 30 files deleted")


def test_a_terminal_sees_how_many_were_looked_at() -> None:
    """
    A sum and a dry run show that they are at work.
    """
    with files_server(page_s=0.3) as server:
        for number in range(1_200):
            server.add(f"file-{number}")
        asked = ("--provider", "openai", "--base-url", server.url, "--api-key", "k")
        terminal = Terminal.start(*asked, "files", "usage", columns=100)
        assert terminal.end() == 0
    assert "listing files" in terminal.seen
    assert "1,000 " in terminal.seen


def test_ctrl_c_beside_the_bar_tells_what_is_gone() -> None:
    """
    Pruning ends at once with exit code 130, takes the bar away, and lists each file as it is.
    """
    with files_server(about_s=0.1) as server:
        for number in range(200):
            server.add(f"file-{number}")
        terminal = pruned(server)
        terminal.wait_for("of 200 ")
        watch = Stopwatch()
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 130
        assert watch.stop() < 2
    told = re.fullmatch(
        r"(\d+) of 200 files deleted: .*, (\d+) not deleted; stopped by Ctrl-C", terminal.text.splitlines()[-1]
    )
    assert told is not None
    gone, left = int(told[1]), int(told[2])
    assert (gone + left, terminal.text.count("cancelled")) == (200, left)
    assert gone <= 200 - len(server.files) <= gone + 8  # nobody heard what became of those under way


def test_manifest_and_identical_files_spare_uploads(aikit: Here, tmp_path: Path) -> None:
    """
    What is there already is printed like what is uploaded, and counted apart.
    """
    folder = notes(tmp_path, 4)
    asked = ("files", "create", folder, "-r", "-p", "user_data")
    first = aikit(*asked, "--manifest", "m.jsonl", "--skip-identical", "-q")
    assert len(first.out.split()) == 4
    again = aikit(*asked, "--manifest", "m.jsonl")
    assert "0 files uploaded, 4 there already" in again.err
    assert [fields[0] for fields in again.fields] == first.out.split()
    assert "0 files uploaded, 4 there already" in aikit(*asked, "--skip-identical").err
    assert len(aikit("files", "list").fields) == 4
    told = aikit(*asked, "--manifest", "no/where.jsonl")
    assert told.code == 3
    assert "unusable_manifest" in told.err


def test_a_killed_upload_goes_on_by_its_manifest(tmp_path: Path) -> None:
    """
    After kill -9 in the middle only what was not noted is sent: no more than were under way are sent twice.
    """
    folder = notes(tmp_path, 60)
    with files_server(delay_s=0.03) as server:
        asked = ["--provider", "openai", "--base-url", server.url, "--api-key", "k", "files", "create", str(folder)]
        argv = [*PROGRAM, *asked, "-r", "-p", "user_data", "--manifest", "m.jsonl", "--workers", "3"]
        process = subprocess.Popen(argv, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while len(server.contents) < 20:
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        ran = subprocess.run([*argv, "--json"], cwd=tmp_path, capture_output=True, check=False, timeout=60)
        assert ran.returncode == 0
        assert len(json.loads(ran.stdout)["data"]) == 60
        assert {file["filename"] for file in server.files.values()} == {path.name for path in folder.rglob("*.txt")}
        assert 60 <= len(server.uploads) <= 63


def test_interrupt_says_how_to_go_on(tmp_path: Path) -> None:
    """
    With a manifest, Ctrl-C tells that the same command goes on, and it does.
    """
    folder = notes(tmp_path, 60)
    with files_server(delay_s=0.05) as server:
        asked = ["--provider", "openai", "--base-url", server.url, "--api-key", "k", "files", "create", str(folder)]
        argv = [*PROGRAM, *asked, "-r", "-p", "user_data", "--manifest", "m.jsonl", "--workers", "3"]
        process = subprocess.Popen(argv, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while len(server.contents) < 10:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 130
        assert "stopped by Ctrl-C: " in err.decode()
        assert "to resume, run the same command again" in err.decode()
        ran = subprocess.run(argv, cwd=tmp_path, capture_output=True, check=False, timeout=60)
    assert ran.returncode == 0
    first, again = re.search(r"(\d+) uploaded", err.decode()), re.search(r"(\d+) there already", ran.stderr.decode())
    assert first is not None
    assert again is not None
    assert 10 - 3 <= int(first[1]) == int(again[1])  # what the first call told as uploaded, the second does not send
    assert f"{60 - int(again[1])} files uploaded, " in ran.stderr.decode()
    assert 60 <= len(server.uploads) <= 66  # those that were under way, three at a time, may be sent twice


def test_a_manifest_that_cannot_be_written_is_no_ctrl_c(
    aikit: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The reason is told, all that is not there is counted, and the exit code is that of a refusal.
    """
    from aikit.storage.manifest import Manifest  # noqa: PLC0415  here only

    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Manifest, "_append", full)
    monkeypatch.setattr("aikit.resources.files.bulk_upload._TOLD_MAX", 2)
    asked = ("files", "create", notes(tmp_path, 9), "-r", "-p", "user_data", "--manifest", "m.jsonl", "--workers", "1")
    ran = aikit(*asked)
    assert ran.code == 1
    assert "error: the manifest m.jsonl cannot be written: No space left" in ran.err
    assert "stopped: 1 uploaded" in ran.err
    assert ", 8 not (" in ran.err
    assert "Ctrl-C" not in ran.err
