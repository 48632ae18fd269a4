"""
The neutral chat server: answers every request after 50 ms with the same completion, and spends almost no time on it.

One thread and one selector for all connections, in a process of its own; uploads are answered with the same file.
Below ``/eighth/v1`` every eighth request is refused with ``Retry-After: 1``; below ``/faulty/v1`` a tenth is refused
likewise, a twentieth each has a 500 and a 503.
"""

from __future__ import annotations

import json
import random
import selectors
import socket
import time
from collections import deque
from typing import Final

DELAY_S: Final = 0.050
_READ: Final = 64 * 1024


class Connection:
    """
    One client's connection.
    """

    def __init__(self, client: socket.socket) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client = client
        self.path = b""
        self._pending = b""

    def has_request(self) -> bool:
        """
        Take what came; tell whether a request is whole now.
        """
        data = self._pending + self.client.recv(_READ)
        end = data.find(b"\r\n\r\n")
        if end >= 0:
            start = data.lower().find(b"content-length:", 0, end)
            length = int(data[start + 15 : data.find(b"\r\n", start)]) if start >= 0 else 0
            if len(data) >= end + 4 + length:
                self.path = data.split(b" ", 2)[1]
                self._pending = data[end + 4 + length :]
                return True
        if data == self._pending:
            raise ConnectionResetError
        self._pending = data
        return False


def _answer() -> bytes:
    message = {"role": "assistant", "content": "The sky is blue because air scatters blue light most. " * 4}
    return _success(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1_790_000_000,
            "model": "gpt-4o-mini",
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 20, "completion_tokens": 40, "total_tokens": 60},
        }
    )


def _file_answer() -> bytes:
    file = {"object": "file", "id": "file-bench", "bytes": 2048, "created_at": 1_790_000_000, "filename": "note.txt"}
    return _success(file | {"purpose": "user_data", "status": "processed"})


def _success(value: dict[str, object]) -> bytes:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _refusal(status: str, header: str = "") -> bytes:
    body = b'{"error": {"message": "not now", "type": "server_error", "param": null, "code": null}}'
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{header}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Answers:
    """
    Which answer comes next, in the same order in every run.
    """

    def __init__(self) -> None:
        self._answer, self._file = _answer(), _file_answer()
        self._busy = _refusal("429 Too Many Requests", "Retry-After: 1\r\n")
        self._broken, self._down = _refusal("500 Internal Server Error"), _refusal("503 Service Unavailable")
        self._count = 0
        self._chance = random.Random(1)  # noqa: S311  the same faults in every run

    def to(self, path: bytes) -> bytes:
        """
        Return the answer to a request for *path*.
        """
        self._count += 1
        fine = self._file if path.endswith(b"/files") else self._answer
        if path.startswith(b"/eighth/"):
            return fine if self._count % 8 else self._busy
        if path.startswith(b"/faulty/") and (drawn := self._chance.random()) < 0.2:
            return self._busy if drawn < 0.1 else self._broken if drawn < 0.15 else self._down
        return fine


def main() -> None:
    """
    Serve on a free port of the loopback address, whose number is printed, until killed.
    """
    answers = Answers()
    waiting: deque[tuple[float, Connection]] = deque()
    selector = selectors.DefaultSelector()
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as server:
        print(server.getsockname()[1], flush=True)
        selector.register(server, selectors.EVENT_READ)
        while True:
            now = time.monotonic()
            while waiting and waiting[0][0] <= now:
                connection = waiting.popleft()[1]
                _send(connection.client, answers.to(connection.path))
            for key, _ in selector.select(max(0.0, waiting[0][0] - now) if waiting else None):
                if key.data is None:
                    client, _ = server.accept()
                    selector.register(client, selectors.EVENT_READ, Connection(client))
                elif _has_request(key.data, selector):
                    waiting.append((time.monotonic() + DELAY_S, key.data))


def _has_request(connection: Connection, selector: selectors.BaseSelector) -> bool:
    try:
        return connection.has_request()
    except OSError:
        selector.unregister(connection.client)
        connection.client.close()
        return False


def _send(client: socket.socket, answer: bytes) -> None:
    try:
        client.sendall(answer)
    except OSError:  # it hung up meanwhile; the selector finds out
        return


if __name__ == "__main__":
    main()
