"""
Bodies on their way into a sink: read in place, and none of what came is lost.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest

from aikit.http.connections import BLOCK_BYTES
from aikit.http.context import CallContext
from aikit.http.messages import Request
from aikit.http.sinks import FileSink, ResumingSink
from aikit.http.transport import http_transport
from aikit.types.errors import ExchangeError
from tests.scripted_server import Exchange, Step, answer, cut, rendered, serving

_BODY = bytes(range(256)) * 8192


@attrs.define(kw_only=True)
class _Sink(ResumingSink):
    """
    Keeps what comes, and whose memory each chunk was in.
    """

    content: bytearray = attrs.field(factory=bytearray)
    owners: set[int] = attrs.field(factory=set)

    def request_headers(self) -> Mapping[str, str]:
        return {}

    def write(self, chunk: memoryview, /) -> None:
        self.content += chunk
        self.done += len(chunk)
        self.owners.add(id(chunk.obj))
        assert len(chunk) <= BLOCK_BYTES


def _received(step: Step, timeout_s: float = 5) -> _Sink:
    """
    Return the sink of an exchange that a server answers so.
    """
    sink = _Sink()
    with serving(step) as server:
        transport = http_transport()
        try:
            transport.send(
                Request(method="GET", url=f"{server.url}/files", sink=sink, timeout_s=timeout_s), CallContext()
            )
        except ExchangeError:
            assert sink.done < len(_BODY)
        finally:
            transport.close()
    return sink


def test_a_body_is_read_into_one_buffer() -> None:
    """
    Every chunk lies in the same memory, which is reused: nothing is copied on the way to the disk.
    """
    sink = _received(answer(200, _BODY))
    assert sink.content == _BODY
    assert len(sink.owners) == 1


@pytest.mark.parametrize("size", [0, 1, 100, 8_000, 8_192, 300_000])
def test_what_came_before_a_break_is_there(size: int) -> None:
    """
    Also what came in one piece with the headers, before the connection was cut or fell silent.
    """
    whole = rendered(200, _BODY)
    begun = whole[: len(whole) - len(_BODY) + size]

    def fall_silent(exchange: Exchange) -> None:
        exchange.sock.sendall(begun)
        time.sleep(0.5)

    assert _received(cut(begun)).content == _BODY[:size]
    assert _received(fall_silent, 0.3).content == _BODY[:size]


@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_a_connection_serves_again_after_a_body_read_in_place(size: int, tmp_path: Path) -> None:
    """
    The last byte frees the connection for the next request.
    """
    transport = http_transport()
    with serving(answer(200, _BODY[:size])) as server:
        for number in range(3):
            path = tmp_path / f"{number}.bin"
            with FileSink(path=path) as sink:
                transport.send(Request(method="GET", url=f"{server.url}/files", sink=sink, timeout_s=5), CallContext())
                sink.commit(size)
            assert path.read_bytes() == _BODY[:size]
        transport.close()
        assert server.connections == 1
