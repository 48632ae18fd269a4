"""
Pages of a list: newest or oldest first, after an id, only of what belongs to the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, select, tuple_

from aikit.gateway.registry.columns import is_fit
from aikit.gateway.registry.errors import UnknownCursorError
from aikit.gateway.values import Principal

Order = Literal["asc", "desc"]


def owned(table: Table, principal: Principal) -> Select[Any]:
    """
    Return a query for the rows of *table* that *principal* sees: its own, or all for the master key.
    """
    query = select(table)
    return query if principal.is_admin else query.where(table.c.owner == principal.token)


def read_page(
    connection: Connection,
    visible: Select[Any],
    *conditions: ColumnElement[bool],
    after: str | None,
    limit: int,
    order: str,
    name: str = "id",
) -> tuple[list[Row[Any]], bool]:
    """
    Return at most *limit* of the rows that are *visible* and meet all *conditions*, and whether there are more.

    Raises:
        UnknownCursorError: No visible row has *after* in its column *name*; one that meets no condition will do.
    """
    columns = visible.selected_columns
    place = (columns.created_at, columns.seq)
    query = visible.where(*conditions)
    if after is not None:
        cursor = tuple_(*_place(connection, visible, name, after))
        query = query.where(tuple_(*place) > cursor if order == "asc" else tuple_(*place) < cursor)
    ordered = place if order == "asc" else tuple(column.desc() for column in place)
    rows = connection.execute(query.order_by(*ordered).limit(limit + 1)).all()
    return list(rows[:limit]), len(rows) > limit


def _place(connection: Connection, visible: Select[Any], name: str, after: str) -> Any:
    columns = visible.selected_columns
    query = visible.where(columns[name] == after).with_only_columns(columns.created_at, columns.seq)
    found = connection.execute(query).first() if is_fit(after) else None
    if found is None:
        raise UnknownCursorError(after)
    return found


def values_of(row: Row[Any], *without: str) -> Mapping[str, Any]:
    """
    Return the columns of *row* by name, but for its number and those that its value does not have.
    """
    found = dict(row._mapping)  # noqa: SLF001  SQLAlchemy's public way
    for name in ("seq", *without):
        found.pop(name, None)
    return found
