"""
The table of error codes: every code that is raised stands in it, and every line of it is raised.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from typing import Final

import pytest

from aikit.types.error_codes import CHECK, ERROR_CODES, GATEWAY, HERE, PROVIDER
from tests.types.code_scanner import Named, Scanner, package_scanner


@cache
def all_named() -> list[Named]:
    """
    Return what the package names as a code; to read all its sources takes seconds.
    """
    return list(package_scanner().named())


def meant_by(named: Named) -> set[str]:
    """
    Return the lines of the table that a code, or a pattern of codes, means.
    """
    return {code for code in ERROR_CODES if fnmatchcase(code, named.code)}


def test_every_code_that_is_raised_is_in_the_table() -> None:
    """
    What the source names as a code has a line; so has each code that is put together from parts.
    """
    assert [named for named in all_named() if not meant_by(named)] == []


def test_every_line_of_the_table_is_raised() -> None:
    """
    A code that nothing raises any more leaves the table.
    """
    assert set(ERROR_CODES) - {code for named in all_named() for code in meant_by(named)} == set()


@pytest.mark.parametrize("code", ERROR_CODES)
def test_the_table_tells_who_raises_a_code(code: str) -> None:
    """
    What only the embedded provider or the gateway raises is its own, and checks of files raise before sending.
    """
    places = [named.where for named in all_named() if code in meant_by(named)]
    is_checked = any(place.startswith("validation/") for place in places)
    is_elsewhere = any(not place.startswith(("providers/local/", "gateway/")) for place in places)
    is_provider = any(place.startswith("providers/local/") for place in places)
    expected = {CHECK} if is_checked else {CHECK, HERE} if is_elsewhere else {PROVIDER} if is_provider else {GATEWAY}
    assert ERROR_CODES[code].raised_by in expected


@pytest.mark.parametrize("code", ERROR_CODES)
def test_each_line_is_one_plain_sentence(code: str) -> None:
    """
    A line of the table is a sentence that fits into a cell.
    """
    text = ERROR_CODES[code].text
    assert text[0].isupper() or text.startswith("aikit ")
    assert text.endswith(".")
    assert "|" not in text
    assert len(text) <= 110


SOURCE: Final = """
UNEXPECTED = "constant_code"
TABLE = {"expired": ("table_code", "words")}

class Problem:
    message: str
    code: str = "default_code"

def refused(code: str, message: str): ...

def raises(error, code: str, kind, shut, response):
    Problem("words", "second_code")
    Problem(message="words", code=UNEXPECTED)
    Problem(code=error.code, message="words")
    refused("first_code" if kind else "other_code", "words")
    refused(f"{kind}_code_made", "words")
    refused(*(error or ("starred_code", "words")))
    local, _ = TABLE[kind]
    refused(local, "words")
    Problem(code=shut(response), message="words")
    Answer(error=("pair_code", "words"))
    evolve(error, code="evolved_code")
"""


def test_the_scanner_finds_codes_however_they_are_given() -> None:
    """
    By place or by name, through constants, tables, pairs and local names; what cannot be told is told.
    """
    assert {named.code for named in Scanner.of({"x.py": SOURCE}).named()} == {
        "default_code",
        "second_code",
        "constant_code",
        "first_code",
        "other_code",
        "*_code_made",
        "starred_code",
        "table_code",
        "?shut(response)",
        "pair_code",
        "evolved_code",
    }
