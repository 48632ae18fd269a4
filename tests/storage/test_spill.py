"""
The spool: values by number, in next to no memory.
"""

from __future__ import annotations

import tempfile
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.storage.spill import Spool
from aikit.types.errors import OpenAIError

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


def test_what_is_on_disk_is_found_like_what_is_held() -> None:
    """
    Small and large values, beyond what is held, come back under their numbers, also after they were put anew.
    """
    spool = Spool()
    for number in range(40):
        spool.put(number, "x" * number * 5_000)
    spool.put(3, "anew")
    assert [len(spool.get(number)) for number in range(40)] == [0, 5_000, 10_000, 4, *range(20_000, 200_000, 5_000)]


def test_full_disk_costs_no_value_that_was_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What cannot be kept says so; all that was is still there, and once there is room it goes on.
    """
    spool, full = Spool(), True
    real = tempfile.TemporaryFile

    class Disk:
        def __init__(self, **how: Any) -> None:
            self.file = real(**how)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

        def write(self, data: bytes) -> int:
            if full and self.file.tell() >= 300_000:
                raise OSError(28, "No space left on device")
            return int(self.file.write(data[:300_000]))

    monkeypatch.setattr(tempfile, "TemporaryFile", Disk)
    for number in range(10):
        spool.put(number, "x" * 100_000)
    with pytest.raises(OpenAIError, match="set TMPDIR"):
        spool.put(10, "y" * 100_000)
    assert [spool.get(number) for number in range(11)] == ["x" * 100_000] * 10 + [None]
    full = False
    spool.put(10, "z" * 100_000)
    assert [spool.get(number)[0] for number in range(11)] == ["x"] * 10 + ["z"]
