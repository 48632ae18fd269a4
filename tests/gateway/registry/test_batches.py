"""
Batches in the registry: leases, and that each is booked once.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from aikit.gateway.registry.errors import UnknownCursorError
from aikit.gateway.registry.registry import Registry
from aikit.gateway.registry.rows import BatchRow
from aikit.gateway.registry.spend import By
from tests.gateway.registry.rows import ANA, BEN, MASTER, Clock, batch, key, spend


def _added(registry: Registry, row: BatchRow | None = None) -> BatchRow:
    row = row or batch()
    registry.batches.add(row)
    return row


def test_what_is_stored_comes_back(registry: Registry) -> None:
    """All fields of a batch are as they were, amounts to the last digit."""
    row = _added(registry, batch(estimate=Decimal("1234567.000000000001"), intent="i", tags=("a",), facts={"n": 1}))
    assert registry.batches.get(row.id, ANA) == row == registry.batches.get(row.id, MASTER)
    assert registry.batches.get(row.id, BEN) is None


def test_pages_are_their_owners(registry: Registry) -> None:
    """The newest come first, only its own to each key; a foreign cursor is an unknown one."""
    rows = [_added(registry) for _ in range(3)]
    foreign = _added(registry, batch(owner=BEN.token))
    assert registry.batches.page(ANA, limit=2).rows == (rows[2], rows[1])
    assert registry.batches.page(ANA, after=rows[1].id).rows == (rows[0],)
    assert registry.batches.page(MASTER).rows == (foreign, *rows[::-1])
    with pytest.raises(UnknownCursorError):
        registry.batches.page(ANA, after=foreign.id)


def test_changes_show_at_once(registry: Registry) -> None:
    """What is changed is returned and read, and fields that only booking changes are refused."""
    row = _added(registry)
    registry.batches.get(row.id, ANA)
    changed = registry.batches.update(row.id, status="finalizing", body={"status": "finalizing"})
    assert changed == registry.batches.get(row.id, ANA)
    assert changed is not None
    assert changed.status == "finalizing"
    assert registry.batches.update("batch_unknown", status="failed") is None
    with pytest.raises(TypeError, match="cost, is_booked of a batch cannot be changed"):
        registry.batches.update(row.id, cost=1, is_booked=True)


def test_what_is_over_stays_over(registry: Registry) -> None:
    """An answer that is older than the end changes neither status nor object, but gives the output file its id."""
    row = _added(registry)
    registry.batches.update(row.id, status="completed", body={"status": "completed"})
    changed = registry.batches.update(row.id, status="in_progress", body={}, output_file_id="file-out")
    assert changed is not None
    assert (changed.status, changed.body, changed.output_file_id) == ("completed", {"status": "completed"}, "file-out")


def test_a_batch_is_leased_to_one(registry: Registry, clock: Clock) -> None:
    """Several who look get each batch once; when a lease is over, another gets the batch under a new number."""
    rows = [_added(registry) for _ in range(20)]
    with ThreadPoolExecutor(4) as pool:
        leased = [
            row for rows in pool.map(lambda _: registry.batches.due(clock(), 5, 60, "me"), range(4)) for row in rows
        ]
    assert {row.id for row in leased} <= {row.id for row in rows}
    assert len({row.id for row in leased}) == len(leased)
    leased += registry.batches.due(clock(), 20, 60, "me")  # PostgreSQL passes over what another transaction looks at
    assert len({row.id for row in leased}) == len(leased) == 20
    assert registry.batches.due(clock() + 59, 20, 60, "other") == ()
    assert {row.fence for row in registry.batches.due(clock() + 60, 20, 60, "other")} == {2}


def test_who_lost_the_lease_is_refused(registry: Registry, clock: Clock) -> None:
    """Under the number of a lease that another has by now, nothing is written, booked or renewed."""
    row = _added(registry)
    [mine] = registry.batches.due(clock(), 1, 60, "me")
    clock.now += 60
    [theirs] = registry.batches.due(clock(), 1, 60, "other")
    assert registry.batches.update(row.id, fence=mine.fence, status="failed") is None
    assert not registry.batches.book(row.id, spend(row.id), fence=mine.fence)
    assert not registry.batches.renew(row.id, mine.fence, clock() + 60)
    assert registry.batches.renew(row.id, theirs.fence, clock() + 120)
    assert registry.batches.book(row.id, spend(row.id), fence=theirs.fence)


def test_a_lease_that_is_over_books_nothing(registry: Registry, clock: Clock) -> None:
    """Also where no other took it."""
    row = _added(registry)
    [mine] = registry.batches.due(clock(), 1, 60, "me")
    clock.now += 60
    assert not registry.batches.book(row.id, spend(row.id), fence=mine.fence)
    assert registry.spend.logs() == ()


def test_with_the_next_look_the_lease_is_given_back(registry: Registry, clock: Clock) -> None:
    """A batch that is looked after again later is free until then."""
    row = _added(registry)
    [mine] = registry.batches.due(clock(), 1, 600, "me")
    registry.batches.update(row.id, fence=mine.fence, next_poll_at=clock() + 30)
    assert registry.batches.due(clock() + 29, 1, 60, "me") == ()
    assert [found.id for found in registry.batches.due(clock() + 30, 1, 60, "me")] == [row.id]


def test_a_batch_is_booked_once(registry: Registry, clock: Clock) -> None:
    """Of many calls at once one books it: the spend, the batch's cost and what the key has spent."""
    registry.keys.add(key())
    row = _added(registry)
    with ThreadPoolExecutor(8) as pool:
        booked = list(pool.map(lambda _: registry.batches.book(row.id, spend(row.id, "0.000000000001")), range(16)))
    assert booked.count(True) == 1
    found = registry.batches.get(row.id, ANA)
    assert found is not None
    assert (found.is_booked, found.cost, found.next_poll_at) == (True, Decimal("0.000000000001"), None)
    assert [entry.cost for entry in registry.spend.logs()] == [found.cost]
    owner = registry.keys.by_key("sk-ana")
    assert owner is not None
    assert owner.spend == found.cost
    assert registry.batches.due(clock() + 1, 9, 60, "me") == ()


