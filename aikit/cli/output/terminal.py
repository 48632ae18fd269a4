"""
Tables on a terminal, drawn by rich. Text is shown as it is, never read as markup.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import Console, OverflowMethod, RenderableType
from rich.table import Table
from rich.text import Text

from aikit.cli.output.messages import columns_of
from aikit.cli.safety import in_encoding

GAP: Final = 2
NAME_MIN: Final = 12
_ANY: Final = 25
_RIGHT: Final = frozenset(
    ("SIZE", "FILES", "DONE", "FAILED", "REQUESTS", "INPUT", "CACHED", "OUTPUT", "REASONING", "COST", "SPENT")
)
_TAIL: Final = re.compile(r"\A(?:\s|m[\d;]*\[\x1b)+")  # of a line read backwards, which takes linear time
"""Blanks at the end of a line, painted or not; how many there are differs between versions of rich."""


def table_text(
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    flexible: str,
    spare: tuple[str, ...],
    has_color: bool,
    short: Mapping[str, Sequence[str]] | None = None,
) -> tuple[list[str], list[str]]:
    """
    Return the lines of a table as wide as the terminal, where ids stay whole, and the titles that it leaves out.

    Args:
        titles: Of the columns.

        rows: Text of the cells.

        flexible: Title of the column that is cut when the table is too wide.

        spare: Titles of the columns that are left out, one after the other, where that would cut it too short.

        has_color: Whether to use colors.

        short: Title → shorter cells of that column, which are taken when all that is spare is left out.
    """
    columns = {
        title: [in_encoding(cell, sys.stdout.encoding) for cell in cells]
        for title, *cells in zip(titles, *rows, strict=True)
    }
    widths = {title: _wide(title, cells) for title, cells in columns.items()}
    for title in spare:
        if _excess({**widths, flexible: min(widths[flexible], NAME_MIN)}) > 0:
            widths.pop(title, None)
    for title, shorter in (short or {}).items() if _excess(widths) > 0 else ():
        columns[title], widths[title] = list(shorter), _wide(title, shorter)
    while (excess := _excess(widths)) > 0 and (cut := _widest(widths, flexible)):
        widths[cut] -= min(excess, widths[cut] - NAME_MIN)
    cells = [columns[title] for title in widths]
    lines = _drawn(tuple(widths), list(zip(*cells, strict=True)), list(widths.values()), has_color=has_color)
    return lines, [title for title in titles if title not in widths]


def _wide(title: str, cells: Sequence[str]) -> int:
    return max(cell_len(cell) for cell in (title, *cells))


def _excess(widths: Mapping[str, int]) -> int:
    """
    Return how many columns the table is too wide for the terminal.
    """
    return sum(widths.values()) + GAP * (len(widths) - 1) - columns_of(sys.stdout)


def _widest(widths: Mapping[str, int], flexible: str) -> str | None:
    """
    Return the title of the column to be cut: *flexible*, then the widest one without ids; ``None`` when all are short.
    """
    if widths[flexible] > NAME_MIN:
        return flexible
    others = {title: width for title, width in widths.items() if title != "ID" and width > NAME_MIN}
    return max(others, key=others.__getitem__, default=None)


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
    return drawn(table, sum(widths) + GAP * len(widths), has_color=has_color)


def drawn(what: RenderableType, width: int, *, has_color: bool) -> list[str]:
    """
    Return the lines that rich draws of *what*, without blanks at their ends.
    """
    text = io.StringIO()
    console_on(text, has_color=has_color, width=width).print(what)
    end = "\x1b[0m" if has_color else ""
    return [_TAIL.sub("", line[::-1])[::-1] + end for line in text.getvalue().splitlines()]


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
