"""
The Files API of a client.
"""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from aikit.http.context import CallContext
from aikit.http.flow import Flow, Pause
from aikit.http.sinks import FileSink
from aikit.http.sources import FileSource, Source, source_of
from aikit.resources.arguments import require_id
from aikit.resources.call import start
from aikit.resources.files.parameters import OpenAIFileListParameters, OpenAIFileParameters, OpenAIFileWaitParameters
from aikit.resources.files.results import (
    OpenAIFileContentResult,
    OpenAIFileDeletedResult,
    OpenAIFileDownloadResult,
    OpenAIFileListResult,
    OpenAIFileResult,
    Saved,
)
from aikit.resources.pages import all_pages, one_page
from aikit.runtime.parameters import OpenAIParameters, require_text
from aikit.types.errors import OpenAIError, Rejected
from aikit.types.files import FileOrder, FilePage, OpenAIFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aikit.providers import Provider
    from aikit.resources.files.bulk_calls import BulkCalls
    from aikit.resources.files.parameters import (
        OpenAIFileManyParameters,
        OpenAIFilePruneParameters,
        OpenAIFileUsageParameters,
    )
    from aikit.resources.files.results import OpenAIFileManyResult, OpenAIFilePruneResult, OpenAIFileUsageResult
    from aikit.resources.session import Session

    FileSources = FileSource | Iterable[FileSource]
    FileOptions = OpenAIFileParameters | OpenAIParameters | Mapping[str, Any]
    FileListOptions = OpenAIFileListParameters | OpenAIParameters | Mapping[str, Any]
    FileWaitOptions = OpenAIFileWaitParameters | OpenAIParameters | Mapping[str, Any]
    FileManyOptions = OpenAIFileManyParameters | OpenAIFileParameters | OpenAIParameters | Mapping[str, Any]
    FileUsageOptions = OpenAIFileUsageParameters | OpenAIParameters | Mapping[str, Any]
    FilePruneOptions = OpenAIFilePruneParameters | OpenAIParameters | Mapping[str, Any]
    Options = OpenAIParameters | Mapping[str, Any]

_ENDED: Final = frozenset(("processed", "error", "deleted", None))  # deprecated, so a server may leave it out
_SHORTEST_PAUSE_S: Final = 0.01
_UNSAFE: Final = re.compile(r"[/\\\0-\x1f]")


