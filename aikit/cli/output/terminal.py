"""
Tables on a terminal, drawn by rich. Text is shown as it is, never read as markup.
"""

from __future__ import annotations

import io
import re
import shutil
import sys
from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import Console, OverflowMethod
from rich.table import Table
from rich.text import Text

from aikit.cli.safety import in_encoding

GAP: Final = 2
NAME_MIN: Final = 8
_ANY: Final = 25
_RIGHT: Final = frozenset(("SIZE", "DONE", "FAILED", "REQUESTS", "INPUT", "CACHED", "OUTPUT", "REASONING", "COST"))
_TAIL: Final = re.compile(r"\A(?:\s|m[\d;]*\[\x1b)+")  # of a line read backwards, which takes linear time
"""Blanks at the end of a line, painted or not; how many there are differs between versions of rich."""


def table_text(
    titles: Sequence[str], rows: Sequence[Sequence[str]], *, flexible: str, spare: tuple[str, ...], has_color: bool
) -> list[str]:
    """
    Return the lines of a table as wide as the terminal; ids stay whole.

    Args:
        titles: Of the columns.

        rows: Text of the cells.

        flexible: Title of the column that is cut when the table is too wide.

        spare: Titles of the last columns that may be left out before that.

        has_color: Whether to use colors.
    """
    width = shutil.get_terminal_size().columns
    rows = [[in_encoding(cell, sys.stdout.encoding) for cell in row] for row in rows]
    widths = [max(cell_len(cell) for cell in cells) for cells in zip(titles, *rows, strict=True)]
    while titles[-1] in spare and sum(widths) + GAP * (len(widths) - 1) > width:
        titles, rows = titles[:-1], [row[:-1] for row in rows]
        widths.pop()
    place = titles.index(flexible)
    others = sum(widths) - widths[place] + GAP * (len(titles) - 1)
    widths[place] = max(NAME_MIN, min(widths[place], width - others))
    return _drawn(titles, rows, widths, has_color=has_color)


def overflow_in(encoding: str | None) -> OverflowMethod:
    """
    Return how rich cuts a text: with an ellipsis where *encoding* has one.
    """
    return "ellipsis" if "utf" in (encoding or "").lower() else "crop"


def _drawn(
    titles: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], *, has_color: bool
) -> list[str]:
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold")
    for title, cells in zip(titles, widths, strict=True):
        table.add_column(title, width=cells, no_wrap=True, justify="right" if title in _RIGHT else "left")
    for row in rows:
        table.add_row(*(Text(cell, overflow=overflow_in(sys.stdout.encoding), no_wrap=True) for cell in row))
    drawn = io.StringIO()
    console = console_on(drawn, has_color=has_color, width=sum(widths) + GAP * len(widths))
    console.print(table)
    end = "\x1b[0m" if has_color else ""
    return [_TAIL.sub("", line[::-1])[::-1] + end for line in drawn.getvalue().splitlines()]


def console_on(stream: object, *, has_color: bool, width: int | None = None) -> Console:
    """
    Return a console that writes to *stream* as on a terminal, and reads nothing as markup.
    """
    # color_system None: no escapes for styles at all, not even for bold; highlight would paint numbers in names.
    return Console(
        file=stream,  # type: ignore[arg-type]  # a text stream
        force_terminal=True,
        color_system="standard" if has_color else None,
        width=width,
        height=None if width is None else _ANY,  # with a width alone, rich goes by TERM
        highlight=False,
        markup=False,
        emoji=False,
    )
