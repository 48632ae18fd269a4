"""
One exchange over a connection: its socket, which another thread may cut off, and its response.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import attrs

from aikit.http.context import CallContext

_MAX_INTERIM: Final = 20
_LONGEST_CHUNK_LINE: Final = 8192
_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,32})[ \t]*(?:;[^\n]*)?\r?\n")
_local = threading.local()


@attrs.define(eq=False)
class Exchange:
    """
    The socket of one exchange, so that another thread can cut it off; `_lock` guards the socket.

    Attributes:
        needs_fresh: Whether a connection that rested in the pool must not be used: it may just be closed.

        grace_s: Seconds from being cancelled to being cut off.

        is_cut: Whether it was cut off.

        is_held: Whether it is left half read, to be gone on with by another thread.

        answer: The response, once its headers are there; ``None`` over connections that are not ours.

        is_unsent: Whether no byte of the request was sent; ``None`` until a connection of ours is there to say so.
    """

    context: CallContext
    timeout_s: float
    needs_fresh: bool
    cancel_grace_s: float = 0.0
    is_cut: bool = False
    is_held: bool = False
    is_unsent: bool | None = None
    sock: socket.socket | None = None
    answer: Answer | None = None
    _is_own: bool = False
    _lock: Any = attrs.field(factory=threading.Lock)

    @contextmanager
    def active(self) -> Iterator[None]:
        """
        While inside, this thread's connections attach their sockets here.
        """
        outer = current_exchange()  # a callback of progress may make calls of its own
        _local.exchange = self
        try:
            with self.context.aborting(self.abort):
                yield
        finally:
            _local.exchange = outer
            if self.is_held:
                self.context.abort_with(self.abort)
            else:
                self.detach()

    def attach(self, sock: socket.socket | None, *, is_own: bool = False) -> None:
        """
        Take the socket in use, or a duplicate that is ours to close.

        Raises:
            CancelledError: The call was cancelled before there was a socket to cut off.
        """
        with self._lock:
            self._drop()
            self.sock, self._is_own, self.is_unsent = sock, is_own, True
        self.context.raise_if_cancelled()  # after showing: whoever cancels from here on finds the socket

    def detach(self) -> None:
        """
        Forget the socket.
        """
        with self._lock:
            self._drop()
            self.sock, self._is_own = None, False  # it may serve another exchange from here on

    def _drop(self) -> None:
        if self._is_own and self.sock is not None:
            self.sock.close()

    def abort(self) -> None:
        """
        Cut the exchange off; called by another thread.
        """
        if not self.cancel_grace_s:
            self._cut_off()
            return
        timer = threading.Timer(self.cancel_grace_s, self._cut_off)
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError:  # the interpreter is ending: there is no time to be kind
            self._cut_off()

    def reset_when_closed(self) -> None:
        """
        Have the peer learn at once that the connection is closed, also while it waits for room to send.
        """
        with self._lock, suppress(OSError):
            if self.sock is not None:
                kind = "hh" if os.name == "nt" else "ii"
                socket.socket.setsockopt(self.sock, socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(kind, 1, 0))

    def _cut_off(self) -> None:
        with self._lock:
            if self.sock is not None:
                self.is_cut = True
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)  # below TLS, whose own shutdown would wait


def current_exchange() -> Exchange | None:
    """
    Return the exchange that this thread is in.
    """
    return getattr(_local, "exchange", None)


class Answer(http.client.HTTPResponse):
    """
    A response after the interim ones, of which the standard library skips 100 alone; its body can be read in place.
    """

    # RFC 9110 section 15.2

    _is_drained = False

    def begin(self) -> None:
        """
        Read status and headers, and attach the response to this thread's exchange.
        """
        super().begin()
        exchange = current_exchange()
        if exchange is not None:
            exchange.answer = self

    @property
    def is_plain(self) -> bool:
        """Whether the bytes on the wire are the body, and their number is known."""
        return self.length is not None and not self.chunked and "content-encoding" not in self.headers

    def receive_into(self, view: memoryview) -> int:
        """
        Read what has come of a plain body into *view*, with one system call; return its size, 0 at the end.

        Raises:
            IncompleteRead: The connection ended before the body did.
        """
        if not self.length:
            self.close()
            return 0
        if not self._is_drained:  # what came with the headers is not lost if the connection breaks in this read
            view, self._is_drained = view[: len(self.fp.peek())], True
        count: int = self.fp.readinto1(view[: self.length])
        if not count:
            raise http.client.IncompleteRead(b"", self.length)
        self.length -= count
        if not self.length:
            self.close()
        return count

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(_MAX_INTERIM):
            status: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]  # not in the stubs
            if not 100 <= status[1] <= 199 or status[1] == 101:
                return status
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException(f"more than {_MAX_INTERIM} interim answers")

    def _read_next_chunk_size(self) -> int:
        """
        Read the size of a chunk; a line that is cut, or that only Python takes for a number, is a break.
        """
        line = self.fp.readline(_LONGEST_CHUNK_LINE)
        size = _CHUNK_SIZE.fullmatch(line)
        if size is None:
            self._close_conn()  # type: ignore[attr-defined]  # not in the stubs
            raise http.client.HTTPException("there is no size where a chunk should begin")
        return int(size[1], 16)

    def _read_and_discard_trailer(self) -> None:
        http.client.parse_headers(self.fp)  # which has bounds
