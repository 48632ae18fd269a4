"""
Bars of requests on a terminal: one for each batch that is waited for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import attrs
from rich.progress import Progress as RichProgress
from rich.progress import TaskID

from aikit.cli.inputs import STDIN_NAME
from aikit.cli.output.formats import counted, in_encoding, safe
from aikit.cli.output.terminal import Shown, count_bars, file_bars
from aikit.types.batches import OpenAIBatchProgress
from aikit.types.bulk_files import OpenAIFileHousekeepingProgress, OpenAIFileManyProgress, OpenAIFileUnderWay

_SHOWN: Final = 8


@attrs.define(eq=False)
class TerminalBatchBars(Shown):
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
        Show how far it has come.
        """
        title = f"{safe(progress.phase).replace('_', ' ')} {self._name}"  # a long id is cut, what it does is not
        self._bars.update(self._task, description=title, completed=progress.done, total=progress.total)


@attrs.define(eq=False)
class ManyBars(Shown):
    """
    Shows each progress it is called with.
    """

    has_color: bool
    _whole: TaskID | None = attrs.field(default=None, init=False)
    _of_files: dict[int, TaskID] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._bars = file_bars(has_color=self.has_color)

    def __call__(self, progress: OpenAIFileManyProgress) -> None:
        """
        Show how far all have come.
        """
        if progress.files_total != 1:
            self._show_whole(progress)
        moving = [one for one in progress.under_way if one.phase != "waiting"][:_SHOWN]
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
        title = in_encoding(_title(one), self._bars.console.encoding)
        if one.number not in self._of_files:
            self._of_files[one.number] = self._bars.add_task(title, total=one.total)
        self._bars.update(self._of_files[one.number], completed=one.bytes, total=one.total, description=title)


def _title(one: OpenAIFileUnderWay) -> str:
    name = safe(Path(one.path).name if one.path else STDIN_NAME)
    if one.phase == "checking":
        return f"checking {name}"
    return name if one.attempt == 1 else f"{name} (try {one.attempt})"


@attrs.define(eq=False)
class HousekeepingBar(Shown):
    """
    Shows each progress it is called with.
    """

    has_color: bool
    _phase: str | None = attrs.field(default=None, init=False)
    _task: TaskID = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._bars = count_bars(has_color=self.has_color)
        self._task = self._bars.add_task("listing files", total=None)

    def __call__(self, progress: OpenAIFileHousekeepingProgress) -> None:
        """
        Show how far it has come.
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