class FilesAPI:
    """
    Files that other calls name by their id: input of batches and fine-tuning, documents, images.
    """

    # https://developers.openai.com/api/reference/resources/files (read 2026-11-21)

    def __init__(self, session: Session) -> None:
        self._session = session
        self._many_calls: BulkCalls | None = None

    def create(self, file: FileSource, purpose: str, parameters: FileOptions | None = None) -> OpenAIFileResult:
        """
        Upload *file*, so that other calls can name it by its id.

        Args:
            file: Path, bytes, or binary stream; a stream is read from where it stands to its end.

            purpose: What the provider may do with it: ``"assistants"``, ``"batch"``, ``"evals"``, ``"fine-tune"``,
                ``"user_data"`` or ``"vision"``.

            parameters: Options of this call; *timeout* in seconds, *expires_after* 3,600 to 2,592,000 s after creation.

        Returns:
            A result whose ``file`` is the stored `OpenAIFile`, or ``None`` while running and after errors.

        Raises:
            TypeError: *file* is none of the three kinds. Nothing was sent.
            ValueError: *purpose* is empty. Nothing was sent.
        """
        # POST {base}/files, multipart {purpose, expires_after[anchor], expires_after[seconds] [s], file}
        # https://developers.openai.com/api/reference/resources/files/methods/create (read 2026-11-21)
        options = OpenAIFileParameters.of(parameters)
        require_text("purpose", purpose)
        source = source_of(file, filename=options.filename, purpose=purpose)
        return start(
            self._session,
            OpenAIFileResult,
            lambda provider, context: _checked_create(
                provider, source, purpose, options, context, session=self._session
            ),
            options,
            is_long=True,
        )

    def create_many(
        self, paths: FileSources, purpose: str, parameters: FileManyOptions | None = None
    ) -> OpenAIFileManyResult:
        """
        Upload many files; each has an outcome of its own, and one that fails does not stop the others.

        Args:
            paths: A path, or an iterable of paths, taken as late as there is room. Of a folder its files are sent,
                those of its folders too, sorted by name; not hidden ones, and not through links to folders. Bytes and
                binary streams may be among them.

            purpose: See `create`.

            parameters: Options of this call, `OpenAIFileManyParameters`. *on_progress* gets an
                `OpenAIFileManyProgress`.

        Returns:
            A result with ``items``, one for each file in the order in which they were given, ``counts`` and
            ``progress``, all of them also while it runs. However many there are, they take next to no memory: that of
            the names in one folder. When it is cancelled, what was stored stays, and what was not is among the items,
            of what was not begun the first 10,000; ``ended_by`` tells that, and what else ended it early.

        Raises:
            TypeError: *paths* is no path and no iterable, or a path in a list is none. Nothing was sent.
            ValueError: *purpose* or a path is empty, or *filename* is given for several files. Nothing was sent.
        """
        # POST {base}/files for each, at most 1,000 a minute at OpenAI
        # https://developers.openai.com/api/reference/resources/files/methods/create (read 2026-11-21)
        return self._many.create_many(paths, purpose, parameters)

    def usage(self, parameters: FileUsageOptions | None = None) -> OpenAIFileUsageResult:
        """
        Sum up what is stored: by purpose, age and size, and what expires soon; page by page, in constant memory.

        Args:
            parameters: Options of this call, `OpenAIFileUsageParameters`. *on_progress* gets an
                `OpenAIFileHousekeepingProgress`.

        Returns:
            A result whose ``stored`` is the `OpenAIFileUsage`, or ``None`` while running and after errors.
        """
        # GET {base}/files?limit&after, all pages
        # https://developers.openai.com/api/reference/resources/files/methods/list (read 2026-11-21)
        return self._many.usage(parameters)

    def prune(self, parameters: FilePruneOptions) -> OpenAIFilePruneResult:
        """
        Delete files by age, purpose, name or because no batch names them; unless ``dry_run`` is false, only list them.

        What is to go is listed to its end before the first is deleted.

        Args:
            parameters: What must fit, all of it, `OpenAIFilePruneParameters`. *on_progress* gets an
                `OpenAIFileHousekeepingProgress`.

        Returns:
            A result with ``items``, the files that are to go, each with its reasons and what became of it,
            ``counts`` and ``progress``, these two also while it runs. A file that could not be deleted does not stop
            the others.

        Raises:
            ValueError: Nothing says which files are to go. Nothing was sent.
        """
        # GET {base}/files, GET {base}/batches, DELETE {base}/files/{file_id}
        # https://developers.openai.com/api/reference/resources/files/methods/delete (read 2026-11-21)
        return self._many.prune(parameters)

    @property
    def _many(self) -> BulkCalls:
        if self._many_calls is None:
            from aikit.resources.files.bulk_calls import BulkCalls  # noqa: PLC0415  who has one file needs none of it

            self._many_calls = BulkCalls(self._session, partial(_checked_create, session=self._session))
        return self._many_calls

    def retrieve(self, file_id: str, parameters: Options | None = None) -> OpenAIFileResult:
        """
        Ask what is known of a file.

        Returns:
            A result whose ``file`` is the `OpenAIFile`, or ``None`` while running and after errors.

        Raises:
            TypeError: *file_id* is no string. Nothing was sent.
            ValueError: *file_id* is empty or cannot be an id. Nothing was sent.
        """
        # GET {base}/files/{file_id}
        # https://developers.openai.com/api/reference/resources/files/methods/retrieve (read 2026-11-21)
        require_id("file_id", file_id)
        return start(
            self._session,
            OpenAIFileResult,
            lambda provider, _: provider.retrieve_file(file_id),
            OpenAIParameters.of(parameters),
        )

    def list(self, parameters: FileListOptions | None = None) -> OpenAIFileListResult:
        """
        List files, newest first unless *order* says otherwise.

        Args:
            parameters: *after*, *limit* (1 to 10,000 a page), *order*, *purpose*; *all_pages* for all in one result.

        Returns:
            A result with ``files``, ``first_id``, ``last_id``, ``has_more`` and ``next_page()``, which asks for what
            comes after the file ``last_id``: providers refuse that when it was deleted meanwhile. When *all_pages*
            fails on a later page, the files that came are there beside ``errors``, and ``next_page()`` goes on.
        """
        # GET {base}/files?after&limit&order&purpose
        # https://developers.openai.com/api/reference/resources/files/methods/list (read 2026-11-21)
        options = OpenAIFileListParameters.of(parameters)
        make_result = partial(OpenAIFileListResult, next=lambda after: self.list(attrs.evolve(options, after=after)))
        return start(self._session, make_result, lambda provider, _: _list(provider, options), options)

    def delete(self, file_id: str, parameters: Options | None = None) -> OpenAIFileDeletedResult:
        """
        Delete a file.

        Returns:
            A result whose ``deleted`` says so, or ``None`` while running and after errors.

        Raises:
            TypeError: *file_id* is no string. Nothing was sent.
            ValueError: *file_id* is empty or cannot be an id. Nothing was sent.
        """
        # DELETE {base}/files/{file_id}
        # https://developers.openai.com/api/reference/resources/files/methods/delete (read 2026-11-21)
        require_id("file_id", file_id)
        return start(
            self._session,
            OpenAIFileDeletedResult,
            lambda provider, _: provider.delete_file(file_id),
            OpenAIParameters.of(parameters),
        )

    def content(self, file_id: str, parameters: Options | None = None) -> OpenAIFileContentResult:
        """
        Fetch a file's content into memory; `download` is for large ones.

        Returns:
            A result with ``content`` (bytes) and ``text``.

        Raises:
            TypeError: *file_id* is no string. Nothing was sent.
            ValueError: *file_id* is empty or cannot be an id. Nothing was sent.
        """
        # GET {base}/files/{file_id}/content
        # https://developers.openai.com/api/reference/resources/files/methods/content (read 2026-11-21)
        require_id("file_id", file_id)
        return start(
            self._session,
            OpenAIFileContentResult,
            lambda provider, _: provider.file_content(file_id),
            OpenAIParameters.of(parameters),
            is_long=True,
        )

    def download(
        self, file_id: str, path: str | os.PathLike[str], parameters: Options | None = None
    ) -> OpenAIFileDownloadResult:
        """
        Fetch a file's content to disk, whatever its size, in constant memory.

        It appears under its name when it is complete and has the size the provider told; a file of that name is
        replaced and its permissions are kept. After a break the missing rest is asked for. Nothing is fetched for a
        *path* that is a device or a pipe, or that ends in a separator and is no folder: these are errors of the result.

        Args:
            file_id: The file.

            path: Where to save it; a folder takes it under its own name.

            parameters: Options of this call.

        Returns:
            A result with ``path`` and ``bytes_written``.

        Raises:
            TypeError: *file_id* is no string or *path* no path. Nothing was sent.
            ValueError: *file_id* is empty or cannot be an id, or *path* is empty. Nothing was sent.
        """
        # GET {base}/files/{file_id}/content, Range after a break
        # https://developers.openai.com/api/reference/resources/files/methods/content (read 2026-11-21)
        require_id("file_id", file_id)
        place = _place(path)
        return start(
            self._session,
            OpenAIFileDownloadResult,
            lambda provider, _: _download(provider, file_id, place),
            OpenAIParameters.of(parameters),
            is_long=True,
        )

    def wait(self, file_id: str, parameters: FileWaitOptions | None = None) -> OpenAIFileResult:
        """
        Ask until the provider has processed a file; one whose status it does not tell counts as processed.

        Args:
            file_id: The file.

            parameters: *poll_interval* and *max_wait* in seconds; the last question is asked when the time is over.

        Returns:
            A result whose ``file`` is the processed `OpenAIFile`; when processing failed, the file and an error.

        Raises:
            TypeError: *file_id* is no string. Nothing was sent.
            ValueError: *file_id* is empty or cannot be an id. Nothing was sent.
        """
        require_id("file_id", file_id)
        options = OpenAIFileWaitParameters.of(parameters)
        return start(self._session, OpenAIFileResult, lambda provider, _: _wait(provider, file_id, options), options)


