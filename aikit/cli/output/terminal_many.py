"""
Bars for many files, drawn by rich: one for the whole, and one for each of the first that are under way.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import attrs
from rich.progress import TaskID

from aikit.cli.inputs import STDIN_NAME
from aikit.cli.output.terminal import Shown, file_bars
from aikit.cli.output.text import counted, in_encoding, safe
from aikit.types.bulk_files import OpenAIFileManyProgress, OpenAIFileUnderWay

_SHOWN: Final = 8


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
