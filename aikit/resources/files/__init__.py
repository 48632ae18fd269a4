"""
The Files API of a client.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import attrs

from aikit.http.flow import Flow
from aikit.http.sources import FileSource, source_of
from aikit.http.stream_sink import QUEUE_BYTES, StreamSink
from aikit.resources.arguments import require_id, require_path
from aikit.resources.call import start
from aikit.resources.files.create import create_file
from aikit.resources.files.download import download_file
from aikit.resources.files.many import ManyFilesAPI
from aikit.resources.files.parameters import (
    OpenAIFileDownloadParameters,
    OpenAIFileListParameters,
    OpenAIFileParameters,
    OpenAIFileStreamParameters,
    OpenAIFileWaitParameters,
)
from aikit.resources.files.results import (
    OpenAIFileContentResult,
    OpenAIFileDeletedResult,
    OpenAIFileDownloadResult,
    OpenAIFileListResult,
    OpenAIFileResult,
)
from aikit.resources.files.stream import OpenAIFileStreamResult, Pull, stream_file
from aikit.resources.files.wait import wait_until_processed
from aikit.resources.pages import all_pages, one_page
from aikit.runtime.parameters import OpenAIParameters, require_text
from aikit.types.files import FilePage

if TYPE_CHECKING:
    from typing import Unpack

    from aikit.http.context import CallContext
    from aikit.providers import Provider
    from aikit.resources.files.download import NamesGiven
    from aikit.resources.files.options import (
        FileContentOptions,
        FileCreateOptions,
        FileDeleteOptions,
        FileDownloadOptions,
        FileListOptions,
        FileRetrieveOptions,
        FileStreamOptions,
        FileWaitOptions,
    )
    from aikit.resources.session import Session
    from aikit.runtime.call_state import CallState
    from aikit.runtime.callback_checks import CommonParameters


class FilesAPI(ManyFilesAPI):
    """
    Files that other calls name by their id: input of batches and fine-tuning, documents, images.
    """

    # https://developers.openai.com/api/reference/resources/files (read 2026-11-21)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._names_given: NamesGiven = {}

    def create(
        self,
        file: FileSource,
        purpose: str,
        parameters: OpenAIFileParameters | CommonParameters | FileCreateOptions | None = None,
        **options: Unpack[FileCreateOptions],
    ) -> OpenAIFileResult:
        """
        Upload *file*, so that other calls can name it by its id.

        Args:
            file: Path, bytes, or binary stream; a stream is read from where it stands to its end. Or an ``https://``
                address from which the provider fetches it, unchecked: so does the dated surface of Azure OpenAI. A
                `CheckedFile` is a path whose content is not read to be checked; it is refused if it has changed since.
                ``(name, content)`` and ``(name, content, type)`` give a content, with paths as `pathlib.Path`, its name
                and its media type; *filename* wins.

            purpose: What the provider may do with it: ``"assistants"``, ``"batch"``, ``"evals"``, ``"fine-tune"``,
                ``"user_data"`` or ``"vision"``.

            parameters: Options of this call; *timeout* in seconds, *expires_after* 3,600 to 2,592,000 s after creation.

        Returns:
            A result whose ``file`` is the stored `OpenAIFile`, or ``None`` while running and after errors.

        Raises:
            TypeError: *file* is none of the three kinds. Nothing was sent.
            ValueError: *purpose* is empty, or *file* is a stream that is closed or in use by another call. Nothing was
                sent.
        """
        # POST {base}/files, multipart {purpose, expires_after[anchor], expires_after[seconds] [s], file}
        # https://developers.openai.com/api/reference/resources/files/methods/create (read 2026-11-21)
        asked = OpenAIFileParameters.of(parameters, options)
        require_text("purpose", purpose)
        source = source_of(file, filename=asked.filename, purpose=purpose)
        return start(
            self._session,
            OpenAIFileResult,
            lambda provider, context: create_file(self._session, provider, source, purpose, asked, context=context),
            asked,
            is_long=True,
            source=source,
        )

    def retrieve(
        self,
        file_id: str,
        parameters: CommonParameters | FileRetrieveOptions | None = None,
        **options: Unpack[FileRetrieveOptions],
    ) -> OpenAIFileResult:
        """
        Fetch the description of a file.

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
            OpenAIParameters.of(parameters, options),
        )

    def list(
        self,
        parameters: OpenAIFileListParameters | CommonParameters | FileListOptions | None = None,
        **options: Unpack[FileListOptions],
    ) -> OpenAIFileListResult:
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
        asked = OpenAIFileListParameters.of(parameters, options)
        make_result = partial(OpenAIFileListResult, next=lambda after: self.list(attrs.evolve(asked, after=after)))
        return start(self._session, make_result, lambda provider, context: _list(provider, asked, context), asked)

    def delete(
        self,
        file_id: str,
        parameters: CommonParameters | FileDeleteOptions | None = None,
        **options: Unpack[FileDeleteOptions],
    ) -> OpenAIFileDeletedResult:
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
            OpenAIParameters.of(parameters, options),
        )

    def content(
        self,
        file_id: str,
        parameters: CommonParameters | FileContentOptions | None = None,
        **options: Unpack[FileContentOptions],
    ) -> OpenAIFileContentResult:
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
            OpenAIParameters.of(parameters, options),
            is_long=True,
        )

    def stream(
        self,
        file_id: str,
        parameters: OpenAIFileStreamParameters | CommonParameters | FileStreamOptions | None = None,
        **options: Unpack[FileStreamOptions],
    ) -> OpenAIFileStreamResult:
        """
        Fetch a file's content, or a range of it, as chunks of bytes, in constant memory.

        No more than half a megabyte waits for the reader. Then the connection rests, and no thread with it: with
        ``{"background": True}`` any number of streams may be open, for ``async for`` or for other threads; otherwise
        the thread that iterates reads from the connection itself. After a break the missing rest is asked for. `close`
        of the client ends streams that are open.

        Args:
            file_id: The file.

            parameters: Options of this call; *start* and *end* as of a slice.

        Returns:
            A result with ``headers``, ``start``, ``size`` and ``total`` as soon as the answer has begun, to iterate
            over; best in a ``with`` block, which ends the transfer.

        Raises:
            TypeError: *file_id* is no string. Nothing was sent.
            ValueError: *file_id* is empty or cannot be an id, or *end* is not after *start*. Nothing was sent.
        """
        # GET {base}/files/{file_id}/content, Range
        # https://developers.openai.com/api/reference/resources/files/methods/content (read 2026-11-21)
        require_id("file_id", file_id)
        asked = OpenAIFileStreamParameters.of(parameters, options)
        queue_bytes = QUEUE_BYTES if asked.is_background else 0
        sink, pull = StreamSink(start=asked.start, end=asked.end, queue_bytes=queue_bytes), Pull(self._session)
        return start(
            self._session,
            partial(_stream_result, sink=sink, pull=pull),
            lambda provider, _: stream_file(provider, file_id, sink),
            asked,
            is_long=True,
            on_task=pull.take,
        )

    def download(
        self,
        file_id: str,
        path: str | os.PathLike[str],
        parameters: OpenAIFileDownloadParameters | CommonParameters | FileDownloadOptions | None = None,
        **options: Unpack[FileDownloadOptions],
    ) -> OpenAIFileDownloadResult:
        """
        Fetch a file's content to disk, whatever its size, in constant memory.

        It appears under its name when it is complete and has the size the provider told; a file of that name is
        replaced and its permissions are kept. After a break the missing rest is asked for. Nothing is fetched for a
        *path* that is a device or a pipe, or that ends in a separator and is no folder: these are errors of the result.

        Args:
            file_id: The file.

            path: Where to save it; a folder takes it under its own name, made safe for every system and with a number
                if this client saved another file as that, and a file that was there before is an error of the result.

            parameters: Options of this call; *replace* replaces that file, too.

        Returns:
            A result with ``path`` and ``bytes_written``.

        Raises:
            TypeError: *file_id* is no string or *path* no path. Nothing was sent.
            ValueError: *file_id* is empty or cannot be an id, or *path* is empty. Nothing was sent.
        """
        # GET {base}/files/{file_id}/content, Range after a break
        # https://developers.openai.com/api/reference/resources/files/methods/content (read 2026-11-21)
        require_id("file_id", file_id)
        target, asked = require_path("path", path), OpenAIFileDownloadParameters.of(parameters, options)
        return start(
            self._session,
            OpenAIFileDownloadResult,
            lambda provider, _: download_file(provider, file_id, target, self._names_given, may_replace=asked.replace),
            asked,
            is_long=True,
        )

    def wait(
        self,
        file_id: str,
        parameters: OpenAIFileWaitParameters | CommonParameters | FileWaitOptions | None = None,
        **options: Unpack[FileWaitOptions],
    ) -> OpenAIFileResult:
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
        asked = OpenAIFileWaitParameters.of(parameters, options)
        return start(
            self._session,
            OpenAIFileResult,
            lambda provider, _: wait_until_processed(provider, file_id, asked),
            asked,
        )


def _stream_result(state: CallState, *, sink: StreamSink, pull: Pull) -> OpenAIFileStreamResult:
    state.notify(sink.tell)
    return OpenAIFileStreamResult(state, sink=sink, pull=pull)


def _list(provider: Provider, options: OpenAIFileListParameters, context: CallContext) -> Flow[FilePage]:
    query = options.query()
    return (all_pages if options.all_pages else one_page)(provider.list_files, query, context)
