"""
The neutral server: knows just enough of the Files API to keep every peer content, and spends almost no time on it.

It runs as a process of its own, one thread per connection. The first part of a base URL's path says how it behaves:
``/ready/v1`` answers at once, ``/slow/v1`` answers uploads after 20 ms, ``/waiting/v1`` has files that never leave
``"uploaded"``, and batches that are complete five seconds after they were first asked for. ``/polled/v1`` has batches
that never end, and lists none. ``/parts/v1`` takes uploads in parts, and answers each part after 50 ms.
``/upload/storage/v1`` takes resumable uploads as Google Cloud Storage does.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import threading
import time
from contextlib import suppress
from typing import Final, NamedTuple

BULK_BYTES: Final = 512 * 1024 * 1024
LISTED_FILES: Final = 10_000
DELAY_S: Final = 0.020
PART_DELAY_S: Final = 0.050


_BLOCK: Final = 4 * 1024 * 1024
_READ: Final = 64 * 1024
_BATCH_S: Final = 5.0
_CREATED: Final = "2026-11-30T11:00:00.123Z"
_answered = itertools.count()
_begun: dict[str, float] = {}


class Head(NamedTuple):
    """
    A request without its body.
    """

    method: bytes
    behaviour: bytes
    path: bytes
    content_length: int
    boundary: bytes
    wants_continue: bool
    content_range: bytes
    google_hash: bytes


def read_head(raw: bytes) -> Head:
    """
    Read request line and headers.
    """
    line, _, rest = raw.partition(b"\r\n")
    method, target, _ = line.split(b" ", 2)
    behaviour, _, path = target.lstrip(b"/").partition(b"/")
    headers = dict(_header(field) for field in rest.split(b"\r\n") if field)
    _, _, boundary = headers.get(b"content-type", b"").partition(b"boundary=")
    length = int(headers.get(b"content-length", 0))
    told = headers.get(b"content-range", b""), headers.get(b"x-goog-hash", b"")
    return Head(method, behaviour, path, length, boundary.strip(b'"'), b"expect" in headers, *told)


def _header(field: bytes) -> tuple[bytes, bytes]:
    name, _, value = field.partition(b":")
    return name.lower(), value.strip()


class Connection:
    """
    One client's connection, served until the client closes it.
    """

    def __init__(self, client: socket.socket, content: int) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client = client
        self._content = content
        self._pending = b""
        self._buffer = memoryview(bytearray(1024 * 1024))

    def serve(self) -> None:
        """
        Answer request after request.
        """
        with self._client, suppress(ConnectionError):
            while raw := self._until_blank_line():
                self._answer(read_head(raw))

    def _answer(self, head: Head) -> None:
        if head.behaviour == b"upload":
            self._client.sendall(self._stored(head))
        elif head.method == b"POST" and head.path.startswith(b"v1/uploads"):
            self._client.sendall(_json_answer(self._uploaded(head)))
        elif head.method == b"POST":
            self._client.sendall(_json_answer(self._created(head)))
        elif head.path == b"v1/files/file-answers/content":
            self._client.sendall(_ANSWERS)
        elif head.path.endswith(b"/content"):
            self._send_content()
        elif head.path.startswith(b"v1/files/"):
            status = "uploaded" if head.behaviour == b"waiting" else "processed"
            next(_answered)
            self._client.sendall(_json_answer(file_object(head.path[9:].decode(), BULK_BYTES, status)))
        elif head.path.startswith(b"v1/batches/"):
            next(_answered)
            batch_id = head.path[11:].decode()
            began = _begun.setdefault(batch_id, time.monotonic())
            is_complete = time.monotonic() - began >= _BATCH_S and head.behaviour != b"polled"
            self._client.sendall(_json_answer(batch_object(batch_id, is_complete=is_complete)))
        elif head.path == b"answered":
            self._client.sendall(_json_answer(next(_answered)))
        else:
            self._client.sendall(_EMPTY if head.behaviour == b"polled" else _LIST)

    def _created(self, head: Head) -> dict[str, object]:
        """
        Take a file, or the order of a batch.
        """
        if head.path == b"v1/batches":
            metadata = json.loads(self._take(head.content_length)).get("metadata")
            return batch_object(f"batch_{next(_answered)}", is_complete=False) | {"metadata": metadata}
        size = self._file_size(head)
        if head.behaviour == b"slow":
            time.sleep(DELAY_S)
        return file_object(f"file-{next(_answered):024d}", size)

    def _uploaded(self, head: Head) -> dict[str, object]:
        """
        Take what one request about an upload brings; its id tells the size that was announced.
        """
        if head.path.endswith(b"/parts"):
            size = self._file_size(head)
            time.sleep(PART_DELAY_S)
            part = {"id": f"part_{next(_answered)}_{size}", "object": "upload.part", "created_at": 1_790_000_000}
            return part | {"upload_id": head.path.split(b"/")[2].decode()}
        asked = json.loads(self._take(head.content_length) or b"{}")
        if head.path == b"v1/uploads":
            return upload_object(f"upload_{next(_answered)}_{asked['bytes']}", None)
        upload_id = head.path.split(b"/")[2].decode()
        size = sum(int(part_id.rpartition("_")[2]) for part_id in asked.get("part_ids", ()))
        return upload_object(upload_id, file_object("file-of-parts", size))

    def _stored(self, head: Head) -> bytes:
        """
        Begin a resumable upload, or take a chunk of one; the object has the checksum that was announced with the last.
        """
        self._discard(head.content_length)
        if head.method == b"POST":
            host, port = self._client.getsockname()
            place = f"http://{host}:{port}/upload/{head.path.decode()}&upload_id={next(_answered)}"
            return f"HTTP/1.1 200 OK\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode()
        last, _, total = head.content_range.rpartition(b"-")[2].decode().partition("/")
        if int(last) + 1 < int(total):
            return f"HTTP/1.1 308 Resume Incomplete\r\nRange: bytes=0-{last}\r\nContent-Length: 0\r\n\r\n".encode()
        kind, _, checksum = head.google_hash.decode().partition("=")
        name = {"md5": "md5Hash"}.get(kind, kind)
        told = {name: checksum} if name else {}
        return _json_answer({"name": "aikit/files/bulk", "size": total, "timeCreated": _CREATED, **told})

    def _send_content(self) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {BULK_BYTES}\r\n\r\n"
        self._client.sendall(head.encode())
        for _ in range(BULK_BYTES // _BLOCK):
            sent = 0
            while sent < _BLOCK:
                sent += os.sendfile(self._client.fileno(), self._content, sent, _BLOCK - sent)

    def _file_size(self, head: Head) -> int:
        """
        Read a multipart body to its end and return the size of its last part, the file; 0 when it does not end well.
        """
        if head.wants_continue:
            self._client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        first = self._take(min(head.content_length, _READ))
        closing = len(head.boundary) + 8
        self._discard(max(0, head.content_length - len(first) - closing))
        body = first + self._take(min(closing, head.content_length - len(first)))
        start = body.rfind(b"\r\n\r\n", 0, body.find(b"filename=") + 512) + 4
        end = body.rfind(b"\r\n--" + head.boundary + b"--")
        return head.content_length - len(body) + end - start if end >= 0 else 0

    def _until_blank_line(self) -> bytes:
        while (end := self._pending.find(b"\r\n\r\n")) < 0:
            chunk = self._client.recv(_READ)
            if not chunk:
                return b""
            self._pending += chunk
        raw, self._pending = self._pending[:end], self._pending[end + 4 :]
        return raw

    def _take(self, size: int) -> bytes:
        while len(self._pending) < size:
            chunk = self._client.recv(_READ)
            if not chunk:
                raise ConnectionResetError
            self._pending += chunk
        taken, self._pending = self._pending[:size], self._pending[size:]
        return taken

    def _discard(self, size: int) -> None:
        skipped = min(size, len(self._pending))
        self._pending = self._pending[skipped:]
        size -= skipped
        while size:
            received = self._client.recv_into(self._buffer, min(size, len(self._buffer)))
            if not received:
                raise ConnectionResetError
            size -= received


def file_object(file_id: str, size: int, status: str = "processed") -> dict[str, object]:
    """
    Return a File object as OpenAI's API gives it.
    """
    return {
        "object": "file",
        "id": file_id,
        "purpose": "user_data",
        "filename": "data.txt",
        "bytes": size,
        "created_at": 1_790_000_000,
        "expires_at": None,
        "status": status,
        "status_details": None,
    }


def upload_object(upload_id: str, file: dict[str, object] | None) -> dict[str, object]:
    """
    Return an Upload object as OpenAI's API gives it: completed with its file, else pending.
    """
    return {
        "object": "upload",
        "id": upload_id,
        "bytes": int(upload_id.rpartition("_")[2]),
        "created_at": 1_790_000_000,
        "expires_at": 1_790_003_600,
        "filename": "data.txt",
        "purpose": "user_data",
        "status": "pending" if file is None else "completed",
        "file": file,
    }


def batch_object(batch_id: str, *, is_complete: bool) -> dict[str, object]:
    """
    Return a Batch object as OpenAI's API gives it: in progress or completed.
    """
    return {
        "object": "batch",
        "id": batch_id,
        "endpoint": "/v1/chat/completions",
        "input_file_id": "file-bulk",
        "completion_window": "24h",
        "status": "completed" if is_complete else "in_progress",
        "created_at": 1_790_000_000,
        "expires_at": 1_790_086_400,
        "output_file_id": "file-answers" if is_complete else None,
        "request_counts": {"total": 3, "completed": 3 if is_complete else 0, "failed": 0},
        "metadata": {"aikit_intent": "0123456789abcdef0123456789abcdef"},
    }


def _json_answer(value: object) -> bytes:
    body = json.dumps(value, separators=(",", ":")).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _list_answer() -> bytes:
    files = [file_object(f"file-{number:024d}", number) for number in range(LISTED_FILES)]
    page = {"object": "list", "data": files, "first_id": files[0]["id"], "last_id": files[-1]["id"], "has_more": False}
    return _json_answer(page)


def _answers() -> bytes:
    usage = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}
    body = {"object": "chat.completion", "model": "gpt-4o-mini", "choices": [], "usage": usage}
    lines = [
        {
            "id": name,
            "custom_id": name,
            "response": {"status_code": 200, "request_id": name, "body": body},
            "error": None,
        }
        for name in ("q1", "q2", "q3")
    ]
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content


_ANSWERS: Final = _answers()
_LIST: Final = _list_answer()
_EMPTY: Final = _json_answer({"object": "list", "data": [], "has_more": False})


def main() -> None:
    """
    Serve on a free port of the loopback address, whose number is printed, until killed.
    """
    content = os.memfd_create("content")
    os.write(content, os.urandom(_BLOCK))
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            client, _ = server.accept()
            threading.Thread(target=Connection(client, content).serve, daemon=True).start()


if __name__ == "__main__":
    main()
