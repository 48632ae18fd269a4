"""
The rate limiter: so many in a minute, however many ask.
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


@st.composite
def _thronged(draw: st.DrawFn) -> tuple[int, list[tuple[int, float]]]:
    """
    Give a rate, and crowds: how many come at once, more in all than a minute has room for, and the seconds after each.
    """
    per_minute = draw(st.integers(1, 3_000))
    crowd = st.tuples(st.integers(per_minute // 3 + 1, per_minute), st.floats(0, 30))
    return per_minute, draw(st.lists(crowd, min_size=4, max_size=8))


@given(_thronged())
def test_no_minute_has_more_than_its_share(thronged: tuple[int, list[tuple[int, float]]]) -> None:
    """
    However the askers come, slots never go back, and no minute has more than asked for.
    """
    per_minute, crowds = thronged
    clock = _Clock()
    limiter = RateLimiter(per_minute, clock)
    slots: list[float] = []
    for count, wait in crowds:
        slots += [round(clock.now + limiter.reserve(), 6) for _ in range(count)]
        clock.now += wait
    assert slots == sorted(slots)
    assert len(slots) > per_minute
    assert min(later - earlier for earlier, later in zip(slots, slots[per_minute:], strict=False)) >= 60


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
