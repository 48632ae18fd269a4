"""
Tests of connections with raw sockets: what is ambiguous, early answers, and clients that take their time.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from aikit.gateway.connections import Connection
from tests.gateway.raw_http import HEAD, Door, Seen, answer_on, open_door, rest_of, statuses, wait_for

_NEXT = b"GET /smuggled HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
_CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Door, Seen]]:
    """
    One server for requests that leave nothing behind.
    """
    with open_door() as (door, seen):
        yield door, seen


@pytest.fixture
def door(served: tuple[Door, Seen]) -> Door:
    """
    Return its address, after forgetting what it saw.
    """
    served[1].requests.clear()
    served[1].headers.clear()
    return served[0]


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4, 4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\nHost: x\nContent-Length: 0\n\n",
        b"POST / HTTP/1.1\r\nHost: x\nContent-Length: 0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\rX: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX Y: z\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /\r\n\r\n",
        b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_an_ambiguous_request_is_refused_and_nothing_after_it_is_read(
    served: tuple[Door, Seen], door: Door, head: bytes
) -> None:
    """
    The answer is 400 in OpenAI's shape, the connection ends, and what follows is no request.
    """
    received = door.exchange(head + _NEXT)
    assert statuses(received) == [400]
    assert json.loads(received.partition(b"\r\n\r\n")[2])["error"]["type"] == "invalid_request_error"
    assert served[1].requests == []


@pytest.mark.parametrize(
    "chunks",
    [
        b"4;a\nabcd\r\n0\r\n\r\n",
        b"4\nabcd\r\n0\r\n\r\n",
        b"4\r\nabcdX0\r\n\r\n",
        b"4\r\nabcd\n0\r\n\r\n",
        b"+4\r\nabcd\r\n0\r\n\r\n",
        b"0x4\r\nabcd\r\n0\r\n\r\n",
        b"fffffffffffffffff\r\nabcd\r\n0\r\n\r\n",
    ],
)
def test_chunks_that_are_none_are_refused_and_the_request_is_over(
    served: tuple[Door, Seen], door: Door, chunks: bytes
) -> None:
    """
    The application learns that the client is gone, and what follows is no request.
    """
    assert statuses(door.exchange(_CHUNKED + chunks + _NEXT)) == [400]
    wait_for(lambda: served[1].requests)
    assert served[1].requests == [("POST", "/", -1)]


def test_extensions_of_chunks_are_ignored_and_trailers_are_no_headers(served: tuple[Door, Seen], door: Door) -> None:
    """
    They change neither the body nor who asks.
    """
    received = door.exchange(_CHUNKED + b"4;a=b\r\nabcd\r\n0\r\nAuthorization: Bearer x\r\n\r\n" + _NEXT)
    assert statuses(received) == [200, 200]
    assert served[1].requests == [("POST", "/", 4), ("GET", "/smuggled", 0)]
    assert b"authorization" not in dict(served[1].headers[0])


@pytest.mark.parametrize("name", [b"Content-Length: 10485760", b"Transfer-Encoding: chunked"])
def test_after_an_early_answer_the_rest_of_the_body_is_no_request(
    served: tuple[Door, Seen], door: Door, name: bytes
) -> None:
    """
    The answer comes at once, with Connection: close, and the connection ends though the client goes on.
    """
    with door.connect() as connection:
        connection.sendall(b"POST /early HTTP/1.1\r\nHost: x\r\n" + name + b"\r\n\r\n5\r\n")
        assert b"connection: close" in answer_on(connection)
        with pytest.raises(OSError):  # noqa: PT012, PT011  whichever send fails, in whichever way
            for _ in range(1_000):
                connection.sendall(_NEXT * 100)
    assert served[1].requests == [("POST", "/early", 0)]


def test_a_client_that_sends_all_before_it_reads_gets_the_early_answer(door: Door) -> None:
    """
    The answer is not lost for what was not read.
    """
    with door.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**16)
        connection.sendall(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 10737418240\r\n\r\n")
        with pytest.raises(OSError):  # noqa: PT012, PT011  whichever send fails, in whichever way
            while True:
                connection.sendall(b"x" * 2**16)
        assert statuses(rest_of(connection)) == [401]


@pytest.mark.parametrize("name", [b"Content-Length: 209715200", b"Transfer-Encoding: chunked"])
def test_of_a_refused_body_no_more_than_64_kib_are_read(
    door: Door, name: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    However much of it is on its way.
    """
    came: list[int] = []

    def counting(self: Connection, data: bytes) -> None:
        came.append(len(data))
        take(self, data)

    take = Connection.data_received
    monkeypatch.setattr(Connection, "data_received", counting)
    with door.connect() as connection:
        with suppress(OSError):
            connection.sendall(b"POST /early HTTP/1.1\r\nHost: x\r\n" + name + b"\r\n\r\n")
            connection.sendall(b"1000000\r\n" + b"x" * 2**24)
        assert statuses(rest_of(connection)) == [401]
    assert sum(came) <= 2 * 2**16


