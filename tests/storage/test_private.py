"""
What aikit keeps is its owner's only: folders and files of the home under any umask, and what SQLite makes beside them.
"""

from __future__ import annotations

import json
import logging
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from aikit import OpenAIClient
from aikit.providers.local.store.files import Store
from aikit.storage.database import Database
from aikit.storage.locks import take
from aikit.storage.private import make_private, private_opener, restrict
from aikit.storage.upload_entry import UploadKey
from aikit.storage.upload_journal import Journal
from aikit.storage.uploaded_files import Content, Uploaded
from tests.cli.processes import run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def _modes(home: Path) -> dict[str, int]:
    """
    Return path → mode of *home* and all below it.
    """
    modes = {}
    for path in [home, *home.rglob("*")]:
        with suppress(FileNotFoundError):  # a batch is at work there: it was listed, and is gone
            modes[str(path.relative_to(home.parent))] = stat.S_IMODE(path.stat().st_mode)
    return modes


def _open_to_others(home: Path) -> dict[str, str]:
    return {name: oct(mode) for name, mode in _modes(home).items() if mode & 0o077 or mode & 0o600 != 0o600}


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o277], ids=oct)
def test_every_file_of_the_home_is_its_owners_only(mask: int, tmp_path: Path) -> None:
    """
    Store, blobs, batches, ledger, journals and locks, with what SQLite makes beside its files while it has them.
    """
    home = tmp_path / "home"
    line = {"custom_id": "1", "method": "POST", "url": "/v1/embeddings", "body": {"model": "m", "input": "x"}}
    with _umask(mask), OpenAIClient(provider="local", home=home) as client:
        file = client.files.create(json.dumps(line).encode(), "batch", {"filename": "a.jsonl", "throw": True}).file
        assert file is not None
        batch = client.batches.create(file.id, "/v1/embeddings", {"throw": True}).batch
        assert batch is not None
        # A batch is at work: under a strict umask, a file is its owner's to read for a moment, and then to write.
        seen = {name: mode for name, mode in _open_to_others(home).items() if int(mode, 8) & 0o077}
        assert client.batches.wait(batch.id, {"deadline": 30, "poll_interval": 0.1}).success
        Uploaded(home).note(Content(account="a", purpose="batch", name="n", sha256="0"), "file-1")
        key = UploadKey(account="a", purpose="batch", filename="n", options="", part_bytes=1, size_bytes=1, place=None)
        assert Journal(home).find_interrupted(key) == []
        held = take(home / "transfers" / "x.lock")
        assert held is not None
        names = set(_modes(home))
        seen |= _open_to_others(home)
        held.close()
    assert seen == {}
    assert {f"home/{name}" for name in ("ledger.db", "ledger.db-wal", "local/files.db-shm", "transfers.db")} <= names


@pytest.mark.parametrize("mask", [0o000, 0o022], ids=oct)
def test_runs_of_the_command_line_are_their_owners_only(mask: int, tmp_path: Path) -> None:
    """
    The state of a run has paths and names, and the parts of a large input are its prompts.
    """
    home = tmp_path / "home"
    (tmp_path / "in.jsonl").write_text(
        "".join(
            json.dumps({"custom_id": f"{n}", "method": "POST", "url": url, "body": {"model": "m", "input": "x"}}) + "\n"
            for n, url in enumerate(["/v1/embeddings", "/v1/responses"])
        )
    )
    with _umask(mask):
        ended = run("--home", str(home), "batch", "run", "in.jsonl", "-o", "out.jsonl", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert list((home / "runs").glob("*.json"))
    assert _open_to_others(home) == {}


@pytest.mark.parametrize("mask", [0o000, 0o077, 0o777], ids=oct)
def test_what_sqlite_makes_has_the_mode_of_the_file(mask: int, tmp_path: Path) -> None:
    """
    Also its rollback journal, which a file system without shared memory needs instead of the others.
    """
    path = tmp_path / "a.db"
    with _umask(mask):
        database = Database(path, [["CREATE TABLE t (x)"]])
        database.migrate()
        with database.writing() as connection:
            connection.execute("INSERT INTO t VALUES (1)")
            modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
        with database.reading() as connection:
            connection.execute("PRAGMA journal_mode = PERSIST")
            connection.execute("INSERT INTO t VALUES (2)")
            modes |= {one.name: stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
        database.close()
    assert modes == dict.fromkeys(("a.db", "a.db-wal", "a.db-shm", "a.db-journal"), 0o600)


def test_a_lock_of_another_connection_survives_opening(tmp_path: Path) -> None:
    """
    Making sure that a file is there opens none that is: closing it would let go of this process's locks on it.
    """
    path = tmp_path / "a.db"
    database = Database(path, [["CREATE TABLE t (x)"]], busy_s=0.05)
    database.migrate()
    before = path.stat().st_ino
    with database.writing() as first:
        first.execute("INSERT INTO t VALUES (1)")
        with Database(path, []).reading() as second:
            assert second.execute("SELECT count(*) FROM t").fetchone() == (0,)
    assert path.stat().st_ino == before


def test_an_open_home_is_told_once_and_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """
    Who opened it may have had a reason; the log says once what it means and how to close it.
    """
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o755)
    with caplog.at_level(logging.WARNING, "aikit"):
        for _ in range(2):
            with OpenAIClient(provider="local", home=home) as client:
                assert client.files.list().success
                assert list(client.ledger.events()) == []
    assert stat.S_IMODE(home.stat().st_mode) == 0o755
    told = [record.getMessage() for record in caplog.records if "open to other users" in record.getMessage()]
    (message,) = told
    assert message.startswith(f"{home}, where aikit keeps files, their names and what batches cost, is open to other")
    assert message.endswith(f"(mode 755); close it with: chmod -R go-rwx {home}")
    assert stat.S_IMODE((home / "local").stat().st_mode) == 0o700


def test_folders_that_are_there_keep_their_modes(tmp_path: Path) -> None:
    """
    Neither home nor store are changed behind the user's back, and what is above the home is as the umask says.
    """
    home = tmp_path / "above" / "home"
    with _umask(0o022):
        make_private(home, "a", "b")
    assert _modes(home) == {"home": 0o700, "home/a": 0o700, "home/b": 0o700}
    assert stat.S_IMODE(home.parent.stat().st_mode) == 0o755
    (home / "local").mkdir()
    (home / "local").chmod(0o750)
    Store(home)._start()
    assert _modes(home)["home/local"] == 0o750


def test_a_file_in_the_place_of_a_folder_is_an_error(tmp_path: Path) -> None:
    """
    It is neither replaced nor taken for the folder; a link to a folder is one.
    """
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        make_private(tmp_path / "file")
    (tmp_path / "real").mkdir(0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    make_private(tmp_path / "link", "below")
    assert (tmp_path / "real" / "below").is_dir()


def test_opener_changes_no_file_that_is_there(tmp_path: Path) -> None:
    """
    Appending to a file of another mode keeps it, and ``x`` refuses it.
    """
    path = tmp_path / "a"
    path.write_bytes(b"1")
    path.chmod(0o640)
    with open(path, "ab", opener=private_opener) as file:
        file.write(b"2")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"12", 0o640)
    with pytest.raises(FileExistsError):
        private_opener(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    restrict(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_lock_of_a_manifest_is_as_the_umask_says(tmp_path: Path) -> None:
    """
    A manifest is the user's, who may share it with a group.
    """
    with _umask(0o002):
        lock = take(tmp_path / "m.lock", opener=None)
    assert lock is not None
    assert stat.S_IMODE((tmp_path / "m.lock").stat().st_mode) == 0o664
    lock.close()