def _checked_create(
    provider: Provider,
    source: Source,
    purpose: str,
    options: OpenAIFileParameters,
    context: CallContext,
    *,
    session: Session,
) -> Flow[OpenAIFile]:
    source = source.resolved()
    if options.validate:
        from aikit.validation import check_file  # noqa: PLC0415  its rules are needed here only

        problems = check_file(source, purpose, provider.limits, context)
        if problems:
            raise Rejected(problems)
    if (source.size_bytes or 0) > provider.limits.size_limit(purpose):
        from aikit.resources.files.multipart import created_in_parts, goes_in_parts  # noqa: PLC0415  most files are small

        if goes_in_parts(source, purpose, provider.limits):
            return (
                yield from created_in_parts(
                    provider, source, purpose, options, journal=session.journal, context=context
                )
            )
    return (yield from provider.create_file(source, FileOrder(purpose=purpose, expires_after=options.expires_after)))


def _list(provider: Provider, options: OpenAIFileListParameters) -> Flow[FilePage]:
    query = options.query()
    return (all_pages if options.all_pages else one_page)(provider.list_files, query)


def _download(provider: Provider, file_id: str, place: str) -> Flow[Saved]:
    target = Path(place)
    if target.is_dir():
        file = yield from provider.retrieve_file(file_id)
        target /= _UNSAFE.sub("_", file.filename).strip(". ") or file_id
    elif os.path.basename(place) in {"", "."}:  # noqa: PTH119  a Path has forgotten the separator
        message = f"{place} is no folder; create it, or leave out the separator at the end to name a file"
        raise OpenAIError(message=message, code="unwritable_file", param="path")
    with FileSink(path=target) as sink:
        total = yield from provider.download_file(file_id, sink)
        sink.commit(total)
    return Saved(target, sink.done)


