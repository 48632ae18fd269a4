"""
Connections of clients, with bounds on what they may send, how long they may take, and what they may leave undone.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import OrderedDict
from typing import Any, Final

import attrs
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from aikit.gateway.links import FIRST_READ_BYTES, Link
from aikit.types.errors import OpenAIError

_UPGRADE: Final = re.compile(rb"\r\nupgrade[ \t]*:", re.IGNORECASE)
_HEAD_END: Final = b"\r\n\r\n"
_PHRASES: Final = {
    400: "Bad Request",
    408: "Request Timeout",
    414: "URI Too Long",
    431: "Request Header Fields Too Large",
}


@attrs.frozen(kw_only=True)
class ConnectionBounds:
    """
    What one client may do.

    Attributes:
        connections_max: Connections at once; beyond, the one that has waited longest without a request is closed.

        head_s: Time for the first line and the headers of a request.

        idle_s: Time between two requests.

        write_s: Time in which a client reads nothing of an answer, until it is cut off.

        linger_s: Time for a client to read an answer that came before it had sent its whole body.

        left_over_max_bytes: How much of such a body is read and forgotten.
    """

    connections_max: int = 10_000
    head_s: float = 15.0
    idle_s: float = 60.0
    write_s: float = 60.0
    linger_s: float = 2.0
    left_over_max_bytes: int = 64 * 1024
    head_max_bytes: int = 64 * 1024
    headers_max: int = 100
    url_max_bytes: int = 8 * 1024
    pipelined_max: int = 64


@attrs.define(eq=False)
class Waiting:
    """
    The connections that have no request, or no whole one, the longest wait first.
    """

    _connections: OrderedDict[Connection, None] = attrs.field(factory=OrderedDict)

    def add(self, connection: Connection) -> None:
        """
        Put *connection* at the end.
        """
        self._connections[connection] = None
        self._connections.move_to_end(connection)

    def remove(self, connection: Connection) -> None:
        """
        Take *connection* out, if it is there.
        """
        self._connections.pop(connection, None)

    def close_longest(self) -> bool:
        """
        Close the connection that has waited longest; return whether there was one.
        """
        if not self._connections:
            return False
        connection, _ = self._connections.popitem(last=False)
        connection.cut_off()
        return True


class BoundedConfig(Config):
    """
    Configuration of the server, with what connections share.
    """

    def __init__(self, app: Any, bounds: ConnectionBounds, **options: Any) -> None:
        super().__init__(app, http=Connection, **options)
        self.bounds = bounds
        self.waiting = Waiting()


class Connection(HttpToolsProtocol):
    """
    One connection: uvicorn's, with bounds.

    llhttp refuses what is ambiguous: several lengths, a length beside chunks, line ends other than CRLF, folded lines.
    This refuses what it lets through: other transfer codings than ``chunked``, versions other than 1.0 and 1.1, more
    or less than one Host; trailers are no headers. After an answer that came before the end of a body, the rest of it
    is no request: the connection ends.
    """

    # Overridden are methods and attributes of uvicorn's class that have no underscore; it documents none of them.

    config: BoundedConfig

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.bounds = self.config.bounds
        self.linger_s, self.left_over_max_bytes = self.bounds.linger_s, self.bounds.left_over_max_bytes
        self.is_in_head = True
        self.is_in_body = False
        self._head_bytes = 0
        self.came = 0
        self._deadline = self.loop.time() + self.bounds.head_s
        self._refusal: OpenAIError | None = None
        self._keeps_alive = True
        self.is_deaf = False
        self._is_fresh = True
        self._unread: tuple[int, float] | None = None
        self._link: Link = None  # type: ignore[assignment]  # made with the connection, as uvicorn does

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """
        Begin, unless there are too many connections that have a request.
        """
        self._link = Link(transport, self)
        super().connection_made(self._link)  # type: ignore[arg-type]  # all that is asked of a transport
        self._link.set_read_size(FIRST_READ_BYTES)
        if len(self.connections) > self.bounds.connections_max and not self.config.waiting.close_longest():
            self.cut_off()
        else:
            self.config.waiting.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """
        End.
        """
        self.config.waiting.remove(self)
        super().connection_lost(exc)
        self._link.let_go()  # what came of a body is not to wait for the collector of cycles

    def data_received(self, data: bytes) -> None:
        """
        Take what came; after an answer that ended the connection, forget it.
        """
        if self.is_deaf or self._link.is_closing():
            self.came += len(data)
            self._link.stop_reading_beyond(self.came, self.left_over_max_bytes)
            return
        self.came += len(data)
        if self.is_in_head:
            self.came = len(data)
            if not self._head_bytes:
                self._deadline = self.loop.time() + self.bounds.head_s
            self._head_bytes += len(data)
            data = _without_upgrade(data)
        super().data_received(data)
        if self.is_in_head and self._head_bytes > self.bounds.head_max_bytes:
            self.refuse(431, "The headers of the request are too large.")

    def on_message_begin(self) -> None:
        """
        Begin a request.
        """
        super().on_message_begin()
        self.is_in_head = True

    def on_url(self, url: bytes) -> None:
        """
        Take a piece of the URL.
        """
        super().on_url(url)
        if len(self.url) > self.bounds.url_max_bytes:
            raise self._refused(414, f"The URL is longer than {self.bounds.url_max_bytes:,} bytes.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """
        Take a header; a trailer is none: what was decided by the headers stays decided.
        """
        if not self.is_in_head:
            return
        super().on_header(name, value)
        if len(self.headers) > self.bounds.headers_max:
            raise self._refused(431, f"The request has more than {self.bounds.headers_max} headers.")

    def on_headers_complete(self) -> None:
        """
        Begin the answer, before any of the body is read.
        """
        reason = self._ambiguity()
        if reason is not None:
            raise self._refused(400, reason)
        self.is_in_head, self.is_in_body = False, True
        self._head_bytes, self._is_fresh = 0, False
        self.config.waiting.remove(self)
        super().on_headers_complete()
        self._keeps_alive = self.cycle.keep_alive
        if self._may_leave_over():
            self.cycle.keep_alive = False  # until all of the body is there
            self.flow.pause_reading()  # until it is asked for: what needs none of it is decided before

    def on_message_complete(self) -> None:
        """
        Note that the body is complete.
        """
        super().on_message_complete()
        self.is_in_body, self.is_in_head = False, True
        self._link.set_read_size(FIRST_READ_BYTES)
        if not self.cycle.response_started:
            self.cycle.keep_alive = self._keeps_alive
        if not self.pipeline:
            self.flow.resume_reading()  # to learn when the client goes

    def on_response_complete(self) -> None:
        """
        Wait for the next request.
        """
        super().on_response_complete()
        self._deadline = self.loop.time() + self.bounds.head_s
        if not self._link.is_closing() and not self.pipeline:
            self.config.waiting.add(self)

    def send_400_response(self, msg: str) -> None:
        """
        Answer what cannot be read.
        """
        refusal, self._refusal = self._refusal, None
        if refusal is None:
            self.refuse(400, f"{msg.rstrip('.')}.")
        else:
            self.refuse(refusal.status or 400, refusal.message)

    def refuse(self, status: int, message: str) -> None:
        """
        Answer what is no request, and end the connection; an answer that has begun, or is owed before, is not cut.
        """
        if self.is_deaf or self._link.is_closing():
            return
        self.is_deaf = True
        cycle = self.cycle
        if self.pipeline:
            self.cut_off()
        elif cycle is None or cycle.response_complete:
            self._link.write(_answer(status, message))
            self._link.close()
        elif not self.is_in_body:
            cycle.keep_alive = False
        else:
            if not cycle.response_started:
                self._link.write(_answer(status, message))
            cycle.disconnected = True
            cycle.message_event.set()
            self._link.close()

    def shutdown(self) -> None:
        """
        End the connection when its request has ended.
        """
        self._keeps_alive = False
        super().shutdown()

    def check(self, now: float) -> None:
        """
        End the connection if the client has had its time; called each second.
        """
        unread = self._link.get_write_buffer_size()
        if not unread or self._unread is None or self._unread[0] != unread:
            self._unread = (unread, now) if unread else None
        elif now - self._unread[1] > self.bounds.write_s:
            self.cut_off()
            return
        is_answering = not self._is_fresh and not self.cycle.response_complete
        if now <= self._deadline or is_answering or self._link.is_closing():
            return
        if self.is_in_body:
            self._link.close()
        elif self._head_bytes:
            self.refuse(408, f"The headers did not come within {self.bounds.head_s:g} s.")
        elif self._is_fresh:
            self._link.close()

    def cut_off(self) -> None:
        """
        End the connection at once.
        """
        self._link.abort()

    def _refused(self, status: int, message: str) -> OpenAIError:
        self._refusal = OpenAIError(message=message, status=status)
        return self._refusal

    def _may_leave_over(self) -> bool:
        """
        Return whether so much of the body may come after an early answer that the connection is not worth it.
        """
        told = dict(self.headers)
        size = int(told.get(b"content-length", b"0"))
        return size > self.left_over_max_bytes or b"transfer-encoding" in told or (size > 0 and b"expect" in told)

    def _ambiguity(self) -> str | None:
        version = self.parser.get_http_version()
        named = [name for name, _ in self.headers]
        codings = [value for name, value in self.headers if name == b"transfer-encoding"]
        if version not in {"1.0", "1.1"}:
            return "Only HTTP/1.1 is spoken here."
        if codings and (version == "1.0" or [coding.strip().lower() for coding in codings] != [b"chunked"]):
            return "The only transfer coding is chunked, in HTTP/1.1."
        if named.count(b"host") > 1 or (version == "1.1" and b"host" not in named):
            return "The request must have one Host header."
        if len(self.pipeline) >= self.bounds.pipelined_max:
            return "Too many requests were sent before their answers were read."
        return "The protocol cannot be changed here." if self.parser.should_upgrade() else None


def _without_upgrade(data: bytes) -> bytes:
    """
    Return the head of a request without the wish for another protocol, which some clients of Java always have.
    """
    end = data.find(_HEAD_END)
    if end < 0 or not _UPGRADE.search(data, 0, end):
        return data
    return _UPGRADE.sub(b"\r\nx-upgrade:", data[:end]) + data[end:]


def _answer(status: int, message: str) -> bytes:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    body = json.dumps({"error": error}).encode()
    head = f"HTTP/1.1 {status} {_PHRASES[status]}\r\ncontent-type: application/json\r\nconnection: close"
    return f"{head}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
