"""
Lines and their places.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aikit.resources.batches.rows.index import lines_of


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)  # the file is written anew each time
@given(st.lists(st.sampled_from((b"a", b"\n", b"\r\n", b" ", b"\xef\xbb\xbf", b"xyz" * 5, b"\0"))))
def test_every_place_leads_back_to_its_line(tmp_path: Path, parts: list[bytes]) -> None:
    """
    What stands at a place is the line; lines that are not there are blank.
    """
    content = b"".join(parts)
    (tmp_path / "f").write_bytes(content)
    found = list(lines_of(tmp_path / "f"))
    assert all(content[line.start : line.start + line.size] == line.content for line in found)
    plain = content.removeprefix(b"\xef\xbb\xbf")
    numbered = enumerate(plain.split(b"\n"), start=1)
    assert [(line.number, (line.content or b"").rstrip(b"\n")) for line in found] == [
        (number, line) for number, line in numbered if line.strip()
    ]
    assert [line.is_whole for line in found[:-1]] == [True] * len(found[:-1])


@pytest.mark.parametrize("size", [10, 11, 12, 1_100_000, 2_500_000])
@pytest.mark.parametrize("end", [b"\n", b""])
def test_line_that_is_too_long_is_not_held(tmp_path: Path, size: int, end: bytes) -> None:
    """
    It has a place and no content, and the lines after it are found.
    """
    (tmp_path / "f").write_bytes(b"first\n" + b"x" * size + end + (b"last" if end else b""))
    first, second, *rest = lines_of(tmp_path / "f", max_bytes=11)
    assert (first.content, first.is_whole) == (b"first\n", True)
    assert (second.number, second.start, second.size, second.is_whole) == (2, 6, size + len(end), bool(end))
    assert (second.content is None) == (size > 11)
    assert [line.content for line in rest] == ([b"last"] if end else [])
