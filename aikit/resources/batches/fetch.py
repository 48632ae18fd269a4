"""
The results of a batch: its files are fetched and joined with its input.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import attrs

from aikit.http.context import CallContext
from aikit.http.flow import Flow
from aikit.http.sinks import FileSink
from aikit.http.sources import source_of
from aikit.resources.batches.rows.folder import Folder, unusable
from aikit.resources.batches.rows.index import AnswerFile
from aikit.resources.batches.rows.join import BatchRows, Gone, join, lacks_output
from aikit.resources.polling import ask_until_known
from aikit.types.batches import PARENT_KEY, OpenAIBatch
from aikit.types.errors import OpenAIError

if TYPE_CHECKING:
    from aikit.providers import Provider

T = TypeVar("T")
InputFile = str | os.PathLike[str] | None
_NEW_S: Final = 3600  # clocks may be apart


def fetch_and_join(
    provider: Provider,
    batch: OpenAIBatch | str,
    input_file: InputFile,
    context: CallContext,
    *,
    with_lineage: bool = False,
    known: Sequence[str] = (),
    answers: Answers | None = None,
) -> Flow[BatchRows]:
    """
    Fetch the files of *batch* into a temporary folder, perhaps within that of *answers*, and join them.

    With its lineage, *known* are the ids of it from the oldest on: a provider may have dropped what tells the parent.

    Raises:
        OpenAIError: The batch has not ended (code ``"batch_not_ended"``), a file is gone (``"file_gone"``), the lineage
            is broken (``"lineage_broken"``), or what fetching can fail with.
    """
    ended = yield from fetch_ended(provider, batch)
    lineage = (yield from _fetch_lineage(provider, ended, known)) if with_lineage else [ended]
    folder = Folder(None if answers is None else answers.folder)
    answers = answers or Answers(folder.path)
    try:
        asked = yield from _fetch_input(provider, lineage[0], input_file, folder.path / "input.jsonl")
        files: list[AnswerFile | Gone] = []
        for member in lineage:
            files += yield from answers.of(provider, member)
        return join(lineage, folder, asked, files, context)
    except BaseException:
        folder.close()
        raise


@attrs.define(eq=False)
class Answers:
    """
    Files with the answers of batches, fetched once until a batch names others; batches may be asked about side by side.

    Attributes:
        folder: Where they are.
    """

    folder: Path
    _numbers: Iterator[int] = attrs.field(factory=itertools.count)
    _fetched: dict[tuple[str | None, ...], list[AnswerFile | Gone]] = attrs.field(factory=dict)

    def of(self, provider: Provider, batch: OpenAIBatch) -> Flow[list[AnswerFile | Gone]]:
        """
        Return the files of *batch*, or why there is none.

        Raises:
            OpenAIError: The output is gone (code ``"file_gone"``), or what fetching can fail with.
        """
        files = self._fetched.get(_names(batch))
        if files is None:
            files = yield from _fetch_answers(provider, batch, self.folder, next(self._numbers))
            if not any(isinstance(file, Gone) for file in files):
                self._fetched[_names(batch)] = files
        return files

    def forget(self, batch: OpenAIBatch) -> None:
        """
        Let the files of *batch* be fetched again: there may be more in them by then.
        """
        self._fetched.pop(_names(batch), None)


def _names(batch: OpenAIBatch) -> tuple[str | None, ...]:
    return batch.id, batch.output_file_id, batch.error_file_id


def fetch_ended(provider: Provider, batch: OpenAIBatch | str) -> Flow[OpenAIBatch]:
    """
    Return *batch*, asked for anew unless it is known to be over, and with what.

    Raises:
        OpenAIError: It is not (code ``"batch_not_ended"``).
    """
    if isinstance(batch, str):
        batch = yield from provider.retrieve_batch(batch)
    elif not batch.is_ended or lacks_output(batch):
        batch = yield from ask_until_known(provider, partial(provider.retrieve_batch, batch.id))
    if batch.is_ended:
        return batch
    message = f"batch {batch.id} is {batch.status!r} and has no results yet; use batches.wait(), or come back later"
    raise OpenAIError(message=message, code="batch_not_ended")


def _fetch_lineage(provider: Provider, batch: OpenAIBatch, known: Sequence[str]) -> Flow[list[OpenAIBatch]]:
    """
    Return the batches from the first one on to *batch*, each with what is left of the one before.
    """
    lineage = [batch]
    seen = {batch.id}
    parents = dict(zip(known[1:], known, strict=False))
    while (parent_id := parents.get(lineage[0].id, lineage[0].metadata.get(PARENT_KEY))) and isinstance(parent_id, str):
        if parent_id in seen:
            raise _broken(batch, f"{lineage[0].id} names {parent_id}, which descends from it")
        try:
            lineage.insert(0, (yield from fetch_ended(provider, parent_id)))
        except OpenAIError as error:
            if not error.is_not_found_error:
                raise
            raise _broken(batch, f"its ancestor {parent_id} does not exist any more") from error
        seen.add(parent_id)
    return lineage


def _broken(batch: OpenAIBatch, why: str) -> OpenAIError:
    message = f"the lineage of batch {batch.id} is broken: {why}; take the results of each batch by itself"
    return OpenAIError(message=message, code="lineage_broken")


def _fetch_input(provider: Provider, batch: OpenAIBatch, input_file: InputFile, place: Path) -> Flow[Path]:
    if input_file is not None:
        source_of(input_file, filename="input.jsonl").resolved().open().close()
        return Path(input_file).absolute()
    try:
        yield from _fetch(provider, batch.input_file_id, place)
    except OpenAIError as error:
        if error.status not in {400, 403, 404}:
            raise
        is_gone = error.is_not_found_error
        why = "is gone: providers delete files after some time" if is_gone else f"is not given out: {error.message}"
        message = (
            f"the input of batch {batch.id}, file {batch.input_file_id}, {why.rstrip('.')}; if you have it on this "
            "machine, pass its path as input_file"
        )
        code = "file_gone" if is_gone else error.code
        raise attrs.evolve(error, message=message, code=code, param="input_file") from error
    return place


def _fetch_answers(provider: Provider, batch: OpenAIBatch, folder: Path, number: int) -> Flow[list[AnswerFile | Gone]]:
    """
    Fetch what there is; without the output there are no results, without the error file there are some.
    """
    files: list[AnswerFile | Gone] = []
    for kind, file_id in (("output", batch.output_file_id), ("error", batch.error_file_id)):
        if file_id is None or (kind == "error" and file_id == batch.output_file_id):  # one may be both
            if kind == "output" and lacks_output(batch):
                files.append(Gone(kind=kind, batch_id=batch.id, message=output_missing(batch).message))
            continue
        place = folder / f"{kind}-{number}.jsonl"
        try:
            yield from ask_for_answers(provider, batch, partial(_fetch, provider, file_id, place))
        except OpenAIError as error:
            if not error.is_not_found_error:
                raise
            message = f"the {kind} file of batch {batch.id}, {file_id}, is gone: providers delete files after some time"
            if kind == "output":
                raise attrs.evolve(error, message=message, code="file_gone") from error
            files.append(Gone(kind=kind, batch_id=batch.id, message=f"{message}; its lines are missing"))
        else:
            files.append(AnswerFile(place, kind, batch.id))
    return files


def ask_for_answers(provider: Provider, batch: OpenAIBatch, ask: Callable[[], Flow[T]]) -> Flow[T]:
    """
    Return what *ask* returns for a file of answers, asked again after a 404 if *batch* ended within the last hour.

    Raises:
        OpenAIError: What *ask* raises.
    """
    times = (batch.completed_at, batch.failed_at, batch.expired_at, batch.cancelled_at)
    ended_at = max((at for at in times if at is not None), default=time.time())
    is_new = time.time() - ended_at < _NEW_S
    return (yield from ask_until_known(provider, ask) if is_new else ask())


def output_missing(batch: OpenAIBatch) -> OpenAIError:
    """
    Return the error for a batch that `lacks_output`, or whose files lack some of it.
    """
    count = batch.request_counts.completed
    what = f"has {count:,} answers" if count else f"is {batch.status}, its answers are not all counted yet"
    where = "names no file with them" if batch.output_file_id is None else "has not all of them in its files"
    message = f"batch {batch.id} {what}, and the provider {where}; ask again later"
    return OpenAIError(message=message, code="output_missing")


def _fetch(provider: Provider, file_id: str, place: Path) -> Flow[None]:
    try:
        with FileSink(path=place, undone="there are no results") as sink:
            total = yield from provider.download_file(file_id, sink)
            sink.commit(total)
    except OpenAIError as error:
        if error.code != "unwritable_file":
            raise
        raise unusable(place.parent, error.__cause__ or error) from error
