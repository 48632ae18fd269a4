"""
Progress bars on a terminal, drawn by rich: of files, of many files, of batches, of listing and deleting.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import attrs
from rich.progress import BarColumn, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.table import Column, Table
from rich.text import Text

from aikit.cli.inputs import STDIN_NAME
from aikit.cli.output.formats import counted, human_size
from aikit.cli.output.terminal import console_on, overflow_in
from aikit.cli.safety import in_encoding, safe
from aikit.types.batches import OpenAIBatchProgress
from aikit.types.bulk_files import OpenAIFileHousekeepingProgress, OpenAIFileManyProgress, OpenAIFileUnderWay
from aikit.types.progress import Progress

_NAME_LEAST: Final = 16  # columns: of a name, while something else could be left out
_BAR_LEAST: Final = 10
_AMOUNT: Final = len("1023 KiB of 1023 MiB")
_COUNT: Final = len("50,000 of 50,000")
_RATE: Final = len("1023 KiB/s")
_TIME: Final = len("0:00:00")
_FILES_SHOWN: Final = 8


class _Words(ProgressColumn):
    """
    A column with the text that *words* returns for a bar.
    """

    # DownloadColumn of rich says 9.0/9.9 MiB, and MofNCompleteColumn 50000, where we write 50,000.

    def __init__(self, words: Callable[[Task], str], room: int) -> None:
        super().__init__(table_column=Column(no_wrap=True, min_width=room))
        self._words = words

    def render(self, task: Task) -> Text:
        return Text(self._words(task), justify="right")


def _amount(task: Task) -> str:
    done = human_size(task.completed)
    return done if task.total is None else f"{done} of {human_size(task.total)}"


def _count(task: Task) -> str:
    if task.total is None:
        return f"{task.completed:,.0f}" if task.completed else ""
    return f"{task.completed:,.0f} of {task.total:,.0f}"


def _rate(task: Task) -> str:
    speed = task.finished_speed or task.speed
    return f"{human_size(speed)}/s" if speed else ""


class FittingBars(RichProgress):
    """
    Bars on stderr that on a narrow terminal drop whole columns, instead of cutting all of them.

    Args:
        columns: What stands behind a name and its bar → how wide it gets; the last go first, and then the bar.

        has_color: Whether they have colors.

        keeps: Whether finished bars stay.
    """

    def __init__(self, columns: Mapping[ProgressColumn, int], *, has_color: bool, keeps: bool = False) -> None:
        self._terminal = console_on(sys.stderr, has_color=has_color)
        self._rooms = (_BAR_LEAST, *columns.values())
        self._name_column = Column(no_wrap=True, overflow=overflow_in(sys.stderr.encoding))
        name = TextColumn("{task.description}", markup=False, table_column=self._name_column)
        super().__init__(
            name,
            BarColumn(
                bar_width=None,
                style="dim",
                complete_style="cyan",
                finished_style="green",
                table_column=Column(min_width=_BAR_LEAST),
            ),
            *columns,
            console=self._terminal,
            transient=not keeps,
            redirect_stdout=False,  # data may go to a pipe while bars are on the terminal
            expand=True,
        )

    def make_tasks_table(self, tasks: Iterable[Task]) -> Table:
        """
        Return the table; its names are as long as the columns beside them allow.
        """
        everything, rooms = self.columns, list(self._rooms)
        width = max(1, self._terminal.width - len("^C"))  # a terminal that shows it there would begin another line
        while len(rooms) > 2 and _NAME_LEAST + sum(rooms) + len(rooms) > width:
            rooms.pop()
        if _NAME_LEAST + sum(rooms) + len(rooms) > width:
            rooms.pop(0)
            self.columns = (everything[0], everything[2])
        else:
            self.columns = everything[: len(rooms) + 1]
        self._name_column.max_width = max(1, width - sum(rooms) - len(rooms))
        try:
            table = super().make_tasks_table(tasks)
        finally:
            self.columns = everything
        table.width = width
        return table


def file_bars(*, has_color: bool, keeps: bool = False) -> RichProgress:
    """
    Return bars that show bytes; *keeps* leaves the finished ones.
    """
    columns = {_Words(_amount, _AMOUNT): _AMOUNT, _Words(_rate, _RATE): _RATE, _time(): _TIME}
    return FittingBars(columns, has_color=has_color, keeps=keeps)


def count_bars(*, has_color: bool, keeps: bool = False) -> RichProgress:
    """
    Return bars that show how many of how many; *keeps* leaves the finished ones.
    """
    return FittingBars({_Words(_count, _COUNT): _COUNT, _time(): _TIME}, has_color=has_color, keeps=keeps)


def _time() -> ProgressColumn:
    """
    Return the column of the time that is left, and, of a finished bar, of the time it took.
    """
    return TimeRemainingColumn(compact=True, elapsed_when_finished=True, table_column=Column(no_wrap=True))


@attrs.define(eq=False)
class Shown:
    """
    A context in which bars are on the terminal.
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
class FileBars(Shown):
    """
    A bar for each file that is uploaded, fetched or checked and, for several files, one for the whole.

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
        Show *progress*.
        """
        title = _title(self._name, progress)
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
        Take the bar away: its file is finished or has failed.
        """
        self._finish(self._size_bytes - self._moved)
        if self._task is not None and not self.keeps:
            self._bars.remove_task(self._task)


@attrs.define(eq=False)
class BatchBars(Shown):
    """
    A bar for each batch under way: its status, and how many of its requests are through.

    Attributes:
        keeps: Whether bars stay when all is over.
    """

    has_color: bool
    keeps: bool = False

    def __attrs_post_init__(self) -> None:
        self._bars = count_bars(has_color=self.has_color, keeps=self.keeps)

    def batch(self, name: str) -> _BatchBar:
        """
        Return the bar of one batch; it shows at once.
        """
        return _BatchBar(self._bars, safe(name), self._bars.add_task(f"waiting {safe(name)}", total=None))


@attrs.define(eq=False)
class _BatchBar:
    """
    The bar of one batch, driven by the thread that asks for it.
    """

    _bars: RichProgress
    _name: str
    _task: TaskID

    def __call__(self, progress: OpenAIBatchProgress) -> None:
        """
        Show *progress*.
        """
        title = f"{safe(progress.phase).replace('_', ' ')} {self._name}"  # a long id is cut, what it does is not
        self._bars.update(self._task, description=title, completed=progress.done, total=progress.total)


@attrs.define(eq=False)
class ManyBars(Shown):
    """
    A bar for a bulk upload as a whole, and one for each of the first files that are under way.
    """

    has_color: bool
    _whole: TaskID | None = attrs.field(default=None, init=False)
    _of_files: dict[int, TaskID] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._bars = file_bars(has_color=self.has_color)

    def __call__(self, progress: OpenAIFileManyProgress) -> None:
        """
        Show *progress*.
        """
        if progress.files_total != 1:
            self._show_whole(progress)
        moving = [one for one in progress.under_way if one.phase != "waiting"][:_FILES_SHOWN]
        for number in self._of_files.keys() - {one.number for one in moving}:
            self._bars.remove_task(self._of_files.pop(number))
        for one in moving:
            self._show(one)
        self._bars.refresh()

    def _show_whole(self, progress: OpenAIFileManyProgress) -> None:
        total = progress.files_total
        title = f"{progress.files:,} files" if total is None else f"{progress.files:,} of {counted(total, 'file')}"
        if self._whole is None:
            self._whole = self._bars.add_task(title, total=progress.bytes_total)
        self._bars.update(self._whole, completed=progress.bytes, total=progress.bytes_total, description=safe(title))

    def _show(self, one: OpenAIFileUnderWay) -> None:
        name = safe(Path(one.path).name if one.path else STDIN_NAME)
        title = in_encoding(_title(name, one), self._bars.console.encoding)
        if one.number not in self._of_files:
            self._of_files[one.number] = self._bars.add_task(title, total=one.total)
        self._bars.update(self._of_files[one.number], completed=one.bytes, total=one.total, description=title)


def _title(name: str, progress: Progress | OpenAIFileUnderWay) -> str:
    if progress.phase == "checking":
        return f"checking {name}"
    return name if progress.attempt == 1 else f"{name} (try {progress.attempt})"


@attrs.define(eq=False)
class HousekeepingBar(Shown):
    """
    A bar for the files that are listed, and then for those that are deleted.
    """

    has_color: bool
    _phase: str | None = attrs.field(default=None, init=False)
    _task: TaskID = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._bars = count_bars(has_color=self.has_color)
        self._task = self._bars.add_task("listing files", total=None)

    def __call__(self, progress: OpenAIFileHousekeepingProgress) -> None:
        """
        Show *progress*.
        """
        if progress.phase != self._phase:  # how long still is guessed from the pace of this phase
            self._phase = progress.phase
            self._bars.reset(self._task, total=progress.files_total, description=f"{progress.phase} files")
        failed = f", {progress.failed:,} failed" if progress.failed else ""
        self._bars.update(
            self._task,
            completed=progress.files,
            total=progress.files_total,
            description=f"{progress.phase} files{failed}",
        )
        self._bars.refresh()
