"""
A file that goes up in parts, side by side, because it is larger than what the provider takes at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import attrs

from aikit.http.bodies import media_type
from aikit.http.flow import Flow, Gather, Work
from aikit.http.retry import may_have_been_applied, may_have_been_done
from aikit.http.slices import HashingSource, are_apart, has_slices, md5_of, slice_of
from aikit.resources.files.resume import MultipartUpload, found_after, gone_on_with
from aikit.storage.upload_entry import SentPart, UploadRecord
from aikit.types.errors import CancelledError, ExchangeError, OpenAIError, Rejected
from aikit.types.uploads import OVER_STATUSES, OpenAIUpload, UploadOrder

if TYPE_CHECKING:
    from aikit.http.context import CallContext
    from aikit.http.sources import Source
    from aikit.providers import Provider
    from aikit.resources.files.parameters import OpenAIFileParameters
    from aikit.storage.upload_journal import Journal
    from aikit.types.files import OpenAIFile
    from aikit.validation.limits import Limits

_AT_A_TIME: Final = 4
_RATIONED_AT_A_TIME: Final = 2
_FAREWELLS: Final = 3


def goes_in_parts(source: Source, purpose: str, limits: Limits) -> bool:
    """
    Tell whether *source* is too large to go at once, and can be cut.
    """
    size = source.size_bytes or 0
    return limits.size_limit(purpose) < size and limits.file_max_bytes < limits.upload_max_bytes and has_slices(source)


def create_in_parts(
    provider: Provider,
    source: Source,
    purpose: str,
    options: OpenAIFileParameters,
    *,
    journal: Journal,
    context: CallContext,
) -> Flow[OpenAIFile]:
    """
    Upload *source*, whose size is known and which can be read from anywhere, in parts side by side.

    The provider compares the MD5 of the whole. What was interrupted within the hour is gone on with. When it is refused
    or cancelled, the upload is given up at the provider; where the network or the provider fails, or the call is only
    interrupted, it stays, for the same call to go on with.

    Raises:
        OpenAIError: It was refused, or a part did not arrive.
    """
    order = UploadOrder(
        filename=source.name,
        purpose=purpose,
        bytes=source.size_bytes or 0,
        mime_type=media_type(source.name),
        expires_after=options.expires_after,
    )
    shipment = MultipartUpload.of(provider, source, order, options, journal=journal, context=context)
    entry = yield from gone_on_with(shipment)
    if entry is not None:
        try:
            return (yield from _shipped(shipment, entry, was_there=True))
        except _GoneError:
            context.note(f"the upload of {order.filename} that was interrupted is over at the provider; it began anew")
    began_at = time.time()
    upload = yield from provider.create_upload(order)
    entry = shipment.begun(upload, began_at)
    return (yield from _shipped(shipment, entry, was_there=False))


class _GoneError(Exception):
    """
    An upload that was interrupted cannot be gone on with.
    """


def _shipped(shipment: MultipartUpload, entry: UploadRecord, *, was_there: bool) -> Flow[OpenAIFile]:
    """
    Send what is missing, and have the file made; leave nothing open that nobody will go on with.
    """
    was_ending = entry.is_ending
    try:
        try:
            file = yield from _made(shipment, entry, was_ending=was_ending)
        except (OpenAIError, Rejected) as error:
            if _stays(error) and shipment.is_hashed and entry.is_kept and entry.parts:
                shipment.context.note(_can_go_on(shipment, entry))
                raise
            failure = yield from _given_up(shipment, entry)
            if failure is not None and entry.is_ending and isinstance(error, CancelledError):
                shipment.context.note(_may_be_there(shipment))
            elif failure is None or not (_stays(failure) and _stays(error)):
                entry.forget()
            if was_there and getattr(error, "status", None) in OVER_STATUSES:
                raise _GoneError from error
            raise
        entry.forget(file.id)
        return file
    finally:
        entry.release()


def _given_up(shipment: MultipartUpload, entry: UploadRecord) -> Flow[OpenAIError | None]:
    """
    Give an upload up at the provider; return why that failed, ``None`` if it did not.
    """
    failure: OpenAIError | None = None
    for _ in range(_FAREWELLS):
        try:
            yield from shipment.provider.cancel_upload(entry.upload_id)
        except CancelledError as error:  # instead of the pause before it is tried again
            failure = error
        except OpenAIError as error:  # what went wrong before is what counts
            return error
        else:
            return None
    return failure


def _made(shipment: MultipartUpload, entry: UploadRecord, *, was_ending: bool) -> Flow[OpenAIFile]:
    md5 = yield from _sent(shipment, entry)
    part_ids = [entry.parts[number].id for number in range(shipment.part_count)]
    entry.end()
    try:
        completed = yield from shipment.provider.complete_upload(entry.upload_id, part_ids, md5)
        return _file_of(completed, shipment.order.bytes)
    except CancelledError:
        raise
    except OpenAIError as error:
        if not (may_have_been_applied(error) or (was_ending and error.status in OVER_STATUSES)):
            raise
        file = yield from found_after(shipment, entry)
        if file is None:
            raise
        return file


def _sent(shipment: MultipartUpload, entry: UploadRecord) -> Flow[str | None]:
    """
    Send the parts that are not there yet; return the MD5 of the whole.
    """
    if not shipment.is_hashed:
        yield from _all_parts(shipment, entry)
        return None
    flows: tuple[Flow[Any], ...] = (_hashed(shipment.source), _all_parts(shipment, entry))
    # one beside the other; the parts have their places and no more, also when the hash is ready
    at_a_time = _at_a_time(shipment) + 1 if are_apart(shipment.source) else 1
    md5, _ = yield Gather(flows, at_a_time, total_bytes=shipment.order.bytes)
    return str(md5)


def _all_parts(shipment: MultipartUpload, entry: UploadRecord) -> Flow[None]:
    missing = [number for number in range(shipment.part_count) if number not in entry.parts]
    done = sum(shipment.extent(number)[1] for number in entry.parts)
    yield Gather(
        _parts(shipment, entry, missing), _at_a_time(shipment), total_bytes=shipment.order.bytes, done_bytes=done
    )


def _at_a_time(shipment: MultipartUpload) -> int:
    """
    Return how many parts go side by side: few where bytes are rationed, so that some are soon whole, and stay.
    """
    if not are_apart(shipment.source):
        return 1
    return _AT_A_TIME if shipment.context.bandwidth is None else _RATIONED_AT_A_TIME


def _parts(shipment: MultipartUpload, entry: UploadRecord, numbers: list[int]) -> Iterator[Flow[None]]:
    for number in numbers:
        yield _part(shipment, entry, number)


def _part(shipment: MultipartUpload, entry: UploadRecord, number: int) -> Flow[None]:
    part = slice_of(shipment.source, *shipment.extent(number))
    if not shipment.is_hashed:
        sent = yield from shipment.provider.add_upload_part(entry.upload_id, part)
        entry.add(number, SentPart(sent.id, ""))
        return
    hashed = HashingSource(part)
    sent = yield from shipment.provider.add_upload_part(entry.upload_id, hashed)
    entry.add(number, SentPart(sent.id, hashed.digest))


def _hashed(source: Source) -> Flow[str]:
    """
    Return the MD5 of the whole, which is read beside the parts.
    """
    md5: str = yield Work(lambda context: md5_of(source, lambda _: context.raise_if_cancelled()))
    return md5


def _stays(error: Exception) -> bool:
    """
    Tell whether an upload is worth keeping after *error*: it came to no harm itself.
    """
    if isinstance(error, CancelledError):
        return error.keeps
    if isinstance(error, ExchangeError):
        return True
    status = getattr(error, "status", None)
    return status is not None and (may_have_been_done(status) or status == 429)


def _can_go_on(shipment: MultipartUpload, entry: UploadRecord) -> str:
    there = sum(shipment.extent(number)[1] for number in entry.parts)
    return (
        f"{there:,} of {shipment.order.bytes:,} bytes of {shipment.order.filename} have arrived, and stay at the "
        "provider for an hour: the same call goes on there"
    )


def _may_be_there(shipment: MultipartUpload) -> str:
    return (
        f"{shipment.order.filename} may have been stored all the same: the provider was making the file when the call "
        "was cancelled; look at files.list(), or make the same call again, which finds it"
    )


def _file_of(upload: OpenAIUpload, size_bytes: int) -> OpenAIFile:
    if upload.file is None:
        message = f"upload {upload.id} is {upload.status}, and the provider names no file; look for it in files.list()"
        raise OpenAIError(message=message, code="invalid_response")
    # A provider may not know the size yet right after completion, but we do.
    return attrs.evolve(upload.file, bytes=size_bytes) if upload.file.bytes is None else upload.file
