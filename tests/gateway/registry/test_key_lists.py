"""
Keys by pages and filters, changes of a key that depend on what it is, and how many rows of money there are.
"""

from __future__ import annotations

import threading
from decimal import Decimal

from aikit.gateway.registry.registry import Registry
from aikit.gateway.registry.rows import KeyRow
from tests.gateway.registry.rows import Clock, batch, key, spend


def test_keys_are_listed_with_how_many_there_are(registry: Registry) -> None:
    """
    The newest first; filters count what they leave.
    """
    for number in range(5):
        registry.keys.add(key(f"sk-{number}", user_id="u" if number % 2 else None, created_at=float(number + 1)))
    rows, total = registry.keys.listed(limit=2, offset=1)
    assert ([row.created_at for row in rows], total) == ([4.0, 3.0], 5)
    rows, total = registry.keys.listed(limit=10, user_id="u", team_id=None)
    assert ([row.created_at for row in rows], total) == ([4.0, 2.0], 2)
    assert registry.keys.listed(limit=10, user_id="\0") == ((), 0)


def test_changes_at_once_lose_nothing(registry: Registry) -> None:
    """
    Each of many threads adds to what the others have made of the metadata.
    """
    token = registry.keys.add(key("sk-x")).token

    def add(name: str) -> None:
        for number in range(10):
            registry.keys.edit(token, lambda row: {"metadata": {**row.metadata, f"{name}{number}": 1}})  # noqa: B023  called at once

    threads = [threading.Thread(target=add, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    row = registry.keys.find(token)
    assert row is not None
    assert len(row.metadata) == 30


def test_a_period_that_is_taken_away_leaves_what_was_spent_in_it(registry: Registry, clock: Clock) -> None:
    """
    What earlier periods had does not come back.
    """
    token = registry.keys.add(key("sk-x", budget_duration="1d", spend=Decimal(5))).token
    clock.now += 2 * 86_400
    changed = registry.keys.update(token, budget_duration=None)
    assert isinstance(changed, KeyRow)
    assert (changed.spend, changed.budget_reset_at) == (Decimal(0), None)


def test_rows_of_money_are_counted(registry: Registry) -> None:
    """
    As many as a list without a limit would have; sums know of how many batches they are.
    """
    owner = registry.keys.add(key("sk-x")).token
    for _ in range(3):
        row = batch(owner=owner)
        registry.batches.add(row)
        assert registry.batches.book(row.id, spend(row.id, "1"))
    assert registry.spend.count() == registry.spend.count(token=owner) == 3
    assert registry.spend.count(token="x") == registry.spend.count(user_id="\0") == 0
    assert registry.spend.total().bookings == 3


def test_what_is_booked_has_user_and_team_of_its_key(registry: Registry) -> None:
    """
    So that it is found by them; where the key is gone, or has none, it has none.
    """
    owner = registry.keys.add(key("sk-x", user_id="u", team_id="t")).token
    for token in (owner, "gone", None):
        row = batch(owner=token)
        registry.batches.add(row)
        registry.batches.book(row.id, spend(row.id))
    (found,) = registry.spend.logs(user_id="u")
    assert (found.token, found.team_id) == (owner, "t")
    assert registry.spend.count() == 3
