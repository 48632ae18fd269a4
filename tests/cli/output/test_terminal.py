"""
What only a terminal gets: bars that fit, however narrow it is.
"""

from __future__ import annotations

import io
import sys

import pytest

from aikit.cli.output.formats import human_size
from aikit.cli.output.terminal import table_text
from aikit.cli.output.terminal_bars import file_bars

NAME = "a-rather-long-name-of-a-file.bin"


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (100, ["a-rather-long-name-of-a…", "━", "3.4 MB of 4.8 MB"]),
        (55, ["a-rather-long-name-of-a…", "━", "3.4 MB of 4.8 MB"]),
        (40, ["a-rather-long-name-…", "3.4 MB of 4.8 MB"]),
        (30, ["a-rather-…", "3.4 MB of 4.8 MB"]),
    ],
)
def test_bars_show_whole_numbers_however_narrow_it_is(
    monkeypatch: pytest.MonkeyPatch, width: int, shown: list[str]
) -> None:
    """
    Speed and time go first, then the bar, then the end of the name.
    """
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("LINES", "10")
    bars = file_bars(has_color=False)
    bars.add_task(NAME, total=5_033_164, completed=3_565_158)
    (line,) = bars.console.render_lines(bars.make_tasks_table(bars.tasks))
    text = "".join(segment.text for segment in line)
    assert human_size(5_033_164) == "4.8 MB"
    assert [part for part in shown if part in text] == shown
    assert len(text.rstrip()) <= width - len("^C")  # which terminals show where the cursor stands
    assert ("━" in text) == ("━" in shown)


@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_a_table_is_as_wide_as_it_is_told(monkeypatch: pytest.MonkeyPatch, term: str) -> None:
    """
    Whatever kind of terminal it is, ids are not cut.
    """
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("COLUMNS", "120")
    row = ["file-" + "x" * 24, NAME * 2, "y" * 20]
    lines = table_text(("ID", "NAME", "PURPOSE"), [row], flexible="NAME", spare=(), has_color=False)
    assert lines[1].split()[::2] == row[::2]


def test_what_a_terminal_has_no_sign_for_is_counted_as_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    An escape is longer than what it stands for, and an ellipsis is no ASCII.
    """
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    rows = [["file-1", "\u2603.txt", "a"], ["file-2", "x" * 80, "b"]]
    lines = table_text(("ID", "NAME", "PURPOSE"), rows, flexible="NAME", spare=(), has_color=False)
    assert all(line.isascii() and len(line) <= 40 for line in lines)
    assert lines[1].split() == ["file-1", "\\u2603.txt", "a"]
    assert lines[1].index(" a") == lines[2].index(" b")
