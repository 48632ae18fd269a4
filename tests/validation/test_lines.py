"""
JSONL: how lines are cut, and what is JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aikit.validation.limits import limits_for
from aikit.validation.lines import check_lines, iter_lines, parsed
from aikit.validation.problems import Problems
from tests.alone import peak_bytes
from tests.jsonl.errors import JSON, errors_of, told, worded

_OPENAI = limits_for("openai")
_RELAXED = settings(deadline=None)


@attrs.define
class _Dribble:
    """
    A reader that gives the pieces it was made of, whatever size is asked for.
    """

    pieces: list[bytes]

    def read(self, _size: int, /) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def close(self) -> None:
        pass


def _cut(content: bytes, at: Iterable[int]) -> _Dribble:
    marks = sorted({0, len(content), *(mark % (len(content) + 1) for mark in at)})
    return _Dribble([content[a:b] for a, b in pairwise(marks)])


# Of random bytes hardly any are newlines: 1 of 300 examples had a short line beside a long one.
_LINES = st.lists(st.binary(max_size=8)).map(b"\n".join)


@_RELAXED
@given(_LINES, st.lists(st.integers(min_value=0)))
@example(b"a\n\nb\n", [1, 2, 3])
def test_lines_are_those_between_newlines_wherever_chunks_end(content: bytes, at: list[int]) -> None:
    """
    Chunk boundaries never change the lines, and a last newline adds none.
    """
    expected = content.split(b"\n")
    assert list(iter_lines(_cut(content, at), 10**6)) == (expected if expected[-1] else expected[:-1])


@_RELAXED
@given(_LINES, st.lists(st.integers(min_value=0)), st.integers(min_value=0, max_value=5))
@example(b"long\n12\nlong\n", [6], 2)
def test_only_lines_that_are_too_long_are_given_as_none(content: bytes, at: list[int], most: int) -> None:
    """
    A line beyond the bound is told as such, those around it are whole.
    """
    lines = content.split(b"\n")
    expected = [None if len(line) > most else line for line in (lines if lines[-1] else lines[:-1])]
    assert list(iter_lines(_cut(content, at), most)) == expected


def test_endless_line_needs_bounded_memory() -> None:
    """
    A line of 64 MB under a bound of 1 MB is passed over without being held.
    """
    assert peak_bytes(_pass_over_a_long_line) < 4 * 1024 * 1024


def _pass_over_a_long_line() -> None:
    class _Endless:
        left = 256

        def read(self, size: int, /) -> bytes:
            self.left -= 1
            return b"x" * size if self.left > 0 else b""

        def close(self) -> None:
            pass

    assert list(iter_lines(_Endless(), 1024 * 1024)) == [None]


def test_bytes_read_are_told_chunk_by_chunk() -> None:
    """
    Whoever watches hears how far the reading has come.
    """
    seen: list[int] = []
    assert list(iter_lines(_Dribble([b"ab", b"c\n", b"d"]), 10, seen.append)) == [b"abc", b"d"]
    assert seen == [2, 4, 5]


@_RELAXED
@given(JSON)
def test_what_json_writes_is_read_back(value: Any) -> None:
    """
    Every value survives the round trip, spaces around it and a carriage return included.
    """
    for ensure_ascii in (True, False):
        text = json.dumps(value, ensure_ascii=ensure_ascii)
        assert parsed(text.encode()) == value
        assert parsed(f" \t{text} \r".encode()) == value


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "Expecting property name enclosed in double quotes at column 2."),
        (b'{"custom_id": "q1"', "Expecting ',' delimiter at column 19."),
        (b'{"custom_id": "q1"\r', "Expecting ',' delimiter at column 19."),
        (b'{"a": 1} {"b": 2}', "Extra data at column 10."),
        (b'{"a": "\xff"}', "Byte 8 is not UTF-8."),
        (b'{"a": "\xed\xa0\x80"}', "Byte 8 is not UTF-8."),
        (b'{"a": NaN}', "NaN is no JSON number; use null."),
        (b"[-Infinity]", "-Infinity is no JSON number; use null."),
        (b"1" * 5000, "A number has too many digits."),
        (b"[" * 100_000, "It is nested too deeply."),
        (b'{"a": "\t"}', "Invalid control character at at column 8."),
    ],
)
def test_what_is_no_json_is_told_with_the_reason(line: bytes, reason: str) -> None:
    """
    The reason says where to look, or what to write instead.
    """
    with pytest.raises(ValueError, match=r".") as caught:
        parsed(line)
    assert str(caught.value) == reason


@pytest.mark.parametrize("purpose", ["batch", "fine-tune", "evals"])
@_RELAXED
@given(values=st.lists(st.dictionaries(st.text(), JSON, max_size=3), min_size=1, max_size=3))
def test_objects_written_by_json_are_never_called_unparseable(purpose: str, values: list[dict[str, Any]]) -> None:
    """
    Whatever else is wrong with them, lines of JSON objects are parsed.
    """
    assert all(code != "invalid_json_line" for code, _, _ in told(purpose, *values))


@_RELAXED
@given(
    st.lists(st.sampled_from([b"{}", b"", b"x", b'{"item": {}}', b'{"item": 1}', "é".encode(), b"\xff"])),
    st.lists(st.integers(min_value=0)),
)
def test_chunk_boundaries_anywhere_give_the_same_errors(lines: list[bytes], at: list[int]) -> None:
    """
    What is told depends on the content alone.
    """
    content = b"\n".join(lines)
    problems = Problems()
    check_lines("evals", _cut(content, at), _OPENAI, problems)
    assert worded(problems.shown()) == worded(errors_of("evals", content))


@pytest.mark.parametrize("line", [b"1", b"null", b'"text"', b'[{"item": {}}]'])
@pytest.mark.parametrize("purpose", ["batch", "fine-tune", "evals"])
def test_line_that_is_no_object_is_refused(purpose: str, line: bytes) -> None:
    """
    JSON of another kind is as wrong as no JSON.
    """
    first = errors_of(purpose, line)[-1]
    assert (first.code, first.param, first.line) == ("invalid_json_line", None, 1)
    assert first.message.startswith("This line is not parseable as valid JSON. A line is one object")


def test_blank_lines_between_others_are_told_and_those_at_the_end_are_not() -> None:
    """
    An empty line is no JSON, but a file may end in several newlines.
    """
    content = b'{"item": {}}\n\n \t\r\n{"item": {}}\r\n\n\n \n'
    assert [(error.code, error.line) for error in errors_of("evals", content)] == [
        ("invalid_json_line", 2),
        ("invalid_json_line", 3),
    ]


def test_a_million_blank_lines_are_counted_not_kept() -> None:
    """
    Each of them counts as a problem, a hundred entries remain.
    """
    errors = errors_of("evals", b'{"item": {}}' + b"\n" * 1_000_001 + b'{"item": {}}')
    assert len(errors) == 100
    assert errors[-1].message.startswith("999,901 more")


def test_byte_order_mark_is_told_and_the_line_checked_without_it() -> None:
    """
    The mark is one problem; it does not hide others, nor make a good line bad.
    """
    assert told("evals", {"item": {}}) == []
    errors = errors_of("evals", b'\xef\xbb\xbf{"item": {}}\n{"item": 1}\n')
    assert [(error.code, error.line) for error in errors] == [("bom", 1), ("invalid_type", 2)]
    assert "save it as UTF-8 without a BOM" in errors[0].message


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_is_one_problem(encoding: str) -> None:
    """
    A file in another encoding is told once, not line by line.
    """
    content = ("\ufeff" + '{"item": {}}\n' * 50).encode(encoding)
    (error,) = errors_of("evals", content)
    assert error.code == "invalid_encoding"


def test_line_beyond_the_bound_is_a_problem_of_its_own() -> None:
    """
    The message tells the bound; the lines around are checked.
    """
    limits = attrs.evolve(_OPENAI, line_max_bytes=50)
    values = [{"item": {}}, {"item": {"a": "x" * 100}}, {"item": 1}]
    assert told("evals", *values, limits=limits) == [("line_too_long", None, 2), ("invalid_type", "item", 3)]
