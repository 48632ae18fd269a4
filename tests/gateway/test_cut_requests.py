"""
Requests that come in pieces: how bytes are cut on their way changes nothing in what they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

import pytest
from uvicorn.server import ServerState

from aikit.gateway.connections import BoundedConfig, Connection, ConnectionBounds
from tests.gateway.raw_http import Seen, statuses

_NEXT: Final = b"GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
_CHUNKED: Final = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


class _Transport(asyncio.Transport):
    """
    A socket that keeps what is written.
    """

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_over = self.is_paused = False
        self.connection: Connection | None = None

    def write(self, data: Any) -> None:
        self.written += b"" if self.is_over else bytes(data)

    def is_closing(self) -> bool:
        return self.is_over

    def close(self) -> None:
        if not self.is_over and self.connection is not None:
            self.is_over = True
            asyncio.get_running_loop().call_soon(self.connection.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def get_write_buffer_size(self) -> int:
        return 0


async def _outcome(pieces: Iterable[bytes]) -> tuple[list[int], list[tuple[str, str, int]]]:
    """
    Return the statuses of all answers to *pieces*, and the requests that the application saw.
    """
    seen, transport = Seen(), _Transport()
    config = BoundedConfig(seen, ConnectionBounds(linger_s=0.0), ws="none", log_config=None, access_log=False)
    state, loop = ServerState(), asyncio.get_running_loop()
    connection = Connection(config=config, server_state=state, app_state={}, _loop=loop)
    transport.connection = connection
    connection.connection_made(transport)
    for piece in pieces:
        for _ in range(50):
            if transport.is_paused and not transport.is_over:
                await asyncio.sleep(0)
        if not transport.is_over:
            connection.data_received(piece)
        await asyncio.sleep(0)
    for _ in range(30):
        await asyncio.sleep(0)
    transport.close()
    await asyncio.gather(*state.tasks)
    return statuses(transport.written), seen.requests


@pytest.mark.parametrize(
    ("request_", "count"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 2),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabcd", 2),
        (b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabcd", 2),
        (_CHUNKED + b"4;a=b\r\nabcd\r\n0\r\nAuthorization: x\r\n\r\n", 2),
        (_CHUNKED + b"4\nabcd\r\n0\r\n\r\n", 1),
        (_CHUNKED + b"4\r\nabcdX0\r\n\r\n", 1),
        (_CHUNKED + b"+4\r\nabcd\r\n0\r\n\r\n", 1),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 1),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 1),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 1),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 1),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\n\r\n", 1),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 1),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n", 1),
        (b"GET /\r\n\r\n", 1),
    ],
)
def test_a_request_is_the_same_wherever_it_is_cut(request_: bytes, count: int) -> None:
    """
    Cut in two at each place, and letter by letter, there are the same answers, and the same requests behind it.
    """
    sent = request_ + _NEXT

    async def run() -> None:
        whole = await _outcome([sent])
        assert len(whole[0]) == count
        for place in range(1, len(sent)):
            assert await _outcome([sent[:place], sent[place:]]) == whole, place
        assert await _outcome(sent[place : place + 1] for place in range(len(sent))) == whole

    asyncio.run(run())


def test_a_wish_for_another_protocol_that_is_cut_is_refused_and_never_a_body_as_a_request() -> None:
    """
    What the parser makes of it is not known before its end.
    """
    wish = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nabcd"
    sent = wish + _NEXT

    async def run() -> None:
        for place in range(1, len(sent)):
            answered, requests = await _outcome([sent[:place], sent[place:]])
            assert (answered, requests) in (
                ([400], []),
                ([200, 200], [("POST", "/", 4), ("GET", "/next", 0)]),
            )

    asyncio.run(run())
