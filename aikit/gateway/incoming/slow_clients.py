"""
Bodies that come at a minimum rate, and not beyond a bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import attrs
from starlette.requests import Request

from aikit.gateway.incoming.refusals import body_too_large, request_refused


@attrs.frozen(kw_only=True)
class Pace:
    """
    How slow a client may be: in each *grace_s* seconds of waiting, *bytes_per_s* on average, or the rest of the body.
    """

    grace_s: float = 30.0
    bytes_per_s: float = 1024.0


DEFAULT: Final = Pace()


async def body_of(request: Request, most: int | None, pace: Pace = DEFAULT) -> AsyncIterator[bytes]:
    """
    Yield the body of *request* as it comes.

    Only the time that is waited for the client counts: while chunks are worked on, it has none to send.

    Raises:
        OpenAIError: It is longer than *most* bytes, which is told before the first is read if the client announced
            it; shorter than announced; or too slow.
        ClientDisconnect: The client is gone.
    """
    announced = announced_bytes(request)
    if most is not None and (announced or 0) > most:
        raise body_too_large(most)
    received = 0
    stream = request.stream()
    clock = _Clock(pace)
    while (chunk := await clock.next_of(stream)) is not None:
        received += len(chunk)
        if most is not None and received > most:
            raise body_too_large(most)
        if chunk:
            yield chunk
    if announced is not None and received != announced:
        message = f"The body has {received:,} bytes, but Content-Length announced {announced:,}; send it again."
        raise request_refused(400, message, "size_mismatch")


def announced_bytes(request: Request) -> int | None:
    """
    Return the length of the body of *request* as its headers tell it; ``None`` when they do not.
    """
    value = request.headers.get("content-length", "")
    return int(value) if value.isascii() and value.isdigit() else None


@attrs.define
class _Clock:
    """
    Time that was waited for a client, and what came in it.
    """

    _pace: Pace
    _waited_s: float = 0.0
    _came: int = 0

    async def next_of(self, stream: AsyncIterator[bytes]) -> bytes | None:
        """
        Return the next chunk; ``None`` at the end.
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            async with asyncio.timeout_at(begun + self._pace.grace_s - self._waited_s):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise self._too_slow() from None
        self._waited_s += loop.time() - begun
        self._came += len(chunk or b"")
        if self._came >= self._pace.grace_s * self._pace.bytes_per_s:
            self._waited_s, self._came = 0.0, 0
        return chunk

    def _too_slow(self) -> Exception:
        seconds, rate = self._pace.grace_s, self._pace.bytes_per_s
        message = f"The body came too slowly: in {seconds:g} s less than {seconds * rate:,.0f} bytes; send it again."
        return request_refused(408, message, "request_timeout")
