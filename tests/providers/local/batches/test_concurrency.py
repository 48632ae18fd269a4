"""
The pace of asking: when it grows, when it halves, and when everything waits.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.providers.local.batches.answerer import Task
from aikit.providers.local.batches.concurrency import ConcurrencyLimit, ParkedTasks


def test_it_begins_at_its_most() -> None:
    """
    Most servers have room for what their users ask for.
    """
    pace = ConcurrencyLimit(64)
    assert pace.can_start(63, 0.0)
    assert not pace.can_start(64, 0.0)


def test_overload_halves_it_once_for_all_that_were_under_way() -> None:
    """
    Sixty-four refusals of one moment tell the same thing; one of a later request tells it again.
    """
    pace = ConcurrencyLimit(64)
    numbers = [pace.start() for _ in range(64)]
    for number in numbers:
        pace.on_throttled(number)
    assert pace.limit == 32
    pace.on_throttled(pace.start())
    assert pace.limit == 16


def test_it_never_gets_below_one() -> None:
    """
    Somebody has to find out when it is over.
    """
    pace = ConcurrencyLimit(4)
    for _ in range(10):
        pace.on_throttled(pace.start())
    assert pace.can_start(0, 0.0)
    assert not pace.can_start(1, 0.0)


def test_it_grows_by_one_in_a_round_and_no_further_than_its_most() -> None:
    """
    As many successes as the limit make it one higher.
    """
    pace = ConcurrencyLimit(8, limit=4.0)
    for _ in range(4):
        pace.on_success()
    assert 4.8 < pace.limit < 5.1
    for _ in range(100):
        pace.on_success()
    assert pace.limit == 8


def test_a_wish_to_wait_holds_everything() -> None:
    """
    Until then nothing is begun, and a shorter wish does not shorten it.
    """
    pace = ConcurrencyLimit(8)
    pace.on_throttled(pace.start(), until=100.0)
    pace.on_throttled(pace.start(), until=50.0)
    assert not pace.can_start(0, 99.9)
    assert pace.can_start(0, 100.0)


def test_a_refusal_now_and_then_changes_nothing() -> None:
    """
    One of eight is about its own request: the limit stays, and nobody else waits.
    """
    pace = ConcurrencyLimit(16)
    for number in range(1, 200):
        pace.start()
        if number % 8:
            pace.on_success()
        else:
            pace.on_throttled(number, until=1e9)
        assert (pace.limit, pace.can_start(15, float(number)), pace.is_failing) == (16, True, False)


def test_most_recent_answers_decide_and_can_change_their_mind() -> None:
    """
    Refusals after many answers hold all when they are the most; answers that come meanwhile let go again.
    """
    pace = ConcurrencyLimit(16)
    for _ in range(100):
        pace.on_success()
    for refused in range(16):
        assert pace.can_start(0, 0.0) is (refused <= 8)
        pace.on_throttled(pace.start(), until=30.0)
    assert pace.can_start(0, 30.0)
    for _ in range(8):
        pace.on_success()
    assert pace.can_start(0, 0.0)


def test_nothing_left_holds_everything_until_there_is() -> None:
    """
    Whatever was answered before.
    """
    pace = ConcurrencyLimit(4)
    for _ in range(20):
        pace.on_success()
    pace.on_nothing_left(7.0)
    pace.on_nothing_left(3.0)
    assert not pace.can_start(0, 6.9)
    assert pace.can_start(3, 7.0)


def test_parked_tasks_come_in_the_order_they_are_due_and_are_bounded_by_their_size() -> None:
    """
    Of two that are due at once the first parked is the first.
    """
    parked = ParkedTasks()
    bodies = {1: 0, 2: 1, 3: 15 << 20, 4: 1 << 20}
    for line, due in ((1, 2.0), (2, 1.0), (3, 1.0)):
        parked.park(Task(line=line, custom_id="q", url="/", body=bytes(bodies[line])), due)
    assert (parked.has_due(0.9), parked.has_due(1.0), parked.is_full) == (False, True, False)
    parked.park(Task(line=4, custom_id="q", url="/", body=bytes(bodies[4])), 0.5)
    assert parked.is_full
    assert [parked.take().line for _ in range(len(parked))] == [4, 2, 3, 1]
    assert not parked.is_full


def test_an_outage_is_probed_by_one_with_growing_pauses() -> None:
    """
    Pauses double up to a minute; success ends it at once.
    """
    pace, now, pauses = ConcurrencyLimit(8), 1000.0, []
    for _ in range(9):
        assert pace.can_start(0, now)
        assert pace.on_unreachable(pace.start(), now)
        pauses.append(pace.blocked_until - now)
        now = pace.blocked_until
        assert not pace.can_start(1, now)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert pace.on_success()
    assert not pace.on_success()
    assert pace.can_start(7, pace.blocked_until)


@pytest.mark.parametrize("late_s", [0.1, 1.0, 3600.0])
def test_requests_that_were_under_way_when_a_pause_began_count_as_one(late_s: float) -> None:
    """
    Also those that fail when it is over, as at a server that takes its time to refuse.
    """
    pace, numbers = ConcurrencyLimit(8), list[int]()
    for _ in range(8):
        numbers.append(pace.start())
    assert pace.on_unreachable(numbers[3], 1000.0)
    assert not any(pace.on_unreachable(number, 1000.0 + late_s) for number in numbers)
    assert (pace.outages, pace.blocked_until) == (1, 1001.0)
    assert pace.on_unreachable(pace.start(), 1001.0)


@given(st.lists(st.sampled_from(["well", "overload", "nowhere"]), max_size=60), st.integers(1, 100))
def test_the_limit_keeps_within_its_bounds(ends: list[str], most: int) -> None:
    """
    Whatever comes back, something may be begun in the end, and never more than the most.
    """
    pace, now = ConcurrencyLimit(most), 0.0
    for end in ends:
        now += 1
        number = pace.start()
        if end == "well":
            pace.on_success()
        elif end == "overload":
            pace.on_throttled(number)
        else:
            pace.on_unreachable(number, now)
        assert 1 <= pace.limit <= most
        assert pace.can_start(0, pace.blocked_until)
        assert not pace.can_start(most, pace.blocked_until)
