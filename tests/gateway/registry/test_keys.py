"""
Keys in the registry: how they are found, changed and made anew, and what they spent.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import pytest

from aikit.gateway.registry.errors import DuplicateError, UnfitValueError, UnknownCursorError
from aikit.gateway.registry.keys import hash_of
from aikit.gateway.registry.registry import Registry
from tests.gateway.registry.rows import ANA, MASTER, Clock, batch, file, key, spend

_DAY: float = 86_400


def test_a_key_is_found_by_itself(registry: Registry) -> None:
    """All its fields come back, but never the key; what is no key finds none."""
    row = key(alias="ana", models=("m",), max_budget=Decimal("1.5"), metadata={"tags": ["a"]}, rpm_limit=5)
    stored = registry.keys.add(row)
    assert registry.keys.by_key("sk-ana") == stored == registry.keys.cached("sk-ana")
    assert attrs.evolve(stored, created_at=0.0) == row
    for presented in ("sk-ben", row.hash, "", "\0", "\ud800", "x" * 100_000):
        assert registry.keys.by_key(presented) is None


def test_a_key_is_named_in_several_ways(registry: Registry) -> None:
    """The key itself, its hash and its alias tell the same one."""
    row = registry.keys.add(key(alias="ana"))
    assert [registry.keys.find(name) for name in ("sk-ana", row.hash, "ana", "ben", "\0")] == [
        row,
        row,
        row,
        None,
        None,
    ]


def test_a_key_says_who_calls(registry: Registry) -> None:
    """Its allow-lists, limits and amounts are the caller's."""
    row = registry.keys.add(key(purposes=("batch",), max_budget=Decimal(2), spend=Decimal("0.5"), user_id="u"))
    who = row.principal()
    assert (who.token, who.purposes, who.max_budget, who.spend, who.user_id) == (row.token, ("batch",), 2.0, 0.5, "u")
    assert not who.is_admin


def test_twins_are_refused(registry: Registry) -> None:
    """No two keys have one value or one alias, and a change cannot make them."""
    registry.keys.add(key(alias="a"))
    other = registry.keys.add(key("sk-ben", alias="b"))
    for twin in (key(), key("sk-new", alias="a")):
        with pytest.raises(DuplicateError):
            registry.keys.add(twin)
    with pytest.raises(DuplicateError):
        registry.keys.update(other.token, alias="a")
    with pytest.raises(DuplicateError):
        registry.keys.regenerate(other.token, key="sk-ana")


def test_changes_show_at_once(registry: Registry) -> None:
    """A key that was just read, and is blocked then, is blocked in the next call."""
    row = registry.keys.add(key())
    registry.keys.by_key("sk-ana")
    assert registry.keys.block(row.token) == registry.keys.by_key("sk-ana")
    assert [registry.keys.update(row.token, blocked=False, rpm_limit=3)] == [registry.keys.by_key("sk-ana")]
    assert registry.keys.update("unknown", rpm_limit=3) is None
    for field in ("hash", "nothing"):
        with pytest.raises(TypeError, match=f"a key's {field} cannot be changed"):
            registry.keys.update(row.token, **{field: "x"})


