"""
The parts of a multipart body, while it comes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header
from starlette.requests import Request

from aikit.gateway.incoming.refusals import request_refused

_PARTS_MAX: Final = 100
_HEADERS_MAX: Final = 8
_HEADER_MAX_BYTES: Final = 4096
_BOUNDARY_MAX_BYTES: Final = 70  # RFC 2046, section 5.1.1 (read 2026-11-30)
_STRAY_MAX_BYTES: Final = 64 * 1024
"""In front of the first part, after the last one, and in headers: more without any content ends the request."""


async def parts_of(request: Request, body: AsyncIterator[bytes]) -> AsyncIterator[MultipartSegment | bytes | None]:
    """
    Yield each part of *body*: its headers, then its content in pieces, then ``None``.

    Raises:
        OpenAIError: It is no multipart body, is not complete, or has too many or too large headers or parts.
    """
    boundary, stray = _boundary_of(request), 0
    parser = PushMultipartParser(
        boundary,
        max_header_size=_HEADER_MAX_BYTES,
        max_header_count=_HEADERS_MAX,
        max_segment_count=_PARTS_MAX,
    )
    try:
        async for chunk in _from_boundary(body, f"--{boundary}".encode()):
            stray += len(chunk)
            for event in parser.parse(chunk):
                stray = 0
                yield event
            if stray > _STRAY_MAX_BYTES:
                raise _unreadable(f"more than {_STRAY_MAX_BYTES:,} bytes are outside of its parts")
        parser.close()
    except MultipartError as error:
        raise _unreadable(str(error)) from None


async def _from_boundary(body: AsyncIterator[bytes], delimiter: bytes) -> AsyncIterator[bytes]:
    """
    Yield *body*, which begins with *delimiter*: what the parser makes of other begins depends on how they are cut.
    """
    start: bytes | None = b""
    async for chunk in body:
        if start is None:
            yield chunk
            continue
        start += chunk
        if len(start) >= len(delimiter):
            if not start.startswith(delimiter):
                raise _unreadable("it does not begin with the boundary that its header names")
            yield start
            start = None


def _boundary_of(request: Request) -> str:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary: str = options.get("boundary", "")
    if kind != "multipart/form-data":
        message = f"The body must be multipart/form-data, not {kind[:100] or 'without a content type'}."
        raise request_refused(400, message, "invalid_multipart")
    if not 0 < len(boundary) <= _BOUNDARY_MAX_BYTES or not boundary.isascii() or not boundary.isprintable():
        raise _unreadable(f"its boundary must have 1 to {_BOUNDARY_MAX_BYTES} characters of ASCII")
    return boundary


def _unreadable(reason: str) -> Exception:
    return request_refused(400, f"The multipart body cannot be read: {reason}.", "invalid_multipart")
