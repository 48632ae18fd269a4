"""
What is between a connection and its socket: early ends are told before they are made, and small writes are joined.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, Protocol

FIRST_READ_BYTES: Final = 64 * 1024
_BODY_READ_BYTES: Final = 256 * 1024


class Linked(Protocol):
    """
    What a link asks of its connection.

    Attributes:
        is_in_body: Whether the body of a request is not complete.

        is_deaf: Whether nothing of what comes counts any more.

        came: Bytes of the request so far.

        linger_s: Time for a client to read an answer that came before it had sent its whole body.

        left_over_max_bytes: How much of such a body is read.
    """

    is_in_body: bool
    is_deaf: bool
    came: int
    linger_s: float
    left_over_max_bytes: int
    loop: asyncio.AbstractEventLoop


class Link:
    """
    The transport of a connection, which does not close before a client that is still sending has read the answer.
    """

    def __init__(self, transport: Any, connection: Linked) -> None:
        self._transport = transport
        self._connection: Linked | None = connection
        self._head = b""
        self._is_lingering = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """
        Send *data*; the head of an answer goes with what follows it at once, in one packet.
        """
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 ") and self._connection is not None:
            self._head = data
            self._connection.loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def _flush(self) -> None:
        if self._head:
            self.write(b"")

    def let_go(self) -> None:
        """
        Know nothing of the connection any more: it is over.
        """
        self._connection = None

    def resume_reading(self) -> None:
        """
        Read on, in larger pieces if it is a body.
        """
        if self._connection is not None and self._connection.is_in_body:
            self.set_read_size(_BODY_READ_BYTES)
        self._transport.resume_reading()

    def is_closing(self) -> bool:
        """
        Return whether nothing more may be sent.
        """
        return self._is_lingering or self._transport.is_closing()

    def close(self) -> None:
        """
        End the connection, or say that it ends, and wait for a client that is still sending to read that.
        """
        connection = self._connection
        if connection is None or self.is_closing():
            return
        self._flush()
        if not connection.is_in_body and not connection.is_deaf:
            self._transport.close()
            return
        self._is_lingering = True
        self.set_read_size(FIRST_READ_BYTES)
        try:
            if self._transport.can_write_eof():
                self._transport.write_eof()
        except OSError:  # the client is gone, and reads no answer
            self._transport.abort()
            return
        self._transport.resume_reading()
        self.stop_reading_beyond(connection.came, connection.left_over_max_bytes)
        connection.loop.call_later(connection.linger_s, self._transport.abort)

    def stop_reading_beyond(self, came: int, most: int) -> None:
        """
        Read no more of a refused body than *most* bytes.
        """
        if came >= most:
            self._transport.pause_reading()

    def set_read_size(self, size: int) -> None:
        """
        Bound what is read at once, where the event loop has such a bound.
        """
        if hasattr(self._transport, "max_size"):
            self._transport.max_size = size
