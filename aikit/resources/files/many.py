"""
The calls of ``client.files`` that concern many files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aikit.resources.files.parameters import (
    OpenAIFileManyParameters,
    OpenAIFilePruneParameters,
    OpenAIFileUsageParameters,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Unpack

    from aikit.http.sources import FileContent, FileSource
    from aikit.resources.files.bulk_progress import Limiters
    from aikit.resources.files.options import FileManyOptions, FilePruneOptions, FileUsageOptions
    from aikit.resources.files.results import OpenAIFileManyResult, OpenAIFilePruneResult, OpenAIFileUsageResult
    from aikit.resources.session import Session
    from aikit.runtime.callback_checks import CommonParameters

    FileSources = str | FileContent | Iterable[FileSource]


class ManyFilesAPI:
    """
    The part of the Files API that sends, sums up and deletes many files at once.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._limiters: Limiters = {}

    def create_many(
        self,
        paths: FileSources,
        purpose: str,
        parameters: OpenAIFileManyParameters | CommonParameters | FileManyOptions | None = None,
        **options: Unpack[FileManyOptions],
    ) -> OpenAIFileManyResult:
        """
        Upload many files; each has an outcome of its own, and one that fails does not stop the others.

        Args:
            paths: A path, or an iterable of paths, taken as late as there is room. Of a folder its files are sent,
                those of its folders too, sorted by name; not hidden ones, and not through links to folders or to files
                outside of it. Bytes and binary streams may be among them, and tuples of a name and a content; a tuple
                that could be one of these is refused.

            purpose: See `create`.

            parameters: Options of this call, `OpenAIFileManyParameters`. *on_progress* gets an
                `OpenAIFileManyProgress`.

        Returns:
            A result with ``items``, one for each file in the order in which they were given, ``counts`` and
            ``progress``, all of them also while it runs. However many there are, they take next to no memory: that of
            the names in one folder. When it is cancelled, what was stored stays, and what was not is among the items,
            of what was not begun the first 10,000; ``ended_by`` tells that, and what else ended it early.

        Raises:
            TypeError: *paths* is no path and no iterable, or a path in a list is none, or see above. Nothing was sent.
            ValueError: *purpose* or a path is empty, or *filename* is given for several files. Nothing was sent.
        """
        # POST {base}/files for each, at most 1,000 a minute at OpenAI
        # https://developers.openai.com/api/reference/resources/files/methods/create (read 2026-11-21)
        from aikit.resources.files.bulk_upload import create_files  # noqa: PLC0415  one file needs none of it

        asked = OpenAIFileManyParameters.of(parameters, options)
        return create_files(self._session, self._limiters, paths, purpose, asked)

    def usage(
        self,
        parameters: OpenAIFileUsageParameters | CommonParameters | FileUsageOptions | None = None,
        **options: Unpack[FileUsageOptions],
    ) -> OpenAIFileUsageResult:
        """
        Sum up the stored files by purpose, age, size and expiry; page by page, in constant memory.

        Args:
            parameters: Options of this call, `OpenAIFileUsageParameters`. *on_progress* gets an
                `OpenAIFileHousekeepingProgress`.

        Returns:
            A result whose ``stored`` is the `OpenAIFileUsage`, or ``None`` while running and after errors.
        """
        # GET {base}/files?limit&after, all pages
        # https://developers.openai.com/api/reference/resources/files/methods/list (read 2026-11-21)
        return _housekeeping()[0](self._session, OpenAIFileUsageParameters.of(parameters, options))

    def prune(
        self,
        parameters: OpenAIFilePruneParameters | CommonParameters | FilePruneOptions | None = None,
        **options: Unpack[FilePruneOptions],
    ) -> OpenAIFilePruneResult:
        """
        Delete files by age, purpose, name or because no batch names them; unless ``dry_run`` is false, only list them.

        All files are listed and selected before the first is deleted.

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
        asked = OpenAIFilePruneParameters.of(parameters, options)
        return _housekeeping()[1](self._session, self._limiters, asked)


def _housekeeping() -> tuple[Callable[..., OpenAIFileUsageResult], Callable[..., OpenAIFilePruneResult]]:
    """
    Return what sums up files, and what prunes them.
    """
    from aikit.resources.files.prune import prune_files, sum_up_files  # noqa: PLC0415  other calls need none of it

    return sum_up_files, prune_files
