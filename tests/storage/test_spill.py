"""
Temporary stores: values by number, counts of texts, offsets by name.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.storage.spill import DiskCounter, OffsetIndex, Spool
from aikit.types.errors import OpenAIError
from tests.alone import peak_bytes

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
    assert peak_bytes(_put_very_many) < 4 * 1024 * 1024


def _put_very_many() -> None:
    spool = Spool()
    for number in range(100_000):
        spool.put(number, "x" * 200)
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


@given(st.lists(st.text(max_size=3) | st.text(min_size=39, max_size=60)), st.integers(0, 5))
def test_each_text_is_counted_wherever_it_is_kept(texts: list[str], held_max: int) -> None:
    """
    The count is that of a plain dictionary, for any text, also for those that went to disk.
    """
    seen, counted = DiskCounter(held_max=held_max), Counter[str]()
    for text in texts:
        counted[text] += 1
        assert seen.count(text) == counted[text]


def test_what_goes_to_disk_takes_no_memory() -> None:
    """
    Beyond those that are held, memory does not grow with the number of texts.
    """
    assert peak_bytes(_count_very_many) < 1_000_000


def _count_very_many() -> None:
    seen = DiskCounter(held_max=1_000)
    assert {seen.count(f"request-{number}") for number in range(20_000)} == {1}
    assert seen.count("request-19999") == 2


def test_few_texts_need_no_database() -> None:
    """
    SQLite is loaded only when it is needed.
    """
    program = (
        "import sys; from aikit.storage.spill import DiskCounter; DiskCounter().count('a'); "
        "assert 'sqlite3' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_full_disk_ends_counting_with_one_clear_error() -> None:
    """
    What SQLite refuses says that the temporary folder is full, and how to use another.
    """
    seen = DiskCounter(held_max=0)
    seen.count("a")
    assert seen._others is not None
    seen._others.run("PRAGMA max_page_count = 3")
    with pytest.raises(OpenAIError, match=r"no room in the temporary folder for comparing .* set TMPDIR") as caught:
        [seen.count(f"{number:040d}") for number in range(1_000)]
    assert caught.value.code == "insufficient_storage"


def test_a_full_disk_ends_indexing_with_one_clear_error() -> None:
    """
    Offsets of names that do not fit on disk are refused like counts, and not as a fault of who named the files.
    """
    places = OffsetIndex()
    places._table.run("PRAGMA max_page_count = 4")
    with pytest.raises(OpenAIError, match=r"no room in the temporary folder for finding .* set TMPDIR") as caught:
        list(map(places.put, ("a" * number for number in range(1_000)), range(1_000), range(1_000)))
    assert caught.value.code == "insufficient_storage"
    places.close()


def test_offsets_are_found_by_any_name_and_forgotten() -> None:
    """
    The newest offset of a name counts, names that are no UTF-8 keep apart, and a dropped name is not known.
    """
    places = OffsetIndex()
    places.put("a\udcff", 1, 2)
    places.put("a\udcfe", 3, 4)
    places.put("a\udcff", 5, 6)
    assert (places.get("a\udcff"), places.get("a\udcfe"), places.get("a")) == ((5, 6), (3, 4), None)
    places.drop("a\udcff")
    assert (places.get("a\udcff"), places.get("a\udcfe")) == (None, (3, 4))
    places.close()
