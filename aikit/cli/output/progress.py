"""
Progress on stderr: bars on a terminal, nothing elsewhere.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final, Protocol

from aikit.cli.output import Output
from aikit.cli.safety import safe
from aikit.types.batches import OpenAIBatchProgress
from aikit.types.bulk_files import OpenAIFileHousekeepingProgress, OpenAIFileManyProgress
from aikit.types.progress import Progress

_LOCAL: Final = logging.getLogger("aikit.providers.local")


class Bar(Protocol):
    """
    The bar of one file.
    """

    def __call__(self, progress: Progress, /) -> None:
        """Show *progress*."""
        ...

    def close(self) -> None:
        """Take the bar away: its file is finished or has failed."""
        ...


class Bars(Protocol):
    """
    The bars of several files.
    """

    def file(self, name: str, size_bytes: int) -> Bar:
        """Return the bar of one file."""
        ...


class BatchBars(Protocol):
    """
    The bars of several batches.
    """

    def batch(self, name: str) -> Callable[[OpenAIBatchProgress], None]:
        """Return the bar of one batch."""
        ...


class _Invisible:
    """
    All bars, and each of them, where none is shown.
    """

    def __call__(self, progress: object, /) -> None:
        pass

    def close(self) -> None:
        pass

    def file(self, name: str, size_bytes: int) -> Bar:  # noqa: ARG002  the signature of bars that are shown
        return self

    def batch(self, name: str) -> Callable[[OpenAIBatchProgress], None]:  # noqa: ARG002  likewise
        return self


def bars(output: Output, sizes: list[int], *, keeps: bool = False) -> AbstractContextManager[Bars]:
    """
    Return bars for files of these *sizes*; *keeps* leaves finished ones on the terminal.
    """
    return _shown(output, "FileBars", sum(sizes), len(sizes), keeps=keeps)


def many_bars(output: Output) -> AbstractContextManager[Callable[[OpenAIFileManyProgress], None]]:
    """
    Return the bars of a bulk upload.
    """
    return _shown(output, "ManyBars")


def housekeeping_bar(output: Output) -> AbstractContextManager[Callable[[OpenAIFileHousekeepingProgress], None]]:
    """
    Return the bar of listing and deleting files; with ``--json`` none is shown.
    """
    return nullcontext(_Invisible()) if output.settings.json else _shown(output, "HousekeepingBar")


def batch_bars(output: Output, *, keeps: bool = False) -> AbstractContextManager[BatchBars]:
    """
    Return the bars of batches; *keeps* leaves them on the terminal.
    """
    return _shown(output, "BatchBars", keeps=keeps)


def _shown(output: Output, kind: str, *arguments: int, **more: bool) -> AbstractContextManager[Any]:
    """
    Return bars of a *kind* on the terminal; invisible ones where stderr is none, or a dumb one, or after ``--quiet``.
    """
    is_dumb = os.environ.get("TERM", "").lower() in {"dumb", "unknown"}  # rich would draw empty lines
    if output.settings.quiet or is_dumb or not sys.stderr.isatty():
        return nullcontext(_Invisible())
    from aikit.cli.output import terminal_bars  # noqa: PLC0415  rich takes 60 ms to load, and only terminals need it

    made: AbstractContextManager[Any] = getattr(terminal_bars, kind)(
        *arguments, has_color=output.has_color(sys.stderr), **more
    )
    return made


@contextmanager
def telling_troubles(output: Output) -> Iterator[None]:
    """
    Print what the embedded provider logs while it answers batches in this process, for example an unreachable server.
    """
    told, level = _LogNotes(output), _LOCAL.level
    _LOCAL.addHandler(told)
    _LOCAL.setLevel(logging.INFO)
    try:
        yield
    finally:
        _LOCAL.removeHandler(told)
        _LOCAL.setLevel(level)


class _LogNotes(logging.Handler):
    """
    Prints log records as notes, but not the same twice in a row.
    """

    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output, self._last = output, ""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text != self._last:
            self._last = text
            self._output.say(f"note: {safe(text)}")