def _wait(provider: Provider, file_id: str, options: OpenAIFileWaitParameters) -> Flow[OpenAIFile]:
    """
    Ask with growing pauses; a flow knows no clock, but each pause tells how long the call has taken.
    """
    spent_s, pause_s = 0.0, options.poll_interval
    while True:
        file = yield from provider.retrieve_file(file_id)
        if file.status in _ENDED:
            return _processed(file)
        status, left_s = file.status, options.max_wait - spent_s
        del file  # ten thousand may wait, and none of them needs it any more
        if left_s < _SHORTEST_PAUSE_S:
            message = f"file {file_id} is still {status!r} after {spent_s:.0f} s; raise max_wait to wait longer"
            raise OpenAIError(message=message, code="timeout")
        spent_s = yield Pause(min(pause_s, left_s))
        pause_s = min(pause_s * 1.5, options.poll_interval * 10)


def _processed(file: OpenAIFile) -> OpenAIFile:
    if file.status != "error":
        return file
    message = f"the provider could not process {file.filename}: {file.status_details or 'it does not say why'}"
    raise Rejected([OpenAIError(message=message, code="processing_failed")], file)


def _place(path: Any) -> str:
    text = os.fspath(path)
    if not isinstance(text, str):
        raise TypeError("path must be a path as str, not bytes; use os.fsdecode(path)")
    if not text or "\0" in text:
        raise ValueError("path must not be empty, and have no NUL character")
    return text
