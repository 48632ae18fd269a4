"""
What only a terminal gets, drawn by rich: tables and progress bars. Text is shown as it is, never read as markup.
"""

from __future__ import annotations

import io
import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Final, Self

import attrs
from rich.cells import cell_len
from rich.console import Console, OverflowMethod
from rich.progress import BarColumn, ProgressColumn, Task, TaskID, TextColumn
from rich.progress import Progress as RichProgress
from rich.table import Column, Table
from rich.text import Text

from aikit.cli.output.formats import counted, human_seconds, human_size, in_encoding, safe
from aikit.types.progress import Progress

_GAP: Final = 2
_NAME_MIN: Final = 8
_NAME_MAX: Final = 24
_AMOUNT_MIN: Final = 17  # "9.9 KB of 9.9 MB", and more
_ANY: Final = 25
_ROOMY: Final = 72  # columns: for a name, a bar, how much, how fast and how long still
_NARROW: Final = 48  # for the first three
_RIGHT: Final = frozenset(("SIZE", "DONE", "FAILED", "REQUESTS", "INPUT", "CACHED", "OUTPUT", "REASONING", "COST"))
_TAIL: Final = re.compile(r"(?:\s|\x1b\[[\d;]*m)+$")
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

        spare: Titles of the last columns, as far as they may be left out before that.

        has_color: Whether to paint.
    """
    width = shutil.get_terminal_size().columns
    rows = [[in_encoding(cell, sys.stdout.encoding) for cell in row] for row in rows]
    widths = [max(cell_len(cell) for cell in cells) for cells in zip(titles, *rows, strict=True)]
    while titles[-1] in spare and sum(widths) + _GAP * (len(widths) - 1) > width:
        titles, rows = titles[:-1], [row[:-1] for row in rows]
        widths.pop()
    place = titles.index(flexible)
    others = sum(widths) - widths[place] + _GAP * (len(titles) - 1)
    widths[place] = max(_NAME_MIN, min(widths[place], width - others))
    return _drawn(titles, rows, widths, has_color=has_color)


def _cut(encoding: str | None) -> OverflowMethod:
    """
    Return how to cut a text: where there is no sign for what is missing, without one.
    """
    return "ellipsis" if "utf" in (encoding or "").lower() else "crop"


def _drawn(
    titles: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], *, has_color: bool
) -> list[str]:
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold")
    for title, cells in zip(titles, widths, strict=True):
        table.add_column(title, width=cells, no_wrap=True, justify="right" if title in _RIGHT else "left")
    for row in rows:
        table.add_row(*(Text(cell, overflow=_cut(sys.stdout.encoding), no_wrap=True) for cell in row))
    drawn = io.StringIO()
    console = console_on(drawn, has_color=has_color, width=sum(widths) + _GAP * len(widths))
    console.print(table)
    end = "\x1b[0m" if has_color else ""
    return [_TAIL.sub("", line) + end for line in drawn.getvalue().splitlines()]


class _Amount(ProgressColumn):
    """
    How much of how much.
    """

    def render(self, task: Task) -> Text:
        done, total = human_size(task.completed), human_size(task.total)
        return Text(f"{done} of {total}" if task.total is not None else done, justify="right")


class _Count(ProgressColumn):
    """
    How many of how many.
    """

    def render(self, task: Task) -> Text:
        if task.total is None:
            return Text(f"{task.completed:,.0f}" if task.completed else "", justify="right")
        return Text(f"{task.completed:,.0f} of {task.total:,.0f}", justify="right")


class _Rate(ProgressColumn):
    """
    How fast.
    """

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{human_size(speed)}/s" if speed else "", justify="right")


class _Left(ProgressColumn):
    """
    How long still.
    """

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        if task.finished:
            return Text(f"{human_seconds(task.finished_time or 0)}")
        left_s = task.time_remaining
        return Text("" if left_s is None else f"{human_seconds(left_s)} left")


class _FittingBars(RichProgress):
    """
    Bars that leave out what a narrow terminal has no room for, instead of a bit of everything.
    """

    def __init__(self, name_column: Column, *columns: ProgressColumn, **more: Any) -> None:
        self._name_column = name_column
        super().__init__(TextColumn("{task.description}", markup=False, table_column=name_column), *columns, **more)

    def make_tasks_table(self, tasks: Iterable[Task]) -> Table:
        """
        Return the table: without speed and time under 72 columns, without bars under 48, too.
        """
        everything = self.columns
        width = self.console.width if hasattr(self, "live") else _ROOMY  # called when they are made, too
        if width < _ROOMY:
            name, bar, amount = everything[:3]
            self.columns = (name, bar, amount) if width >= _NARROW else (name, amount)
        self._name_column.max_width = max(_NAME_MIN, min(_NAME_MAX, width - _AMOUNT_MIN - 2 * _GAP))
        try:
            table = super().make_tasks_table(tasks)
        finally:
            self.columns = everything
        table.width = max(1, width - len("^C"))  # a terminal that shows it there would begin another line
        return table


def file_bars(*, has_color: bool, keeps: bool = False) -> RichProgress:
    """
    Return bars on stderr that show bytes; *keeps* leaves the finished ones.
    """
    return _FittingBars(
        Column(no_wrap=True, max_width=_NAME_MAX, overflow=_cut(sys.stderr.encoding)),
        BarColumn(bar_width=None, style="dim", complete_style="cyan", finished_style="green"),
        _Amount(table_column=Column(no_wrap=True, min_width=_AMOUNT_MIN)),
        _Rate(table_column=Column(no_wrap=True)),
        _Left(table_column=Column(no_wrap=True)),
        console=console_on(sys.stderr, has_color=has_color),
        transient=not keeps,
        redirect_stdout=False,  # data may go to a pipe while bars are on the terminal
        expand=True,
    )


def count_bars(*, has_color: bool, keeps: bool = False) -> RichProgress:
    """
    Return bars on stderr that show how many of how many; *keeps* leaves the finished ones.
    """
    return RichProgress(
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, max_width=32)),
        BarColumn(bar_width=None, style="dim", complete_style="cyan", finished_style="green"),
        _Count(table_column=Column(no_wrap=True)),
        _Left(table_column=Column(no_wrap=True)),
        console=console_on(sys.stderr, has_color=has_color),
        transient=not keeps,
        redirect_stdout=False,  # data may go to a pipe while bars are on the terminal
        expand=True,
    )


@attrs.define(eq=False)
class Shown:
    """
    Bars that are on the terminal while one is inside.
    """

    _bars: RichProgress = attrs.field(init=False)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()


@attrs.define(eq=False)
class TerminalBars(Shown):
    """
    A bar for each file under way and, for several files, one for the whole.

    Attributes:
        total_bytes: Size of all files.

        count: How many files.

        keeps: Whether finished bars stay.
    """

    total_bytes: int
    count: int
    has_color: bool
    keeps: bool = False
    _whole: TaskID | None = None
    _finished: int = 0
    _lock: threading.Lock = attrs.field(factory=threading.Lock)

    def __attrs_post_init__(self) -> None:
        self._bars = file_bars(has_color=self.has_color, keeps=self.keeps)

    def __enter__(self) -> Self:
        super().__enter__()
        if self.count > 1:
            self._whole = self._bars.add_task(self._title(), total=self.total_bytes)
        return self

    def file(self, name: str, size_bytes: int) -> _FileBar:
        """
        Return the bar of one file; it shows with the first report.
        """
        return _FileBar(
            self._bars,
            in_encoding(safe(name), self._bars.console.encoding),
            size_bytes,
            advance=self._advance,
            finish=self._finish,
            keeps=self.keeps,
        )

    def _advance(self, count_bytes: int) -> None:
        if self._whole is not None:
            self._bars.update(self._whole, advance=count_bytes)

    def _finish(self, missing_bytes: int) -> None:
        if self._whole is None:
            return
        with self._lock:
            self._finished += 1
            self.total_bytes -= missing_bytes
            self._bars.update(self._whole, total=self.total_bytes, description=self._title())

    def _title(self) -> str:
        return f"{self._finished:,} of {counted(self.count, 'file')}"


@attrs.define(eq=False)
class _FileBar:
    """
    The bar of one file, driven by the thread that moves its bytes.
    """

    _bars: RichProgress
    _name: str
    _size_bytes: int
    _advance: Callable[[int], None] = attrs.field(kw_only=True)
    _finish: Callable[[int], None] = attrs.field(kw_only=True)
    keeps: bool = attrs.field(kw_only=True)
    _task: TaskID | None = None
    _title: str = ""
    _moved: int = 0

    def __call__(self, progress: Progress) -> None:
        """
        Show how far it has come.
        """
        title = self._title_at(progress)
        if self._task is None:
            self._task = self._bars.add_task(title, total=progress.total)
        elif title != self._title:
            self._bars.reset(self._task, total=progress.total, description=title)
        self._title = title
        self._bars.update(self._task, completed=progress.bytes, total=progress.total)
        if progress.phase != "checking":
            self._advance(progress.bytes - self._moved)
            self._moved = progress.bytes

    def close(self) -> None:
        """
        Take it away: the file is done with, well or not.
        """
        self._finish(self._size_bytes - self._moved)
        if self._task is not None and not self.keeps:
            self._bars.remove_task(self._task)

    def _title_at(self, progress: Progress) -> str:
        if progress.phase == "checking":
            return f"checking {self._name}"
        return self._name if progress.attempt == 1 else f"{self._name} (try {progress.attempt})"


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
