"""
Uploads in parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from sqlalchemy import insert, not_, select, update

from aikit.gateway.registry.columns import is_fit
from aikit.gateway.registry.database import Database
from aikit.gateway.registry.paging import owned, values_of
from aikit.gateway.registry.rows import PartRow, UploadRow
from aikit.gateway.registry.schema import PARTS, UPLOADS
from aikit.gateway.values import Principal


@attrs.define(eq=False)
class Uploads:
    """
    The tables of uploads and their parts.
    """

    database: Database

    def add(self, row: UploadRow) -> None:
        """
        Store *row*.
        """
        with self.database.writing() as connection:
            connection.execute(insert(UPLOADS), attrs.asdict(row, recurse=False))

    def get(self, upload_id: str, principal: Principal) -> UploadRow | None:
        """
        Return the upload with that id, also when it is over; ``None`` where *principal* has none.
        """
        if not is_fit(upload_id):
            return None
        with self.database.reading() as connection:
            row = connection.execute(owned(UPLOADS, principal).where(UPLOADS.c.id == upload_id)).first()
        return None if row is None else UploadRow(**values_of(row))

    def add_part(self, row: PartRow) -> None:
        """
        Store a part.
        """
        with self.database.writing() as connection:
            connection.execute(insert(PARTS), attrs.asdict(row, recurse=False))

    def part(self, upload_id: str, part_id: str) -> PartRow | None:
        """
        Return a part of that upload; ``None`` where it has none of that id.
        """
        if not (is_fit(upload_id) and is_fit(part_id)):
            return None
        query = select(PARTS).where(PARTS.c.id == part_id, PARTS.c.upload_id == upload_id)
        with self.database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else PartRow(**values_of(row))

    def finish(self, upload_id: str, body: Mapping[str, Any]) -> bool:
        """
        Note that the upload is over, and its last object; return whether this call was the first to do so.
        """
        query = update(UPLOADS).where(UPLOADS.c.id == upload_id, not_(UPLOADS.c.is_finished))
        with self.database.writing() as connection:
            return bool(connection.execute(query.values(is_finished=True, body=body)).rowcount)
