"""
The database: its connections, transactions and versions; SQLite or PostgreSQL.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import attrs
from sqlalchemy import (
    URL,
    Column,
    Connection,
    Engine,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    create_engine,
    event,
    inspect,
    make_url,
    text,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from aikit.gateway.registry.errors import UnfitValueError
from aikit.gateway.registry.schema import FILES, HEAD, METADATA, SCHEMA, VERSIONS, for_postgresql
from aikit.storage.errors import StoreError, telling_faults
from aikit.storage.locks import locked
from aikit.storage.private import create_private, make_private

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

_PATIENCE_S: Final = 30
_CONNECTIONS: Final = 8
_MORE: Final = 24  # while many threads are busy at once
_LOCK: Final = 0x61696B6974  # "aikit", among PostgreSQL's advisory locks
_PRAGMAS: Final = (f"busy_timeout = {_PATIENCE_S * 1000}", "foreign_keys = ON", "cache_size = -512")
# What Prisma, and so LiteLLM, writes into the address of a database, and psycopg does not know.
_PRISMAS: Final = frozenset(
    ("schema", "connection_limit", "pool_timeout", "pgbouncer", "socket_timeout", "statement_cache_size")
)


@attrs.define(eq=False)
class Database:
    """
    A database that several threads and processes share.

    On SQLite one thread of this process writes at a time, behind ``_writing``; for other processes SQLite waits.
    No code of a caller runs under it.
    """

    engine: Engine
    path: Path | None
    _writer: Engine = attrs.field(init=False)
    _writing: Any = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._writer = self.engine.execution_options(is_write=True)
        self._writing = threading.Semaphore(_CONNECTIONS + _MORE if self.path is None else 1)

    @classmethod
    def open(cls, url: str) -> Database:
        """
        Open the database at *url*, and bring it to the schema of this version; it is made where there is none.

        Raises:
            ValueError: *url* is no address of a database of these two kinds, or needs a library that is not there.
            StoreError: It cannot be reached or read, or a newer aikit wrote it.
        """
        database = _opened(url)
        try:
            database.migrate()
        except BaseException:
            database.close()
            raise
        return database

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """
        Lend a connection for queries that see one state.
        """
        with self._telling_faults(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """
        Lend a connection inside a transaction; it is undone when an error leaves the block.
        """
        with self._telling_faults(), self._turn(), self._writer.begin() as connection:
            yield connection

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """
        Return an insert that knows ``ON CONFLICT``.
        """
        dialect = import_module(f"sqlalchemy.dialects.{self.engine.dialect.name}")  # of PostgreSQL it takes 3 MiB
        insert: sqlite.Insert | postgresql.Insert = dialect.insert(table)
        return insert

    def migrate(self) -> None:
        """
        Bring the schema to `HEAD`; of several processes that start at once, one does it and the others wait.
        """
        with self._telling_faults():
            if self.path is None:
                self._upgrade_if_old()
                return
            with telling_faults(self.path.parent):
                make_private(self.path.parent)
                create_private(self.path)  # what SQLite makes beside it, it makes with the same mode
                with locked(self.path.with_name(f"{self.path.name}.lock")):
                    self._upgrade_if_old()

    def ping(self) -> None:
        """
        Ask the database for nothing, to see that it answers.
        """
        with self.reading() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """
        Close all connections that rest.
        """
        self.engine.dispose()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """
        Wait until no other thread of this process writes, where one may at a time.
        """
        if not self._writing.acquire(timeout=_PATIENCE_S):
            raise StoreError(message="others have been writing for too long; try again", code="storage_busy")
        try:
            yield
        finally:
            self._writing.release()

    def _upgrade_if_old(self) -> None:
        if self.path is not None:
            with self.engine.connect() as connection:
                connection.connection.cursor().execute("PRAGMA journal_mode = WAL")
        if _version(self.engine) != HEAD:
            self._upgrade()

    def _upgrade(self) -> None:
        """
        Carry out the versions that are missing; in an empty database make the tables at once.
        """
        with self._writer.begin() as connection:
            if self.path is None:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
                if not inspect(connection).has_schema(SCHEMA):  # it may have been made for a user who may make none
                    connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
                connection.execute(text(f"SET LOCAL search_path TO {SCHEMA}"))
            schema = None if self.path is not None else SCHEMA
            if any(inspect(connection).has_table(name, schema=schema) for name in (VERSIONS, FILES.name)):
                upgrade = import_module("aikit.gateway.registry.upgrade")  # loads Alembic, which few starts need
                upgrade.upgrade(connection, str(self.path or self.engine.url.render_as_string()))
            else:
                _make(connection)

    @contextmanager
    def _telling_faults(self) -> Iterator[None]:
        """
        Turn errors of the database into a `StoreError` that says what to do; refusals and conflicts go through.
        """
        try:
            yield
        except IntegrityError:
            raise
        except PoolTimeoutError as error:
            raise StoreError(
                message="all connections to the database are in use; try again", code="storage_busy"
            ) from error
        except StatementError as error:
            if isinstance(error.orig, UnfitValueError):
                raise error.orig from None
            self._tell(error)
        except SQLAlchemyError as error:
            self._tell(error)

    def _tell(self, error: SQLAlchemyError) -> NoReturn:
        cause = error.orig if isinstance(error, DBAPIError) else None
        if self.path is not None and cause is not None:
            with telling_faults(self.path.parent):
                raise cause from error
        where = self.engine.url.render_as_string(hide_password=True)
        reason = " ".join(str(cause or error).split())
        raise StoreError(
            message=f"the database {where} cannot be used: {reason}; check that it runs, and its address",
            code="storage_unavailable",
        ) from error


def _opened(url: str) -> Database:
    address = _address(url)
    if address.get_backend_name() != "sqlite":
        return _postgresql(postgres_address(url))
    if not address.database or address.database == ":memory:":
        raise ValueError("the gateway needs an SQLite file: sqlite:////path/to/gateway.db")
    return _sqlite(Path(address.database))


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except (SQLAlchemyError, ValueError) as error:
        raise ValueError(f"the address of the database cannot be read: {type(error).__name__}") from None
    if address.drivername.partition("+")[0] not in {"sqlite", "postgresql", "postgres"}:
        raise ValueError("databases are sqlite:///PATH and postgresql://USER:PASSWORD@HOST/NAME")
    return address


def postgres_address(url: str) -> URL:
    """
    Return *url* as psycopg understands it.

    Raises:
        ValueError: It is no address of a PostgreSQL database.
    """
    address = _address(url)
    if address.drivername.startswith("sqlite"):
        raise ValueError("an address such as postgresql://USER:PASSWORD@HOST/NAME is needed")
    query = {name: value for name, value in address.query.items() if name not in _PRISMAS}
    return address.set(drivername="postgresql+psycopg", query=query)


def _sqlite(path: Path) -> Database:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": _PATIENCE_S, "check_same_thread": False, "isolation_level": None},
        pool_size=_CONNECTIONS,
        max_overflow=_MORE,
        hide_parameters=True,
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return Database(engine=engine, path=path)


def _postgresql(address: URL) -> Database:
    for_postgresql()
    options: Mapping[str, Any] = {"connect_timeout": 10, "prepare_threshold": None, "client_encoding": "utf8"}
    try:
        engine = create_engine(
            address,
            connect_args=dict(options),
            pool_size=_CONNECTIONS,
            max_overflow=_MORE,
            pool_pre_ping=True,
            hide_parameters=True,
            execution_options={"schema_translate_map": {None: SCHEMA}},
        )
    except ModuleNotFoundError as error:
        raise ValueError("PostgreSQL needs psycopg: pip install 'aikit-client[gateway,postgres]'") from error
    return Database(engine=engine, path=None)


def _make(connection: Connection) -> None:
    """
    Make the tables of the newest version, and that of versions as Alembic has it.
    """
    versions = Table(VERSIONS, MetaData(), Column("version_num", String(32), nullable=False))
    versions.append_constraint(PrimaryKeyConstraint("version_num", name=f"{VERSIONS}_pkc"))
    METADATA.create_all(connection, checkfirst=False)
    versions.create(connection)
    connection.execute(versions.insert().values(version_num=HEAD))


def _prepare(connection: Any, _record: Any) -> None:
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").close()
    except BaseException:
        connection.close()  # which the pool, that does not have it yet, would not
        raise


def _begin(connection: Connection) -> None:
    """
    Begin a transaction that writes by taking the lock at once: one that reads first could not wait for it later.
    """
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("is_write") else "BEGIN")


def _version(engine: Engine) -> str | None:
    schema = None if engine.dialect.name == "sqlite" else SCHEMA
    with engine.connect() as connection:
        if not inspect(connection).has_table(VERSIONS, schema=schema):
            return None
        table = VERSIONS if schema is None else f"{schema}.{VERSIONS}"
        return connection.execute(text(f"SELECT version_num FROM {table}")).scalar()  # noqa: S608  constants
