"""
A file that goes up in parts, side by side, because it is larger than what the provider takes at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import attrs

from aikit.errors import OpenAIError, Rejected
from aikit.multipart import media_type
from aikit.slices import are_apart, has_slices, md5_of, slice_of
from aikit.upload_objects import OpenAIUpload, UploadOrder
from aikit.wire import Flow, Together

if TYPE_CHECKING:
    from aikit.limits import Limits
    from aikit.objects import OpenAIFile
    from aikit.providers import Provider
    from aikit.source import Source
    from aikit.watch import Watch

_AT_A_TIME: Final = 4


def goes_in_parts(source: Source, purpose: str, limits: Limits) -> bool:
    """
    Tell whether *source* is too large to go at once, and can be cut.
    """
    size = source.size_bytes or 0
    return limits.size_limit(purpose) < size and limits.file_max_bytes < limits.upload_max_bytes and has_slices(source)


def created_in_parts(
    provider: Provider, source: Source, purpose: str, expires_after: Mapping[str, Any] | None, watch: Watch
) -> Flow[OpenAIFile]:
    """
    Upload *source*, whose size is known and which can be read from anywhere, in parts side by side.

    The provider compares the MD5 of the whole. When it fails or is cancelled, the upload is given up at the provider.

    Raises:
        OpenAIError: It was refused, or a part did not arrive.
    """
    size = source.size_bytes or 0
    order = UploadOrder(
        filename=source.name,
        purpose=purpose,
        bytes=size,
        mime_type=media_type(source.name),
        expires_after=expires_after,
    )
    upload = yield from provider.create_upload(order)
    try:
        completed = yield from _sent(provider, upload.id, source, watch)
    except (OpenAIError, Rejected):
        with suppress(OpenAIError):  # what went wrong before is what counts
            yield from provider.cancel_upload(upload.id)
        raise
    return _file_of(completed, size)


def _sent(provider: Provider, upload_id: str, source: Source, watch: Watch) -> Flow[OpenAIUpload]:
    parts = (
        provider.add_upload_part(upload_id, part) for part in _parts(source, provider.limits.upload_part_max_bytes)
    )
    flows: Iterator[Flow[Any]] = itertools.chain((_hashed(source, watch),), parts)
    at_a_time = _AT_A_TIME + 1 if are_apart(source) else 1  # the hash is one of them, and ends before the last part
    md5, *sent = yield Together(flows, at_a_time, total_bytes=source.size_bytes)
    return (yield from provider.complete_upload(upload_id, [part.id for part in sent], md5))


def _parts(source: Source, part_bytes: int) -> Iterator[Source]:
    size = source.size_bytes or 0
    for start in range(0, size, part_bytes):
        yield slice_of(source, start, min(part_bytes, size - start))


def _hashed(source: Source, watch: Watch) -> Flow[str]:
    """
    Return the MD5 of the whole, which is read beside the parts: no request is needed for that.
    """
    yield from ()
    return md5_of(source, watch.raise_if_cancelled)


def _file_of(upload: OpenAIUpload, size_bytes: int) -> OpenAIFile:
    if upload.file is None:
        message = f"upload {upload.id} is {upload.status}, and the provider names no file; look for it in files.list()"
        raise OpenAIError(message=message, code="invalid_response")
    # A provider may not know the size yet right after completion, but we do.
    return attrs.evolve(upload.file, bytes=size_bytes) if upload.file.bytes is None else upload.file
