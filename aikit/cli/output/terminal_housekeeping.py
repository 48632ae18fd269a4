"""
A bar on a terminal for what is listed and deleted.
"""

from __future__ import annotations

import attrs
from rich.progress import TaskID

from aikit.cli.output.terminal import Shown, count_bars
from aikit.types.housekeeping_objects import OpenAIFileHousekeepingProgress


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
