"""
What only a terminal gets: bars that fit, however narrow it is.
"""

from __future__ import annotations

import pytest

from aikit.cli.terminal import file_bars
from aikit.cli.text import human_size

NAME = "a-rather-long-name-of-a-file.bin"


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (100, ["a-rather-long-name-of-a…", "━", "3.4 MB of 4.8 MB"]),
        (55, ["a-rather-long-name-of-a…", "━", "3.4 MB of 4.8 MB"]),
        (40, ["a-rather-long-name-of…", "3.4 MB of 4.8 MB"]),
        (30, ["a-rather-lo…", "3.4 MB of 4.8 MB"]),
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
    assert len(text) <= width
    assert ("━" in text) == ("━" in shown)
