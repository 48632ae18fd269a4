"""
The resumable upload of the Gemini API: a session, and chunks that go on after a break where the server is.

The file's name is chosen here. So a file whose answer was lost is found under that name, and never stored twice.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, Final, TypeVar

import attrs

from aikit.http.bodies import json_body
from aikit.http.flow import Flow, Gather, Pause
from aikit.http.headers import Headers
from aikit.http.messages import Request, Response
from aikit.http.refusals import discreet, error_from, raise_for_status, understood
from aikit.http.retry import may_have_been_applied, may_have_been_done
from aikit.http.slices import slice_of
from aikit.http.sources import Source, has_slices
from aikit.providers.gemini.files import file_from_wire, uploaded_from_wire
from aikit.providers.google.batches import before_asking
from aikit.providers.google.chunks import Chunk, is_at
from aikit.providers.google.paging import unreadable
from aikit.types.errors import CancelledError, ExchangeError, OpenAIError
from aikit.types.files import OpenAIFile

T = TypeVar("T")
_CHUNK_BYTES: Final = 32 * 1024 * 1024
_MOST_CHUNK_BYTES: Final = 1024 * 1024 * 1024
_MOST_BREAKS: Final = 2  # in a row, without a byte that got through
_PAUSE_S: Final = 0.5
_COUNT: Final = re.compile(r"\d{1,15}", re.ASCII)


@attrs.frozen(kw_only=True)
class Upload:
    """
    One file on its way.

    Attributes:
        root: Address of the API.

        headers: Of all requests; the key is among them, and goes to the address of the API only.

        label: Its display name.
    """

    # https://ai.google.dev/api/files#method:-media.upload (read 2026-11-30)

    root: str
    headers: Headers
    source: Source
    mime_type: str
    label: str
    name: str = attrs.field(factory=lambda: f"files/{os.urandom(16).hex()}")

    def send(self) -> Flow[OpenAIFile]:
        """
        Upload it; in chunks, if it can be cut.

        Raises:
            OpenAIError: It was refused, or did not arrive.
        """
        try:
            session = yield from self._begin()
        except OpenAIError as error:  # a session is no file
            raise before_asking(error) if may_have_been_applied(error) else error from None
        size = self.source.size_bytes
        if size is None or not has_slices(self.source):
            return (yield from session.send_once(size))
        if size <= session.chunk_bytes:
            return _require_file((yield from session.send_chunk(0, size, is_last=True)))
        *_, file = yield Gather(session.chunks(size), at_a_time=1, total_bytes=size)
        return _require_file(file)

    def _begin(self) -> Flow[_Session]:
        size = self.source.size_bytes
        about = {
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Type": self.mime_type,
            **({} if size is None else {"X-Goog-Upload-Header-Content-Length": str(size)}),
        }
        file = {"name": self.name, "displayName": self.label, "mimeType": self.mime_type}
        response: Response = yield Request(
            method="POST",
            url=f"{self.root}/upload/v1beta/files",
            headers=self.headers.merged(about),
            body=json_body({"file": file}),
        )
        headers = raise_for_status(response).headers
        url = headers.get("x-goog-upload-url", "")
        if not is_at(self.root, url):
            why = "is at another place than the API" if url else "is missing"
            message = f"the address to upload to, which the answer must name, {why}; nothing was sent there"
            raise attrs.evolve(error_from(response), message=message, code="invalid_response", body=None)
        return _Session(upload=self, url=url, chunk_bytes=_chunk_bytes(headers.get("x-goog-upload-chunk-granularity")))


@attrs.frozen(kw_only=True)
class _Session:
    """
    The session of an upload; who knows its address may write to it, so that is shown to nobody.

    Attributes:
        url: Its address.

        chunk_bytes: Size of all chunks but the last.
    """

    upload: Upload
    url: str = attrs.field(repr=False)
    chunk_bytes: int

    def chunks(self, size: int) -> Iterator[Flow[OpenAIFile | None]]:
        """
        Yield a flow for each chunk, to be run one after the other; that of the last returns the file.
        """
        for start in range(0, size, self.chunk_bytes):
            count = min(self.chunk_bytes, size - start)
            yield self.send_chunk(start, count, is_last=start + count == size)

    def send_chunk(self, start: int, count: int, *, is_last: bool) -> Flow[OpenAIFile | None]:
        """
        Send *count* bytes from *start* on; after a break, what has not arrived of them.

        Raises:
            OpenAIError: They were refused, or did not arrive.
        """
        end, done, breaks = start + count, start, 0
        command = "upload, finalize" if is_last else "upload"
        while done < end or is_last:
            try:
                response: Response = yield self.request(command, done, self._body(done, end, count))
                if not may_have_been_done(response.status):
                    return self._end_of(discreet(response, self.url), is_last=is_last)
                failure = error_from(discreet(response, self.url))
            except ExchangeError as error:
                failure = error
            breaks += 1
            if breaks > _MOST_BREAKS:
                raise failure
            yield Pause(_PAUSE_S * breaks)
            received = yield from _doubting(failure, self._received(done, end, failure))
            if received is None:
                return (yield from _doubting(failure, self._stored(failure))) if is_last else None
            breaks = 0 if received > done else breaks
            done = received
        return None

    def send_once(self, size: int | None) -> Flow[OpenAIFile]:
        """
        Send a source that cannot be cut, as a whole; where the answer is lost, look whether it is stored.

        Raises:
            OpenAIError: It was refused, or did not arrive.
        """
        source = self.upload.source
        whole = Chunk(source, self.upload.mime_type, size, size, is_replayable=source.is_replayable)
        try:
            response: Response = yield self.request("upload, finalize", 0, whole)
            if not may_have_been_done(response.status):
                return understood(discreet(response, self.url), uploaded_from_wire)
            failure = error_from(discreet(response, self.url))
        except ExchangeError as error:
            if not error.is_ambiguous:
                raise
            failure = error
        yield Pause(_PAUSE_S)
        return (yield from _doubting(failure, self._stored(failure)))

    def request(self, command: str, offset: int | None = None, body: Any = None) -> Request:
        """
        Return a request to the session; it needs no key. Content is not sent again before it is known what arrived.
        """
        told = {"X-Goog-Upload-Command": command, **({} if offset is None else {"X-Goog-Upload-Offset": str(offset)})}
        headers = self.upload.headers.without_secrets().merged(told)
        return Request(method="POST", url=self.url, headers=headers, body=body, is_idempotent=body is None)

    def _body(self, done: int, end: int, count: int) -> Chunk:
        rest = slice_of(self.upload.source, done, end - done)
        return Chunk(rest, self.upload.mime_type, end - done, count)

    def _end_of(self, response: Response, *, is_last: bool) -> OpenAIFile | None:
        if is_last:
            return understood(response, uploaded_from_wire)
        if raise_for_status(response).headers.get("x-goog-upload-status", "").strip().lower() != "active":
            message = "the upload is over, says the server, before all of the file was sent; try again"
            raise attrs.evolve(error_from(response), message=message, code="invalid_response")
        return None

    def _received(self, done: int, end: int, failure: OpenAIError) -> Flow[int | None]:
        """
        Ask how many bytes have arrived; ``None`` when the upload is complete.

        Raises:
            OpenAIError: It cannot be known, or is nothing that could be gone on with.
        """
        response: Response = yield self.request("query")
        if response.status in {404, 410}:
            return None  # a session that is complete may be forgotten
        response = raise_for_status(discreet(response, self.url))
        if response.headers.get("x-goog-upload-status", "").strip().lower() == "final":
            return None
        told = response.headers.get("x-goog-upload-size-received", "").strip()
        received = int(told) if _COUNT.fullmatch(told) else -1
        if not done <= received <= end:
            message = f"{failure.message}; the upload cannot go on, for the server does not tell what has arrived"
            raise attrs.evolve(failure, message=message)
        return received

    def _stored(self, failure: OpenAIError) -> Flow[OpenAIFile]:
        """
        Return the file whose upload is over, though its answer was lost.
        """
        response: Response = yield Request(
            method="GET", url=f"{self.upload.root}/v1beta/{self.upload.name}", headers=self.upload.headers
        )
        if response.status == 404:
            raise failure
        return understood(response, file_from_wire)


def _doubting(failure: OpenAIError, flow: Flow[T]) -> Flow[T]:
    """
    Drive *flow*, which looks what came of a request that ended with *failure*; if it cannot, that is not known.
    """
    try:
        return (yield from flow)
    except CancelledError:
        raise
    except OpenAIError as error:
        raise attrs.evolve(error, is_ambiguous=error.is_ambiguous or failure.is_ambiguous) from error.__cause__


def _chunk_bytes(granularity: str | None) -> int:
    """
    Return the size of chunks: a multiple of what the server asks for.
    """
    unit = int(granularity) if granularity is not None and _COUNT.fullmatch(granularity.strip()) else 1
    unit = unit if 0 < unit <= _MOST_CHUNK_BYTES else 1
    return max(_CHUNK_BYTES // unit, 1) * unit


def _require_file(file: OpenAIFile | None) -> OpenAIFile:
    if file is None:
        raise unreadable("File", None)
    return file
