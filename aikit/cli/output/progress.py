"""
Progress on stderr: bars on a terminal, nothing elsewhere.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final, Protocol

from aikit.cli.output import Output
from aikit.cli.output.formats import safe
from aikit.types.batches import OpenAIBatchProgress
from aikit.types.bulk_files import OpenAIFileHousekeepingProgress, OpenAIFileManyProgress
from aikit.types.progress import Progress

_LOCAL: Final = logging.getLogger("aikit.providers.local")


class Bar(Protocol):
    """
    What shows how far one file has come.
    """

    def __call__(self, progress: Progress, /) -> None:
        """Show it."""
        ...

    def close(self) -> None:
        """Take it away: the file is done with, well or not."""
        ...


class Bars(Protocol):
    """
    What shows how far all files have come.
    """

    def file(self, name: str, size_bytes: int) -> Bar:
        """Return the bar of one file."""
        ...


class _NoBar:
    """
    Shows nothing.
    """

    def __call__(self, progress: Progress, /) -> None:
        pass

    def close(self) -> None:
        pass


class _NoBars:
    """
    Shows nothing of any file.
    """

    def file(self, name: str, size_bytes: int) -> Bar:  # noqa: ARG002  nobody sees them
        return _NoBar()


def _unseen(_: OpenAIFileManyProgress | OpenAIFileHousekeepingProgress) -> None:
    pass


class BatchBars(Protocol):
    """
    What shows how far batches have come.
    """

    def batch(self, name: str) -> Callable[[OpenAIBatchProgress], None]:
        """Return the bar of one batch."""
        ...


class _NoBatchBars:
    """
    Shows nothing of any batch.
    """

    def batch(self, name: str) -> Callable[[OpenAIBatchProgress], None]:  # noqa: ARG002  nobody sees them
        return lambda _: None


def bars(output: Output, sizes: list[int], *, keeps: bool = False) -> AbstractContextManager[Bars]:
    """
    Return what shows the progress of files of these *sizes*; *keeps* leaves finished bars where they are.
    """
    if output.settings.quiet or not sys.stderr.isatty():
        return nullcontext(_NoBars())
    from aikit.cli.output.terminal import TerminalBars  # noqa: PLC0415  rich is loaded for terminals only

    return TerminalBars(sum(sizes), len(sizes), output.has_color(sys.stderr), keeps=keeps)


def many_bars(output: Output) -> AbstractContextManager[Callable[[OpenAIFileManyProgress], None]]:
    """
    Return what shows the progress of many files.
    """
    if output.settings.quiet or not sys.stderr.isatty():
        return nullcontext(_unseen)
    from aikit.cli.output.terminal_bars import ManyBars  # noqa: PLC0415  rich is loaded for terminals only

    return ManyBars(output.has_color(sys.stderr))


def housekeeping_bar(output: Output) -> AbstractContextManager[Callable[[OpenAIFileHousekeepingProgress], None]]:
    """
    Return what shows the progress of listing and deleting.
    """
    if output.settings.quiet or output.settings.json or not sys.stderr.isatty():
        return nullcontext(_unseen)
    from aikit.cli.output.terminal_bars import HousekeepingBar  # noqa: PLC0415  rich is loaded for terminals only

    return HousekeepingBar(output.has_color(sys.stderr))


def batch_bars(output: Output, *, keeps: bool = False) -> AbstractContextManager[BatchBars]:
    """
    Return what shows the progress of batches; *keeps* leaves the bars where they are.
    """
    if output.settings.quiet or not sys.stderr.isatty():
        return nullcontext(_NoBatchBars())
    from aikit.cli.output.terminal_bars import TerminalBatchBars  # noqa: PLC0415  rich is loaded for terminals only

    return TerminalBatchBars(output.has_color(sys.stderr), keeps=keeps)


@contextmanager
def telling_troubles(output: Output) -> Iterator[None]:
    """
    Where batches are answered in this program, say what they wait for.
    """
    told, level = _Words(output), _LOCAL.level
    _LOCAL.addHandler(told)
    _LOCAL.setLevel(logging.INFO)
    try:
        yield
    finally:
        _LOCAL.removeHandler(told)
        _LOCAL.setLevel(level)


class _Words(logging.Handler):
    """
    Says what the embedded provider logs, but not the same twice in a row.
    """

    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output, self._last = output, ""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text != self._last:
            self._last = text
            self._output.say(f"note: {safe(text)}")
