"""
A spool for a test.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aikit.gateway.incoming.spool import Spool


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """
    Open a spool, and close it.
    """
    opened = Spool.open(tmp_path / "spool")
    yield opened
    opened.close()
