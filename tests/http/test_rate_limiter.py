"""
Pace: so many in a minute, whoever asks.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aikit.http.rate_limiter import RateLimiter


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(st.integers(1, 5_000), st.lists(st.floats(0, 30), max_size=300))
def test_no_minute_has_more_than_its_share(per_minute: int, waits: list[float]) -> None:
    """
    However the askers come, turns never go back, and no minute has more than asked for.
    """
    clock = _Clock()
    limiter = RateLimiter(per_minute, clock)
    turns: list[float] = []
    for wait in waits:
        turns.append(clock.now + limiter.reserve())
        clock.now += wait
    assert turns == sorted(turns)
    for number in range(per_minute, len(turns)):
        assert turns[number] - turns[number - per_minute] >= 60


def test_a_tenth_of_them_go_at_once() -> None:
    """
    At a thousand a minute a hundred need not wait, and the next wait for six seconds.
    """
    limiter = RateLimiter(1_000, _Clock())
    turns = [limiter.reserve() for _ in range(250)]
    assert turns[:100] == [0.0] * 100
    assert all(6 <= turn < 6.2 for turn in turns[100:200])
    assert all(12 <= turn < 12.4 for turn in turns[200:])


def test_the_whole_rate_is_used() -> None:
    """
    Five thousand at a thousand a minute take no longer than five minutes and a few seconds.
    """
    limiter = RateLimiter(1_000, _Clock())
    assert max(limiter.reserve() for _ in range(5_000)) < 305


@given(st.integers(1, 5_000))
def test_whoever_comes_at_once_has_no_more_either(per_minute: int) -> None:
    """
    With a rate that is no multiple of ten, too, a thronged minute has its share and no turn more.
    """
    limiter = RateLimiter(per_minute, _Clock())
    turns = [limiter.reserve() for _ in range(per_minute + 1)]
    assert turns[per_minute] - turns[0] > 60
