"""
Bringing a database to the newest version of the schema, with Alembic.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from aikit.storage.errors import StoreError


def configuration(connection: Connection) -> Config:
    """
    Return what Alembic needs to know to work over *connection*.
    """
    config = Config()
    folder = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection, where: str) -> None:
    """
    Carry out the versions that are missing, inside the transaction of *connection*.

    Raises:
        StoreError: A newer aikit wrote the database (code ``"storage_too_new"``).
    """
    try:
        command.upgrade(configuration(connection), "head")
    except CommandError as error:
        raise StoreError(
            message=f"a newer aikit wrote the database {where} ({error}); upgrade aikit, or name another database",
            code="storage_too_new",
        ) from error
