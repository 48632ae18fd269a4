"""
Batches: where they run, what became of them, who looks after them, and that each is booked once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import attrs
from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, delete, func, insert, not_, or_, select, update
from sqlalchemy.exc import IntegrityError

from aikit.gateway.registry.cache import Cache
from aikit.gateway.registry.columns import cleaned_money, is_fit, summed, sums_of
from aikit.gateway.registry.database import Database
from aikit.gateway.registry.keys import Keys, budget_left, charge, of_owner
from aikit.gateway.registry.paging import Order, owned, read_page, values_of
from aikit.gateway.registry.rows import BatchRow, Held, Page, SpendRow
from aikit.gateway.registry.schema import BATCHES, SPEND, SPEND_MODELS
from aikit.gateway.registry.spend import insert_correction, insert_spend
from aikit.gateway.values import Principal

ENDED: Final = ("completed", "failed", "expired", "cancelled")
_CHANGING: Final = frozenset(
    ("upstream_id", "output_file_id", "error_file_id", "status", "body", "facts", "intent", "estimate", "next_poll_at")
)

_BY_ID: Final = select(BATCHES).where(BATCHES.c.id == bindparam("id"))


@attrs.define(eq=False)
class Batches:
    """
    The table of batches.

    Who looks after a batch has a lease with a number, its fence, which grows with each lease: what is written under an
    older number, or booked after the lease is over, is refused.
    """

    database: Database
    keys: Keys
    clock: Callable[[], float] = time.time
    _cache: Cache[BatchRow] = attrs.field(factory=Cache, init=False)

    def add(self, row: BatchRow) -> None:
        """
        Store *row*; it is stored before the provider is asked, so that no batch is lost.

        Raises:
            UnfitValueError: A value that cannot be stored.
        """
        with self.database.writing() as connection:
            connection.execute(insert(BATCHES), attrs.asdict(row, recurse=False))

    def hold(self, row: BatchRow) -> Held:
        """
        Store *row* if the budget of its owner's key has room for its estimate beside those of all that is not booked.

        Of two batches with the same intent, the second is not stored.

        Raises:
            UnfitValueError: A value that cannot be stored.
        """
        try:
            with self.database.writing() as connection:
                return self._hold(connection, row)
        except IntegrityError:  # on PostgreSQL another process was as quick
            with self.database.writing() as connection:
                return self._hold(connection, row)

    def remove(self, batch_id: str) -> bool:
        """
        Forget a batch that the provider never created; return whether there was one.
        """
        with self.database.writing() as connection:
            query = delete(BATCHES).where(BATCHES.c.id == batch_id, BATCHES.c.upstream_id.is_(None))
            removed = connection.execute(query).rowcount
        self._cache.forget(batch_id)
        return bool(removed)

    def take_back(self, by: str, deployments: Iterable[str]) -> None:
        """
        End the leases of a process that was killed and begins again as *by*, and make due what runs at *deployments*.
        """
        mine, here = BATCHES.c.leased_by == by, BATCHES.c.deployment.in_(list(deployments))
        runs = and_(BATCHES.c.next_poll_at.is_not(None), here)
        all_of_them = select(BATCHES.c.seq).where(or_(mine, runs)).order_by(BATCHES.c.seq).with_for_update()
        with self.database.writing() as connection:
            connection.execute(all_of_them)  # in one order, so that none of several waits in a circle
            connection.execute(update(BATCHES).where(mine).values(leased_until=None))
            connection.execute(update(BATCHES).where(runs).values(next_poll_at=self.clock()))

    def heal(self, now: float, *, due_by: float, leased_by: float) -> None:
        """
        Make due now what would be due after *due_by*, and have all leases end by *leased_by*.
        """
        late, long = BATCHES.c.next_poll_at > due_by, BATCHES.c.leased_until > leased_by
        found = select(BATCHES.c.seq).where(or_(late, long)).order_by(BATCHES.c.seq).with_for_update()
        with self.database.writing() as connection:
            connection.execute(found)
            connection.execute(update(BATCHES).where(late).values(next_poll_at=now))
            connection.execute(update(BATCHES).where(long).values(leased_until=leased_by))

    def hurry(self, ids: Iterable[str], now: float) -> None:
        """
        Make batches due that would be later.
        """
        later = select(BATCHES.c.seq).where(BATCHES.c.id.in_(list(ids)), BATCHES.c.next_poll_at > now)
        with self.database.writing() as connection:  # it waits for no other, which might wait for this one
            found = list(connection.execute(later.with_for_update(skip_locked=True)).scalars())
            connection.execute(update(BATCHES).where(BATCHES.c.seq.in_(found)).values(next_poll_at=now))

    def get(self, batch_id: str, principal: Principal) -> BatchRow | None:
        """
        Return the batch with that id; ``None`` where there is none, or it belongs to another key.
        """
        row = self._cache.fetch(batch_id, lambda: self._read(batch_id))
        return row if row is not None and (principal.is_admin or row.owner == principal.token) else None

    def page(
        self,
        principal: Principal,
        *,
        after: str | None = None,
        limit: int = 20,
        order: Order = "desc",
        deployments: Collection[str] | None = None,
    ) -> Page[BatchRow]:
        """
        Return a part of the batches of *principal* that are known to exist, by the time of their creation.

        They are those at some *deployments*, or all.

        Raises:
            UnknownCursorError: *after* is no id of a batch of *principal*.
        """
        wanted: list[ColumnElement[bool]] = [BATCHES.c.upstream_id.is_not(None)]
        wanted += [] if deployments is None else [BATCHES.c.deployment.in_(list(deployments))]
        with self.database.reading() as connection:
            rows, has_more = read_page(
                connection, owned(BATCHES, principal), *wanted, after=after, limit=limit, order=order
            )
        return Page(rows=tuple(_batch(row) for row in rows), has_more=has_more)

    def update(self, batch_id: str, *, fence: int | None = None, **changes: Any) -> BatchRow | None:
        """
        Change what is known of a batch; one that is over stays so, whatever an older answer says of its status.

        Args:
            batch_id: Of the batch.

            fence: Number of the lease; with *next_poll_at* the lease is given back.

            changes: Fields and their values; what was booked is changed by `book` and `correct` only.

        Returns:
            The batch as it is then; ``None`` where there is none, or another has the lease.

        Raises:
            TypeError: A field that does not change.
            UnfitValueError: A value that cannot be stored.
        """
        if unknown := set(changes) - _CHANGING:
            raise TypeError(f"{', '.join(sorted(unknown))} of a batch cannot be changed")
        if not is_fit(batch_id):
            return None
        with self.database.writing() as connection:
            row = self._locked(connection, batch_id, fence)
            if row is not None and (values := _changed(row, changes, fence)):
                connection.execute(update(BATCHES).where(BATCHES.c.id == batch_id).values(**values))
                row = attrs.evolve(row, **values)
        self._cache.forget(batch_id)
        return row

    def due(self, now: float, limit: int, lease_s: float, by: str) -> tuple[BatchRow, ...]:
        """
        Lease at most *limit* batches that are to be looked after now and that nobody has a lease of, longest due first.

        Args:
            now: Seconds since 1970.

            limit: How many.

            lease_s: For how long; whoever needs longer calls `renew`.

            by: Who, for people who look into the database.
        """
        is_free = or_(BATCHES.c.leased_until.is_(None), BATCHES.c.leased_until <= now)
        due = select(BATCHES.c.seq).where(BATCHES.c.next_poll_at <= now, is_free)
        with self.database.writing() as connection:
            query = due.order_by(BATCHES.c.next_poll_at).limit(limit).with_for_update(skip_locked=True)
            found = list(connection.execute(query).scalars())
            if not found:
                return ()
            leased = update(BATCHES).where(BATCHES.c.seq.in_(found))
            values = {"leased_until": now + lease_s, "leased_by": by, "fence": BATCHES.c.fence + 1}
            rows = connection.execute(leased.values(values).returning(BATCHES)).all()
        return tuple(sorted((_batch(row) for row in rows), key=lambda row: row.next_poll_at or 0.0))

    def renew(self, batch_id: str, fence: int, until: float) -> bool:
        """
        Keep the lease *fence* until then; return whether it is still the newest.
        """
        query = update(BATCHES).where(BATCHES.c.id == batch_id, BATCHES.c.fence == fence)
        with self.database.writing() as connection:
            return bool(connection.execute(query.values(leased_until=until)).rowcount)

    def book(
        self, batch_id: str, spend: SpendRow, *, fence: int | None = None, body: Mapping[str, Any] | None = None
    ) -> bool:
        """
        Book the end of a batch: its spend, its cost, and what its owner's key has spent, all or nothing, and once.

        Args:
            batch_id: Of the batch.

            spend: What it cost; its *token* and *batch_id* are set to the batch's, user and team to its key's.

            fence: Number of the lease under which it was counted; ``None`` where no lease is needed.

            body: The object of the batch as it is kept then.

        Returns:
            Whether this call booked it: of all threads and processes, one does.
        """
        if not is_fit(batch_id):
            return False
        with self.database.writing() as connection:
            row = self._locked(connection, batch_id, fence)
            if row is None or row.is_booked or (fence is not None and self._is_over(row)):
                return False
            spend = of_owner(connection, attrs.evolve(spend, batch_id=batch_id, token=row.owner, number=0))
            insert_spend(connection, attrs.evolve(spend, booked_at=spend.booked_at or self.clock()))
            values = {"is_booked": True, "cost": cleaned_money(spend.cost), "next_poll_at": None, "leased_until": None}
            changes = values | ({} if body is None else {"body": body})
            connection.execute(update(BATCHES).where(BATCHES.c.id == batch_id).values(**changes))
            charge(connection, row.owner, spend.cost, self.clock())
        self._cache.forget(batch_id)
        self.keys.forget()
        return True

    def correct(
        self,
        batch_id: str,
        spend: SpendRow,
        *,
        body: Mapping[str, Any] | None = None,
        before: Mapping[str, Any] | None = None,
    ) -> bool:
        """
        Book by how much *spend*, which is truer, differs from what is booked; what is booked stays as it is.

        Args:
            batch_id: Of the batch.

            spend: What it cost.

            body: The object of the batch as it is kept then.

            before: As it was when *spend* was counted: where it is another by now, nothing is done.

        Returns:
            Whether there was a difference. A cost that is unknown now corrects none that was known.
        """
        with self.database.writing() as connection:
            row = self._locked(connection, batch_id, None)
            if row is None or not row.is_booked or (before is not None and row.body != before):
                return False
            spend = attrs.evolve(spend, batch_id=batch_id, token=row.owner)
            difference = insert_correction(connection, attrs.evolve(spend, booked_at=spend.booked_at or self.clock()))
            if difference is None:
                return False
            known = cleaned_money(row.cost if spend.cost is None else spend.cost)
            changes = {"cost": known} | ({} if body is None else {"body": body})
            connection.execute(update(BATCHES).where(BATCHES.c.id == batch_id).values(**changes))
            charge(connection, row.owner, difference.cost, self.clock())
        self._cache.forget(batch_id)
        self.keys.forget()
        return True

    def unpriced(self, *, since: float, after: int = 0, limit: int = 500) -> tuple[tuple[BatchRow, ...], int]:
        """
        Look at *limit* bookings made *since* then, and return their batches that lack the price of some model.

        Returns:
            The batches, perhaps none, in the order of their bookings; and the *after* of the next call, the same if
            there are no more bookings.
        """
        query = select(SPEND.c.seq, SPEND.c.batch_id).where(SPEND.c.seq > after, SPEND.c.number == 0)
        query = query.where(SPEND.c.booked_at >= since).order_by(SPEND.c.seq).limit(limit)
        every = select(SPEND.c.batch_id).join(SPEND_MODELS, SPEND_MODELS.c.spend_seq == SPEND.c.seq)
        with self.database.reading() as connection:
            found = {batch_id: seq for seq, batch_id in connection.execute(query)}
            lacking = every.where(SPEND.c.batch_id.in_(found)).group_by(SPEND.c.batch_id)
            ids = list(connection.execute(lacking.having(func.sum(SPEND_MODELS.c.unpriced) > 0)).scalars())
            rows = connection.execute(select(BATCHES).where(BATCHES.c.id.in_(ids)))
            batches = sorted(map(_batch, rows), key=lambda row: found[row.id])
        return tuple(batches), max(found.values(), default=after)

    def open_estimates(self, token: str | None) -> Decimal:
        """
        Return what the batches of a key that are not booked yet may cost together.
        """
        with self.database.reading() as connection:
            return _open_estimates(connection, token)

    def _hold(self, connection: Connection, row: BatchRow) -> Held:
        # the key's row is locked first, so that of two that are held at once one waits for the other
        left = budget_left(connection, row.owner, self.clock())
        same = select(BATCHES).where(BATCHES.c.intent == row.intent, BATCHES.c.intent.is_not(None))
        known = connection.execute(same).first()
        if known is not None:
            return Held(row=_batch(known))
        if left is not None:
            left -= _open_estimates(connection, row.owner)
            if left <= 0 or (row.estimate or 0) > left:
                return Held(row=row, left=left)
        connection.execute(insert(BATCHES), attrs.asdict(row, recurse=False))
        return Held(row=row)

    def _is_over(self, row: BatchRow) -> bool:
        return row.leased_until is None or row.leased_until <= self.clock()

    def _read(self, batch_id: str) -> BatchRow | None:
        if not is_fit(batch_id):
            return None
        with self.database.reading() as connection:
            row = connection.execute(_BY_ID, {"id": batch_id}).first()
        return None if row is None else _batch(row)

    @staticmethod
    def _locked(connection: Connection, batch_id: str, fence: int | None) -> BatchRow | None:
        """
        Return the batch, which no other transaction changes then, unless another has the lease.
        """
        found = connection.execute(select(BATCHES).where(BATCHES.c.id == batch_id).with_for_update()).first()
        row = None if found is None else _batch(found)
        return row if row is not None and fence in {None, row.fence} else None


def _changed(row: BatchRow, changes: Mapping[str, Any], fence: int | None) -> dict[str, Any]:
    """
    Return those of *changes* that may be made: what is over, or booked, does not begin again.
    """
    values = dict(changes)
    if row.status in ENDED and values.get("status", row.status) not in ENDED:
        for name in ("status", "body"):
            values.pop(name, None)
    if row.is_booked:
        for name in ("status", "body", "next_poll_at"):
            values.pop(name, None)
    if fence is not None and "next_poll_at" in values:
        values["leased_until"] = None
    return values


def _open_estimates(connection: Connection, token: str | None) -> Decimal:
    query = select(*sums_of(BATCHES.c.estimate)).where(not_(BATCHES.c.is_booked), BATCHES.c.owner == token)
    return summed(*connection.execute(query).one()) or Decimal(0)


def _batch(row: Row[Any]) -> BatchRow:
    return BatchRow(**values_of(row))
