"""
What a caller gets of a call about files.
"""

from __future__ import annotations

from pathlib import Path

import attrs

from aikit.runtime.result import OpenAIListResult, OpenAIResult
from aikit.types.files import OpenAIFile, OpenAIFileDeleted


class OpenAIFileResult(OpenAIResult[OpenAIFile]):
    """
    The result of ``files.create``, ``files.retrieve`` and ``files.wait``.
    """

    __slots__ = ()

    @property
    def file(self) -> OpenAIFile | None:
        """The file; ``None`` while running and after errors."""
        return self._outcome.value  # type: ignore[no-any-return]  # the flow's type


class OpenAIFileDeletedResult(OpenAIResult[OpenAIFileDeleted]):
    """
    The result of ``files.delete``.
    """

    __slots__ = ()

    @property
    def deleted(self) -> OpenAIFileDeleted | None:
        """What the provider says; ``None`` while running and after errors."""
        return self._outcome.value  # type: ignore[no-any-return]  # the flow's type


class OpenAIFileListResult(OpenAIListResult[OpenAIFile]):
    """
    The result of ``files.list``.
    """

    __slots__ = ()

    @property
    def files(self) -> tuple[OpenAIFile, ...]:
        """The files, in the order asked for; empty while running and after errors."""
        return self._page.items


class OpenAIFileContentResult(OpenAIResult[bytes]):
    """
    The result of ``files.content``.
    """

    __slots__ = ()

    @property
    def content(self) -> bytes:
        """The file's bytes; empty while running and after errors."""
        return self._outcome.value or b""

    @property
    def text(self) -> str:
        """The content as UTF-8; bytes that are not become U+FFFD."""
        return self.content.decode("utf-8", "replace")


@attrs.frozen
class Saved:
    """
    What was saved where.
    """

    path: Path
    bytes_written: int


class OpenAIFileDownloadResult(OpenAIResult[Saved]):
    """
    The result of ``files.download``.
    """

    __slots__ = ()

    @property
    def path(self) -> Path | None:
        """Where the file was saved; ``None`` while running and after errors."""
        return self._outcome.value.path if self._outcome.value else None

    @property
    def bytes_written(self) -> int:
        """Size of what was saved; 0 while running and after errors."""
        return self._outcome.value.bytes_written if self._outcome.value else 0
