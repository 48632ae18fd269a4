"""
A server on a real socket that does what a test scripts: answers, delays, cuts and lies, and counts what it got.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import attrs

Step = Callable[["Exchange"], None]


@attrs.frozen(kw_only=True)
class Received:
    """
    One request as it arrived.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@attrs.define
class Exchange:
    """
    One request being answered on a connection.
    """

    sock: socket.socket
    head: bytes = b""
    rest: bytes = b""

    def request_head(self) -> tuple[str, str, dict[str, str]]:
        """
        Return method, path and lower-cased headers.
        """
        line, *fields = self.head.decode("latin-1").split("\r\n")
        method, path, _ = line.split(" ", 2)
        pairs = (field.split(":", 1) for field in fields if field)
        return method, path, {name.lower(): value.strip() for name, value in pairs}

    def read_body(self) -> bytes:
        """
        Read the whole body, plain or chunked.
        """
        headers = self.request_head()[2]
        if headers.get("transfer-encoding") == "chunked":
            return self._read_chunked()
        return self._take(int(headers.get("content-length", "0")))

    def read_head(self) -> bool:
        """
        Read up to the blank line; false when the client hung up.
        """
        data = self.rest
        while b"\r\n\r\n" not in data:
            more = self.sock.recv(65536)
            if not more:
                return False
            data += more
        self.head, _, self.rest = data.partition(b"\r\n\r\n")
        return True

    def reset(self) -> None:
        """
        Cut the connection off with a reset.
        """
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def _take(self, size: int) -> bytes:
        taken = bytearray(self.rest)
        while len(taken) < size and (more := self.sock.recv(1 << 20)):
            taken += more
        self.rest = bytes(taken[size:])
        return bytes(taken[:size])

    def _read_chunked(self) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in self.rest:
                more = self.sock.recv(65536)
                if not more:
                    return body
                self.rest += more
            size_line, _, self.rest = self.rest.partition(b"\r\n")
            size = int(size_line, 16)
            body += self._take(size + 2)[:-2]
            if size == 0:
                return body


@attrs.define
class ScriptedServer:
    """
    Answers the first request with the first step, and so on; the last step again and again.
    """

    steps: Sequence[Step]
    tls: ssl.SSLContext | None = None
    received: list[Received] = attrs.field(factory=list)
    connections: int = 0
    _listener: Any = None
    _sockets: list[socket.socket] = attrs.field(factory=list)
    _lock: Any = attrs.field(factory=threading.Lock)
    _count: int = 0
    _is_stopped: bool = False

    @property
    def url(self) -> str:
        """
        Base URL of the API here.
        """
        scheme = "https" if self.tls else "http"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}/v1"

    def start(self) -> None:
        """
        Listen.
        """
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """
        Stop listening and hang up.
        """
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            self._is_stopped = True
        for sock in self._sockets:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _keep(self, sock: socket.socket) -> None:
        """
        Close *sock* in the end; now, if that was a moment ago.
        """
        with self._lock:
            if not self._is_stopped:
                self._sockets.append(sock)
                return
        sock.close()
        raise OSError("the server was stopped meanwhile")

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
                self._keep(sock)
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError, ValueError):
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
                self._keep(sock)
            exchange = Exchange(sock)
            while exchange.read_head():
                with self._lock:
                    step = self.steps[min(self._count, len(self.steps) - 1)]
                    self._count += 1
                method, path, headers = exchange.request_head()
                body = b"" if getattr(step, "reads_no_body", False) else exchange.read_body()
                self.received.append(Received(method=method, path=path, headers=headers, body=body))
                step(exchange)


@contextmanager
def serving(*steps: Step, tls: ssl.SSLContext | None = None) -> Iterator[ScriptedServer]:
    """
    Run a server with this script.
    """
    server = ScriptedServer(steps, tls)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def answer(status: int = 200, body: bytes = b"", headers: dict[str, str] | None = None, *, after_s: float = 0) -> Step:
    """
    Answer properly.
    """

    def step(exchange: Exchange) -> None:
        time.sleep(after_s)
        exchange.sock.sendall(rendered(status, body, headers))

    return step


def rendered(status: int, body: bytes, headers: dict[str, str] | None = None) -> bytes:
    """
    Return an answer as bytes.
    """
    fields = {"Content-Type": "application/json", "Content-Length": str(len(body))} | (headers or {})
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body


def cut(sent: bytes = b"") -> Step:
    """
    Send *sent* and close.
    """

    def step(exchange: Exchange) -> None:
        exchange.sock.sendall(sent)
        exchange.sock.close()

    return step


def reset(sent: bytes = b"") -> Step:
    """
    Send *sent* and reset the connection.
    """

    def step(exchange: Exchange) -> None:
        exchange.sock.sendall(sent)
        time.sleep(0.05)
        exchange.reset()

    return step


def interim(status: int, then: Step, *, after_s: float = 0.2) -> Step:
    """
    Send an interim answer, and *then* the real one.
    """

    def step(exchange: Exchange) -> None:
        exchange.sock.sendall(f"HTTP/1.1 {status} Wait\r\nLink: </a>\r\n\r\n".encode())
        time.sleep(after_s)
        then(exchange)

    return step


def without_reading_body(step: Step) -> Step:
    """
    Do *step* before the request's body is read.
    """

    def early(exchange: Exchange) -> None:
        step(exchange)

    early.reads_no_body = True  # type: ignore[attr-defined]  # read by ScriptedServer
    return early


def silent() -> Step:
    """
    Never answer.
    """

    def step(_: Exchange) -> None:
        time.sleep(30)

    return step


FILE = (
    b'{"id":"file-1","object":"file","bytes":null,"created_at":1,"filename":"a.txt","purpose":"user_data",'
    b'"status":"processed"}'
)


@attrs.define
class Tunnel:
    """
    A proxy that knows CONNECT, and remembers what it was asked in the clear.
    """

    asked: list[bytes] = attrs.field(factory=list)
    _listener: Any = attrs.field(factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _sockets: list[socket.socket] = attrs.field(factory=list)

    @property
    def url(self) -> str:
        """
        Address of the proxy.
        """
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def accept(self) -> None:
        """
        Serve until stopped.
        """
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def stop(self) -> None:
        """
        Hang up.
        """
        for sock in (self._listener, *self._sockets):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _serve(self, near: socket.socket) -> None:
        self._sockets.append(near)
        with suppress(OSError, ValueError, IndexError):
            self.asked.append(near.recv(65536))
            host, port = self.asked[-1].split(b" ")[1].split(b":")
            far = socket.create_connection((host.decode(), int(port)))
            self._sockets.append(far)
            near.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            threading.Thread(target=self._pass_on, args=(far, near), daemon=True).start()
            self._pass_on(near, far)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@contextmanager
def tunnelling() -> Iterator[Tunnel]:
    """
    Run such a proxy.
    """
    tunnel = Tunnel()
    threading.Thread(target=tunnel.accept, daemon=True).start()
    try:
        yield tunnel
    finally:
        tunnel.stop()
