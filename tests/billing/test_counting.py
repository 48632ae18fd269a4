"""
Counting while a file comes: wherever it is cut, and however often it breaks.
"""

from __future__ import annotations

import itertools

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.billing.counting import CountingSink
from aikit.types.errors import ExchangeError


@attrs.define
class _Lines:
    """A counter that keeps what it gets."""

    lines: list[bytes] = attrs.field(factory=list)
    problems: list[int] = attrs.field(factory=list)

    def add_lines(self, lines: bytes, number: int) -> int:
        """Keep the lines; their numbers must follow each other."""
        assert number == len(self.lines) + len(self.problems)
        self.lines += lines[:-1].split(b"\n")
        return number + lines.count(b"\n")

    def add_problem(self, number: int, message: str) -> None:
        """Keep the number."""
        assert message
        self.problems.append(number)


_CONTENT = st.binary(max_size=30).map(lambda content: content.replace(b"\x00", b"\n"))


def _expected(content: bytes) -> list[bytes]:
    lines = content.split(b"\n")
    return lines if lines[-1] else lines[:-1]


@given(_CONTENT, st.lists(st.integers(0, 30)))
def test_lines_are_whole_wherever_chunks_are_cut(content: bytes, cuts: list[int]) -> None:
    """
    Also the last one, which may have no newline.
    """
    sink = CountingSink(make_counter=_Lines)
    sink.begin(200, {})
    places = sorted({0, len(content), *(cut for cut in cuts if cut < len(content))})
    for start, end in itertools.pairwise(places):
        sink.write(memoryview(content)[start:end])
    assert sink.finish().lines == _expected(content)
    assert sink.done == len(content)


@given(_CONTENT, st.integers(0, 30), st.booleans())
def test_after_a_break_it_goes_on_or_begins_anew(content: bytes, cut: int, is_range: bool) -> None:  # noqa: FBT001  drawn
    """
    What the server sends again counts once.
    """
    cut = min(cut, len(content))
    sink = CountingSink(make_counter=_Lines)
    sink.begin(200, {"content-length": str(len(content))})
    sink.write(memoryview(content)[:cut])
    if is_range and cut:
        assert sink.request_headers() == {"Range": f"bytes={cut}-"}
        assert sink.begin(206, {"content-range": f"bytes {cut}-{len(content)}/{len(content)}"}) == cut
        sink.write(memoryview(content)[cut:])
    else:
        assert sink.begin(200, {}) == 0
        sink.write(memoryview(content))
    assert sink.finish().lines == _expected(content)


def test_another_files_range_is_refused_and_forgotten() -> None:
    """
    The next attempt asks for the whole, and counts anew.
    """
    sink = CountingSink(make_counter=_Lines)
    sink.begin(200, {"content-length": "4"})
    sink.write(memoryview(b"a\nb\n"))
    with pytest.raises(ExchangeError):
        sink.begin(206, {"content-range": "bytes 4-8/9"})
    assert (sink.done, sink.finish().lines) == (0, [])


def test_a_line_without_end_does_not_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    It is a problem with its number, and the lines after it count.
    """
    monkeypatch.setattr("aikit.billing.counting._MAX_LINE_BYTES", 1_000)
    monkeypatch.setattr("aikit.billing.counting._PIECE", 100)
    sink = CountingSink(make_counter=_Lines)
    sink.begin(200, {})
    sink.write(memoryview(b"a\n" + b"x" * 5_000 + b"\nb\n" + b"y" * 5_000))
    counter = sink.finish()
    assert (counter.lines, counter.problems) == ([b"a", b"b"], [2, 4])
