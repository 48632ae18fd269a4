"""
Words and numbers as people and programs read them.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.cli.output.formats import counted, human_seconds, human_size, human_time, iso_time, named
from aikit.cli.safety import safe, safe_json

_ANY_TEXT = st.text(st.characters())


@given(_ANY_TEXT)
def test_safe_text_prints_on_one_line(text: str) -> None:
    """
    Whatever comes in, nothing goes out that moves a cursor or breaks a line.
    """
    assert safe(text).isprintable()


@given(st.dictionaries(_ANY_TEXT, _ANY_TEXT), st.booleans())
def test_safe_json_says_the_same(value: dict[str, str], ascii_only: bool) -> None:  # noqa: FBT001  a drawn value
    """
    JSON is exact for programs and harmless to terminals.
    """
    text = safe_json(value, ascii_only=ascii_only)
    assert json.loads(text) == value
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (None, "?"),
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (10 * 1024, "10 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (512 * 1024**2, "512 MiB"),
        (3 * 1024**4, "3.0 TiB"),
        (5000 * 1024**4, "5000 TiB"),
    ],
)
def test_sizes_read_as_people_say_them(size: int | None, words: str) -> None:
    """
    A KB has 1,024 bytes; small numbers have one decimal.
    """
    assert human_size(size) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "0.0 s"), (9.9, "9.9 s"), (12.3, "12 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_spans_read_as_people_say_them(seconds: float, words: str) -> None:
    """
    Seconds become minutes and hours.
    """
    assert human_seconds(seconds) == words


def test_times_are_utc_for_programs() -> None:
    """
    ISO 8601 with Z; none is empty, and a provider's nonsense is not fatal.
    """
    assert iso_time(1_700_000_000) == "2023-11-14T22:13:20Z"
    assert iso_time(None) == iso_time(10**30) == ""
    assert "2023" in human_time(1_700_000_000)
    assert human_time(None) == ""


def test_names_beyond_five_are_counted() -> None:
    """
    A long list of names ends in a number.
    """
    assert named(["a", "b\x1b"]) == r"a, b\x1b"
    assert named([str(number) for number in range(7)]) == "0, 1, 2, 3, 4 and 2 more"
    assert counted(1, "file") + counted(2000, "file") == "1 file2,000 files"
