"""
The registry that tests work with, on each database.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aikit.gateway.registry.registry import Registry
from tests.gateway.registry.rows import Clock


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.foreign)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the address of an empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'home' / 'gateway.db'}"
        return
    with request.getfixturevalue("postgres").lent_database() as address:
        yield address


@pytest.fixture
def clock() -> Clock:
    """Return a clock that tests set."""
    return Clock()


@pytest.fixture
def registry(url: str, clock: Clock) -> Iterator[Registry]:
    """Open an empty registry."""
    opened = Registry.open(url, clock=clock)
    yield opened
    opened.close()
