"""
What was spent: a row for each batch, rows that correct it, and sums over them.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, Literal

import attrs
from sqlalchemy import BigInteger, ColumnElement, Connection, Row, Select, case, func, insert, select, type_coerce
from sqlalchemy.exc import IntegrityError

from aikit.gateway.registry.columns import cleaned_count, cleaned_money, cleaned_text, is_fit, summed, sums_of
from aikit.gateway.registry.database import Database
from aikit.gateway.registry.paging import values_of
from aikit.gateway.registry.rows import ModelSpend, SpendRow, Total
from aikit.gateway.registry.schema import SPEND, SPEND_MODELS, SPEND_TAGS

By = Literal["key", "model", "tag"]

_MOST: Final = 1000
_COUNTS: Final = ("requests", "prompt_tokens", "completion_tokens")
_SUMMED: Final = ("unpriced", *_COUNTS)


@attrs.define(eq=False)
class Spend:
    """
    The tables of what was spent.
    """

    database: Database

    def logs(
        self,
        *,
        request_id: str | None = None,
        token: str | None = None,
        user_id: str | None = None,
        start: float | None = None,
        end: float | None = None,
        limit: int = _MOST,
        offset: int = 0,
    ) -> tuple[SpendRow, ...]:
        """
        Return bookings and corrections, newest first.

        Args:
            request_id: Only of that booking and its corrections.

            token: Only of that key.

            user_id: Only of that user: the key's, or the one for whom the caller said that it was.

            start: Only what was booked from then on, in seconds since 1970.

            end: Only what was booked before then.

            limit: How many.

            offset: How many are left out before them.
        """
        conditions = _wanted(request_id=request_id, token=token, user_id=user_id, start=start, end=end)
        if conditions is None:
            return ()
        query = select(SPEND).where(*conditions).order_by(SPEND.c.seq.desc()).limit(limit).offset(offset)
        with self.database.reading() as connection:
            rows = connection.execute(query).all()
            models = _models(connection, [row.seq for row in rows])
        return tuple(SpendRow(**values_of(row), models=models.get(row.seq, ())) for row in rows)

    def count(self, **wanted: Any) -> int:
        """
        Return how many bookings and corrections `logs` would return without a limit.
        """
        conditions = _wanted(**wanted)
        if conditions is None:
            return 0
        with self.database.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(SPEND).where(*conditions)).scalar_one())

    def add(self, row: SpendRow) -> bool:
        """
        Write a row that is of no batch, unless there is one with its *request_id*; return whether it was written.
        """
        try:
            with self.database.writing() as connection:
                insert_spend(connection, row)
        except IntegrityError:
            return False
        return True

    def totals(
        self, by: By, *, start: float | None = None, end: float | None = None, limit: int = _MOST
    ) -> tuple[Total, ...]:
        """
        Return sums by key, model or tag, the costliest first; a row with two tags counts for both.
        """
        columns, source = {
            "key": (SPEND.c.token, SPEND),
            "model": (SPEND_MODELS.c.model, SPEND_MODELS.join(SPEND, SPEND_MODELS.c.spend_seq == SPEND.c.seq)),
            "tag": (SPEND_TAGS.c.tag, SPEND_TAGS.join(SPEND, SPEND_TAGS.c.spend_seq == SPEND.c.seq)),
        }[by]
        table = SPEND_MODELS if by == "model" else SPEND
        query = select(columns, *_sums(table)).select_from(source).where(*_between(start, end)).group_by(columns)
        with self.database.reading() as connection:
            totals = [_total(row) for row in connection.execute(query)]
        return tuple(sorted(totals, key=lambda total: total.cost or Decimal(0), reverse=True)[:limit])

    def total(self, *, token: str | None = None, start: float | None = None, end: float | None = None) -> Total:
        """
        Return the sum over all rows, or over those of one key.
        """
        conditions = _between(start, end) + ([] if token is None else [SPEND.c.token == token])
        with self.database.reading() as connection:
            row = connection.execute(select(func.max(SPEND.c.token), *_sums(SPEND)).where(*conditions)).one()
        return attrs.evolve(_total(row), name=token)


def insert_spend(connection: Connection, row: SpendRow) -> None:
    """
    Write *row* with its models and tags; what cannot be stored of names that others chose is replaced.
    """
    row = _cleaned(row)
    values = attrs.asdict(row, recurse=False)
    models = values.pop("models")
    number = connection.execute(insert(SPEND).values(values).returning(SPEND.c.seq)).scalar_one()
    if models:
        connection.execute(insert(SPEND_MODELS), [{**attrs.asdict(model), "spend_seq": number} for model in models])
    if row.tags:
        connection.execute(insert(SPEND_TAGS), [{"tag": tag, "spend_seq": number} for tag in row.tags])


def insert_correction(connection: Connection, truth: SpendRow) -> SpendRow | None:
    """
    Write by how much *truth* differs from the rows of its batch, and return that; ``None`` where it does not.
    """
    booked = connection.execute(select(SPEND).where(SPEND.c.batch_id == truth.batch_id).order_by(SPEND.c.seq)).all()
    models = [model for several in _models(connection, [row.seq for row in booked]).values() for model in several]
    truth, first = _cleaned(truth), SpendRow(**values_of(booked[0]))
    changes: dict[str, Any] = {name: getattr(truth, name) for name in ("is_lower_bound", "booked_at", "metadata")}
    differences = _differences(truth, booked)
    found = _model_differences(truth.models, models)
    if not found and not any(differences.values()):
        return None
    difference = attrs.evolve(first, number=len(booked), models=found, **changes, **differences)
    insert_spend(connection, difference)
    return difference


def _cost_difference(truth: Any, booked: Sequence[Any]) -> dict[str, Any]:
    """
    Return what is missing: nothing where no cost is known now.
    """
    known = [row.cost for row in booked if row.cost is not None]
    is_unpriced = truth.cost is None and not known
    cost = None if truth.cost is None else truth.cost - sum(known, Decimal(0))
    return {"cost": cost, "unpriced": int(is_unpriced) - sum(row.unpriced for row in booked)}


def _differences(truth: Any, booked: Sequence[Any]) -> dict[str, Any]:
    counts = {name: getattr(truth, name) - sum(getattr(row, name) for row in booked) for name in _COUNTS}
    return {**counts, **_cost_difference(truth, booked)}


def _model_differences(truth: Sequence[ModelSpend], booked: Sequence[ModelSpend]) -> tuple[ModelSpend, ...]:
    found = []
    for name in dict.fromkeys(model.model for model in (*truth, *booked)):
        now = next((model for model in truth if model.model == name), ModelSpend(model=name, cost=Decimal(0)))
        differences = _differences(now, [model for model in booked if model.model == name])
        if any(differences.values()):
            found.append(ModelSpend(model=name, **differences))
    return tuple(found)


def _cleaned(row: SpendRow) -> SpendRow:
    names = ("request_id", "user_id", "end_user", "team_id", "provider", "deployment", "call_type")
    changes: dict[str, Any] = {name: cleaned_text(getattr(row, name)) for name in names}
    changes |= {name: cleaned_count(getattr(row, name)) for name in _COUNTS}
    tags = tuple(dict.fromkeys(cleaned_text(tag) or "" for tag in row.tags))
    models = tuple(_cleaned_model(model) for model in row.models)
    return attrs.evolve(row, cost=cleaned_money(row.cost), tags=tags, models=models, **changes)


def _cleaned_model(model: ModelSpend) -> ModelSpend:
    counts = {name: cleaned_count(getattr(model, name)) for name in _COUNTS}
    return attrs.evolve(model, model=cleaned_text(model.model) or "", cost=cleaned_money(model.cost), **counts)


def _wanted(
    *,
    request_id: str | None = None,
    token: str | None = None,
    user_id: str | None = None,
    start: float | None = None,
    end: float | None = None,
) -> list[ColumnElement[bool]] | None:
    """
    Return the conditions of a query; ``None`` where nothing can meet them.
    """
    if not all(is_fit(value) for value in (request_id, token, user_id) if value is not None):
        return None
    conditions = _between(start, end)
    conditions += [] if request_id is None else [SPEND.c.request_id == request_id]
    conditions += [] if token is None else [SPEND.c.token == token]
    conditions += [] if user_id is None else [(SPEND.c.user_id == user_id) | (SPEND.c.end_user == user_id)]
    return conditions


def _between(start: float | None, end: float | None) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    conditions += [] if start is None else [SPEND.c.booked_at >= start]
    conditions += [] if end is None else [SPEND.c.booked_at < end]
    return conditions


def _sums(table: Any) -> list[ColumnElement[Any]]:
    counts = [func.sum(type_coerce(table.c[name], BigInteger)) for name in _SUMMED]
    bookings = func.sum(case((SPEND.c.number == 0, 1), else_=0))
    return [*sums_of(table.c.cost), bookings, *counts]


def _total(row: Row[Any]) -> Total:
    name, high, low, bookings, *counts = tuple(row)
    return Total(
        name=name,
        cost=summed(high, low),
        bookings=int(bookings or 0),
        **{count: int(value or 0) for count, value in zip(_SUMMED, counts, strict=True)},
    )


def _models(connection: Connection, numbers: Sequence[int]) -> dict[int, tuple[ModelSpend, ...]]:
    query: Select[Any] = select(SPEND_MODELS).where(SPEND_MODELS.c.spend_seq.in_(numbers)).order_by(SPEND_MODELS.c.seq)
    found: dict[int, tuple[ModelSpend, ...]] = {}
    for row in connection.execute(query) if numbers else ():
        model = ModelSpend(**values_of(row, "spend_seq"))
        found[row.spend_seq] = (*found.get(row.spend_seq, ()), model)
    return found
