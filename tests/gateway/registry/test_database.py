"""
The database of the registry: its versions, who brings it up to date, and what is told of faults.
"""

from __future__ import annotations

import stat
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, MetaData, Table, Text, delete, event, text, update

from aikit.gateway.registry.database import Database, _opened
from aikit.gateway.registry.registry import Registry
from aikit.gateway.registry.schema import FILES, HEAD, METADATA, SCHEMA, VERSIONS
from aikit.gateway.registry.upgrade import configuration, upgrade
from aikit.gateway.values import Principal
from aikit.storage.errors import StoreError
from tests.gateway.postgres import Postgres, running_postgres
from tests.gateway.registry.rows import ANA, MASTER, batch, file


def _differences(database: Database) -> list[Any]:
    with database.reading() as connection:
        if database.path is None:
            connection.execute(text(f"SET LOCAL search_path TO {SCHEMA}"))
        options = {"version_table": VERSIONS, "compare_type": True, "compare_server_default": False}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA))


def _described(database: Database) -> list[str]:
    """
    Return the statements that would make the tables and indexes as they are.
    """
    with database.reading() as connection:
        found = connection.execute(text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")).scalars()
        return sorted(" ".join(statement.split()) for statement in found)


def test_the_versions_make_the_tables(registry: Registry) -> None:
    """What the migrations make is what the code reads and writes, and the newest of them is named."""
    assert _differences(registry.database) == []
    with registry.database.reading() as connection:
        assert ScriptDirectory.from_config(configuration(connection)).get_heads() == [HEAD]


def test_a_new_database_has_what_all_versions_make(url: str, tmp_path: Path) -> None:
    """Tables that are made at once are those of the migrations, on both databases, and Alembic is not loaded."""
    database = _opened(url)
    if database.path is not None:
        database.path.parent.mkdir(parents=True, exist_ok=True)
    with database.writing() as connection:
        if database.path is None:
            connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
            connection.execute(text(f"SET LOCAL search_path TO {SCHEMA}"))
        upgrade(connection, "here")
    assert _differences(database) == []
    if database.path is not None:
        at_once = Database.open(f"sqlite:///{tmp_path / 'other.db'}")
        assert _described(at_once) == _described(database)
        at_once.close()
    database.migrate()
    database.close()


def test_a_database_is_used_again(url: str) -> None:
    """What one opening stored, the next one has; where nothing is to be done, Alembic is not loaded."""
    first = Registry.open(url)
    row = first.files.add(file())
    first.close()
    program = (
        "import sys\nfrom aikit.gateway.registry.registry import Registry\nfrom aikit.gateway.values import Principal\n"
        "found = Registry.open(sys.argv[1]).files.get(sys.argv[2], Principal())\n"
        "print(found.id, 'alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, url, row.id], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [row.id, "False"]


@pytest.mark.slow
def test_many_gateways_start_at_once(url: str) -> None:
    """One of them makes the tables, the others wait for it; all can work."""
    program = (
        "import sys\nfrom aikit.gateway.registry.registry import Registry\n"
        "registry = Registry.open(sys.argv[1])\nprint(registry.counts.add('starts', None, 1))"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]
    ends = [(process.communicate(), process.returncode) for process in running]
    assert sorted(output for (output, _), _ in ends) == [f"{number}\n" for number in range(1, 7)], ends


def test_a_newer_database_is_left_alone(url: str) -> None:
    """A gateway that does not know the version says so, and changes nothing."""
    registry = Registry.open(url)
    with registry.database.writing() as connection:
        connection.execute(update(Table(VERSIONS, MetaData(), Column("version_num", Text))).values(version_num="9999"))
    registry.close()
    with pytest.raises(StoreError, match="a newer aikit wrote the database") as caught:
        Registry.open(url)
    assert caught.value.code == "storage_too_new"


def test_what_an_error_leaves_is_undone(registry: Registry) -> None:
    """A transaction that an error ends has changed nothing, and the connection is good for the next."""
    row = file()
    registry.files.add(row)
    with pytest.raises(StoreError), registry.database.writing() as connection:  # noqa: PT012  one transaction
        connection.execute(delete(FILES))
        connection.execute(text("no SQL"))
    assert registry.files.page(MASTER).rows == (row,)


def test_a_new_file_is_its_owners_only(tmp_path: Path) -> None:
    """The database, and what SQLite keeps beside it, no other user can read; nor can the folder be entered."""
    registry = Registry.open(f"sqlite:///{tmp_path}/home/g%w.db")
    registry.files.add(file())
    kept = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "home").iterdir()}
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700
    assert set(kept) == {"g%w.db", "g%w.db-wal", "g%w.db-shm", "g%w.db.lock"}
    assert set(kept.values()) == {0o600}
    registry.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://root@localhost/x", "databases are sqlite"),
        ("sqlite://", "needs an SQLite file"),
        ("sqlite:///:memory:", "needs an SQLite file"),
        ("postgresql://secret@host:port/x", "cannot be read"),
        ("nothing", "cannot be read"),
    ],
)
def test_an_address_that_is_none_is_refused(url: str, words: str) -> None:
    """It says what an address looks like, and repeats no password."""
    with pytest.raises(ValueError, match=words) as caught:
        Registry.open(url)
    assert "secret" not in str(caught.value)


