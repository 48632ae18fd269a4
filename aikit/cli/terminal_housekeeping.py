"""
A bar on a terminal for what is listed and deleted.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

import attrs
from rich.progress import Progress as RichProgress
from rich.progress import TaskID

from aikit.cli.terminal import count_bars
from aikit.housekeeping_objects import OpenAIFileHousekeepingProgress


@attrs.define(eq=False)
class HousekeepingBar:
    """
    Shows each progress it is called with.
    """

    has_color: bool
    _bars: RichProgress = attrs.field(init=False)
    _phase: str | None = attrs.field(default=None, init=False)
    _task: TaskID = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._bars = count_bars(has_color=self.has_color)
        self._task = self._bars.add_task("listing files", total=None)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

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