def test_a_change_elsewhere_shows_within_a_second(
    registry: Registry, url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another gateway blocks or removes is not taken for good for longer than that."""
    now = [0.0]
    monkeypatch.setattr(registry.keys._cache, "clock", lambda: now[0])
    monkeypatch.setattr(registry.files._cache, "clock", lambda: now[0])
    row, stored = registry.keys.add(key()), registry.files.add(file())
    registry.keys.by_key("sk-ana")
    registry.files.get(stored.id, ANA)
    other = Registry.open(url, clock=clock)
    other.keys.block(row.token)
    other.files.remove(stored.id)
    other.close()
    now[0] = 1.0
    found = registry.keys.by_key("sk-ana")
    assert found is not None
    assert found.blocked
    assert registry.files.get(stored.id, ANA) is None


def test_a_key_that_is_made_anew_keeps_what_it_made(registry: Registry) -> None:
    """The new key opens what the old one did, which opens nothing any more; both are one owner."""
    registry.keys.add(key())
    row = registry.files.add(file())
    registry.keys.by_key("sk-ana")
    registry.keys.regenerate(ANA.token or "", key="sk-anew-0123456789")
    assert registry.keys.by_key("sk-ana") is None
    found = registry.keys.by_key("sk-anew-0123456789")
    assert found is not None
    assert found.key_name == "sk-...6789"
    assert registry.files.get(row.id, found.principal()) == row


def test_a_removed_key_leaves_what_it_made(registry: Registry) -> None:
    """It opens nothing; its files stay for the master key."""
    row = registry.keys.add(key())
    stored = registry.files.add(file())
    registry.keys.by_key("sk-ana")
    assert [registry.keys.remove(row.token), registry.keys.remove(row.token)] == [True, False]
    assert registry.keys.by_key("sk-ana") is None
    assert registry.files.get(stored.id, MASTER) == stored


def test_keys_come_in_pages(registry: Registry, clock: Clock) -> None:
    """The newest first, after a token."""
    rows = []
    for number in range(3):
        clock.now += 0.25
        rows.append(registry.keys.add(key(f"sk-{number}")))
    page = registry.keys.page(limit=2)
    assert (page.rows, page.has_more) == ((rows[2], rows[1]), True)
    assert registry.keys.page(after=rows[1].token).rows == (rows[0],)
    with pytest.raises(UnknownCursorError):
        registry.keys.page(after="unknown")


def test_a_budget_begins_anew(registry: Registry, clock: Clock) -> None:
    """After its period, however long ago, nothing is spent yet, and what is booked then counts for the new one."""
    registry.keys.add(key(max_budget=Decimal(1), budget_duration="24h"))
    begin = clock()
    rows = [batch() for _ in range(2)]
    for row in rows:
        registry.batches.add(row)
    registry.batches.book(rows[0].id, spend(rows[0].id))
    seen = registry.keys.by_key("sk-ana")
    assert seen is not None
    assert (seen.spend, seen.budget_reset_at) == (Decimal("0.5"), begin + _DAY)
    clock.now = begin + 3 * _DAY
    registry.keys.forget()
    seen = registry.keys.by_key("sk-ana")
    assert seen is not None
    assert (seen.spend, seen.budget_reset_at) == (Decimal(0), begin + 4 * _DAY)
    registry.batches.book(rows[1].id, spend(rows[1].id, "0.2"))
    seen = registry.keys.by_key("sk-ana")
    assert seen is not None
    assert (seen.spend, seen.budget_reset_at) == (Decimal("0.2"), begin + 4 * _DAY)
    assert registry.spend.total(token=seen.token).cost == Decimal("0.7")


def test_a_period_that_is_none_is_refused(registry: Registry) -> None:
    """No key is stored with a period that cannot be counted."""
    for duration in ("", "1y", "0d", "-1d", "1.5h", "\u0661d", "9999999d"):
        with pytest.raises(ValueError, match="a period is written as"):
            registry.keys.add(key(budget_duration=duration))
    assert registry.keys.by_key("sk-ana") is None


@pytest.mark.parametrize(
    "fields",
    [
        {"alias": "\0"},
        {"alias": "x" * 601},
        {"user_id": "\ud800"},
        {"rpm_limit": 2**63},
        {"tpm_limit": True},
        {"max_budget": Decimal("1e7")},
        {"max_budget": Decimal("nan")},
        {"expires_at": float("inf")},
        {"blocked": 1},
        {"metadata": {"a": object()}},
    ],
)
def test_what_cannot_be_stored_is_refused(registry: Registry, fields: dict[str, Any]) -> None:
    """The error says so before any SQL, on each database alike, and nothing is stored."""
    with pytest.raises(UnfitValueError):
        registry.keys.add(key(**fields))
    assert registry.keys.by_key("sk-ana") is None
    registry.keys.add(key())


def test_the_longest_names_can_be_stored(registry: Registry) -> None:
    """A name of the greatest length, of the widest characters, fits every index."""
    widest = "\U0001f600" * 600
    registry.keys.add(key(alias=widest, user_id=widest))
    assert registry.keys.find(hash_of("sk-ana")) is not None
    registry.files.add(file(upstream_id=widest, deployment=widest[:50], purpose=widest))
