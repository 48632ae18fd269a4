"""
Texts that came before, held in memory and on disk.
"""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.storage.seen import DiskCounter
from aikit.types.errors import OpenAIError


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
    seen = DiskCounter(held_max=1_000)
    tracemalloc.start()
    try:
        for number in range(20_000):
            assert seen.count(f"request-{number}") == 1
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000
    assert seen.count("request-19999") == 2


def test_few_texts_need_no_database() -> None:
    """
    SQLite is loaded only when it is needed.
    """
    counting = "from aikit.storage.seen import DiskCounter; DiskCounter().count('a')"
    program = f"import sys; {counting}; assert 'sqlite3' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_full_disk_is_told() -> None:
    """
    What SQLite refuses becomes one clear error.
    """
    seen = DiskCounter(held_max=0)
    seen.count("a")
    assert seen._others is not None
    seen._others._connection.execute("PRAGMA max_page_count = 3")
    with pytest.raises(OpenAIError, match="no room in the temporary folder") as caught:
        [seen.count(f"{number:040d}") for number in range(1_000)]
    assert caught.value.code == "insufficient_storage"
