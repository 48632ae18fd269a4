"""
What a run is given: a file of lines, or lines or a table of which one is made first.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias, TypeVar

import attrs

from aikit.billing.prices import Prices
from aikit.http.context import CallContext
from aikit.jsonl.builder import UnfitError
from aikit.jsonl.questions import Question
from aikit.jsonl.tables import require_dialect
from aikit.jsonl.writer import write
from aikit.resources.arguments import require_path
from aikit.resources.batches.rows.write import write_csv, write_jsonl
from aikit.resources.batches.run.parameters import OpenAIBatchRunParameters
from aikit.resources.batches.run.table import TableInput
from aikit.storage.walk import is_named
from aikit.types.batch_rows import OpenAIBatchRow
from aikit.types.errors import OpenAIError, Rejected
from aikit.types.interruptions import let_through

log: Final = logging.getLogger("aikit")
T = TypeVar("T")

_TABLES: Final = (".csv", ".tsv", ".xlsx", ".xls")
_OF_TABLES: Final = ("system", "model", "body", "encoding", "delimiter")
RunSource: TypeAlias = "str | os.PathLike[str] | Iterable[Mapping[Any, Any] | str | bytes]"


class RunInput(Protocol):
    """
    What a run answers, and how its rows are written.
    """

    @property
    def path(self) -> Path | None:
        """The caller's own file, by which an earlier run of it is found; ``None`` where there is none."""
        ...

    def make_lines(self, make_folder: Callable[[], Path], context: CallContext) -> Path:
        """
        Return the path of a file of batch lines, the same byte for byte whenever the input and the options are.

        Args:
            make_folder: Makes a private folder, the same when it is called again, for files that are needed until the
                rows are written or read.

            context: Tells when to stop, and is told how far it has come.

        Raises:
            OpenAIError: The input cannot be read; or *Rejected*, with all its problems.
        """
        ...

    def write_rows(
        self, rows: Iterable[OpenAIBatchRow], target: Path, prices: Prices, created_at: Mapping[str, int]
    ) -> int:
        """
        Write *rows*, one for each line of `make_lines` in that order, to the file at *target*; return how many.

        What a row cost is told at the *prices* of the time when its batch was *created_at*, by ids.

        Raises:
            OpenAIError: It cannot be written (code ``"unwritable_file"``).
        """
        ...


class _OfLines:
    """
    An input whose rows are written as they are.
    """

    __slots__ = ()

    def write_rows(
        self,
        rows: Iterable[OpenAIBatchRow],
        target: Path,
        prices: Prices,  # noqa: ARG002  as told
        created_at: Mapping[str, int],  # noqa: ARG002  as told
    ) -> int:
        """
        Write *rows* to the file at *target*.
        """
        return write_rows(rows, target)


@attrs.frozen
class LinesFile(_OfLines):
    """
    A file of batch lines.
    """

    path: Path

    def make_lines(self, make_folder: Callable[[], Path], context: CallContext) -> Path:  # noqa: ARG002  they are there
        """
        Return the absolute path of the file.
        """
        return self.path.resolve()


@attrs.frozen
class Lines(_OfLines):
    """
    Batch lines, each a mapping or text, taken once and as they are needed.
    """

    lines: Iterable[Mapping[str, Any] | str | bytes]
    path: None = None

    def make_lines(self, make_folder: Callable[[], Path], context: CallContext) -> Path:
        """
        Write the lines to a file, and return its path.
        """
        return write(make_folder() / "lines.jsonl", _no_records(stoppable(self.lines, context))).path


def input_of(value: Any, options: OpenAIBatchRunParameters) -> RunInput:
    """
    Return what *value* stands for: the path of a file of lines, or lines; with a prompt a table, or records.

    Raises:
        TypeError: It is neither, or an option of tables has another type.
        ValueError: It is an empty path or a table without a prompt, or an option of tables cannot be used.
    """
    path = Path(require_path("input", value)) if isinstance(value, str | os.PathLike) else None
    if path is None and (
        isinstance(value, bytes | bytearray | memoryview | Mapping) or not isinstance(value, Iterable)
    ):
        raise TypeError(f"input must be a path, or an iterable of lines or records, not {type(value).__name__}")
    if is_named(value):
        raise TypeError("input is a content with its name; pass the content alone: a path, a binary stream or lines")
    if type(value).__name__ == "DataFrame":
        raise TypeError('input is a DataFrame; pass its rows, of pandas frame.to_dict("records")')
    if options.prompt is not None:
        if options.model is None:
            raise ValueError("model must come with prompt: the model to ask")
        question = Question.of(options.prompt, model=options.model, system=options.system, body=options.body)
        require_dialect(options.encoding, options.delimiter)
        return TableInput(path, question, () if path else _taken(value), options.encoding, options.delimiter)
    if alone := [name for name in _OF_TABLES if getattr(options, name)]:
        raise ValueError(f"{' and '.join(alone)} must come with prompt, the question about each row of a table")
    if path is None:
        return Lines(_taken(value))
    if path.suffix.lower() in _TABLES:
        raise ValueError(
            f'{path.name} is a table: give prompt, what to ask about each row, such as "Summarise: {{column}}"'
        )
    return LinesFile(path)


def _no_records(lines: Iterable[T]) -> Iterator[T]:
    """
    Yield *lines*.

    Raises:
        Rejected: The first has nothing of a line, so that they are records, which need a prompt.
    """
    for number, line in enumerate(lines, 1):
        if number == 1 and isinstance(line, Mapping) and not line.keys() & {"url", "body"}:
            message = "the first line has neither url nor body; if it is a record, give prompt, the question about each"
            raise Rejected([OpenAIError(message=message, code="missing_required_parameter", param="url", line=1)])
        yield line


def _taken(values: Iterable[T]) -> Iterator[T]:
    """
    Yield *values*; what the caller's own iterable raises is told as that.

    Raises:
        OpenAIError: The iterable raised an error (code ``"unreadable_lines"``).
    """
    try:
        yield from values
    except (UnfitError, OpenAIError, Rejected):  # of one line, as functions of jsonl raise it
        raise
    except Exception as error:
        let_through(error)
        log.exception("the iterable of lines raised")
        message = f"the iterable of lines raised {type(error).__name__}: {error}; nothing was sent"
        raise OpenAIError(message=message, code="unreadable_lines", param="input") from error


def stoppable(values: Iterable[T], context: CallContext) -> Iterator[T]:
    """
    Yield *values* until the call is cancelled.
    """
    for value in values:
        context.raise_if_cancelled()
        yield value


def write_rows(rows: Iterable[OpenAIBatchRow], path: Path) -> int:
    """
    Write *rows* to the file at *path*, as comma-separated values if its name says so, else as JSON lines.

    Returns:
        How many.

    Raises:
        OpenAIError: It cannot be written (code ``"unwritable_file"``).
    """
    if path.suffix.lower() == ".csv":
        return write_csv(rows, path, escape_formulas=True)
    return write_jsonl(rows, path)
