"""
The ledger: the creation and the end of each batch, recorded once, by several threads and processes, and corrections.

    <home>/ledger.db     SQLite, one table; other programs may read it at any time
    <home>/ledger.lock   held by the process that is making or changing the table

Table ``events``, one row for each event; at most one ``created`` and one ``ended`` of each batch at an address. Where
``ended`` lacked prices or files, ``corrected`` follows as soon as more is known, any number of times. It has what is
*more* than the events before say, less than 0 where that was too much: counts, tokens and dollars of all events of a
batch add up to what is known now. Rows are added, and never changed.

    kind             TEXT     'created', 'ended' or 'corrected'
    address          TEXT     base URL of the provider; of the embedded one its folder
    batch_id         TEXT     the provider's
    provider         TEXT     'openai', 'local', …
    at               INTEGER  when it came about, Unix seconds, as the provider says; of 'corrected' when it was found
    created_at       INTEGER  when the batch was created, likewise
    booked_at        INTEGER  when the row was written, Unix seconds of this machine
    status           TEXT     of the batch then
    endpoint         TEXT     what its lines ask, '/v1/chat/completions'
    input_file_id    TEXT
    model            TEXT     where the provider tells, else NULL
    total, completed, failed                                      INTEGER  request counts
    input_tokens, cached_tokens, output_tokens, reasoning_tokens  INTEGER  of all models; NULL in 'created'
    cost             TEXT     US dollars, an exact decimal number; NULL in 'created', and where no price is known
    is_lower_bound   INTEGER  1 where prices or tokens are missing: it cost at least that; the last event's counts
    models           TEXT     JSON: [{"model", "requests", the four counts of tokens, "cost"}, …]; where there are some,
                              also "other_tokens", kind → count, and "is_lower_bound"
    metadata         TEXT     JSON: the batch's own
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs

from aikit.billing.corrections import correction, sum_of
from aikit.billing.ledger_table import COLUMNS, MIGRATIONS, event_of, row_of
from aikit.providers.addresses import is_account
from aikit.storage.database import Database
from aikit.storage.errors import StoreError, telling_faults
from aikit.storage.locks import take
from aikit.storage.private import make_private
from aikit.types.events import CORRECTED, CREATED, ENDED, OpenAIBatchEvent

T = TypeVar("T")

_NAMES: Final = ", ".join(COLUMNS)
_INSERT: Final = f"INSERT INTO events ({_NAMES}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608  constants
_OF_BATCH: Final = f"SELECT seq, {_NAMES} FROM events WHERE batch_id = ? ORDER BY seq"  # noqa: S608  constants
_PAGE: Final = 500
_PATIENCE_S: Final = 5.0
_IMPATIENCE_S: Final = 0.2
_SULK_S: Final = 60.0
_TRY_S: Final = 0.1
_PAUSE_S: Final = 0.02


@attrs.define(eq=False)
class Ledger:
    """
    The events of all batches of one home, for several threads and processes at once; nothing is touched before use.

    Attributes:
        home: Folder; made, for its owner only, when the first event is booked.

        clock: Unix seconds.
    """

    home: Path
    clock: Callable[[], float] = time.time
    _database: Database | None = attrs.field(default=None, init=False)
    _is_on: tuple[int, int] | None = attrs.field(default=None, init=False)
    _opening: Any = attrs.field(factory=threading.Lock, init=False)
    _impatient_until: float = attrs.field(default=0.0, init=False)

    @property
    def path(self) -> Path:
        """The SQLite file."""
        return self.home / "ledger.db"

    def events(
        self, *, batch_id: str | None = None, kind: str | None = None, since: int | None = None
    ) -> Iterator[OpenAIBatchEvent]:
        """
        Read the events in the order in which they were recorded.

        Args:
            batch_id: Only of that batch.

            kind: Only ``"created"``, ``"ended"`` or ``"corrected"``.

            since: Only what came about from then on, in Unix seconds.

        Raises:
            ValueError: *kind* is none of these.
            StoreError: The file cannot be read.
        """
        if kind not in {None, CREATED, ENDED, CORRECTED}:
            raise ValueError(f'kind must be "{CORRECTED}", "{CREATED}" or "{ENDED}", not {kind!r}')
        wanted = [("batch_id = ?", batch_id), ("kind = ?", kind), ("at >= ?", since)]
        conditions = ["seq > ?", *(condition for condition, value in wanted if value is not None)]
        values = [value for _, value in wanted if value is not None]
        query = f"SELECT seq, {_NAMES} FROM events WHERE {' AND '.join(conditions)} ORDER BY seq LIMIT {_PAGE}"  # noqa: S608  constants
        return self._pages(query, values)

    def knows(self, kind: str, address: str, batch_id: str) -> bool:
        """
        Return whether the ledger has that event.

        Raises:
            StoreError: The file cannot be read.
        """
        return kind in {event.kind for event in self.of_batch(address, batch_id)}

    def of_batch(self, address: str, batch_id: str) -> tuple[OpenAIBatchEvent, ...]:
        """
        Return the events of that batch of the account at *address*, in the order in which they were recorded.

        Raises:
            StoreError: The file cannot be read.
        """
        return self._of_account(address, self._rows(_OF_BATCH, [batch_id]))

    def record(self, *events: OpenAIBatchEvent) -> tuple[OpenAIBatchEvent, ...]:
        """
        Write those of *events* that are not in the ledger yet, all or none of them.

        Of an end that is there, what more is known now is written as a correction.

        Returns:
            Those that were written by this very call: of all threads and processes, one gets each event.

        Raises:
            StoreError: The disk is full or broken, or others have had the file for five seconds.
        """

        def insert() -> tuple[OpenAIBatchEvent, ...]:
            with self._open().writing() as connection:
                return tuple(found for event in events if (found := self._missing(connection, event)))

        return self._patiently(insert)

    def _missing(self, connection: Any, event: OpenAIBatchEvent) -> OpenAIBatchEvent | None:
        """
        Write *event*, or what more it tells than the events of its batch that are there; return what was written.
        """
        booked = self._of_account(event.address, connection.execute(_OF_BATCH, [event.batch_id]).fetchall())
        missing: OpenAIBatchEvent | None = event
        if event.kind in {other.kind for other in booked}:
            before = sum_of(booked)
            missing = None if event.kind != ENDED or before is None else correction(before, event)
        if missing is not None:
            connection.execute(_INSERT, row_of(missing))
        return missing

    def close(self) -> None:
        """
        Close the file; the next use opens it again.
        """
        if self._database is not None:
            self._database.close()

    def _pages(self, query: str, values: list[Any]) -> Iterator[OpenAIBatchEvent]:
        last = 0
        while rows := self._rows(query, [last, *values]):
            for row in rows:
                yield self._read(row)
            last = rows[-1][0]

    def _of_account(self, address: str, rows: list[tuple[Any, ...]]) -> tuple[OpenAIBatchEvent, ...]:
        return tuple(event for event in map(self._read, rows) if is_account(address, event.address))

    def _read(self, row: tuple[Any, ...]) -> OpenAIBatchEvent:
        try:
            return event_of(row[1:])
        except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
            message = f"event {row[0]} of the ledger {self.path} cannot be read: {error}; some other program wrote it"
            raise StoreError(message=message, code="storage_damaged") from error

    def _rows(self, query: str, values: list[Any]) -> list[tuple[Any, ...]]:
        """
        Return the rows of *query*; none, without making the file, where there is no file.
        """

        def read() -> list[tuple[Any, ...]]:
            if _identity(self.path) is None:
                return []
            with self._open().reading() as connection:
                return connection.execute(query, values).fetchall()

        return self._patiently(read)

    def _open(self) -> Database:
        """
        Return the database at *path*, opened anew where the file was moved away.
        """
        with self._opening:
            if self._database is None or self._is_on is None or self._is_on != _identity(self.path):
                make_private(self.home)
                self._database, self._is_on = Database(self.path, MIGRATIONS, _TRY_S), None
                lock = take(self.home / "ledger.lock")
                if lock is None:
                    raise self._busy()
                with lock:
                    self._database.migrate()
                self._is_on = _identity(self.path)
            return self._database

    def _patiently(self, work: Callable[[], T]) -> T:
        """
        Do *work*, for five seconds again while the file is locked; within a minute after a failure, for 0.2 seconds.

        Calls of the client wait behind it.
        """
        is_impatient = time.monotonic() < self._impatient_until
        ends_at = time.monotonic() + (_IMPATIENCE_S if is_impatient else _PATIENCE_S)
        while True:
            try:
                with self._telling_faults():
                    return work()
            except StoreError as error:
                if error.code != "storage_busy":
                    raise
                if time.monotonic() >= ends_at:
                    self._impatient_until = time.monotonic() + _SULK_S
                    raise self._busy() from error
            time.sleep(_PAUSE_S)

    def _busy(self) -> StoreError:
        return StoreError(
            message=f"another program keeps {self.path} locked; try again when it has ended", code="storage_busy"
        )

    @contextmanager
    def _telling_faults(self) -> Iterator[None]:
        try:
            with telling_faults(self.home):
                yield
        except StoreError as error:
            if error.code != "storage_damaged":
                raise
            message = f"the ledger {self.path} is damaged; move it away, and a new one is started"
            raise StoreError(message=message, code=error.code) from error


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino
