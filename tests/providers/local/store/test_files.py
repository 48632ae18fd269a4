"""
The folder itself: where it is, who may see it, and which versions of it can be read.
"""

from __future__ import annotations

import gc
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from aikit.providers.local.api.files import FilesService
from aikit.providers.local.store.blobs import new_id
from aikit.providers.local.store.files import Store
from aikit.providers.local.store.schema import MIGRATIONS
from aikit.storage import home_folder
from aikit.storage.errors import StoreError
from aikit.storage.locks import mark_as_alive, remove_if_abandoned
from tests.providers.local.conftest import files_below


def test_the_home_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    AIKIT_HOME wins; without it, or when it is empty, it is a folder in the user's own.
    """
    monkeypatch.setenv("AIKIT_HOME", str(tmp_path))
    assert home_folder() == tmp_path
    monkeypatch.setenv("AIKIT_HOME", "~/elsewhere")
    assert home_folder() == Path.home() / "elsewhere"
    for empty in ("", None):
        monkeypatch.delenv("AIKIT_HOME") if empty is None else monkeypatch.setenv("AIKIT_HOME", empty)
        assert home_folder() == Path.home() / ".aikit"


def test_nothing_is_made_before_first_use(home: Path) -> None:
    """
    A store that nobody uses leaves no trace.
    """
    Store(home).close()
    assert not home.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_only_the_owner_may_look_inside(store: Store) -> None:
    """
    All folders are the owner's alone.
    """
    assert store.list(limit=1) == ()
    folders = (store.home, store.folder, store.folder / "blobs", store.folder / "incoming")
    assert [folder.stat().st_mode & 0o777 for folder in folders] == [0o700] * 4


def test_the_database_tells_its_version(store: Store) -> None:
    """
    The schema's version and journal are in the file, for those who come later.
    """
    assert store.list(limit=1) == ()
    with closing(sqlite3.connect(store.folder / "files.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_store_of_a_newer_version_is_left_alone(store: Store) -> None:
    """
    What a newer aikit wrote is not touched, and the error says what to do.
    """
    assert store.list(limit=1) == ()
    with closing(sqlite3.connect(store.folder / "files.db")) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(StoreError, match="upgrade aikit") as caught:
        Store(store.home).list(limit=1)
    assert caught.value.code == "storage_too_new"


def test_a_damaged_database_is_told(home: Path) -> None:
    """
    A file that is no database is not overwritten, and the error says what to do.
    """
    database = home / "local" / "files.db"
    database.parent.mkdir(parents=True)
    database.write_bytes(b"no database " * 1_000)
    with pytest.raises(StoreError, match="move that folder away") as caught:
        Store(home).list(limit=1)
    assert caught.value.code == "storage_damaged"
    assert database.read_bytes() == b"no database " * 1_000


def test_a_store_that_failed_to_start_starts_when_the_cause_is_gone(home: Path) -> None:
    """
    A store is not spoilt by a folder that could not be made.
    """
    home.write_bytes(b"in the way")
    store = Store(home)
    with pytest.raises(StoreError):
        store.list(limit=1)
    home.unlink()
    assert store.list(limit=1) == ()
    store.close()


def test_a_closed_store_can_be_used_again(store: Store) -> None:
    """
    Closing lets go of connections, no more.
    """
    assert store.list(limit=1) == ()
    store.close()
    assert store.list(limit=1) == ()


def test_a_store_that_is_dropped_closes_its_connections(home: Path) -> None:
    """
    Forgetting to close a store leaves no connection open: the last one takes the journal with it.
    """
    store = Store(home)
    assert store.list(limit=1) == ()
    assert (home / "local" / "files.db-wal").exists()
    del store
    gc.collect()
    assert not (home / "local" / "files.db-wal").exists()


def test_a_store_that_another_writer_blocks_is_busy(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    When waiting does not help, the answer says to try again; reading goes on meanwhile.
    """
    monkeypatch.setattr("aikit.storage.database._BUSY_S", 0.05)
    service = FilesService(store=Store(home))
    assert service.list({}).status == 200
    with closing(sqlite3.connect(service.store.folder / "files.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        reply = service.create({"purpose": "vision"}, "a", [b"x"])
        assert service.list({}).status == 200
        other.execute("ROLLBACK")
    assert (reply.status, "x-should-retry" in reply.headers) == (503, False)
    assert b'"code":"storage_busy"' in reply.body
    assert service.create({"purpose": "vision"}, "a", [b"x"]).status == 200
    assert len(files_below(service.store.folder / "blobs")) == 1
    service.store.close()


def test_what_is_not_kept_is_removed(store: Store) -> None:
    """
    Leaving without keeping leaves nothing, and says nothing about a file.
    """
    with store.receiving() as incoming:
        incoming.write(b"content")
        assert incoming.size_bytes == 7
    assert list((store.folder / "incoming").iterdir()) == []
    assert store.list(limit=1) == ()


def test_room_that_was_not_needed_is_given_back(store: Store) -> None:
    """
    Less may come than was announced; the file has what came.
    """
    with store.receiving(expected_bytes=8 << 20) as incoming:
        incoming.write(b"content")
        file = store.keep(incoming, filename="a", purpose="vision", expires_after_s=None)
    assert (store.folder / "blobs" / file.id).read_bytes() == b"content"


def test_ids_do_not_repeat() -> None:
    """
    A thousand ids are a thousand different ones, of letters and digits.
    """
    ids = {new_id("file-") for _ in range(1_000)}
    assert len(ids) == 1_000
    assert all(len(each) == 29 and each[5:].isalnum() for each in ids)


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed there")
def test_a_writer_whose_file_was_removed_takes_another_name(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A sweep between the making of a file and its lock costs the writer a name, never the upload.
    """
    names = iter(["file-first", "file-second"])
    monkeypatch.setattr("aikit.providers.local.store.blobs.new_id", lambda _: next(names))
    monkeypatch.setattr(
        "aikit.providers.local.store.blobs.mark_as_alive", _swept_once(store.folder / "incoming" / "file-first")
    )
    with store.receiving() as incoming:
        incoming.write(b"content")
        file = store.keep(incoming, filename="a", purpose="vision", expires_after_s=None)
    assert (file.id, store.list(limit=2)) == ("file-second", (file,))


def _swept_once(path: Path) -> object:
    def mark(file: object) -> bool:
        remove_if_abandoned(path)
        return mark_as_alive(file)  # type: ignore[arg-type]  # as it is called

    return mark
