"""
The spool: values by number, in next to no memory.
"""

from __future__ import annotations

import tracemalloc
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aikit.disk.spool import Spool

_VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)


@given(st.dictionaries(st.integers(0, 60), _VALUES))
def test_what_is_put_comes_back_under_its_number(values: dict[int, Any]) -> None:
    """
    In any order, and the last one put counts.
    """
    spool = Spool()
    for number, value in values.items():
        spool.put(number, "before")
        spool.put(number, value)
    assert {number: spool.get(number) for number in values} == values
    assert list(spool.values()) == [values[number] for number in sorted(values) if values[number] is not None]
    assert len(spool) == max(values, default=-1) + 1
    assert spool.get(61) is spool.get(-1) is None


def test_a_hundred_thousand_take_no_memory() -> None:
    """
    Eight bytes for each beyond the first MiB.
    """
    spool = Spool()
    tracemalloc.start()
    for number in range(100_000):
        spool.put(number, "x" * 200)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 1024 * 1024
    assert spool.get(99_999) == "x" * 200
