"""
What only a terminal gets: bars that fit, however narrow it is.
"""

from __future__ import annotations

import io
import sys

import pytest
from rich.progress import Progress

from aikit.cli.output.formats import human_size
from aikit.cli.output.terminal import table_text
from aikit.cli.output.terminal_bars import count_bars, file_bars

NAME = "a-rather-long-name-of-a-file.bin"


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (200, [NAME, "━" * 40, "3.4 MiB of 4.8 MiB", "--:--"]),
        (80, ["a-rather-long-name-of-a-fi…", "━" * 7, "3.4 MiB of 4.8 MiB", "--:--"]),
        (60, ["a-rather-long-name-of-a-f…", "━" * 7, "3.4 MiB of 4.8 MiB"]),
        (40, ["a-rather-long-na…", "3.4 MiB of 4.8 MiB"]),
        (30, ["a-rath…", "3.4 MiB of 4.8 MiB"]),
    ],
)
def test_bars_show_whole_numbers_however_narrow_it_is(
    monkeypatch: pytest.MonkeyPatch, width: int, shown: list[str]
) -> None:
    """
    Time and speed go first, then the bar, which is never shorter than ten columns, then the end of the name.
    """
    text = _bar(monkeypatch, file_bars(has_color=False), width, NAME, 5_033_164)
    assert human_size(5_033_164) == "4.8 MiB"
    assert [part for part in shown if part in text] == shown
    assert len(text.rstrip()) <= width - len("^C")  # which terminals show where the cursor stands
    assert ("━" in text, "--:--" in text) == ("━" * 7 in text, "--:--" in shown)


@pytest.mark.parametrize("width", [30, 48, 60, 80, 200])
def test_bars_of_batches_fit_as_well(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """
    What the batch does and how far it is come before the rest of its id.
    """
    text = _bar(monkeypatch, count_bars(has_color=False), width, "validating batch_6181a40287a4036553d399b", 45_000)
    assert len(text.rstrip()) <= width - len("^C")
    assert "validating"[: width // 3] in text
    assert "of 45,000" in text
    assert ("━" * 6 in text) == (width >= 48)
    assert ("d399b" in text) == (width >= 80)


def _bar(monkeypatch: pytest.MonkeyPatch, bars: Progress, width: int, name: str, total: int) -> str:
    """
    Return the line of a bar of seven tenths on a terminal of that width.
    """
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("LINES", "10")
    bars.add_task(name, total=total, completed=int(total * 0.70835))
    (line,) = bars.console.render_lines(bars.make_tasks_table(bars.tasks))
    return "".join(segment.text for segment in line)


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (60, ["ID", "NAME", "SIZE"]),
        (80, ["ID", "NAME", "SIZE", "PURPOSE", "CREATED"]),
        (200, ["ID", "NAME", "SIZE", "PURPOSE", "CREATED", "EXPIRES"]),
    ],
)
def test_a_row_is_one_line_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch, width: int, titles: list[str]) -> None:
    """
    What is spare goes, one column after the other, and ids and sizes stay whole; a wide terminal shows whole names.
    """
    monkeypatch.setenv("COLUMNS", str(width))
    rows = [["file-" + "x" * 24, NAME * 2, "9.9 MiB", "user_data", "30 Nov 18:35", "30 Dec 18:35"]]
    every = ("ID", "NAME", "SIZE", "PURPOSE", "CREATED", "EXPIRES")
    spare = ("EXPIRES", "CREATED", "PURPOSE")
    (head, line), left_out = table_text(every, rows, flexible="NAME", spare=spare, has_color=False)
    assert head.split() == titles
    assert left_out == list(every[len(titles) :])
    assert len(line) <= width
    assert line.split()[0] == rows[0][0]
    assert "9.9 MiB" in line
    assert (NAME * 2 in line) == (width == 200)


def test_counts_become_shares_where_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A long id, a status and how far a batch is fit into 60 columns.
    """
    monkeypatch.setenv("COLUMNS", "60")
    row = ["batch_" + "6" * 32, "in_progress", "31,500/45,000", "30 Nov 18:35"]
    (head, line), left_out = table_text(
        ("ID", "STATUS", "DONE", "CREATED"),
        [row],
        flexible="STATUS",
        spare=("CREATED",),
        short={"DONE": ["70%"]},
        has_color=False,
    )
    assert head.split() == ["ID", "STATUS", "DONE"]
    assert line.split() == [row[0], "in_progress", "70%"]
    assert left_out == ["CREATED"]
    assert len(line) <= 60


def test_columns_that_nothing_names_are_cut_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where all that is spare is gone and the flexible column is short, the widest of the others gives way.
    """
    monkeypatch.setenv("COLUMNS", "60")
    rows = [["openai", "base_url", "https://api.openai.com/v1", "/home/a/rather/long/path/AIProviders.json"]]
    lines, _ = table_text(("NAME", "SETTING", "VALUE", "FROM"), rows, flexible="VALUE", spare=(), has_color=False)
    assert all(len(line) <= 60 for line in lines)


@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_a_table_is_as_wide_as_it_is_told(monkeypatch: pytest.MonkeyPatch, term: str) -> None:
    """
    Whatever kind of terminal it is, ids are not cut.
    """
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("COLUMNS", "120")
    row = ["file-" + "x" * 24, NAME * 2, "y" * 20]
    lines, _ = table_text(("ID", "NAME", "PURPOSE"), [row], flexible="NAME", spare=(), has_color=False)
    assert lines[1].split()[::2] == row[::2]


def test_what_a_terminal_has_no_sign_for_is_counted_as_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    An escape is longer than what it stands for, and an ellipsis is no ASCII.
    """
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    rows = [["file-1", "\u2603.txt", "a"], ["file-2", "x" * 80, "b"]]
    lines, _ = table_text(("ID", "NAME", "PURPOSE"), rows, flexible="NAME", spare=(), has_color=False)
    assert all(line.isascii() and len(line) <= 40 for line in lines)
    assert lines[1].split() == ["file-1", "\\u2603.txt", "a"]
    assert lines[1].index(" a") == lines[2].index(" b")
