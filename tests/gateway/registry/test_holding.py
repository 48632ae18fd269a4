"""
Batches that are about to be created: what they may cost is held back, and they are forgotten, or gone on with.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import attrs

from aikit.gateway.registry.registry import Registry
from aikit.gateway.registry.rows import Held
from tests.gateway.registry.rows import ANA, BEN, MASTER, Clock, batch, file, key, spend


def test_estimates_are_held_back_until_they_are_booked(registry: Registry) -> None:
    """
    What is held counts against the budget, then the cost does; other keys and the master key are not concerned.
    """
    registry.keys.add(key("sk-ana", max_budget=Decimal(10)))
    first, second = (batch(estimate=Decimal(6)) for _ in range(2))
    assert registry.batches.hold(first) == Held(row=first)
    assert registry.batches.hold(second) == Held(row=second, left=Decimal(4))
    assert registry.batches.hold(batch(owner=MASTER.token, estimate=Decimal(99))).left is None
    assert registry.batches.hold(batch(owner=BEN.token, estimate=Decimal(99))).left is None
    assert registry.batches.book(first.id, spend(first.id, "3"))
    assert registry.batches.hold(second).left is None
    assert registry.batches.hold(batch(estimate=Decimal(2))).left == Decimal(1)


def test_a_batch_of_unknown_cost_needs_some_budget(registry: Registry) -> None:
    """
    It is stored while anything is left, and refused when all is spent or held.
    """
    registry.keys.add(key("sk-ana", max_budget=Decimal(1)))
    assert registry.batches.hold(batch(estimate=None)).left is None
    assert registry.batches.hold(batch(estimate=Decimal(1))).left is None
    assert registry.batches.hold(batch(estimate=None)).left == 0


def test_of_many_at_once_no_more_are_held_than_there_is_room_for(registry: Registry) -> None:
    """
    Threads of one process, as processes would, look and store in one step.
    """
    registry.keys.add(key("sk-ana", max_budget=Decimal(3)))
    rows = [batch(estimate=Decimal(1)) for _ in range(16)]
    with ThreadPoolExecutor(8) as pool:
        held = list(pool.map(registry.batches.hold, rows))
    assert sum(each.left is None for each in held) == 3
    assert registry.batches.open_estimates(ANA.token) == 3


def test_one_intent_has_one_batch(registry: Registry) -> None:
    """
    Who comes second, or at the same time, gets the first one's, also without a key; those without intent are no twins.
    """
    rows = [batch(owner=None, intent="same") for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        held = list(pool.map(registry.batches.hold, rows))
    assert len({each.row.id for each in held}) == 1
    assert len({registry.batches.hold(batch(intent=None)).row.id for _ in range(2)}) == 2


def test_what_was_never_created_is_in_no_list_and_is_forgotten(registry: Registry) -> None:
    """
    What the provider has created stays.
    """
    unsettled, settled = batch(upstream_id=None, estimate=Decimal(5)), batch()
    for row in (unsettled, settled):
        registry.batches.hold(row)
    assert registry.batches.page(ANA).rows == (settled,)
    assert [registry.batches.remove(row.id) for row in (unsettled, unsettled, settled)] == [True, False, False]
    assert registry.batches.get(unsettled.id, ANA) is None
    assert registry.batches.get(settled.id, ANA) == settled
    assert registry.batches.open_estimates(ANA.token) == 0


def test_who_begins_again_has_its_leases_back(registry: Registry, clock: Clock) -> None:
    """
    Those of others stay, and what runs at certain accounts is due at once.
    """
    ours, theirs = batch(next_poll_at=1.0), batch(next_poll_at=2.0)
    later, booked = batch(deployment="here", next_poll_at=clock.now + 99), batch(deployment="here", next_poll_at=None)
    for row in (ours, theirs, later, booked):
        registry.batches.add(row)
    assert [row.id for row in registry.batches.due(clock.now, 1, 60.0, "me")] == [ours.id]
    assert [row.id for row in registry.batches.due(clock.now, 1, 60.0, "another")] == [theirs.id]
    registry.batches.take_back("me", ["here"])
    assert {row.id for row in registry.batches.due(clock.now, 9, 60.0, "me")} == {ours.id, later.id}


def test_what_a_wrong_clock_put_off_is_due(registry: Registry, clock: Clock) -> None:
    """
    What is due too far ahead is due now, and leases end in time; what is booked is never due again.
    """
    far, near = batch(next_poll_at=clock.now + 3_600), batch(next_poll_at=clock.now + 50)
    leased, over = batch(next_poll_at=0.0), batch(next_poll_at=None)
    for row in (far, near, leased, over):
        registry.batches.add(row)
    assert registry.batches.due(clock.now, 9, 3_600.0, "another")
    registry.batches.heal(clock.now, due_by=clock.now + 60, leased_by=clock.now + 10)
    assert [row.id for row in registry.batches.due(clock.now, 9, 60.0, "me")] == [far.id]
    assert [row.id for row in registry.batches.due(clock.now + 10, 9, 60.0, "me")] == [leased.id]


def test_batches_are_hurried_and_never_delayed(registry: Registry, clock: Clock) -> None:
    """
    What is due later is due now; what is booked is never due again.
    """
    later, over = batch(next_poll_at=clock.now + 99), batch(next_poll_at=None)
    registry.batches.add(later)
    registry.batches.add(over)
    registry.batches.hurry([later.id, over.id, "batch_unknown"], clock.now)
    registry.batches.hurry([later.id], clock.now + 50)
    assert [row.id for row in registry.batches.due(clock.now, 9, 60.0, "me")] == [later.id]


def test_what_was_booked_is_not_told_otherwise(registry: Registry) -> None:
    """
    An answer of the provider that comes late changes neither the status nor the object with its cost.
    """
    row = batch(status="completed")
    registry.batches.add(row)
    registry.batches.book(row.id, spend(row.id), body={"aikit": {"cost": 0.5}})
    late = registry.batches.update(row.id, status="failed", body={}, next_poll_at=5.0)
    assert late is not None
    assert (late.status, late.body, late.next_poll_at) == ("completed", {"aikit": {"cost": 0.5}}, None)


def test_facts_are_added_to_a_file(registry: Registry) -> None:
    """
    Those of a file that was read later.
    """
    row = file(facts=None)
    registry.files.add(row)
    registry.files.set_facts(row.id, {"lines": 2})
    assert registry.files.get(row.id, ANA) == attrs.evolve(row, facts={"lines": 2})


def test_those_that_begin_again_at_once_do_not_wait_in_a_circle(registry: Registry, clock: Clock) -> None:
    """
    Several processes that take back leases at the same moment, while others book, all come to an end.
    """
    rows = [batch(next_poll_at=float(number)) for number in range(40)]
    for row in rows:
        registry.batches.add(row)

    def work(number: int) -> None:
        for turn in range(8):
            leased = registry.batches.due(clock.now, 5, 60.0, f"p{number}")
            for row in leased[turn % 2 :]:
                registry.batches.update(row.id, fence=row.fence, next_poll_at=float(turn * number % 7))
            registry.batches.take_back(f"p{number}", ["openai"])
            registry.batches.hurry([row.id for row in rows], clock.now)
            booked = rows[number * 8 + turn % 5]
            registry.batches.book(booked.id, spend(booked.id))

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(work, range(5)))
    assert registry.spend.total().bookings == 25
