"""
Keywords of the calls of ``client.uploads``, for type checkers and editors; see `aikit.resources.uploads.parameters`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aikit.resources.uploads.results import OpenAIUploadPartResult, OpenAIUploadResult
from aikit.runtime.options import CallOptions
from aikit.types.progress import Progress


class UploadPartOptions(CallOptions[OpenAIUploadPartResult, Progress], total=False):
    """
    Options of ``uploads.add_part``.
    """


class UploadCancelOptions(CallOptions[OpenAIUploadResult, Progress], total=False):
    """
    Options of ``uploads.cancel``.
    """


class UploadCreateOptions(CallOptions[OpenAIUploadResult, Progress], total=False):
    """
    Options of ``uploads.create``.
    """

    expires_after: Mapping[str, Any] | None
    mime_type: str | None
    validate: bool
    extra_body: Mapping[str, Any] | None


class UploadCompleteOptions(CallOptions[OpenAIUploadResult, Progress], total=False):
    """
    Options of ``uploads.complete``.
    """

    md5: str | None
