"""
Connections on which anything can be sent, and an application that tells what came.
"""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import attrs

from aikit.gateway.connections import ConnectionBounds
from aikit.gateway.server import ServerOptions, serving

HEAD: Final = b"Host: x\r\n"
PATIENCE_S: Final = 20.0


@attrs.define
class Seen:
    """
    What an application saw of requests: method, path, and how many bytes of a body, ``-1`` for one that ended early.
    """

    requests: list[tuple[str, str, int]] = attrs.field(factory=list)
    headers: list[list[tuple[bytes, bytes]]] = attrs.field(factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """
        Answer ``/early`` without reading the body, ``/late`` after a second, and all others with its size.
        """
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        size = 0 if scope["path"] == "/early" else await self._read(receive)
        if scope["path"] == "/late":
            await asyncio.sleep(1)
        self.requests.append((scope["method"], scope["path"], size))
        self.headers.append(list(scope["headers"]))
        if size < 0:
            return
        if scope["path"] == "/large":
            await _answer(send, 200, b"x" * 64 * 1024 * 1024)
        else:
            await _answer(send, 401 if scope["path"] == "/early" else 200, str(size).encode())

    @staticmethod
    async def _read(receive: Any) -> int:
        size, is_more = 0, True
        while is_more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return -1
            size += len(message["body"])
            is_more = message["more_body"]
        return size


async def _answer(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _live(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


@attrs.frozen
class Door:
    """
    A server's address.
    """

    port: int

    def connect(self) -> socket.socket:
        """
        Open a connection.
        """
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)

    def exchange(self, sent: bytes) -> bytes:
        """
        Send bytes, and return all that comes until the server ends the connection.
        """
        with self.connect() as connection:
            connection.sendall(sent)
            return rest_of(connection)


def rest_of(connection: socket.socket) -> bytes:
    """
    Return what comes until the end of a connection.
    """
    received = b""
    try:
        while chunk := connection.recv(2**16):
            received += chunk
    except ConnectionResetError:
        pass
    return received


def answer_on(connection: socket.socket) -> bytes:
    """
    Return one answer that has a Content-Length; what there is of it when the connection ends.
    """
    received = b""
    while b"\r\n\r\n" not in received and (chunk := connection.recv(1)):
        received += chunk
    head = received.lower()
    size = int(head.split(b"content-length:")[1].split(b"\r\n")[0]) if b"content-length:" in head else 0
    while size > 0 and (chunk := connection.recv(size)):
        received, size = received + chunk, size - len(chunk)
    return received


def statuses(received: bytes) -> list[int]:
    """
    Return the statuses of all answers in what came.
    """
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


@contextmanager
def open_door(seen: Any = None, **bounds: Any) -> Iterator[tuple[Door, Seen]]:
    """
    Serve an application with *bounds*.
    """
    seen = seen or Seen()
    options = ServerOptions(bounds=ConnectionBounds(**bounds), drain_timeout_s=5)
    with serving(seen, options=options) as address:
        yield Door(int(address.rpartition(":")[2])), seen


def wait_for(condition: Any) -> None:
    """
    Wait until *condition* is true.
    """
    ends_at = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < ends_at, "it did not come about"
        time.sleep(0.02)