def test_who_pays_is_the_owner(registry: Registry) -> None:
    """Whatever the caller says, the spend is its batch's owner's; a batch of the master key is no key's."""
    registry.keys.add(key())
    mine, masters = _added(registry), _added(registry, batch(owner=None))
    registry.batches.book(mine.id, spend("other", token=BEN.token))
    registry.batches.book(masters.id, spend(masters.id, token=ANA.token))
    assert {(row.batch_id, row.token) for row in registry.spend.logs()} == {(mine.id, ANA.token), (masters.id, None)}
    assert not registry.batches.book("batch_unknown", spend("batch_unknown"))


def test_an_unknown_cost_is_none(registry: Registry) -> None:
    """Where no price is known, the cost is none, not zero, and the key has spent nothing."""
    registry.keys.add(key())
    row = _added(registry)
    assert registry.batches.book(row.id, spend(row.id, None))
    found = registry.batches.get(row.id, ANA)
    assert found is not None
    assert (found.is_booked, found.cost, registry.spend.logs()[0].cost) == (True, None, None)
    owner = registry.keys.by_key("sk-ana")
    assert owner is not None
    assert owner.spend == 0


@pytest.mark.parametrize("first", [None, "0.5"])
def test_a_correction_adds_up(registry: Registry, first: str | None) -> None:
    """A truer cost is booked as a difference, once: sums, the batch and the key show the truer one."""
    registry.keys.add(key())
    row = _added(registry)
    assert not registry.batches.correct(row.id, spend(row.id))
    registry.batches.book(row.id, spend(row.id, first, tags=("a",)))
    assert registry.batches.correct(row.id, spend(row.id, "0.3"))
    assert not registry.batches.correct(row.id, spend(row.id, "0.3"))
    assert not registry.batches.correct(row.id, spend(row.id, None))
    assert [entry.number for entry in registry.spend.logs(request_id=f"{row.id}_batch_cost")] == [1, 0]
    ways: tuple[By, ...] = ("key", "model", "tag")
    assert {total.cost for by in ways for total in registry.spend.totals(by)} == {Decimal("0.3")}
    assert {total.unpriced for by in ways for total in registry.spend.totals(by)} == {0}
    assert registry.spend.total().unpriced == 0
    found, owner = registry.batches.get(row.id, ANA), registry.keys.by_key("sk-ana")
    assert found is not None
    assert owner is not None
    assert found.cost == owner.spend == Decimal("0.3")


