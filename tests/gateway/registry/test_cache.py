"""
Rows that were read within the last second, and no others.
"""

from __future__ import annotations

import pytest

from aikit.gateway.registry.cache import Cache


class _Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_row_is_read_once_a_second() -> None:
    """What was read is returned for a moment, and read again afterwards."""
    clock, reads = _Clock(), iter(range(9))
    cache: Cache[int] = Cache(clock)
    assert [cache.fetch("a", lambda: next(reads)) for _ in range(3)] == [0, 0, 0]
    clock.now += 1
    assert (cache.get("a"), cache.fetch("a", lambda: next(reads)), cache.get("a")) == (None, 1, 1)


def test_a_row_that_was_changed_meanwhile_is_not_kept() -> None:
    """It may be the one from before."""
    cache: Cache[int] = Cache(_Clock())

    def read() -> int:
        cache.forget("a")
        return 1

    assert (cache.fetch("a", read), cache.get("a")) == (1, None)


def test_a_row_that_was_long_in_coming_is_returned() -> None:
    """It is not fresh any more, and is not kept."""
    clock = _Clock()
    cache: Cache[int] = Cache(clock)

    def read() -> int:
        clock.now += 5
        return 1

    assert (cache.fetch("a", read), cache.get("a")) == (1, None)


def test_rows_that_nobody_gets_any_more_are_dropped() -> None:
    """Memory holds what was read in the last second, also of rows that are read again and again."""
    clock = _Clock()
    cache: Cache[int] = Cache(clock)
    for number in range(1_000):
        cache.fetch(str(number), lambda: 1)
        cache.fetch("often", lambda: 2)
        clock.now += 0.1
    assert len(cache._rows) <= 11


def test_rows_are_bounded_within_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go, and the newest stay."""
    monkeypatch.setattr("aikit.gateway.registry.cache._MOST", 3)
    cache: Cache[str] = Cache(_Clock())
    for name in "abcde":
        cache.fetch(name, name.upper)
    assert [cache.get(name) for name in "abcde"] == [None, None, "C", "D", "E"]
