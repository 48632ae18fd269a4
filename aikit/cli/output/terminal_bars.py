"""
Bars of requests on a terminal: one for each batch that is waited for.
"""

from __future__ import annotations

import attrs
from rich.progress import Progress as RichProgress
from rich.progress import TaskID

from aikit.cli.output.terminal import Shown, count_bars
from aikit.cli.output.text import safe
from aikit.types.batches import OpenAIBatchProgress


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