def test_a_server_that_is_not_there_is_told() -> None:
    """The error names the server but not the password."""
    with pytest.raises(StoreError, match=r"cannot be used: .*check that it runs") as caught:
        Registry.open("postgresql://user:hush-hush@127.0.0.1:1/x")
    assert (caught.value.code, "hush-hush" in str(caught.value)) == ("storage_unavailable", False)


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """It is neither used nor overwritten."""
    path = tmp_path / "gateway.db"
    path.write_bytes(b"not a database, but long enough to be looked at" * 40)
    before = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        Registry.open(f"sqlite:///{path}")
    assert caught.value.code == "storage_damaged"
    assert path.read_bytes() == before


def test_an_address_of_litellms_is_understood() -> None:
    """What Prisma reads from an address is left out, and the rest is kept."""
    database = _opened("postgres://u:p@h:5433/litellm?schema=public&connection_limit=10&pgbouncer=true&sslmode=require")
    assert database.engine.url.render_as_string(hide_password=False) == (
        "postgresql+psycopg://u:p@h:5433/litellm?sslmode=require"
    )
    database.close()


@pytest.mark.parametrize(
    ("principal", "purpose", "after"),
    [(MASTER, None, None), (MASTER, "batch", "x"), (ANA, None, "x"), (ANA, None, None)],
)
def test_pages_use_an_index(registry: Registry, principal: Principal, purpose: str | None, after: str | None) -> None:
    """No page sorts or reads the whole table."""
    registry.files.add(file(id="x"))
    asked: list[tuple[str, Any]] = []
    event.listen(registry.database.engine, "before_cursor_execute", lambda *seen: asked.append(seen[2:4]))
    registry.files.page(principal, after=after, limit=3, purpose=purpose)
    plan = _plan(registry.database, *next(found for found in asked if "ORDER BY" in found[0]))
    assert "index" in plan.lower()
    assert not [word for word in ("TEMP B-TREE", "SCAN files\n", "Sort", "Seq Scan") if word in plan]


def test_what_is_asked_often_uses_its_index(registry: Registry) -> None:
    """Neither what a key has open nor what is due is looked for among all batches that there ever were."""
    asked: list[tuple[str, Any]] = []
    registry.batches.add(batch())
    event.listen(registry.database.engine, "before_cursor_execute", lambda *seen: asked.append(seen[2:4]))
    registry.batches.open_estimates(ANA.token)
    registry.batches.due(0.0, 1, 1.0, "me")
    registry.spend.total(token=ANA.token, start=1.0)
    plans = [_plan(registry.database, *found) for found in asked if found[0].startswith("SELECT")]
    wanted = ("batches_open", "batches_due", "spend_of_key")
    assert [name for name, plan in zip(wanted, plans, strict=True) if name not in plan] == []


def _plan(database: Database, statement: str, parameters: Any) -> str:
    with database.reading() as connection:
        if database.path is None:
            connection.execute(text("SET LOCAL enable_seqscan = off"))  # it reads a small table whole
            return "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters))
        found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return "\n".join(row[3] for row in found) + "\n"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """What the disk refuses is a sentence, too."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used") as caught:
        Registry.open(f"sqlite:///{tmp_path}/file/gateway.db")
    assert caught.value.code == "storage_unavailable"


def test_a_disk_that_is_full_is_told(tmp_path: Path) -> None:
    """Nothing of what did not fit is stored, and what is there can be read."""
    registry = Registry.open(f"sqlite:///{tmp_path}/gateway.db")
    row = registry.files.add(file())
    event.listen(registry.database.engine, "begin", lambda found: found.exec_driver_sql("PRAGMA max_page_count = 60"))
    with pytest.raises(StoreError) as caught:
        registry.files.add(file(body={"a": "x" * 2**20}))
    assert caught.value.code == "insufficient_storage"
    assert registry.files.page(MASTER).rows == (row,)
    registry.close()


def test_a_database_that_another_program_holds_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who would write waits, and is told then; who reads is not held up."""
    monkeypatch.setattr("aikit.gateway.registry.database._PRAGMAS", ("busy_timeout = 50",))
    monkeypatch.setattr("aikit.gateway.registry.database._PATIENCE_S", 0.05)
    registry, other = (Registry.open(f"sqlite:///{tmp_path}/gateway.db") for _ in range(2))
    row = registry.files.add(file())
    with other.database.writing():
        for holder in (registry, other):  # another process, and another thread of the same
            with pytest.raises(StoreError) as caught:
                holder.files.add(file())
            assert caught.value.code == "storage_busy"
        assert registry.files.page(MASTER).rows == (row,)
    registry.files.add(file())
    registry.close()
    other.close()


@pytest.mark.foreign
def test_a_schema_that_is_there_needs_no_right_to_make_one(postgres: Postgres) -> None:
    """An operator may make the schema for a user who may not."""
    url = postgres.database()
    name = f"u{uuid.uuid4().hex}"
    postgres.ask(url, f"CREATE ROLE {name} LOGIN; CREATE SCHEMA aikit AUTHORIZATION {name}")
    registry = Registry.open(url.replace("postgres@", f"{name}@"))
    row = registry.files.add(file())
    assert registry.files.get(row.id, MASTER) == row
    registry.close()


@pytest.mark.foreign
@pytest.mark.slow
def test_a_server_that_starts_again_is_found_again() -> None:
    """While it is away each call is told so, and afterwards all goes on without a new start of the gateway."""
    with running_postgres() as server:
        registry = Registry.open(server.database())
        row = registry.files.add(file())
        server.stop()
        with pytest.raises(StoreError) as caught:
            registry.files.page(MASTER)
        assert caught.value.code == "storage_unavailable"
        server.start()
        assert registry.files.page(MASTER).rows == (row,)
        registry.files.add(file())
        registry.close()
