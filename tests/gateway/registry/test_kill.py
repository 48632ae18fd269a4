"""
Processes that are killed while they create, lease and book batches.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import pytest
from sqlalchemy import func, not_, select

from aikit.gateway.registry.registry import Registry
from aikit.gateway.registry.rows import SpendRow
from aikit.gateway.registry.schema import BATCHES
from tests.gateway.registry.rows import MASTER, key, spend

_SMALLEST: Final = Decimal("0.000000000001")
_BESIDE: Final = 3
_SEED: Final = 12


@pytest.mark.slow
@pytest.mark.parametrize("kills", [10, pytest.param(200, marks=pytest.mark.long)])
def test_whatever_is_killed_each_batch_is_booked_once(url: str, kills: int) -> None:
    """What a process said it had done before it was killed is there, once, and sums are right to the last digit."""
    registry = Registry.open(url)
    registry.keys.add(key())
    told = Counter(line for _ in range(-(-kills // _BESIDE)) for line in _killed(url))
    assert max(told.values(), default=0) <= 1, "no batch was booked by two"
    _book_the_rest(registry)
    batches = {row.id for row in registry.batches.page(MASTER, limit=1_000_000).rows}
    logs = _all_logs(registry)
    assert {line.split()[1] for line in told} <= batches
    assert {row.batch_id for row in logs} == batches
    assert len(logs) == len(batches) > 0
    assert registry.spend.total().cost == len(batches) * _SMALLEST
    owner = registry.keys.by_key("sk-ana")
    assert owner is not None
    assert owner.spend == len(batches) * _SMALLEST
    registry.close()


def _killed(url: str) -> Iterator[str]:
    """
    Let some processes work side by side, kill them somewhere in it, and walk over the whole lines that they printed.
    """
    command = [sys.executable, "-m", "tests.gateway.registry.killed", url]
    working = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(_BESIDE)]
    moments = random.Random(_SEED)  # noqa: S311  any moment will do
    for process in working:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in working:
        time.sleep(moments.uniform(0.0, 0.1))
        process.kill()
    for process in working:
        output, _ = process.communicate()
        yield from (line for line in output.splitlines(keepends=True) if line.endswith("\n"))


def _book_the_rest(registry: Registry) -> None:
    """
    Go on as a gateway does that starts again: what was leased to those that were killed is due when the lease is over.
    """
    ends_at = time.monotonic() + 60
    while time.monotonic() < ends_at:
        due = registry.batches.due(time.time(), 100, 60, "last")
        for row in due:
            assert registry.batches.book(row.id, spend(row.id, str(_SMALLEST)), fence=row.fence)
        if not due and _open(registry) == 0:
            return
        time.sleep(0.01)
    raise AssertionError("some batches are never due again")


def _open(registry: Registry) -> int:
    with registry.database.reading() as connection:
        return connection.execute(select(func.count()).where(not_(BATCHES.c.is_booked))).scalar_one()


def _all_logs(registry: Registry) -> list[SpendRow]:
    found: list[SpendRow] = []
    while page := registry.spend.logs(offset=len(found)):
        found += page
    return found
