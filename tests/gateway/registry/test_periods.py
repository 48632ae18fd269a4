"""
Periods of budgets.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.gateway.registry.periods import next_reset, seconds_of


def _at(year: int, month: int, day: int) -> float:
    return datetime(year, month, day, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("30s", 30), ("60m", 3600), ("24h", 86_400), ("30d", 2_592_000), ("1w", 604_800), ("2mo", 5_184_000)],
)
def test_durations_are_litellms(duration: str, seconds: int) -> None:
    """Each unit that LiteLLM writes is known."""
    assert seconds_of(duration) == seconds


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ((2027, 1, 31), (2027, 2, 28)),
        ((2027, 2, 28), (2027, 3, 31)),
        ((2027, 4, 29), (2027, 4, 30)),
        ((2028, 2, 10), (2028, 2, 29)),
    ],
)
def test_months_are_of_the_calendar(now: tuple[int, int, int], end: tuple[int, int, int]) -> None:
    """A period of a month that began on the 31st ends on the last day of shorter months."""
    assert next_reset("1mo", _at(2027, 1, 31), _at(*now)) == _at(*end)


@given(
    st.sampled_from(["1s", "7m", "24h", "30d", "3w", "1mo", "5mo", "999999mo"]),
    st.integers(0, 2_000_000_000),
    st.integers(0, 2_000_000_000),
)
def test_the_end_is_ahead(duration: str, began: int, later: int) -> None:
    """However long nothing was asked, the next end comes after now, and no more than a period later."""
    now = began + later
    end = next_reset(duration, began, now)
    assert now < end
    assert end - now <= seconds_of(duration) * 32 / 30 + 86_400
