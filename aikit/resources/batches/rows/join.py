"""
A batch's files joined: one row for each line of its input, read from disk one by one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

import attrs

from aikit.http.context import CallContext
from aikit.resources.batches.rows.folder import Folder
from aikit.resources.batches.rows.index import AnswerFile, Entry, Index, entries, new_database
from aikit.storage.errors import TOO_MANY_OPEN
from aikit.types.batch_rows import LINE_MAX_BYTES, OpenAIBatchProblem, OpenAIBatchRow
from aikit.types.batches import OpenAIBatch, OpenAIBatchError
from aikit.types.errors import OpenAIError

_INDEX: Final = "index.sqlite"
_COPIED: Final = 1024 * 1024
SETTLED_S: Final = 120.0
"""Seconds after the end of a batch until when files may be named that are not yet."""


@attrs.frozen(kw_only=True)
class Gone:
    """
    An answer file that the provider has no more.
    """

    kind: str
    batch_id: str
    message: str


@attrs.define(kw_only=True, eq=False)
class BatchRows:
    """
    The rows of a batch, on disk.

    Attributes:
        batches: The batch; or its lineage, beginning with the one whose input has the lines.

        counts: Rows by status, all five of them.

        problems: What could not be joined as it stands, the first hundred.

        problem_count: All of them.
    """

    batches: Sequence[OpenAIBatch]
    counts: Mapping[str, int]
    problems: tuple[OpenAIBatchProblem, ...]
    problem_count: int
    _folder: Folder
    _input: Path
    _input_is: tuple[int, int]
    _files: tuple[AnswerFile, ...]

    def __reduce__(self) -> NoReturn:
        raise TypeError("rows stand in files of this process; use write_jsonl() to take them elsewhere")

    def __iter__(self) -> Iterator[OpenAIBatchRow]:
        self._folder.require_open()
        return self._rows()

    @property
    def batch(self) -> OpenAIBatch:
        """The batch."""
        return self.batches[-1]

    @property
    def root(self) -> OpenAIBatch:
        """The one whose input has the lines: the same, or where its lineage begins."""
        return self.batches[0]

    @property
    def folder(self) -> Path:
        """Where the index is, until `close`."""
        return self._folder.path

    def files(self) -> dict[str, Path]:
        """
        Return where the input and the answers of the batches are, until `close`, by the provider's ids.
        """
        found = {self.root.input_file_id: self._input}
        for batch in self.batches:
            found |= places_of(batch, self._files)
        return found

    def close(self) -> None:
        """
        Remove the files, once no iteration reads from them.
        """
        self._folder.close()

    def copy_input(self, statuses: Collection[str], target: BinaryIO) -> int:
        """
        Write the lines of the input whose status is one of *statuses* to *target*, byte for byte; return how many.
        """
        count = 0
        with self._folder.reading() as folder, self._opened_input() as file:
            for entry in entries(folder / _INDEX):
                if self._status(entry) in statuses:
                    _copy(file, entry, target)
                    count += 1
        return count

    def _rows(self) -> Iterator[OpenAIBatchRow]:
        errors: dict[int, OpenAIBatchError] = {}
        for error in reversed(self.root.errors):  # the first of a line counts
            errors[error.line or 0] = error
        with self._folder.reading() as folder, ExitStack() as stack:
            asked = stack.enter_context(self._opened_input())
            answers = [stack.enter_context(file.path.open("rb", buffering=0)) for file in self._files]
            for entry in stack.enter_context(closing(entries(folder / _INDEX))):
                yield self._row(entry, asked, answers, errors)

    def _row(
        self, entry: Entry, asked: BinaryIO, answers: Sequence[FileIO], errors: Mapping[int, OpenAIBatchError]
    ) -> OpenAIBatchRow:
        custom_id = entry.custom_id
        return OpenAIBatchRow(
            line=entry.number,
            custom_id=None if custom_id is None else custom_id.decode("utf-8", "surrogatepass"),
            status=self._status(entry),
            batch_id=self._files[entry.file].batch_id if entry.file is not None else self.root.id,
            input_line=_read(asked, entry.start, entry.size),
            output_line=_read(answers[entry.file], entry.answer_start, entry.answer_size)
            if entry.file is not None
            else b"",
            fault=self._fault(entry, errors) if entry.file is None else None,
        )

    def _status(self, entry: Entry) -> str:
        return entry.status or without_answer(self.root)

    def _fault(self, entry: Entry, errors: Mapping[int, OpenAIBatchError]) -> OpenAIError:
        line = entry.number
        if entry.status is not None:
            message = (
                f"{entry.sharers:,} lines have this custom_id, line {entry.first} the first of them, and no file tells "
                "which answer is whose"
            )
            return OpenAIError(message=message, code="duplicate_custom_id", line=line)
        own = errors.get(line)
        if own is not None:
            return OpenAIError(message=own.message, code=own.code, param=own.param, line=line)
        end = without_answer(self.root)
        if end == "missing":
            message = f"neither file of batch {self.batch.id}, which is {self.batch.status}, has an answer to this line"
            return OpenAIError(message=message, code="missing", line=line)
        if end != "failed":
            message = f"batch {self.root.id} is {end}, and the provider made no file that tells of this line"
            return OpenAIError(message=message, code=f"batch_{end}", line=line)
        why = errors.get(0) or next(iter(self.root.errors), None)
        said = f": {why.message}" if why is not None else ", and the provider does not say why"
        when = ", and no file has an answer to this line" if was_begun(self.root) else " before it was begun"
        return OpenAIError(message=f"batch {self.root.id} failed{when}{said}", code="batch_failed", line=line)

    def _opened_input(self) -> BinaryIO:
        try:
            file = self._input.open("rb")
        except OSError as error:
            if error.errno in TOO_MANY_OPEN:
                raise
            raise _changed(self._input) from error
        if _identity(os.fstat(file.fileno())) != self._input_is:
            file.close()
            raise _changed(self._input)
        return file


def join(
    batches: Sequence[OpenAIBatch],
    folder: Folder,
    asked: Path,
    files: Sequence[AnswerFile | Gone],
    context: CallContext,
) -> BatchRows:
    """
    Join *files* with the input at *asked*.

    Args:
        batches: The batch, or its lineage from the root on.

        folder: Where the files are; gets the index.

        asked: The input of the first of *batches*.

        files: Those of each batch, in the order of *batches*.

        context: Told the bytes that are through.

    Raises:
        OpenAIError: The disk is full (code ``"temporary_storage"``).
        CancelledError: *context* was cancelled.
    """
    found = tuple(file for file in files if isinstance(file, AnswerFile))
    with folder.reading() as place, closing(new_database(place / _INDEX)) as connection:
        status = asked.stat()
        total = status.st_size + sum(file.path.stat().st_size for file in found)
        index = Index(connection, lambda done: context.report("joining", done, total))
        index.add_input(asked, batches[0].id)
        first: dict[str, int] = {}
        for number, file in enumerate(found):
            index.add_answers(file, number, first.setdefault(file.batch_id, number))
        for gone in files:
            if isinstance(gone, Gone):
                index.note_gone(gone.kind, gone.batch_id, gone.message)
        connection.execute("COMMIT")
        index.settle_shared()
        counts = index.counts(without_answer(batches[0]))
    context.report("joining", total, total)
    return BatchRows(
        batches=batches,
        counts=counts,
        problems=tuple(index.problems),
        problem_count=index.problem_count,
        folder=folder,
        input=asked,
        input_is=_identity(status),
        files=found,
    )


def places_of(batch: OpenAIBatch, files: Iterable[AnswerFile | Gone]) -> dict[str, Path]:
    """
    Return where those of *files* are that have answers of *batch*, by the provider's ids.
    """
    ids = {"output": batch.output_file_id, "error": batch.error_file_id}
    own = (file for file in files if isinstance(file, AnswerFile) and file.batch_id == batch.id)
    return {file_id: file.path for file in own if (file_id := ids[file.kind]) is not None}


def without_answer(batch: OpenAIBatch) -> str:
    """
    Return what became of lines that no file of *batch* tells of.

    One that failed answers no more. Of one that expired or was cancelled, some providers make no error file: then its
    end is that of the lines too.
    """
    if batch.status in {"expired", "cancelled"} and batch.error_file_id is None and not lacks_output(batch):
        return batch.status
    return "failed" if batch.status == "failed" else "missing"


def was_begun(batch: OpenAIBatch) -> bool:
    """
    Return whether lines of *batch* may have been answered before it failed.
    """
    counts = batch.request_counts
    files = batch.output_file_id or batch.error_file_id
    return batch.in_progress_at is not None or files is not None or counts.completed + counts.failed > 0


def lacks_output(batch: OpenAIBatch) -> bool:
    """
    Return whether *batch* has ended with answers, and its provider names no file with them: perhaps not yet.

    One that is completed, for which no output is named and not all requests are counted, is taken for such a one: for a
    moment providers tell the end and not yet what came of it. An error file alone will do where nothing is counted, two
    minutes after the end. A batch that was stopped while it ran is one if nothing at all is counted.
    """
    counts = batch.request_counts
    if batch.output_file_id is not None or counts.completed > 0:
        return batch.output_file_id is None
    if batch.status == "completed":
        is_whole = batch.error_file_id is not None and _is_settled(batch)
        return counts.failed < counts.total or (counts.failed == 0 and not is_whole)
    is_stopped = batch.status in {"expired", "cancelled"} and batch.in_progress_at is not None
    return is_stopped and not (counts.total or counts.failed)


def lacks_errors(batch: OpenAIBatch) -> bool:
    """
    Return whether *batch* has ended with failed lines, and no error file is named: not yet, or the output has them.
    """
    return batch.is_ended and batch.error_file_id is None and batch.request_counts.failed > 0


def lacks_answers(batch: OpenAIBatch, rows: Mapping[str, int]) -> bool:
    """
    Return whether *batch* `lacks_output`, or has just ended with *rows* that no file tells of: perhaps not yet.
    """
    is_short = batch.status == "completed" and rows.get("missing", 0) > 0
    return lacks_output(batch) or (is_short and not _is_settled(batch))


def _is_settled(batch: OpenAIBatch) -> bool:
    ended_at = batch.completed_at or batch.finalizing_at or batch.in_progress_at or batch.created_at  # or later
    return abs(time.time() - ended_at) > SETTLED_S  # clocks may be apart


def _read(file: BinaryIO | FileIO, start: int | None, size: int | None) -> bytes:
    if start is None or size is None or size > LINE_MAX_BYTES + 1:  # with its newline
        return b""
    file.seek(start)
    return file.read(size).rstrip(b"\r\n")


def _copy(file: BinaryIO, entry: Entry, target: BinaryIO) -> None:
    file.seek(entry.start)
    left, last = entry.size, b""
    while left and (chunk := file.read(min(left, _COPIED))):
        target.write(chunk)
        left, last = left - len(chunk), chunk[-1:]
    if last != b"\n":
        target.write(b"\n")  # the last line of a file may have none


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def _changed(path: Path) -> OpenAIError:
    message = f"{path} is gone or is not what it was when it was joined; call batches.results() again"
    return OpenAIError(message=message, code="file_changed", param="input_file")
