"""
Upload in parts, side by side, of a file that is larger than the provider takes at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import attrs

from aikit.http.bodies import type_of
from aikit.http.flow import Flow, Gather, Work
from aikit.http.retry import may_have_been_applied, may_have_been_done
from aikit.http.slices import are_apart, prefix_md5s, slice_of
from aikit.http.sources import has_slices
from aikit.resources.files.resume import MultipartUpload, find_interrupted, find_lost_file
from aikit.storage.upload_entry import SentPart, UploadRecord
from aikit.types.errors import CancelledError, ExchangeError, OpenAIError, Rejected
from aikit.types.uploads import OVER_STATUSES, OpenAIUpload, UploadOrder

if TYPE_CHECKING:
    from aikit.http.context import CallContext
    from aikit.http.sources import Source
    from aikit.providers import Provider
    from aikit.resources.files.parameters import EachFileParameters
    from aikit.storage.upload_journal import Journal
    from aikit.types.files import OpenAIFile
    from aikit.validation.limits import Limits

_AT_A_TIME: Final = 4
_RATIONED_AT_A_TIME: Final = 2
_CANCEL_TRIES: Final = 3


def goes_in_parts(source: Source, purpose: str, limits: Limits) -> bool:
    """
    Return whether *source* is too large to go at once, and can be cut into parts.
    """
    size = source.size_bytes or 0
    return limits.size_limit(purpose) < size and limits.file_max_bytes < limits.upload_max_bytes and has_slices(source)


def create_in_parts(
    provider: Provider,
    source: Source,
    purpose: str,
    options: EachFileParameters,
    *,
    journal: Journal,
    context: CallContext,
) -> Flow[OpenAIFile]:
    """
    Upload *source*, whose size is known and which can be read from anywhere, in parts side by side.

    The provider compares the MD5 of the whole. An upload interrupted within the hour is resumed. When it is refused
    or cancelled, the upload is given up at the provider; where the network or the provider fails, or the call is only
    interrupted, it stays, for the same call to go on with.

    Raises:
        OpenAIError: It was refused, or a part did not arrive.
    """
    order = UploadOrder(
        filename=source.name,
        purpose=purpose,
        bytes=source.size_bytes or 0,
        mime_type=type_of(source),
        expires_after=options.expires_after or None,
        extra=options.extra_body,
    )
    multipart = MultipartUpload.of(provider, source, order, options, journal=journal, context=context)
    record = yield from find_interrupted(multipart)
    if record is not None:
        try:
            return (yield from _upload(multipart, record, was_there=True))
        except _GoneError:
            context.note(f"the upload of {order.filename} that was interrupted is over at the provider; it began anew")
    began_at = time.time()
    upload = yield from provider.create_upload(order)
    record = multipart.begin(upload, began_at)
    return (yield from _upload(multipart, record, was_there=False))


class _GoneError(Exception):
    """
    An interrupted upload is over at the provider and cannot be resumed.
    """


def _upload(multipart: MultipartUpload, record: UploadRecord, *, was_there: bool) -> Flow[OpenAIFile]:
    """
    Upload the missing parts and complete the upload; on failure cancel it unless it can be resumed.
    """
    was_ending = record.is_ending
    try:
        try:
            file = yield from _complete(multipart, record, was_ending=was_ending)
        except (OpenAIError, Rejected) as error:
            if _is_worth_keeping(error) and multipart.is_hashed and record.is_kept and record.parts:
                multipart.context.note(_resumable_note(multipart, record))
                raise
            failure = yield from _cancel_upload(multipart, record)
            if failure is not None and record.is_ending and isinstance(error, CancelledError):
                multipart.context.note(_may_be_there_note(multipart))
            elif failure is None or not (_is_worth_keeping(failure) and _is_worth_keeping(error)):
                record.forget()
            if was_there and getattr(error, "status", None) in OVER_STATUSES:
                raise _GoneError from error
            raise
        record.forget(file.id)
        return file
    finally:
        record.release()


def _cancel_upload(multipart: MultipartUpload, record: UploadRecord) -> Flow[OpenAIError | None]:
    """
    Cancel an upload at the provider; return the error of that, ``None`` if it was cancelled.
    """
    failure: OpenAIError | None = None
    for _ in range(_CANCEL_TRIES):
        try:
            yield from multipart.provider.cancel_upload(record.upload_id)
        except CancelledError as error:  # instead of the pause before it is tried again
            failure = error
        except OpenAIError as error:  # the error before is the one to report
            return error
        else:
            return None
    return failure


def _complete(multipart: MultipartUpload, record: UploadRecord, *, was_ending: bool) -> Flow[OpenAIFile]:
    md5 = yield from _send(multipart, record)
    part_ids = [record.parts[number].id for number in range(multipart.part_count)]
    record.end()
    try:
        completed = yield from multipart.provider.complete_upload(record.upload_id, part_ids, md5)
        return _file_of(completed, multipart.order.bytes)
    except CancelledError:
        raise
    except OpenAIError as error:
        if not (may_have_been_applied(error) or (was_ending and error.status in OVER_STATUSES)):
            raise
        file = yield from find_lost_file(multipart, record)
        if file is None:
            raise
        return file


def _send(multipart: MultipartUpload, record: UploadRecord) -> Flow[str | None]:
    """
    Send the parts that are not there yet; return the MD5 of the whole.
    """
    if not multipart.is_hashed:
        yield from _send_missing(multipart, record, None)
        return None
    arrivals = _Arrivals(record)
    flows: tuple[Flow[Any], ...] = (_hash(multipart, arrivals), _send_missing(multipart, record, arrivals))
    # one beside the other; the parts have their places and no more, also when the hash is ready
    at_a_time = _at_a_time(multipart) + 1 if are_apart(multipart.source) else 1
    md5, _ = yield Gather(flows, at_a_time, total_bytes=multipart.order.bytes)
    return str(md5)


def _send_missing(multipart: MultipartUpload, record: UploadRecord, arrivals: _Arrivals | None) -> Flow[None]:
    missing = [number for number in range(multipart.part_count) if number not in record.parts]
    done = sum(multipart.extent(number)[1] for number in record.parts)
    yield Gather(
        _part_flows(multipart, record, arrivals, missing),
        _at_a_time(multipart),
        total_bytes=multipart.order.bytes,
        done_bytes=done,
    )


def _at_a_time(multipart: MultipartUpload) -> int:
    """
    Return how many parts go side by side: few where bytes are rationed, so that some are soon whole, and stay.
    """
    if not are_apart(multipart.source):
        return 1
    return _AT_A_TIME if multipart.context.bandwidth is None else _RATIONED_AT_A_TIME


def _part_flows(
    multipart: MultipartUpload, record: UploadRecord, arrivals: _Arrivals | None, numbers: list[int]
) -> Iterator[Flow[None]]:
    for number in numbers:
        yield _send_part(multipart, record, arrivals, number)


def _send_part(multipart: MultipartUpload, record: UploadRecord, arrivals: _Arrivals | None, number: int) -> Flow[None]:
    part = slice_of(multipart.source, *multipart.extent(number))
    sent = yield from multipart.provider.add_upload_part(record.upload_id, part)
    if arrivals is None:
        record.add(number, SentPart(sent.id, ""))
    else:
        arrivals.add(number, part_id=sent.id)


def _hash(multipart: MultipartUpload, arrivals: _Arrivals) -> Flow[str]:
    """
    Return the MD5 of the whole, which is read beside the parts; its state at the end of each part stands for that part.
    """
    md5: str = yield Work(lambda context: _hash_parts(multipart, arrivals, context))
    return md5


def _hash_parts(multipart: MultipartUpload, arrivals: _Arrivals, context: CallContext) -> str:
    source, md5 = multipart.source, ""
    digests = prefix_md5s(source, multipart.wanted.part_bytes, lambda _: context.raise_if_cancelled())
    for number, md5 in enumerate(digests):
        if are_apart(source):
            source.open().close()  # refuses a file that has changed: what was sent is what was hashed
        arrivals.add(number, digest=md5)
    return md5


@attrs.define(eq=False)
class _Arrivals:
    """
    Parts that are sent and hashed side by side; each is noted in the record once it is both.

    `_lock` guards what is known of each; the record, and with it the journal, is written to outside of it.
    """

    _record: UploadRecord
    _known: dict[int, SentPart] = attrs.field(factory=dict)
    _lock: Any = attrs.field(factory=threading.Lock)

    def add(self, number: int, *, part_id: str = "", digest: str = "") -> None:
        """
        Take the id or the digest of a part.
        """
        with self._lock:
            known = self._known.get(number, SentPart("", ""))
            part = self._known[number] = SentPart(part_id or known.id, digest or known.digest)
        if part.id and part.digest:
            self._record.add(number, part)


def _is_worth_keeping(error: Exception) -> bool:
    """
    Return whether an upload can be resumed after *error*: the upload itself came to no harm.
    """
    if isinstance(error, CancelledError):
        return error.keeps
    if isinstance(error, ExchangeError):
        return True
    status = getattr(error, "status", None)
    return status is not None and (may_have_been_done(status) or status == 429)


def _resumable_note(multipart: MultipartUpload, record: UploadRecord) -> str:
    there = sum(multipart.extent(number)[1] for number in record.parts)
    return (
        f"{there:,} of {multipart.order.bytes:,} bytes of {multipart.order.filename} have arrived, and stay at the "
        "provider for an hour: the same call goes on there"
    )


def _may_be_there_note(multipart: MultipartUpload) -> str:
    return (
        f"{multipart.order.filename} may have been stored all the same: the provider was making the file when the call "
        "was cancelled; look at files.list(), or make the same call again, which finds it"
    )


def _file_of(upload: OpenAIUpload, size_bytes: int) -> OpenAIFile:
    if upload.file is None:
        message = f"upload {upload.id} is {upload.status}, and the provider names no file; look for it in files.list()"
        raise OpenAIError(message=message, code="invalid_response")
    # A provider may not know the size yet right after completion, but we do.
    return attrs.evolve(upload.file, bytes=size_bytes) if upload.file.bytes is None else upload.file
