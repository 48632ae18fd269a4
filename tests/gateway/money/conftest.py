"""
A gateway before one provider, whose prices it knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.batch_house import House, house
from tests.gateway.upstream import PRICES, Upstream, config_of, upstream


@pytest.fixture
def one() -> Iterator[Upstream]:
    """A provider."""
    with upstream() as provider:
        yield provider


@pytest.fixture
def home(one: Upstream, tmp_path: Path) -> Iterator[House]:
    """A gateway before it, that knows its prices."""
    with house(tmp_path, config_of(one, prices=PRICES), max_retries=0) as opened:
        yield opened
