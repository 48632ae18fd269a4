"""
The ledger: the creation and the end of each batch, recorded once, by several threads and processes.

    <home>/ledger.db     SQLite, one table; other programs may read it at any time
    <home>/ledger.lock   held by the process that is making or changing the table

Table ``events``, one row for each event; at most one ``created`` and one ``ended`` of each batch at an address:

    kind             TEXT     'created' or 'ended'
    address          TEXT     base URL of the provider; of the embedded one its folder
    batch_id         TEXT     the provider's
    provider         TEXT     'openai', 'local', …
    at               INTEGER  when it came about, Unix seconds, as the provider says
    created_at       INTEGER  when the batch was created, likewise
    booked_at        INTEGER  when the row was written, Unix seconds of this machine
    status           TEXT     of the batch then
    endpoint         TEXT     what its lines ask, '/v1/chat/completions'
    input_file_id    TEXT
    model            TEXT     where the provider tells, else NULL
    total, completed, failed                                      INTEGER  request counts
    input_tokens, cached_tokens, output_tokens, reasoning_tokens  INTEGER  of all models; NULL in 'created'
    cost             TEXT     US dollars, an exact decimal number; NULL in 'created', and where no price is known
    is_lower_bound   INTEGER  1 where prices or tokens are missing: it cost at least that
    models           TEXT     JSON: [{"model", "requests", the four counts of tokens, "cost"}, …]; where there are some,
                              also "other_tokens", kind → count, and "is_lower_bound"
    metadata         TEXT     JSON: the batch's own
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs

from aikit.storage.database import Database
from aikit.storage.errors import StoreError, telling_faults
from aikit.storage.locks import take
from aikit.storage.private import make_private
from aikit.types.batches import OpenAIBatchRequestCounts
from aikit.types.costs import OpenAIModelCost
from aikit.types.events import CREATED, ENDED, OpenAIBatchEvent
from aikit.types.usage import Usage
from aikit.types.wire import NOTHING

T = TypeVar("T")

MIGRATIONS: Final = (
    (
        """
        CREATE TABLE events (
            seq INTEGER PRIMARY KEY,
            kind TEXT NOT NULL CHECK (kind IN ('created', 'ended')),
            address TEXT NOT NULL,
            batch_id TEXT NOT NULL,
            provider TEXT NOT NULL,
            at INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            booked_at INTEGER NOT NULL,
            status TEXT NOT NULL,
            endpoint TEXT NOT NULL,
            input_file_id TEXT NOT NULL,
            model TEXT,
            total INTEGER NOT NULL,
            completed INTEGER NOT NULL,
            failed INTEGER NOT NULL,
            input_tokens INTEGER,
            cached_tokens INTEGER,
            output_tokens INTEGER,
            reasoning_tokens INTEGER,
            cost TEXT,
            is_lower_bound INTEGER NOT NULL,
            models TEXT NOT NULL,
            metadata TEXT NOT NULL,
            UNIQUE (address, batch_id, kind)
        )
        """,
        "CREATE INDEX events_at ON events (at)",
    ),
)

_PLAIN: Final = (
    "kind",
    "address",
    "batch_id",
    "provider",
    "at",
    "created_at",
    "booked_at",
    "status",
    "endpoint",
    "input_file_id",
    "model",
)
_COUNTS: Final = ("total", "completed", "failed")
_TOKENS: Final = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
_COLUMNS: Final = (*_PLAIN, *_COUNTS, *_TOKENS, "cost", "is_lower_bound", "models", "metadata")
_NAMES: Final = ", ".join(_COLUMNS)
_INSERT: Final = (
    f"INSERT INTO events ({_NAMES}) VALUES ({', '.join('?' * len(_COLUMNS))}) "  # noqa: S608  constants
    "ON CONFLICT (address, batch_id, kind) DO NOTHING"
)
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

            kind: Only ``"created"`` or ``"ended"``.

            since: Only what came about from then on, in Unix seconds.

        Raises:
            ValueError: *kind* is neither.
            StoreError: The file cannot be read.
        """
        if kind not in {None, CREATED, ENDED}:
            raise ValueError(f'kind must be "{CREATED}" or "{ENDED}", not {kind!r}')
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
        query = "SELECT 1 FROM events WHERE address = ? AND batch_id = ? AND kind = ?"
        return bool(self._rows(query, [address, batch_id, kind]))

    def record(self, *events: OpenAIBatchEvent) -> tuple[OpenAIBatchEvent, ...]:
        """
        Write those of *events* that are not in the ledger yet, all or none of them.

        Returns:
            Those that were written by this very call: of all threads and processes, one gets each event.

        Raises:
            StoreError: The disk is full or broken, or others have had the file for five seconds.
        """

        def insert() -> tuple[OpenAIBatchEvent, ...]:
            with self._open().writing() as connection:
                return tuple(event for event in events if connection.execute(_INSERT, _row(event)).rowcount)

        return self._patiently(insert)

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

    def _read(self, row: tuple[Any, ...]) -> OpenAIBatchEvent:
        try:
            return _event(row[1:])
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
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


def _row(event: OpenAIBatchEvent) -> tuple[Any, ...]:
    return (
        *(_stored(getattr(event, name)) for name in _PLAIN),
        *(_stored(getattr(event.request_counts, name)) for name in _COUNTS),
        *(None if event.usage is None else _stored(getattr(event.usage, name)) for name in _TOKENS),
        _written(event.cost),
        event.is_lower_bound,
        json.dumps([_model_to_json(model) for model in event.models]),
        json.dumps(dict(event.metadata)),
    )


def _stored(value: Any) -> Any:
    """
    Return *value* as SQLite can store it: integers of 64 bits, text without lone surrogates.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return max(-(2**63), min(value, 2**63 - 1)) if isinstance(value, int) else value


def _event(row: tuple[Any, ...]) -> OpenAIBatchEvent:
    values = dict(zip(_COLUMNS, row, strict=True))
    tokens = {name: values[name] for name in _TOKENS}
    models = tuple(_model_from_json(model) for model in json.loads(values["models"]))
    others = sum((model.usage for model in models), Usage()).other_tokens
    return OpenAIBatchEvent(
        **{name: values[name] for name in _PLAIN},
        request_counts=OpenAIBatchRequestCounts(*(values[name] for name in _COUNTS)),
        usage=None if tokens["input_tokens"] is None else Usage(**tokens, other_tokens=others),
        cost=_decimal(values["cost"]),
        is_lower_bound=bool(values["is_lower_bound"]),
        models=models,
        metadata=json.loads(values["metadata"]),
    )


def _written(cost: Decimal | None) -> str | None:
    """
    Return *cost* as text without an exponent.
    """
    return None if cost is None else f"{cost:f}"


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _model_to_json(model: OpenAIModelCost) -> dict[str, Any]:
    tokens = {name: getattr(model.usage, name) for name in _TOKENS}
    return {
        "model": model.model,
        "requests": model.requests,
        **tokens,
        "cost": _written(model.cost),
        **({"other_tokens": dict(model.usage.other_tokens)} if model.usage.other_tokens else {}),
        **({"is_lower_bound": True} if model.is_lower_bound else {}),
    }


def _model_from_json(data: dict[str, Any]) -> OpenAIModelCost:
    usage = Usage(**{name: data[name] for name in _TOKENS}, other_tokens=data.get("other_tokens") or NOTHING)
    return OpenAIModelCost(
        model=data["model"],
        requests=data["requests"],
        usage=usage,
        cost=_decimal(data["cost"]),
        is_lower_bound=data.get("is_lower_bound", False),
    )
