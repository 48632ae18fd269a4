"""
Keys: who they are, what they may do, and what they spent.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final, Literal

import attrs
from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from aikit.gateway.registry.cache import Cache
from aikit.gateway.registry.columns import cleaned_money, is_fit
from aikit.gateway.registry.database import Database
from aikit.gateway.registry.errors import DuplicateError
from aikit.gateway.registry.paging import Order, read_page, values_of
from aikit.gateway.registry.periods import next_reset
from aikit.gateway.registry.rows import KeyRow, Page, SpendRow
from aikit.gateway.registry.schema import KEYS

_HASH: Final = re.compile("[0-9a-f]{64}", re.ASCII)
_CHANGING: Final = {field.name for field in attrs.fields(KeyRow)} - {"token", "hash", "key_name", "created_at"}


def hash_of(presented: str) -> str:
    """
    Return the SHA-256 of a key, as LiteLLM stores it.
    """
    return hashlib.sha256(presented.encode("utf-8", "surrogatepass")).hexdigest()


def masked(key: str) -> str:
    """
    Return *key* as it may be shown.
    """
    return f"sk-...{key[-4:]}" if len(key) >= 16 else "sk-..."


@attrs.define(eq=False)
class Keys:
    """
    The table of keys.
    """

    database: Database
    clock: Callable[[], float] = time.time
    _cache: Cache[KeyRow | Literal[False]] = attrs.field(factory=Cache, init=False)  # False: there is none

    def by_key(self, presented: str) -> KeyRow | None:
        """
        Return the key that is *presented*, also if it is blocked or has expired: see its fields; ``None`` for no key.

        What another gateway changes shows within a second. What was spent counts from the begin of the present period.
        """
        wanted = hash_of(presented)
        row = self._cache.fetch(wanted, lambda: self._read(wanted) or False)
        return row if row and hmac.compare_digest(row.hash, wanted) else None

    def is_unknown(self, presented: str) -> bool:
        """
        Return whether `by_key` found no such key within the last second; fit to be called where nothing may wait.
        """
        return self._cache.get(hash_of(presented)) is False

    def cached(self, presented: str) -> KeyRow | None:
        """
        Return what `by_key` would, if that needs no database: fit to be called where nothing may wait.
        """
        return self._cache.get(hash_of(presented)) or None

    def find(self, name: str) -> KeyRow | None:
        """
        Return the key that *name* tells: the key itself, its hash, its token or its alias.
        """
        if not is_fit(name):
            return None
        digest = name if _HASH.fullmatch(name) else hash_of(name)
        for condition in (KEYS.c.hash == digest, KEYS.c.token == digest, KEYS.c.alias == name):
            if (row := self._first(condition)) is not None:
                return row
        return None

    def add(self, row: KeyRow) -> KeyRow:
        """
        Store *row*; where it has a period of budget, that begins now.

        Raises:
            DuplicateError: The key or its alias is there already.
            UnfitValueError: A value that cannot be stored.
            ValueError: *budget_duration* is no period.
        """
        row = attrs.evolve(row, created_at=row.created_at or self.clock())
        if row.budget_duration is not None and row.budget_reset_at is None:
            row = attrs.evolve(row, budget_reset_at=self._reset(row.budget_duration))
        with self._refusing_twins(), self.database.writing() as connection:
            connection.execute(insert(KEYS), attrs.asdict(row, recurse=False))
        self.forget()
        return row

    def update(self, token: str, **changes: Any) -> KeyRow | None:
        """
        Change fields of a key; return it as it is then, ``None`` where there is none.

        Raises:
            DuplicateError: Another key has that alias.
            UnfitValueError: A value that cannot be stored.
            TypeError: A field that is none, or does not change.
            ValueError: *budget_duration* is no period.
        """
        return self.edit(token, lambda _: changes)

    def edit(self, token: str, changes_of: Callable[[KeyRow], Mapping[str, Any]]) -> KeyRow | None:
        """
        Do as `update` with what *changes_of* returns for the key as it is now; meanwhile no one else changes it.
        """
        return self._change(token, lambda row: self._checked(changes_of(row)))

    def _checked(self, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        if fixed := set(changes) - _CHANGING:
            raise TypeError(f"a key's {', '.join(sorted(fixed))} cannot be changed")
        if "budget_duration" in changes and "budget_reset_at" not in changes:
            duration = changes["budget_duration"]
            return {**changes, "budget_reset_at": None if duration is None else self._reset(duration)}
        return changes

    def block(self, token: str, *, blocked: bool = True) -> KeyRow | None:
        """
        Let the key open nothing any more, or let it open again.
        """
        return self._change(token, lambda _: {"blocked": blocked})

    def regenerate(self, token: str, *, key: str, **changes: Any) -> KeyRow | None:
        """
        Let *key* stand for what *token* is from now on; the key before opens nothing any more.

        Raises:
            DuplicateError: That key is there already.
        """
        return self._change(token, lambda _: {**changes, "hash": hash_of(key), "key_name": masked(key)})

    @contextmanager
    def _refusing_twins(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError as error:
            raise DuplicateError("a key with this value or this alias is there already; choose another") from error

    def remove(self, token: str) -> bool:
        """
        Delete the key; what it made stays, for the master key to see. Return whether this call did.
        """
        if not is_fit(token):
            return False
        with self.database.writing() as connection:
            removed = connection.execute(delete(KEYS).where(KEYS.c.token == token)).rowcount
        self.forget()
        return bool(removed)

    def page(self, *, after: str | None = None, limit: int = 100, order: Order = "desc") -> Page[KeyRow]:
        """
        Return a part of all keys, by the time of their creation.

        Raises:
            UnknownCursorError: *after* is no token of a key.
        """
        keys = select(KEYS)
        with self.database.reading() as connection:
            rows, has_more = read_page(connection, keys, after=after, limit=limit, order=order, name="token")
        return Page(rows=tuple(self._fresh(row) for row in rows), has_more=has_more)

    def listed(self, *, limit: int, offset: int = 0, **wanted: str | None) -> tuple[tuple[KeyRow, ...], int]:
        """
        Return some keys, the newest first, and how many there are in all.

        Args:
            limit: How many.

            offset: How many are left out before them.

            wanted: Column → the value that it must have; ``None`` for any.
        """
        if not all(is_fit(value) for value in wanted.values() if value is not None):
            return (), 0
        conditions = [KEYS.c[name] == value for name, value in wanted.items() if value is not None]
        query = select(KEYS).where(*conditions).order_by(KEYS.c.created_at.desc(), KEYS.c.seq.desc())
        with self.database.reading() as connection:
            total = connection.execute(select(func.count()).select_from(KEYS).where(*conditions)).scalar_one()
            rows = connection.execute(query.limit(limit).offset(offset)).all()
        return tuple(self._fresh(row) for row in rows), total

    def _read(self, digest: str) -> KeyRow | None:
        return self._first(KEYS.c.hash == digest)

    def _first(self, condition: Any) -> KeyRow | None:
        with self.database.reading() as connection:
            row = connection.execute(select(KEYS).where(condition)).first()
        return None if row is None else self._fresh(row)

    def _fresh(self, row: Row[Any]) -> KeyRow:
        return begun_anew(KeyRow(**values_of(row)), self.clock())

    def _change(self, token: str, changes_of: Callable[[KeyRow], Mapping[str, Any]]) -> KeyRow | None:
        if not is_fit(token):
            return None
        query = select(KEYS).where(KEYS.c.token == token)
        with self._refusing_twins(), self.database.writing() as connection:
            row = connection.execute(query.with_for_update()).first()
            if row is not None:
                now = self._fresh(row)
                values = {"spend": now.spend, "budget_reset_at": now.budget_reset_at, **changes_of(now)}
                connection.execute(update(KEYS).where(KEYS.c.token == token).values(**values))
                row = connection.execute(query).one()
        self.forget()
        return None if row is None else self._fresh(row)

    def _reset(self, duration: str) -> float:
        now = self.clock()
        return next_reset(duration, now, now)

    def forget(self) -> None:
        """
        Read all keys anew, after something was booked.
        """
        self._cache.clear()


def begun_anew(row: KeyRow, now: float) -> KeyRow:
    """
    Return *row* in the period of its budget that *now* is in: nothing was spent yet in one that has just begun.
    """
    if row.budget_duration is None or row.budget_reset_at is None or now < row.budget_reset_at:
        return row
    reset = next_reset(row.budget_duration, row.budget_reset_at, now)
    return attrs.evolve(row, spend=Decimal(0), budget_reset_at=reset)


def budget_left(connection: Connection, token: str | None, now: float) -> Decimal | None:
    """
    Return what a key may still spend in its present period, and lock its row; ``None`` where it has no budget.
    """
    row = connection.execute(select(KEYS).where(KEYS.c.token == token).with_for_update()).first()
    if row is None:
        return None
    key = begun_anew(KeyRow(**values_of(row)), now)
    return None if key.max_budget is None else key.max_budget - key.spend


def of_owner(connection: Connection, spend: SpendRow) -> SpendRow:
    """
    Return *spend* with user and team of its key, where it names none.
    """
    query = select(KEYS.c.user_id, KEYS.c.team_id).where(KEYS.c.token == spend.token)
    user_id, team_id = connection.execute(query).one_or_none() or (None, None)
    return attrs.evolve(spend, user_id=spend.user_id or user_id, team_id=spend.team_id or team_id)


def charge(connection: Connection, token: str | None, cost: Decimal | None, now: float) -> None:
    """
    Add *cost* to what the key has spent in its present period, which begins anew if it is over.
    """
    cost = cleaned_money(cost)
    if token is None or cost is None:
        return
    row = connection.execute(select(KEYS).where(KEYS.c.token == token).with_for_update()).first()
    if row is None:
        return
    key = begun_anew(KeyRow(**values_of(row)), now)
    spend = cleaned_money(key.spend + cost)
    values = {"spend": spend, "budget_reset_at": key.budget_reset_at}
    connection.execute(update(KEYS).where(KEYS.c.token == token).values(values))
