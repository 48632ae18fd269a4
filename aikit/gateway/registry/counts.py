"""
Counts of a period, such as a key's uploads of a day.
"""

from __future__ import annotations

import attrs
from sqlalchemy import delete

from aikit.gateway.registry.database import Database
from aikit.gateway.registry.schema import COUNTS


@attrs.define(eq=False)
class Counts:
    """
    The table of counts, which several gateways add to.
    """

    database: Database

    def add(self, name: str, owner: str | None, period: int, *, limit: int | None = None) -> int | None:
        """
        Count one more of *name* in *period* for a key, and return how many there are then.

        Returns:
            ``None``, and nothing is counted, where *limit* was reached before.
        """
        with self.database.writing() as connection:
            connection.execute(delete(COUNTS).where(COUNTS.c.name == name, COUNTS.c.period < period - 1))
            first = {"name": name, "owner": owner or "", "period": period, "count": 1}
            keys = (COUNTS.c.name, COUNTS.c.owner, COUNTS.c.period)
            query = self.database.insert(COUNTS).values(first)
            more = query.on_conflict_do_update(index_elements=keys, set_={"count": COUNTS.c.count + 1})
            count: int = connection.execute(more.returning(COUNTS.c.count)).scalar_one()
            if limit is not None and count > limit:
                connection.rollback()
                return None
        return count
