"""
All of the registry behind one name.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import attrs

from aikit.gateway.registry.batches import Batches
from aikit.gateway.registry.counts import Counts
from aikit.gateway.registry.database import Database
from aikit.gateway.registry.files import Files
from aikit.gateway.registry.keys import Keys
from aikit.gateway.registry.spend import Spend
from aikit.gateway.registry.uploads import Uploads


@attrs.frozen(eq=False)
class Registry:
    """
    What the gateway knows, for several threads and processes at once.
    """

    database: Database
    files: Files
    uploads: Uploads
    batches: Batches
    keys: Keys
    spend: Spend
    counts: Counts

    @classmethod
    def open(cls, url: str, *, clock: Callable[[], float] = time.time) -> Registry:
        """
        Open the database at *url*, such as ``sqlite:////path/gateway.db`` or ``postgresql://user:password@host/name``.

        Raises:
            ValueError: *url* is no such address, or needs a library that is not there.
            StoreError: The database cannot be used, or a newer aikit wrote it.
        """
        database = Database.open(url)
        keys = Keys(database, clock)
        return cls(
            database=database,
            files=Files(database, clock),
            uploads=Uploads(database),
            batches=Batches(database, keys, clock),
            keys=keys,
            spend=Spend(database),
            counts=Counts(database),
        )

    def close(self) -> None:
        """
        Close all connections.
        """
        self.database.close()
