"""
Pauses between two questions.
"""

from __future__ import annotations

from itertools import islice

import pytest

from aikit.http.flow import Flow, Pause
from aikit.resources.polling import begun_now, early_pauses, growing_pauses


def test_pauses_grow_by_half_up_to_ten_times_the_first() -> None:
    """
    The second pause is half as long again; none is longer than ten intervals.
    """
    assert list(islice(growing_pauses(2), 4)) == [2, 3, 4.5, 6.75]
    assert list(islice(growing_pauses(2), 8, 11)) == [20, 20, 20]


def test_the_first_pauses_are_short_and_grow_to_the_interval() -> None:
    """
    Half a second first, also where the interval is long; one that is shorter is kept.
    """
    assert list(islice(early_pauses(10), 11)) == pytest.approx(
        [0.5, 0.75, 1.125, 1.6875, 2.53125, 3.796875, 5.6953125, 8.54296875, 10, 15, 22.5]
    )
    assert list(islice(early_pauses(0.1), 3)) == pytest.approx([0.1, 0.15, 0.225])


def test_of_thousands_at_once_only_some_have_short_pauses() -> None:
    """
    Those that are over, or were given up, make room for others.
    """
    waits = [early_pauses(6) for _ in range(1000)]
    assert [next(wait) for wait in waits] == [0.5] * 32 + [6] * 968
    del waits[0]
    assert list(islice(waits[1], 7))[-1] == 6
    assert [next(early_pauses(6)) for _ in range(3)] == [0.5] * 3  # each given up at once
    late = [early_pauses(6) for _ in range(3)]
    assert [next(wait) for wait in late] == [0.5, 0.5, 6]


def test_a_flow_that_begins_now_counts_from_now() -> None:
    """
    Pauses are answered with the seconds since then, all else as it comes, and what fails is thrown in.
    """

    def inner() -> Flow[list[object]]:
        seen: list[object] = [(yield Pause(1.0))]
        try:
            seen.append((yield Pause(2.0)))
        except KeyError as error:
            seen.append(error)
        return seen

    flow = begun_now(inner())
    assert next(flow) == Pause(0.0)
    assert flow.send(100.0) == Pause(1.0)
    assert flow.send(101.5) == Pause(2.0)
    failure = KeyError()
    with pytest.raises(StopIteration) as stop:
        flow.throw(failure)
    assert stop.value.value == [1.5, failure]
