"""
Results of the calls of ``client.uploads``.
"""

from __future__ import annotations

from aikit.runtime.result import OpenAIResult
from aikit.types.files import OpenAIFile
from aikit.types.uploads import OpenAIUpload, OpenAIUploadPart


class OpenAIUploadResult(OpenAIResult[OpenAIUpload]):
    """
    The result of ``uploads.create``, ``uploads.complete`` and ``uploads.cancel``.
    """

    __slots__ = ()
    _carried = ("upload",)

    @property
    def upload(self) -> OpenAIUpload | None:
        """The upload; ``None`` while running and after errors."""
        return self._outcome.value  # type: ignore[no-any-return]  # the flow's type

    @property
    def file(self) -> OpenAIFile | None:
        """The file it became; ``None`` unless it is completed."""
        return self.upload.file if self.upload is not None else None


class OpenAIUploadPartResult(OpenAIResult[OpenAIUploadPart]):
    """
    The result of ``uploads.add_part``.
    """

    __slots__ = ()
    _carried = ("part",)

    @property
    def part(self) -> OpenAIUploadPart | None:
        """The part; ``None`` while running and after errors."""
        return self._outcome.value  # type: ignore[no-any-return]  # the flow's type