def test_a_small_body_that_is_not_read_costs_no_connection(served: tuple[Door, Seen], door: Door) -> None:
    """
    After a refusal the next request on the connection is answered, whenever the body came.
    """
    with door.connect() as connection:
        for _ in range(3):
            connection.sendall(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n")
            assert statuses(answer_on(connection)) == [401]
            connection.sendall(b"abcd")
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert statuses(answer_on(connection)) == [200]
    assert [path for _, path, _ in served[1].requests] == ["/early"] * 3 + ["/"]


@pytest.mark.parametrize(("path", "expected"), [(b"/early", [401]), (b"/", [100, 200])])
def test_a_client_that_asks_before_it_sends_is_told_to_go_on_only_if_the_body_is_wanted(
    door: Door, path: bytes, expected: list[int]
) -> None:
    """
    ``100 Continue`` is the application's first read; an early answer comes without it, and ends the connection.
    """
    with door.connect() as connection:
        connection.sendall(
            b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        )
        received = answer_on(connection)
        if statuses(received) == [100]:
            connection.sendall(b"abcd")
            received += answer_on(connection)
        assert statuses(received) == expected
        assert (b"connection: close" in received) == (path == b"/early")


@pytest.mark.parametrize("body", [b"", b"abcd"])
def test_a_wish_for_another_protocol_is_ignored(served: tuple[Door, Seen], door: Door, body: bytes) -> None:
    """
    Java's client has it on every request of a clear connection; the body is read all the same.
    """
    wish = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n"
    head = b"POST / HTTP/1.1\r\nHost: x\r\n" + wish + b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n"
    assert statuses(door.exchange(head + body + _NEXT)) == [200, 200]
    assert served[1].requests[0] == ("POST", "/", len(body))


def test_a_wish_for_another_protocol_in_two_pieces_is_refused(served: tuple[Door, Seen], door: Door) -> None:
    """
    What comes after it would not be taken for a body.
    """
    with door.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgr")
        time.sleep(0.2)
        connection.sendall(b"ade: h2c\r\nContent-Length: 4\r\n\r\nabcd")
        answered = statuses(answer_on(connection))
    assert (answered, served[1].requests) in (([400], []), ([200], [("POST", "/", 4)]))


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + HEAD + b"X: y\r\n" * 200 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + HEAD + b"X: " + b"y" * 100_000, 431),
        (b"GET / HTTP/1.1\r\n" + HEAD + b"X" * 100_000, 431),
    ],
)
def test_heads_beyond_bounds_are_refused(served: tuple[Door, Seen], door: Door, head: bytes, status: int) -> None:
    """
    The URL, the number of headers, and all of them together are bounded.
    """
    assert statuses(door.exchange(head)) == [status]
    assert served[1].requests == []


def test_requests_in_a_row_are_answered_in_their_order(door: Door) -> None:
    """
    Some clients send the next request before they have the answer; too many are refused after those before.
    """
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    assert statuses(door.exchange(request * 5 + _NEXT)) == [200] * 6


def test_a_request_that_follows_a_slow_one_and_is_none_does_not_spoil_its_answer(door: Door) -> None:
    """
    The first is answered whole, and then the connection ends.
    """
    received = door.exchange(b"GET /late HTTP/1.1\r\nHost: x\r\n\r\nBAD\r\n\r\n")
    assert statuses(received) == [200]
    assert received.endswith(b"\r\n\r\n0")


def test_half_a_head_and_silence_are_ended_and_delay_nobody() -> None:
    """
    Clients that send nothing, or a piece at a time, have so long for the head of a request and no longer.
    """
    with open_door(head_s=1.5) as (door, _):
        silent = [door.connect() for _ in range(50)]
        half = [door.connect() for _ in range(50)]
        for connection in half:
            connection.sendall(b"GET / HTTP/1.1\r\nHo")
        assert statuses(door.exchange(_NEXT)) == [200]
        for connection in silent:
            assert rest_of(connection) == b""
        for connection in half:
            assert statuses(rest_of(connection)) == [408]
        for connection in (*silent, *half):
            connection.close()


def test_the_longest_wait_makes_room_for_the_next_connection() -> None:
    """
    Connections that have no request do not keep out those that do.
    """
    with open_door(connections_max=5) as (door, _):
        waiting = [door.connect() for _ in range(5)]
        for connection in waiting:
            connection.sendall(b"GET / HTTP/1.1\r\nHo")
        assert statuses(door.exchange(_NEXT)) == [200]
        assert rest_of(waiting[0]) == b""
        for connection in waiting:
            connection.close()


def test_a_client_that_does_not_read_its_answer_is_cut_off() -> None:
    """
    It holds what is waiting for it no longer than its time.
    """
    with open_door(write_s=1.0) as (door, _), door.connect() as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_for(lambda: len(connection.recv(1, socket.MSG_PEEK)))

        def is_cut() -> bool:
            try:
                connection.send(b"\r\n")
            except OSError:
                return True
            return False

        wait_for(is_cut)
        assert statuses(door.exchange(_NEXT)) == [200]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="descriptors are counted in /proc")
def test_clients_that_die_before_an_early_answer_leave_nothing() -> None:
    """
    A connection whose client went away while its answer is written is over, and keeps no server from its end.
    """
    with open_door(linger_s=60.0) as (door, seen):
        assert statuses(door.exchange(_NEXT)) == [200]
        wait_for(lambda: not any(_peers(door)))
        for _ in range(100):
            connection = door.connect()
            connection.sendall(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc")
            connection.close()
        wait_for(lambda: not any(_peers(door)))
        assert {path for _, path, _ in seen.requests} <= {"/smuggled", "/early"}


def _peers(door: Door) -> Iterator[int]:
    """
    Yield the descriptors of this process that are connections to the server, or of it.
    """
    for name in Path("/proc/self/fd").iterdir():
        with suppress(OSError), socket.socket(fileno=os.dup(int(name.name))) as found:
            if found.type == socket.SOCK_STREAM and found.family == socket.AF_INET:
                is_listening = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
                if not is_listening and found.getsockname()[1] == door.port:
                    yield int(name.name)
