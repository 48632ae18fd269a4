"""
Tests of texts that have come before.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.storage.seen import SeenTexts
from tests.alone import peak_bytes


@pytest.mark.parametrize("held_max", [0, 3, 10_000])
@given(texts=st.lists(st.text(max_size=2)))
def test_a_text_is_new_once(held_max: int, texts: list[str]) -> None:
    """
    Any text, also one that went to disk.
    """
    seen, known = SeenTexts(held_max), set[str]()
    for text in texts:
        assert (seen.count(text) > 1) == (text in known)
        known.add(text)


def test_many_texts_take_little_memory() -> None:
    """
    A hundred thousand are told apart in 3 MiB, and all of them are known after that.
    """
    assert peak_bytes(_see_many) < 4_500_000


def _see_many() -> None:
    seen = SeenTexts()
    assert {seen.count(f"request-{number}") for number in range(100_000)} == {1}
    assert {seen.count(f"request-{number}") for number in range(0, 100_000, 100)} == {2}


def test_few_texts_need_no_database() -> None:
    """
    SQLite is loaded only when it is needed.
    """
    program = "import sys; from aikit.storage.seen import SeenTexts; SeenTexts().count('a'); assert 'sqlite3' not in "
    subprocess.run([sys.executable, "-c", f"{program}sys.modules"], check=True)
