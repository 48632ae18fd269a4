"""
The Uploads API of a client.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from aikit.http.bodies import media_type
from aikit.http.flow import Flow
from aikit.http.sources import FileSource, Source, require_plain_name, source_of
from aikit.resources.arguments import require_id
from aikit.resources.call import start
from aikit.resources.uploads.parameters import OpenAIUploadCompleteParameters, OpenAIUploadParameters
from aikit.resources.uploads.results import OpenAIUploadPartResult, OpenAIUploadResult
from aikit.runtime.parameters import OpenAIParameters, require_text
from aikit.types.errors import Rejected
from aikit.types.uploads import OpenAIUpload, OpenAIUploadPart, UploadOrder
from aikit.validation import check_part, check_upload

if TYPE_CHECKING:
    from typing import Unpack

    from aikit.providers import Provider
    from aikit.resources.session import Session
    from aikit.resources.uploads.options import (
        UploadCancelOptions,
        UploadCompleteOptions,
        UploadCreateOptions,
        UploadPartOptions,
    )
    from aikit.runtime.callback_checks import CommonParameters


_PART_NAME = "part"


class UploadsAPI:
    """
    Files that go up in parts, because they are large or because their end is not there yet.

    An upload takes parts for one hour. There is no way to ask a provider which parts it has: keep their ids.
    """

    # https://developers.openai.com/api/reference/resources/uploads (read 2026-11-21)

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(
        self,
        filename: str,
        purpose: str,
        size_bytes: int,
        parameters: OpenAIUploadParameters | CommonParameters | UploadCreateOptions | None = None,
        **options: Unpack[UploadCreateOptions],
    ) -> OpenAIUploadResult:
        """
        Announce a file that will come in parts.

        Args:
            filename: Name of the file it becomes.

            purpose: What the provider may do with it, for example ``"fine-tune"``.

            size_bytes: Exact size of all parts together, up to 8 GiB.

            parameters: *expires_after* of the file, *mime_type* of the content.

        Returns:
            A result whose ``upload`` is the pending `OpenAIUpload`, or ``None`` while running and after errors.

        Raises:
            TypeError: *filename* or *purpose* is no string, or *size_bytes* no whole number. Nothing was sent.
            ValueError: One is empty, or *size_bytes* is not above 0. Nothing was sent.
        """
        # POST {base}/uploads {filename, purpose, bytes, mime_type, expires_after}
        # https://developers.openai.com/api/reference/resources/uploads/methods/create (read 2026-11-21)
        asked = OpenAIUploadParameters.of(parameters, options)
        require_text("purpose", purpose)
        require_plain_name(filename)
        _require_size(size_bytes)
        order = UploadOrder(
            filename=filename,
            purpose=purpose,
            bytes=size_bytes,
            mime_type=asked.mime_type or media_type(filename),
            expires_after=asked.expires_after or None,
            extra=asked.extra_body,
        )
        return start(
            self._session,
            OpenAIUploadResult,
            lambda provider, _: _create(provider, order, is_checked=asked.validate),
            asked,
        )

    def add_part(
        self,
        upload_id: str,
        data: FileSource,
        parameters: CommonParameters | UploadPartOptions | None = None,
        **options: Unpack[UploadPartOptions],
    ) -> OpenAIUploadPartResult:
        """
        Send one part; parts may be sent side by side and in any order.

        Args:
            upload_id: The upload.

            data: Up to 64 MiB: bytes, a path, or a binary stream, which is read from where it stands to its end.

            parameters: Options of this call.

        Returns:
            A result whose ``part`` is the `OpenAIUploadPart`, or ``None`` while running and after errors.

        Raises:
            TypeError: *data* is none of the three kinds. Nothing was sent.
            ValueError: *upload_id* is empty or cannot be an id, or *data* is a stream that is closed or that another
                call is reading. Nothing was sent.
        """
        # POST {base}/uploads/{upload_id}/parts, multipart {data} (read 2026-11-21)
        # https://developers.openai.com/api/reference/resources/uploads/subresources/parts/methods/create
        require_id("upload_id", upload_id)
        asked = OpenAIParameters.of(parameters, options)
        source = source_of(data, filename=_PART_NAME)
        return start(
            self._session,
            OpenAIUploadPartResult,
            lambda provider, _: _add_part(provider, upload_id, source),
            asked,
            is_long=True,
            source=source,
        )

    def complete(
        self,
        upload_id: str,
        part_ids: Iterable[str],
        parameters: OpenAIUploadCompleteParameters | CommonParameters | UploadCompleteOptions | None = None,
        **options: Unpack[UploadCompleteOptions],
    ) -> OpenAIUploadResult:
        """
        Make the file of its parts.

        Args:
            upload_id: The upload.

            part_ids: Ids of the parts in the order in which they make the file.

            parameters: *md5* of the whole content, which the provider then compares.

        Returns:
            A result whose ``upload`` is completed and whose ``file`` is the `OpenAIFile` it became.

        Raises:
            TypeError: *part_ids* is one string, or has something else than strings. Nothing was sent.
            ValueError: *part_ids* is empty, or an id cannot be one. Nothing was sent.
        """
        # POST {base}/uploads/{upload_id}/complete {part_ids, md5}
        # https://developers.openai.com/api/reference/resources/uploads/methods/complete (read 2026-11-21)
        require_id("upload_id", upload_id)
        asked = OpenAIUploadCompleteParameters.of(parameters, options)
        ids = _ids(part_ids)
        return start(
            self._session,
            OpenAIUploadResult,
            lambda provider, _: provider.complete_upload(upload_id, ids, asked.md5),
            asked,
        )

    def cancel(
        self,
        upload_id: str,
        parameters: CommonParameters | UploadCancelOptions | None = None,
        **options: Unpack[UploadCancelOptions],
    ) -> OpenAIUploadResult:
        """
        Give up an upload; its parts are gone, and none can be added any more.

        Returns:
            A result whose ``upload`` is cancelled, or ``None`` while running and after errors.

        Raises:
            TypeError: *upload_id* is no string. Nothing was sent.
            ValueError: *upload_id* is empty or cannot be an id. Nothing was sent.
        """
        # POST {base}/uploads/{upload_id}/cancel
        # https://developers.openai.com/api/reference/resources/uploads/methods/cancel (read 2026-11-21)
        require_id("upload_id", upload_id)
        return start(
            self._session,
            OpenAIUploadResult,
            lambda provider, _: provider.cancel_upload(upload_id),
            OpenAIParameters.of(parameters, options),
        )


def _create(provider: Provider, order: UploadOrder, *, is_checked: bool) -> Flow[OpenAIUpload]:
    if is_checked:
        problems = check_upload(order, provider.limits)
        if problems:
            raise Rejected(problems)
    return (yield from provider.create_upload(order))


def _add_part(provider: Provider, upload_id: str, source: Source) -> Flow[OpenAIUploadPart]:
    source = source.resolved()
    problems = check_part(source, provider.limits)
    if problems:
        raise Rejected(problems)
    return (yield from provider.add_upload_part(upload_id, source))


def _require_size(value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"size_bytes must be a whole number, not {type(value).__name__}")
    if value <= 0:
        raise ValueError(f"size_bytes must be above 0, not {value}")


def _ids(part_ids: Iterable[str]) -> tuple[str, ...]:
    if isinstance(part_ids, str):
        raise TypeError("part_ids must be several ids, not one string; pass [part_id]")
    ids = tuple(part_ids)
    if not ids:
        raise ValueError("part_ids must name at least one part")
    for part_id in ids:
        require_id("part_ids", part_id)
    return ids
