"""
Files: which provider has them, under which id, and whose they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import attrs
from sqlalchemy import ColumnElement, Row, bindparam, delete, false, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from aikit.gateway.registry.cache import Cache
from aikit.gateway.registry.columns import is_fit
from aikit.gateway.registry.database import Database
from aikit.gateway.registry.paging import Order, owned, read_page, values_of
from aikit.gateway.registry.rows import FileRow, Page
from aikit.gateway.registry.schema import FILES
from aikit.gateway.values import Principal

_KEPT_S: Final = 30 * 86_400
_BY_ID: Final = select(FILES).where(FILES.c.id == bindparam("id"), FILES.c.deleted_at.is_(None))


@attrs.define(eq=False)
class Files:
    """
    The table of files. A deleted one keeps its place in the list for a month, so that a cursor that names it goes on.
    """

    database: Database
    clock: Callable[[], float] = time.time
    _cache: Cache[FileRow] = attrs.field(factory=Cache, init=False)

    def add(self, row: FileRow) -> FileRow:
        """
        Store *row*.

        Returns:
            The row that is stored: of an output file that two calls find at once, both get the first one's.

        Raises:
            UnfitValueError: A value that cannot be stored.
        """
        try:
            with self.database.writing() as connection:
                connection.execute(
                    insert(FILES), attrs.asdict(row, recurse=False) | {"expires_at": row.body.get("expires_at")}
                )
        except IntegrityError:
            found = None if row.batch_id is None else self._made_by(row.batch_id, row.role)
            if found is None:
                raise
            return found
        return row

    def get(self, file_id: str, principal: Principal) -> FileRow | None:
        """
        Return the file with that id; ``None`` where there is none, it was deleted, or it belongs to another key.
        """
        row = self._cache.fetch(file_id, lambda: self._read(file_id))
        return row if row is not None and (principal.is_admin or row.owner == principal.token) else None

    def cached(self, file_id: str, principal: Principal) -> FileRow | None:
        """
        Return what `get` would, if that needs no database: fit to be called where nothing may wait.
        """
        row = self._cache.get(file_id)
        return row if row is not None and (principal.is_admin or row.owner == principal.token) else None

    def page(
        self,
        principal: Principal,
        *,
        after: str | None = None,
        limit: int = 10_000,
        order: Order = "desc",
        purpose: str | None = None,
        deployments: Collection[str] | None = None,
    ) -> Page[FileRow]:
        """
        Return a part of the files of *principal*, by the time of their creation; at some *deployments*, or at all.

        Those that have expired are not among them, as with their providers.

        Raises:
            UnknownCursorError: *after* is no id of a file of *principal*.
        """
        conditions: list[ColumnElement[bool]] = [or_(FILES.c.expires_at.is_(None), FILES.c.expires_at > self.clock())]
        if purpose is not None:  # what cannot be stored, no file has
            conditions.append(FILES.c.purpose == purpose if is_fit(purpose) else false())
        if deployments is not None:
            conditions.append(FILES.c.deployment.in_(list(deployments)))
        with self.database.reading() as connection:
            rows, has_more = read_page(
                connection,
                owned(FILES, principal),
                FILES.c.deleted_at.is_(None),
                *conditions,
                after=after,
                limit=limit,
                order=order,
            )
        return Page(rows=tuple(_file(row) for row in rows), has_more=has_more)

    def set_body(self, file_id: str, body: Mapping[str, Any]) -> None:
        """
        Keep the provider's object as it was seen last.
        """
        self._change(file_id, body=body, expires_at=body.get("expires_at"))

    def set_facts(self, file_id: str, facts: Mapping[str, Any]) -> None:
        """
        Keep what a look at its lines told.
        """
        self._change(file_id, facts=facts)

    def remove(self, file_id: str) -> bool:
        """
        Delete the file; return whether this call did. What was deleted a month ago leaves its place in the list now.
        """
        is_removed = self._change(file_id, deleted_at=self.clock(), body={}, facts=None)
        if is_removed:
            with self.database.writing() as connection:
                connection.execute(delete(FILES).where(FILES.c.deleted_at < self.clock() - _KEPT_S))
        return is_removed

    def _change(self, file_id: str, **values: Any) -> bool:
        if not is_fit(file_id):
            return False
        query = update(FILES).where(FILES.c.id == file_id, FILES.c.deleted_at.is_(None))
        with self.database.writing() as connection:
            changed = connection.execute(query.values(**values)).rowcount
        self._cache.forget(file_id)
        return bool(changed)

    def _read(self, file_id: str) -> FileRow | None:
        if not is_fit(file_id):
            return None
        with self.database.reading() as connection:
            row = connection.execute(_BY_ID, {"id": file_id}).first()
        return None if row is None else _file(row)

    def _made_by(self, batch_id: str, role: str) -> FileRow | None:
        query = select(FILES).where(FILES.c.batch_id == batch_id, FILES.c.role == role)
        with self.database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else _file(row)


def _file(row: Row[Any]) -> FileRow:
    return FileRow(**values_of(row, "deleted_at", "expires_at"))