def test_batches_that_lack_a_price_are_found_until_it_is_booked(registry: Registry, clock: Clock) -> None:
    """Page by page; not those that have all prices, nor those of long ago."""
    old, priced, *lacking = (_added(registry).id for _ in range(4))
    for batch_id, cost, ago_s in ((old, None, 100), (priced, "1", 0), *((each, None, 0) for each in lacking)):
        registry.batches.book(batch_id, spend(batch_id, cost, booked_at=clock.now - ago_s))
    since = clock.now - 50
    rows, last = registry.batches.unpriced(since=since)
    assert [row.id for row in rows] == lacking
    assert registry.batches.unpriced(since=since, after=last) == ((), last)
    _, after = registry.batches.unpriced(since=since, limit=1)  # of the one that has all prices
    (first,), after = registry.batches.unpriced(since=since, after=after, limit=1)
    assert [first.id, *(row.id for row in registry.batches.unpriced(since=since, after=after)[0])] == lacking
    assert registry.batches.correct(lacking[1], spend(lacking[1], "2"))
    assert registry.batches.unpriced(since=since, after=after) == ((), last)


def test_a_correction_of_what_was_corrected_meanwhile_is_none(registry: Registry) -> None:
    """Of two that counted by different prices, the first one counts."""
    registry.keys.add(key())
    row = _added(registry)
    before = {"cost": None}
    registry.batches.book(row.id, spend(row.id, None), body=before)
    assert registry.batches.correct(row.id, spend(row.id, "2"), body={"cost": 2}, before=before)
    assert not registry.batches.correct(row.id, spend(row.id, "3"), body={"cost": 3}, before=before)
    found, owner = registry.batches.get(row.id, ANA), registry.keys.by_key("sk-ana")
    assert found is not None
    assert owner is not None
    assert (found.cost, found.body, owner.spend) == (Decimal(2), {"cost": 2}, Decimal(2))


def test_a_hostile_name_hinders_no_booking(registry: Registry) -> None:
    """Names and numbers that no database can store, a provider's answer may have: the batch is booked all the same."""
    for _ in range(10):
        row = _added(registry)
        hostile = spend(row.id, "99999999999999999999", tags=("\0", "\ud800" * 5000), end_user="\0", requests=2**80)
        assert registry.batches.book(row.id, hostile)
    entry = registry.spend.logs()[0]
    assert (entry.end_user, entry.requests) == ("\ufffd", 10**12)
    assert registry.spend.total().requests == 10**13
    assert registry.spend.total().cost == 10 * Decimal("9223372.036854775807")


def test_estimates_of_what_is_open_add_up(registry: Registry) -> None:
    """What a key's batches may cost that are not booked yet is one sum."""
    rows = [_added(registry, batch(estimate=Decimal(amount))) for amount in ("0.1", "0.2")]
    _added(registry)
    _added(registry, batch(owner=BEN.token, estimate=Decimal(5)))
    assert registry.batches.open_estimates(ANA.token) == Decimal("0.3")
    registry.batches.book(rows[0].id, spend(rows[0].id))
    assert registry.batches.open_estimates(ANA.token) == Decimal("0.2")
