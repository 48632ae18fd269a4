"""
The content of a file as an answer: streamed, by ranges, and never taken for whole where it is not.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote

import attrs
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from aikit.gateway.outgoing.objects import printable
from aikit.resources.files.stream import OpenAIFileStreamResult
from aikit.types.errors import CancelledError, OpenAIError, Rejected

_RANGE: Final = re.compile(r"bytes=[ \t]*(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))[ \t]*", re.ASCII | re.IGNORECASE)
_TAG: Final = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_BYTES: Final = "application/octet-stream"
_UNSATISFIABLE: Final = 416
_OF_304: Final[tuple[str, ...]] = ("etag", "last-modified")

Open = Callable[[int, int | None], Awaitable[OpenAIFileStreamResult]]
"""Begins a stream from *start* to before *end*; `OpenAIError` or `Rejected` if the provider refuses."""


@attrs.frozen
class AskedRange:
    """
    The one range that a request asks for, as of a slice; *start* below zero counts from the end.
    """

    start: int
    end: int | None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> AskedRange | None:
        """
        Return the range of a request; ``None`` for the whole, also for several ranges and what is none.
        """
        # RFC 9110 section 14.2: a server may ignore Range
        found = _RANGE.fullmatch(headers.get("range", ""))
        if found is None:
            return None
        first, last, suffix = found.groups()
        if suffix is not None:
            return cls(-int(suffix), None) if int(suffix) else None
        start, end = int(first), int(last) + 1 if last else None
        return cls(start, end) if end is None or start < end else None


async def content_answer(
    request_headers: Mapping[str, str], open_stream: Open, *, file_id: str, filename: str, is_head: bool = False
) -> Response:
    """
    Return the answer to a request for the content of a file.

    Args:
        request_headers: Of the request; ``Range``, ``If-Range`` and ``If-None-Match`` count.

        open_stream: Begins the stream at the provider.

        file_id: The gateway's id: what a file is known by does not change, so that it makes a tag where there is none.

        filename: Name under which programs save it, where the provider tells none.

        is_head: Whether only the headers are wanted.

    Raises:
        OpenAIError: The provider refuses, or the file has no such range (status 416).
    """
    # RFC 9110 sections 13.1.2, 13.1.5, 14.2 and 15.3.7
    stream, asked = await _opened(request_headers, open_stream, file_id)
    try:
        headers = _headers(stream, asked, file_id, filename)
        if _names(request_headers.get("if-none-match", ""), headers.get("etag", "")):
            kept: dict[str, str] = {name: headers[name] for name in _OF_304 if name in headers}
            await stream.aclose()
            return Response(status_code=304, headers=kept)
        status = 206 if asked is not None else 200
        if is_head:
            await stream.aclose()
            return Response(status_code=status, headers=headers)
        return ContentAnswer(stream, status, headers)
    except BaseException:
        stream.close()
        raise


async def _opened(
    request_headers: Mapping[str, str], open_stream: Open, file_id: str
) -> tuple[OpenAIFileStreamResult, AskedRange | None]:
    """
    Begin the stream: of the range that is asked for, or of the whole, where that is another one now or is not known.
    """
    asked, condition = AskedRange.of(request_headers), request_headers.get("if-range")
    if asked is None:
        return await open_stream(0, None), None
    try:
        stream = await open_stream(asked.start, asked.end)
    except (OpenAIError, Rejected) as error:
        first = error.errors[0] if isinstance(error, Rejected) else error
        if condition is None or first.status != _UNSATISFIABLE:
            raise
        return await open_stream(0, None), None
    if stream.size is not None and stream.total is not None and _is_current(condition, stream, file_id):
        return stream, asked
    await stream.aclose()
    return await open_stream(0, None), None


def _is_current(condition: str | None, stream: OpenAIFileStreamResult, file_id: str) -> bool:
    """
    Return whether what ``If-Range`` names is what comes: by a strong tag, or by the very date.
    """
    if condition is None:
        return True
    tag = _tag(stream, file_id)
    return condition in {tag, stream.headers.get("last-modified")} and not condition.startswith("W/")


def _names(condition: str, tag: str) -> bool:
    """
    Return whether ``If-None-Match`` names *tag*; weak and strong ones are compared alike.
    """
    if condition.strip() == "*":
        return True
    return bool(tag) and tag.removeprefix("W/") in _TAG.findall(condition[:10_000])


def _tag(stream: OpenAIFileStreamResult, file_id: str) -> str | None:
    tag = stream.headers.get("etag", "")
    if _TAG.fullmatch(tag):
        return tag
    return None if stream.total is None else f'"{file_id}-{stream.total}"'


def _headers(stream: OpenAIFileStreamResult, asked: AskedRange | None, file_id: str, filename: str) -> dict[str, str]:
    told = stream.headers
    name = told.get("content-disposition", "")  # another name may have the provider's id of a batch in it
    headers = {
        "content-type": printable(told.get("content-type")) or _BYTES,
        "content-disposition": disposition(name if filename in name else None, filename or file_id),
        "x-content-type-options": "nosniff",
        "accept-ranges": "bytes",
    }
    tag, date = _tag(stream, file_id), printable(told.get("last-modified"))
    optional = {"etag": tag, "last-modified": date}
    headers |= {name: value for name, value in optional.items() if value}
    if stream.size is not None:
        headers["content-length"] = str(stream.size)
    if asked is not None and stream.size is not None:
        headers["content-range"] = f"bytes {stream.start}-{stream.start + stream.size - 1}/{stream.total}"
    return headers


def disposition(told: str | None, filename: str) -> str:
    """
    Return what the provider tells, or the name of the file: to save, and never to be shown as a page of the gateway.
    """
    # RFC 6266 with RFC 8187; the quoted name is for readers that know no other
    if printable(told) and str(told).lower().startswith("attachment"):
        return str(told)
    plain = "".join(char if char.isascii() and char.isprintable() and char not in '"\\%' else "_" for char in filename)
    encoded = quote(filename.encode("utf-8", "replace"), safe="")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"


class ContentAnswer(Response):
    """
    A content on its way to a client; it ends when the client goes away.
    """

    def __init__(self, stream: OpenAIFileStreamResult, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(status_code=status, headers=headers)
        if "content-length" not in headers:
            del self.headers["content-length"]  # of no body, which is not what comes
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  ASGI's
        """
        Send the chunks as they come.

        Raises:
            OpenAIError: The rest cannot be had: the server is to break the connection, so that the client sees it.
        """
        watch = asyncio.create_task(_close_when_gone(receive, self._stream))
        try:
            async with self._stream as stream:
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                async for chunk in stream:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except CancelledError:
            if not watch.done():
                raise
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch


async def _close_when_gone(receive: Receive, stream: OpenAIFileStreamResult) -> None:
    message: Any = await receive()
    while message["type"] != "http.disconnect":
        message = await receive()
    stream.close()
