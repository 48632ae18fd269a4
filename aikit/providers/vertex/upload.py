"""
The resumable upload of Google Cloud Storage: a session, and chunks that go on after a break where the server is.

An object is made only where there is none, so that one whose answer was lost is found, and never stored twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from aikit.http.bodies import json_body
from aikit.http.flow import Flow, Gather, Pause, Work
from aikit.http.messages import Request, Response
from aikit.http.refusals import discreet, error_from, raise_for_status, understood
from aikit.http.retry import may_have_been_done
from aikit.http.slices import slice_of
from aikit.http.sources import Source, has_slices
from aikit.providers.google.chunks import Chunk, is_at
from aikit.providers.vertex.checksum import Checksum, Summed
from aikit.providers.vertex.objects import look_up, object_from_wire
from aikit.providers.vertex.place import Place
from aikit.types.errors import ExchangeError, OpenAIError
from aikit.types.wire import NOTHING, whole_number

_CHUNK_BYTES: Final = 32 * 1024 * 1024  # a multiple of 256 KiB, as each but the last must be
_MOST_BREAKS: Final = 2  # in a row, without a byte that got through
_MOST_SESSIONS: Final = 3
_PAUSE_S: Final = 0.5
_RANGE: Final = re.compile(r"bytes=0-(\d{1,15})", re.ASCII)
_OVER: Final = frozenset((404, 410, 412, 499))


@attrs.frozen(kw_only=True, slots=False, str=False)
class _SessionOverError(OpenAIError):
    """
    There is no such session any more, or an object of that name; which of both, a look at the object tells.
    """


def store(
    place: Place,
    source: Source,
    name: str,
    *,
    content_type: str,
    metadata: Mapping[str, str] = NOTHING,
    custom_time: str | None = None,
) -> Flow[dict[str, Any]]:
    """
    Store *source* as the object called *name*, which there must not be, unless with the same content; return it.

    Args:
        place: The bucket, and the prefix that goes before *name*.

        source: What is stored; one that can be read only once must arrive at the first attempt.

        name: Of the object.

        content_type: Media type.

        metadata: Kept with it: at most 8 KiB.

        custom_time: A time as RFC 3339 has it, which a rule of the bucket may delete it after.

    Raises:
        OpenAIError: It was refused, or did not arrive, or arrived as something else (codes ``"size_mismatch"`` and
            ``"checksum_mismatch"``).
    """
    # https://docs.cloud.google.com/storage/docs/performing-resumable-uploads (read 2026-11-21)
    about = {"contentType": content_type, "metadata": dict(metadata), "customTime": custom_time}
    resource = {key: value for key, value in about.items() if value}
    upload = _Upload(place=place, source=source, name=name, resource=resource, checksum=Checksum())
    for attempt in range(1, _MOST_SESSIONS):
        try:
            return (yield from upload.send())
        except _SessionOverError:
            found = yield from upload.found()
            if found is not None:
                return found
            if not source.is_replayable:
                raise
        yield Pause(_PAUSE_S * attempt)
    return (yield from upload.send())


@attrs.frozen(kw_only=True)
class _Upload:
    """
    One object on its way.

    Attributes:
        resource: What is kept with it.

        checksum: Of what was read of the source so far.
    """

    place: Place
    source: Source
    name: str
    resource: Mapping[str, Any]
    checksum: Checksum

    def send(self) -> Flow[dict[str, Any]]:
        """
        Upload it in one session; in chunks, if it can be cut.

        Raises:
            OpenAIError: It was refused, or did not arrive as it is.
        """
        session = yield from self._begin()
        size = self.source.size_bytes
        if size is None or not has_slices(self.source):
            sent = yield from session.send_whole()
        elif size <= _CHUNK_BYTES:
            sent = yield from session.send_chunk(0, size)
        else:
            *_, sent = yield Gather(session.chunks(size), at_a_time=1, total_bytes=size)
        stored = sent or {}
        problem = yield from self._problem_with(stored)
        if problem is not None:
            yield self.place.storage("DELETE", self.name, ifGenerationMatch=stored.get("generation"), is_cleanup=True)
            raise problem
        return stored

    def found(self) -> Flow[dict[str, Any] | None]:
        """
        Return the object of that name, which may have been stored though the answer was lost; ``None`` without one.

        Raises:
            OpenAIError: It is another one.
        """
        stored = yield from look_up(self.place, self.name)
        problem = None if stored is None else (yield from self._problem_with(stored))
        if problem is not None:
            raise problem
        return stored

    def _begin(self) -> Flow[_Session]:
        size, content_type = self.source.size_bytes, self.resource["contentType"]
        about = {
            "X-Upload-Content-Type": content_type,
            **({} if size is None else {"X-Upload-Content-Length": str(size)}),
        }
        response: Response = yield Request(
            method="POST",
            url=self.place.upload_url(self.name, ifGenerationMatch=0),
            headers=self.place.storage_headers.merged(about),
            body=json_body(self.resource),
        )
        if response.status == 412:
            raise _over(error_from(response))
        url = raise_for_status(response).headers.get("location", "")
        if not is_at(self.place.storage_url, url):
            why = "is at another place than the storage" if url else "is missing"
            message = f"the address to upload to, which the answer must name, {why}; nothing was sent there"
            raise attrs.evolve(error_from(discreet(response, url)), message=message, code="invalid_response", body=None)
        return _Session(upload=self, url=url)

    def _problem_with(self, stored: Mapping[str, Any]) -> Flow[OpenAIError | None]:
        """
        Return what is wrong with an object: it has another size, or checksum, than what was read here.
        """
        size = self.source.size_bytes
        if self.source.is_replayable and self.checksum.size_bytes < (size or 0):
            yield Work(lambda context: self.checksum.read_rest(self.source, context))
        size = self.checksum.size_bytes if size is None else size
        told = whole_number(stored.get("size"))
        if told != size:
            message = f"{size} bytes were sent, and the object has {told}; it does not count as stored, try again"
            return OpenAIError(message=message, code="size_mismatch")
        if not self.checksum.is_of(stored):
            message = "the object has another checksum than what was sent; it does not count as stored, try again"
            return OpenAIError(message=message, code="checksum_mismatch")
        return None


@attrs.frozen(kw_only=True)
class _Session:
    """
    The session of an upload; who knows its address may write to it, so that is shown to nobody.

    Attributes:
        url: Its address.
    """

    upload: _Upload
    url: str = attrs.field(repr=False)

    def chunks(self, size: int) -> Iterator[Flow[dict[str, Any] | None]]:
        """
        Yield a flow for each chunk, to be run one after the other; that of the last returns the object.
        """
        for start in range(0, size, _CHUNK_BYTES):
            yield self.send_chunk(start, min(start + _CHUNK_BYTES, size))

    def send_whole(self) -> Flow[dict[str, Any] | None]:
        """
        Send a source that cannot be cut, in one go.

        Raises:
            OpenAIError: It was refused, or whether it arrived is not known.
        """
        size = self.upload.source.size_bytes
        try:
            response: Response = yield self._content(0, size, _range_of(0, size, size) if size is not None else None)
        except ExchangeError as error:
            raise _over(error) from None
        if may_have_been_done(response.status):
            raise _over(error_from(discreet(response, self.url)))
        return self._answer(response)

    def send_chunk(self, start: int, end: int) -> Flow[dict[str, Any] | None]:
        """
        Send what is between *start* and *end*; after a break, what has not arrived of it.

        Raises:
            OpenAIError: It was refused, or did not arrive.
        """
        done, breaks = start, 0
        while True:
            failure: OpenAIError | None = None
            try:
                response: Response = yield self._content(done, end, _range_of(done, end, self._size), end - start)
                failure = error_from(discreet(response, self.url)) if may_have_been_done(response.status) else None
            except ExchangeError as error:
                failure = error
            if failure is not None:
                yield Pause(_PAUSE_S * (breaks + 1))
                response = yield self._request(_range_of(0, 0, self._size))
            stored = self._answer(response)
            received = 0 if stored is not None else self._received(response, end)
            if stored is not None or received == end < self._size:
                return stored
            breaks = 0 if received > done else breaks + 1
            if breaks > _MOST_BREAKS:
                raise failure or self._misunderstood(response)
            done = received

    @property
    def _size(self) -> int:
        return self.upload.source.size_bytes or 0

    def _content(self, start: int, end: int | None, content_range: str | None, whole: int | None = None) -> Request:
        """
        Return the request that sends what is between *start* and *end*; its progress is that of *whole*.
        """
        source, content_type = self.upload.source, self.upload.resource["contentType"]
        size = None if end is None else end - start
        part = source if whole is None or size is None else slice_of(source, start, size)
        summed = Summed(part, start, self.upload.checksum)
        body = Chunk(summed, content_type, size, whole or size, is_replayable=source.is_replayable)
        return self._request(content_range, body)

    def _request(self, content_range: str | None, body: Chunk | None = None) -> Request:
        """
        Return a request to the session; content is not sent again before it is known what arrived.
        """
        told = {} if content_range is None else {"Content-Range": content_range}
        headers = self.upload.place.headers.without_secrets().merged(told)
        return Request(method="PUT", url=self.url, headers=headers, body=body, is_idempotent=body is None)

    def _answer(self, response: Response) -> dict[str, Any] | None:
        """
        Return the object that an answer has; ``None`` if there is none yet.
        """
        if not response.is_success:  # an object has its name, which is in the address, too
            response = discreet(response, self.url)
        if response.status in _OVER:
            raise _over(error_from(response))
        return None if response.status == 308 else understood(response, object_from_wire)

    def _received(self, response: Response, end: int) -> int:
        """
        Return how many bytes have arrived; without a range, and with one of a single byte, none.
        """
        told = response.headers.get("range", "").strip()
        found = _RANGE.fullmatch(told)
        received = int(found[1]) + 1 if found else 0
        if received > end or (told and found is None):
            raise self._misunderstood(response)
        return received if received > 1 else 0

    def _misunderstood(self, response: Response) -> OpenAIError:
        message = "the upload cannot go on, for the server does not tell what has arrived, or takes no more; try again"
        error = error_from(discreet(response, self.url))
        return attrs.evolve(error, message=message, code="invalid_response")


def _range_of(start: int, end: int, total: int) -> str:
    return f"bytes {start}-{end - 1}/{total}" if end > start else f"bytes */{total}"


def _over(error: OpenAIError) -> _SessionOverError:
    fields = {field.name: getattr(error, field.name) for field in attrs.fields(OpenAIError)}
    return _SessionOverError(**fields)
