"""
What Alembic runs to carry out versions: over the connection that it is given, in the transaction that is open there.
"""

from __future__ import annotations

from alembic import context

from aikit.gateway.registry.schema import METADATA, VERSIONS

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSIONS,
    transactional_ddl=True,
)
context.run_migrations()
