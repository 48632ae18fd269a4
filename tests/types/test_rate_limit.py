"""
What is left of a limit, and when it is there again, as the headers of any answer tell.
"""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.types.rate_limit import seconds_until_reset

_NOW = 1_795_262_400.0


def _told(reset: str, remaining: str = "0", unit: str = "requests", limit: str = "500") -> float:
    headers = {f"x-ratelimit-{kind}-{unit}": value for kind, value in (("remaining", remaining), ("limit", limit))}
    return seconds_until_reset(headers | {f"x-ratelimit-reset-{unit}": reset}, _NOW)


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("1s", 1.0),
        ("20ms", 0.02),
        ("7.66s", 7.66),
        ("1m0s", 60.0),
        ("0m2.5s", 2.5),
        ("6m0s", 60.0),
        ("12", 12.0),
        ("0.5", 0.5),
        (str(int(_NOW) + 9), 9.0),
        (f"{int(_NOW) + 9}000", 9.0),
        ("2026-11-21T12:00:05+00:00", 5.0),
        ("2026-11-21T12:00:05Z", 5.0),
        ("", 0.0),
        ("0s", 0.0),
        ("-3", 0.0),
        ("nan", 0.0),
        ("soon", 0.0),
        ("1e999", 0.0),
        ("2020-01-01T00:00:00Z", 0.0),
    ],
)
@pytest.mark.parametrize("unit", ["requests", "tokens"])
def test_a_reset_counts_when_nothing_is_left(reset: str, seconds: float, unit: str) -> None:
    """
    As a span, as seconds, or as a time; what cannot be read is no pause, and none is longer than a minute.
    """
    assert _told(reset, unit=unit) == pytest.approx(seconds)
    assert _told(reset, "1", unit) == 0.0


def test_a_limit_of_nothing_and_a_reset_of_something_else_are_no_pause() -> None:
    """
    Some servers fill in zeros.
    """
    assert _told("30s", limit="0") == 0.0
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-tokens": "30s"}
    assert seconds_until_reset(headers, _NOW) == 0.0
    assert seconds_until_reset({}, _NOW) == 0.0


@given(st.text(max_size=80))
def test_any_reset_is_read_as_a_pause_within_bounds(reset: str) -> None:
    """
    Whatever a server writes.
    """
    assert 0.0 <= _told(reset) <= 60.0


@pytest.mark.parametrize("piece", ["1", "1m", "1h1m", ".", "1.1", "9s"])
def test_a_long_reset_takes_no_time(piece: str) -> None:
    """
    Only so much of it is read.
    """
    began = time.thread_time()
    _told(piece * 65_536)
    assert time.thread_time() - began < 0.1
