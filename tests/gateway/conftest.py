"""
Databases that tests of the gateway share.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway.postgres import Postgres, running_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Run one PostgreSQL server for all tests; those that ask for it are marked ``foreign``."""
    with running_postgres() as server:
        yield server
