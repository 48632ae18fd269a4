"""
A proxy between client and server on which, by a seeded chance, everything goes wrong that does on the way.
"""

from __future__ import annotations

import random
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import attrs

FAULTS: Final = ("cut", "stall", "delay", "refuse", "lose", "halve")
_LENGTH: Final = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_REFUSAL: Final = b"HTTP/1.1 500 Broken\r\nContent-Length: 2\r\n\r\n{}"


@attrs.define
class FaultProxy:
    """
    Passes requests on, one by one, unless something happens to them.

    - *cut*: the connection breaks within the body, and the server gets nothing;
    - *stall*: nothing moves for longer than the client waits;
    - *delay*: it takes a little longer;
    - *refuse*: the body is taken, and the answer is 500;
    - *lose*: the server acts, and its answer does not come;
    - *halve*: half of the answer comes.

    Attributes:
        server: Address that requests go to.

        chance: That something happens to a request.

        stall_s: How long a stall takes.

        happened: What has, in its order, with the request's line.
    """

    server: tuple[str, int]
    seed: int = 0
    chance: float = 0.3
    stall_s: float = 0.5
    happened: list[tuple[str, str]] = attrs.field(factory=list)
    _random: random.Random = attrs.field(init=False)
    _lock: Any = attrs.field(factory=threading.Lock, init=False)
    _listener: Any = attrs.field(factory=lambda: socket.create_server(("127.0.0.1", 0), backlog=64), init=False)
    _sockets: list[socket.socket] = attrs.field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311  the same faults for the same seed

    @property
    def url(self) -> str:
        """
        Base URL of the API behind.
        """
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"

    def accept(self) -> None:
        """
        Serve until stopped.
        """
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(near)
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def stop(self) -> None:
        """
        Hang up.
        """
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for sock in (self._listener, *self._sockets):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _serve(self, near: socket.socket) -> None:
        with suppress(OSError, ValueError), near, socket.create_connection(self.server) as far:
            self._sockets.append(far)
            while (head := _until_blank_line(near)) and self._pass_on(near, far, *head):
                pass

    def _pass_on(self, near: socket.socket, far: socket.socket, head: bytes, begun: bytes) -> bool:
        """
        Pass one request on and its answer back; tell whether the connection goes on.
        """
        fault, place = self._fate(head)
        size = _length(head)
        if fault == "cut":
            _taken(near, begun, int(size * place))
            return False
        body = _taken(near, begun, size)
        if fault == "refuse":
            near.sendall(_REFUSAL)
            return True
        if fault in {"stall", "delay"}:
            time.sleep(self.stall_s if fault == "stall" else 0.02)
            if fault == "stall":
                return False
        far.sendall(head + body)
        answer, rest = _until_blank_line(far) or (b"", b"")
        whole = answer + _taken(far, rest, _length(answer))
        if fault in {"lose", "halve"}:
            near.sendall(whole[: len(whole) // 2] if fault == "halve" else b"")
            return False
        near.sendall(whole)
        return bool(answer)

    def _fate(self, head: bytes) -> tuple[str, float]:
        with self._lock:
            fault = self._random.choice(FAULTS) if self._random.random() < self.chance else ""
            if fault:
                self.happened.append((fault, head.partition(b" HTTP")[0].decode()))
            return fault, self._random.random()


@contextmanager
def faulty(url: str, **options: Any) -> Iterator[FaultProxy]:
    """
    Run such a proxy before the server at *url*.
    """
    host, _, port = url.removeprefix("http://").removesuffix("/v1").partition(":")
    proxy = FaultProxy((host, int(port)), **options)
    threading.Thread(target=proxy.accept, daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.stop()


def _until_blank_line(sock: socket.socket) -> tuple[bytes, bytes] | None:
    """
    Read a head; return it and what came of the body with it, ``None`` when nobody says anything any more.
    """
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = sock.recv(65536)
        if not chunk:
            return None
        data += chunk
    head, _, rest = data.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", rest


def _length(head: bytes) -> int:
    found = _LENGTH.search(head)
    return int(found[1]) if found else 0


def _taken(sock: socket.socket, begun: bytes, size: int) -> bytes:
    parts, missing = [begun], size - len(begun)
    while missing > 0:
        chunk = sock.recv(min(missing, 1 << 20))
        if not chunk:
            raise ConnectionResetError
        parts.append(chunk)
        missing -= len(chunk)
    return b"".join(parts)
