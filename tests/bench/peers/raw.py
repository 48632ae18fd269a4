"""
The server's ceiling: the same bytes over bare sockets, with nothing done to them.

Run as ``python -I -S raw.py COMMAND URL ...``.
"""

import selectors
import socket
import sys
import time
from collections.abc import Callable

_GET = b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
_POST = (
    b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n"
)
_PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
_END = b"\r\n--b--\r\n"


def connect(url: str) -> tuple[socket.socket, bytes]:
    """
    Connect to ``http://127.0.0.1:PORT/path`` and return the path as well.
    """
    host, _, path = url.removeprefix("http://").partition("/")
    address, _, port = host.partition(":")
    connection = socket.create_connection((address, int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection, b"/" + path.encode()


def answer(connection: socket.socket, buffer: bytearray) -> int:
    """
    Receive one answer to its end and return its body's size.
    """
    received = connection.recv_into(buffer)
    head_end = buffer.index(b"\r\n\r\n") + 4
    length = int(buffer[:head_end].split(b"Content-Length: ")[1].split(b"\r\n")[0])
    left = length - (received - head_end)
    while left:
        left -= connection.recv_into(buffer, min(left, len(buffer)))
    return length


def upload(url: str, size: str) -> None:
    """
    Send as many bytes as a file would have, from memory.
    """
    connection, base = connect(url)
    block, left = bytes(1024 * 1024), int(size)
    connection.sendall(_POST % (base + b"/files", len(_PART) + left + len(_END)) + _PART)
    while left:
        connection.sendall(block[: min(left, len(block))])
        left -= min(left, len(block))
    connection.sendall(_END)
    answer(connection, bytearray(65536))


def download(url: str) -> None:
    """
    Receive the big file and drop it.
    """
    connection, base = connect(url)
    connection.sendall(_GET % (base + b"/files/file-bulk/content"))
    answer(connection, bytearray(1024 * 1024))


def retrieve(url: str, count: str) -> None:
    """
    Ask for a file again and again.
    """
    connection, base = connect(url)
    buffer = bytearray(65536)
    for _ in range(int(count)):
        connection.sendall(_GET % (base + b"/files/file-one"))
        answer(connection, buffer)


def list_files(url: str) -> None:
    """
    Receive the long list several times and tell the median time.
    """
    connection, base = connect(url)
    buffer = bytearray(1024 * 1024)
    times = []
    for _ in range(7):
        started = time.perf_counter()
        connection.sendall(_GET % (base + b"/files?limit=10000"))
        answer(connection, buffer)
        times.append(time.perf_counter() - started)
    print("call_s", sorted(times)[3])


def many(url: str, count: str, at_a_time: str) -> None:
    """
    Send small files over many connections at once.
    """
    selector = selectors.DefaultSelector()
    base = connect(url)[1]
    request = _POST % (base + b"/files", len(_PART) + 2048 + len(_END)) + _PART + bytes(2048) + _END
    left, buffer = int(count), bytearray(65536)
    for _ in range(int(at_a_time)):
        connection = connect(url)[0]
        connection.sendall(request)
        selector.register(connection, selectors.EVENT_READ)
    to_send = left - int(at_a_time)
    while left:
        for key, _ in selector.select():
            ready: socket.socket = key.fileobj  # type: ignore[assignment]  # only sockets were registered
            answer(ready, buffer)
            left -= 1
            if to_send > 0:
                to_send -= 1
                ready.sendall(request)


def chat(url: str, count: str, at_a_time: str) -> None:
    """
    Ask for completions over many connections at once; tell the answers in a second.
    """
    selector = selectors.DefaultSelector()
    body = b'{"model": "m", "messages": [{"role": "user", "content": "' + b"Why is the sky blue? " * 24 + b'"}]}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(body)
    left, to_send, buffer = int(count), int(count) - int(at_a_time), bytearray(65536)
    started = time.perf_counter()
    for _ in range(int(at_a_time)):
        connection = connect(url)[0]
        connection.sendall(head + body)
        selector.register(connection, selectors.EVENT_READ)
    while left:
        for key, _ in selector.select():
            ready: socket.socket = key.fileobj  # type: ignore[assignment]  # only sockets were registered
            answer(ready, buffer)
            left -= 1
            if to_send > 0:
                to_send -= 1
                ready.sendall(head + body)
    print("lines_per_s", int(count) / (time.perf_counter() - started))


COMMANDS: dict[str, Callable[..., None]] = {
    "upload": upload,
    "download": download,
    "retrieve": retrieve,
    "many": many,
    "list": list_files,
    "chat": chat,
}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
