"""
Files in the registry: whose they are, where they are, and pages of them.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from aikit.gateway.registry.errors import UnknownCursorError
from aikit.gateway.registry.paging import Order
from aikit.gateway.registry.registry import Registry
from tests.gateway.registry.rows import ANA, BEN, MASTER, Clock, file


def test_what_is_stored_comes_back(registry: Registry) -> None:
    """All fields of a file are as they were, with any text inside its JSON."""
    row = file(facts={"models": {"m": 2}}, user="ü", tags=("a", "b"), body={"id": "x", "name": "\0 \ud800", "n": 2**70})
    assert registry.files.add(row) == row
    assert registry.files.get(row.id, ANA) == row


def test_a_file_is_its_owners(registry: Registry) -> None:
    """Another key gets what it gets for an id that does not exist; the master key sees all."""
    row = registry.files.add(file())
    assert registry.files.get(row.id, BEN) is None
    assert registry.files.get(row.id, MASTER) == row
    assert registry.files.get("file-unknown", MASTER) is None
    assert registry.files.page(BEN).rows == ()


def test_the_master_keys_file_is_hidden_from_keys(registry: Registry) -> None:
    """What the master key made, no other key sees."""
    row = registry.files.add(file(owner=None))
    assert registry.files.get(row.id, ANA) is None
    assert registry.files.page(ANA).rows == ()
    assert registry.files.page(MASTER).rows == (row,)


def test_a_file_that_was_read_is_kept_for_a_moment(registry: Registry) -> None:
    """What was read needs no database soon after, until it is changed; and only its owner gets it so."""
    row = registry.files.add(file())
    assert registry.files.cached(row.id, ANA) is None
    registry.files.get(row.id, ANA)
    assert registry.files.cached(row.id, ANA) == row
    assert registry.files.cached(row.id, BEN) is None
    registry.files.set_body(row.id, {"status": "processed"})
    assert registry.files.cached(row.id, ANA) is None
    found = registry.files.get(row.id, ANA)
    assert found is not None
    assert found.body == {"status": "processed"}


def test_a_removed_file_is_gone_at_once(registry: Registry) -> None:
    """After it was removed, once, no call finds it."""
    row = registry.files.add(file())
    registry.files.get(row.id, ANA)
    assert [registry.files.remove(row.id), registry.files.remove(row.id)] == [True, False]
    assert registry.files.get(row.id, ANA) is None
    assert registry.files.page(ANA).rows == ()


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_show_each_file_once(registry: Registry, order: Order) -> None:
    """While files are made and deleted between pages, also the one that the cursor names, each other one comes once."""
    rows = [registry.files.add(file(created_at=1_800_000_000 + number // 3)) for number in range(10)]
    wanted = [row.id for row in (rows if order == "asc" else rows[::-1])]
    seen: list[str] = []
    after = None
    while True:
        page = registry.files.page(ANA, after=after, limit=3, order=order)
        seen += [row.id for row in page.rows]
        if not page.has_more:
            break
        after = seen[-1]
        registry.files.remove(after)
        if order == "desc":
            registry.files.add(file(created_at=1_800_000_100))
    assert seen == wanted


def test_pages_are_of_a_purpose_or_a_deployment(registry: Registry) -> None:
    """A filter shows only what meets it; a cursor that does not meet it goes on at its place."""
    first, other, last = (registry.files.add(file(purpose=purpose)) for purpose in ("batch", "vision", "batch"))
    moved = registry.files.add(file(deployment="azure"))
    assert registry.files.page(ANA, purpose="batch", deployments=["openai"]).rows == (last, first)
    assert registry.files.page(ANA, purpose="batch", after=other.id).rows == (first,)
    assert registry.files.page(ANA, deployments=["azure"]).rows == (moved,)
    assert registry.files.page(ANA, purpose="x\0").rows == ()


@pytest.mark.parametrize("after", ["file-unknown", "", "\0", "\ud800", "x" * 100_000])
def test_an_unknown_cursor_is_told(registry: Registry, after: str) -> None:
    """A cursor that is no id of a file is refused, whatever it is."""
    with pytest.raises(UnknownCursorError):
        registry.files.page(ANA, after=after)


def test_a_foreign_cursor_is_an_unknown_one(registry: Registry) -> None:
    """A cursor that names another key's file is refused as well."""
    row = registry.files.add(file(owner=BEN.token))
    with pytest.raises(UnknownCursorError):
        registry.files.page(ANA, after=row.id)


def test_an_output_file_is_registered_once(registry: Registry) -> None:
    """Of many calls that find the output of a batch at once, all get the same id; its error file has another."""
    rows = [file(role="output", batch_id="batch_1", upstream_id="file-out") for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda row: registry.files.add(row).id, rows))
    assert len(found) == 1
    assert registry.files.add(file(role="error", batch_id="batch_1")).id not in found
    registry.files.remove(min(found))
    assert registry.files.add(rows[0]).id in found
    assert registry.files.get(min(found), ANA) is None


def test_an_expired_file_is_not_listed(registry: Registry, clock: Clock) -> None:
    """From the second of its end on, which may be told later, it is in no page, and a cursor that names it goes on."""
    old, brief, later, newest = (
        registry.files.add(file(body={"expires_at": end}))
        for end in (None, int(clock.now) + 60, int(clock.now) + 90, 2**70)
    )
    registry.files.set_body(later.id, {"expires_at": int(clock.now) + 30})
    assert len(registry.files.page(ANA).rows) == 4
    clock.now += 60
    assert [row.id for row in registry.files.page(ANA).rows] == [newest.id, old.id]
    assert not registry.files.page(ANA, limit=2).has_more
    assert registry.files.page(MASTER, after=brief.id).rows == (old,)


def test_a_deleted_file_leaves_its_place_after_a_month(registry: Registry, clock: Clock) -> None:
    """Until then a cursor that names it goes on; the table does not grow for ever."""
    old, other, newest = (registry.files.add(file()) for _ in range(3))
    registry.files.remove(other.id)
    clock.now += 29 * 86_400
    registry.files.remove(newest.id)
    assert registry.files.page(ANA, after=other.id).rows == (old,)
    clock.now += 2 * 86_400
    registry.files.remove(old.id)
    with pytest.raises(UnknownCursorError):
        registry.files.page(ANA, after=other.id)
    assert registry.files.page(ANA, after=newest.id).rows == ()
