"""
An Uploads API on a real socket that remembers what arrived, and fails where a test wants it to.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from tests.scripted_server import Exchange, rendered, serving

Fault = Callable[[Exchange, bytes], bool]
"""What a part comes to: does something about it, and tells whether it arrived all the same."""


@attrs.define
class UploadServer:
    """
    Takes uploads in parts, and whole files too.

    Attributes:
        faults: Number of the part request, from 1 → what it comes to.

        uploads: What there is, by id.

        parts: Content of each part that arrived, by id.

        asked: The last segment of each request's path.
    """

    faults: dict[int, Fault] = attrs.field(factory=dict)
    uploads: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    parts: dict[str, bytes] = attrs.field(factory=dict)
    files: dict[str, bytes] = attrs.field(factory=dict)
    asked: list[str] = attrs.field(factory=list)
    reads_no_body: bool = True
    url: str = ""
    _lock: Any = attrs.field(factory=threading.Lock)
    _part_requests: int = 0

    def __call__(self, exchange: Exchange) -> None:
        """
        Answer one request.
        """
        path = exchange.request_head()[1].removeprefix("/v1/")
        body = exchange.read_body()
        with self._lock:
            self.asked.append(path.rsplit("/", 1)[-1])
        if path == "uploads":
            say(exchange, 200, self._created(json.loads(body)))
        elif path == "files":
            file = {"id": "file-whole", "bytes": 1, "created_at": 1, "filename": "a", "purpose": "user_data"}
            say(exchange, 200, file)
        elif path.endswith("/parts"):
            self._take(exchange, path.split("/")[1], body)
        elif path.endswith("/complete"):
            say(exchange, *self._completed(path.split("/")[1], json.loads(body)))
        else:
            upload = self.uploads[path.split("/")[1]]
            upload["status"] = "cancelled"
            say(exchange, 200, upload)

    @property
    def open_uploads(self) -> list[str]:
        """Uploads that are neither completed nor cancelled."""
        return [upload["id"] for upload in self.uploads.values() if upload["status"] == "pending"]

    def _created(self, order: dict[str, Any]) -> dict[str, Any]:
        upload = {**order, "id": f"upload_{len(self.uploads)}", "object": "upload", "status": "pending"}
        upload |= {"created_at": int(time.time()), "expires_at": int(time.time()) + 3600}
        self.uploads[upload["id"]] = upload
        return upload

    def _take(self, exchange: Exchange, upload_id: str, body: bytes) -> None:
        with self._lock:
            self._part_requests += 1
            fault = self.faults.get(self._part_requests)
        content = re.split(rb"\r\n\r\n", body, maxsplit=1)[1].rsplit(b"\r\n--", 1)[0]
        if fault is not None and not fault(exchange, content):
            return
        with self._lock:
            part_id = f"part_{len(self.parts)}"
            self.parts[part_id] = content
        if fault is None:
            part = {"id": part_id, "object": "upload.part", "created_at": int(time.time()), "upload_id": upload_id}
            say(exchange, 200, part)

    def _completed(self, upload_id: str, order: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        upload = self.uploads[upload_id]
        content = b"".join(self.parts[part_id] for part_id in order["part_ids"])
        if len(content) != upload["bytes"] or hashlib.md5(content).hexdigest() != order["md5"]:  # noqa: S324  as OpenAI
            return 400, {"error": {"message": "The parts are not what was announced.", "code": "mismatch"}}
        file_id = f"file-{upload_id}"
        self.files[file_id] = content
        file = {"id": file_id, "object": "file", "bytes": None, "created_at": 1, "status": "processed"}
        upload["status"] = "completed"
        upload["file"] = file | {"filename": upload["filename"], "purpose": upload["purpose"]}
        return 200, upload


def say(exchange: Exchange, status: int, value: Any) -> None:
    """
    Answer with JSON.
    """
    exchange.sock.sendall(rendered(status, json.dumps(value).encode()))


@contextmanager
def upload_server(**faults: Fault) -> Iterator[UploadServer]:
    """
    Run the server; ``part_2=fault`` is what the second part request comes to.
    """
    server = UploadServer({int(name.removeprefix("part_")): fault for name, fault in faults.items()})
    with serving(server) as socket_server:
        server.url = socket_server.url
        yield server


def refused(exchange: Exchange, _: bytes) -> bool:
    """
    Say no, for good.
    """
    say(exchange, 400, {"error": {"message": "No more parts.", "type": "invalid_request_error", "code": "no"}})
    return False


def failed(exchange: Exchange, _: bytes) -> bool:
    """
    Say that something broke, without having kept the part.
    """
    say(exchange, 500, {"error": {"message": "The server had an error."}})
    return False


def answer_lost(exchange: Exchange, _: bytes) -> bool:
    """
    Keep the part, and hang up.
    """
    exchange.sock.close()
    return True


def slow(exchange: Exchange, _: bytes) -> bool:
    """
    Keep the part, and never say so.
    """
    time.sleep(3)
    exchange.sock.close()
    return True
