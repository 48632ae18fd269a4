"""
Keywords of the calls of ``client.files``, for type checkers and editors; see `aikit.resources.files.parameters`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal, TypedDict

from aikit.resources.files.results import (
    OpenAIFileContentResult,
    OpenAIFileDeletedResult,
    OpenAIFileDownloadResult,
    OpenAIFileListResult,
    OpenAIFileManyResult,
    OpenAIFilePruneResult,
    OpenAIFileResult,
    OpenAIFileUsageResult,
)
from aikit.resources.files.stream import OpenAIFileStreamResult
from aikit.runtime.options import CallOptions
from aikit.types.bulk_files import OpenAIFileHousekeepingProgress, OpenAIFileManyProgress
from aikit.types.progress import Progress


class FileRetrieveOptions(CallOptions[OpenAIFileResult, Progress], total=False):
    """
    Options of ``files.retrieve``.
    """


class FileDeleteOptions(CallOptions[OpenAIFileDeletedResult, Progress], total=False):
    """
    Options of ``files.delete``.
    """


class FileContentOptions(CallOptions[OpenAIFileContentResult, Progress], total=False):
    """
    Options of ``files.content``.
    """


class _OfEachFile(TypedDict, total=False):
    expires_after: Mapping[str, Any] | None
    filename: str | None
    checksum: bool
    validate: bool
    extra_body: Mapping[str, Any] | None


class FileCreateOptions(CallOptions[OpenAIFileResult, Progress], _OfEachFile, total=False):
    """
    Options of ``files.create``.
    """


class FileListOptions(CallOptions[OpenAIFileListResult, Progress], total=False):
    """
    Options of ``files.list``.
    """

    after: str | None
    limit: int | None
    order: Literal["asc", "desc"] | None
    purpose: str | None
    all_pages: bool


class FileWaitOptions(CallOptions[OpenAIFileResult, Progress], total=False):
    """
    Options of ``files.wait``.
    """

    poll_interval: float
    max_wait: float


class FileDownloadOptions(CallOptions[OpenAIFileDownloadResult, Progress], total=False):
    """
    Options of ``files.download``.
    """

    replace: bool


class FileStreamOptions(CallOptions[OpenAIFileStreamResult, Progress], total=False):
    """
    Options of ``files.stream``.
    """

    start: int
    end: int | None


class FileManyOptions(CallOptions[OpenAIFileManyResult, OpenAIFileManyProgress], _OfEachFile, total=False):
    """
    Options of ``files.create_many``.
    """

    at_a_time: int | None
    rate: int | None
    recursive: bool
    follow_links: bool
    skip_identical: bool
    manifest: str | os.PathLike[str] | None


class FileUsageOptions(CallOptions[OpenAIFileUsageResult, OpenAIFileHousekeepingProgress], total=False):
    """
    Options of ``files.usage``.
    """

    purpose: str | None
    expiring_within: float


class FilePruneOptions(CallOptions[OpenAIFilePruneResult, OpenAIFileHousekeepingProgress], total=False):
    """
    Options of ``files.prune``.
    """

    older_than: float | None
    purpose: str | None
    name: str | None
    unused: bool
    dry_run: bool
    at_a_time: int | None
    rate: int | None
