"""
What was spent: logs and sums.
"""

from __future__ import annotations

from decimal import Decimal

from aikit.gateway.registry.registry import Registry
from aikit.gateway.registry.rows import ModelSpend, Total
from tests.gateway.registry.rows import ANA, BEN, batch, spend


def _book(registry: Registry, cost: str | None = "0.5", owner: str | None = ANA.token, **fields: object) -> str:
    row = batch(owner=owner)
    registry.batches.add(row)
    assert registry.batches.book(row.id, spend(row.id, cost, **fields))
    return row.id


def test_logs_are_filtered(registry: Registry) -> None:
    """By booking, key, user and time, newest first; names that cannot be stored match nothing."""
    first = _book(registry, booked_at=100.0, end_user="eve")
    second = _book(registry, owner=BEN.token, booked_at=200.0, user_id="ben")
    logs = registry.spend.logs
    assert [row.batch_id for row in logs()] == [second, first]
    assert [row.batch_id for row in logs(request_id=f"{first}_batch_cost")] == [first]
    assert [row.batch_id for row in logs(token=BEN.token)] == [second]
    assert [[row.batch_id for row in logs(user_id=name)] for name in ("ben", "eve", "\0")] == [[second], [first], []]
    assert [row.batch_id for row in logs(start=100.0, end=200.0)] == [first]
    assert [row.batch_id for row in logs(limit=1, offset=1)] == [first]


def test_sums_are_exact(registry: Registry) -> None:
    """Ten times a tenth of a dollar is a dollar, and the smallest amount beside the largest is not lost."""
    for _ in range(10):
        _book(registry, "0.1")
    assert registry.spend.total().cost == 1
    for cost in ("9000000.000000000001", "9000000.000000000001"):
        _book(registry, cost)
    assert registry.spend.total().cost == Decimal("18000001.000000000002")


def test_sums_tell_what_has_no_price(registry: Registry) -> None:
    """A sum over what has no price is none; beside what has one, it says how many have none."""
    assert registry.spend.total() == Total(
        name=None, cost=None, unpriced=0, requests=0, prompt_tokens=0, completion_tokens=0
    )
    _book(registry, None)
    assert (registry.spend.total().cost, registry.spend.total().unpriced) == (None, 1)
    _book(registry)
    assert (registry.spend.total().cost, registry.spend.total().unpriced) == (Decimal("0.5"), 1)


def test_sums_are_by_key_model_and_tag(registry: Registry) -> None:
    """The costliest come first; a batch with two tags counts for each, one with two models is split."""
    models = (ModelSpend(model="a", requests=1, cost=Decimal("0.1")), ModelSpend(model="b", requests=1, cost=None))
    _book(registry, "0.1", models=models, tags=("x", "y", "x"))
    _book(registry, "0.3", owner=None, tags=("y",))
    assert [(total.name, total.cost) for total in registry.spend.totals("key")] == [
        (None, Decimal("0.3")),
        (ANA.token, Decimal("0.1")),
    ]
    assert [(total.name, total.cost, total.unpriced) for total in registry.spend.totals("model")] == [
        ("gpt-5-mini", Decimal("0.3"), 0),
        ("a", Decimal("0.1"), 0),
        ("b", None, 1),
    ]
    assert [(total.name, total.cost) for total in registry.spend.totals("tag")] == [
        ("y", Decimal("0.4")),
        ("x", Decimal("0.1")),
    ]
    assert [total.name for total in registry.spend.totals("tag", limit=1)] == ["y"]
    assert registry.spend.totals("key", start=1.0, end=2.0) == ()
    assert registry.spend.total(token=ANA.token).cost == Decimal("0.1")


def test_counts_are_of_a_period(registry: Registry) -> None:
    """What is counted of one key in one period is no other's; over the limit nothing is counted."""
    assert [registry.counts.add("uploads", ANA.token, 7, limit=2) for _ in range(4)] == [1, 2, None, None]
    assert registry.counts.add("uploads", BEN.token, 7, limit=2) == 1
    assert registry.counts.add("uploads", ANA.token, 8, limit=2) == 1
    assert registry.counts.add("uploads", None, 8) == 1
    assert registry.counts.add("uploads", ANA.token, 7) == 3
    registry.counts.add("uploads", ANA.token, 9)
    assert registry.counts.add("uploads", ANA.token, 7) == 1, "what is two periods old is forgotten"
