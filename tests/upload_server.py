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
from typing import Any, Final

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

        at_completion: What requests to complete come to, one after the other.

        orders: What those that asked for completion said.

        announce_s: Seconds until a new upload is answered.

        part_s: Seconds until a part is answered.

        complete_s: Seconds until the file is made and that is answered.

        can_list: Whether files can be listed.

        before_listing: Called before files are listed.

        when_made: Called with the id of an upload that became a file, before that is answered.

        answers_cancels: Whether giving up an upload is answered soon.

        uploads: What there is, by id.

        parts: Content of each part that arrived, by id.

        begun: Uploads that parts arrived for.

        asked: The last segment of each request's path.
    """

    faults: dict[int, Fault] = attrs.field(factory=dict)
    at_completion: list[Fault] = attrs.field(factory=list)
    orders: list[dict[str, Any]] = attrs.field(factory=list)
    announce_s: float = 0.0
    part_s: float = 0.0
    complete_s: float = 0.0
    can_list: bool = True
    before_listing: Callable[[], object] = lambda: None
    when_made: Callable[[str], object] = lambda _: None
    answers_cancels: bool = True
    uploads: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    parts: dict[str, bytes] = attrs.field(factory=dict)
    begun: set[str] = attrs.field(factory=set)
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
        method, path, headers = exchange.request_head()
        path = path.removeprefix("/v1/")
        body = exchange.read_body()
        if len(body) < int(headers.get("content-length", "0")):
            raise ConnectionResetError  # half a part is no part
        with self._lock:
            self.asked.append(path.rsplit("/", 1)[-1].partition("?")[0])
        if method == "GET":
            self.before_listing()
            if self.can_list:
                say(exchange, 200, {"object": "list", "data": self.listed, "has_more": False})
            else:
                failed(exchange, b"")
        elif path == "uploads":
            answer = self._created(json.loads(body))
            time.sleep(self.announce_s)
            say(exchange, 200, answer)
        elif path == "files":
            file = {"id": "file-whole", "bytes": 1, "created_at": 1, "filename": "a", "purpose": "user_data"}
            say(exchange, 200, file)
        elif path.endswith("/parts"):
            self._take(exchange, path.split("/")[1], body)
        elif path.endswith("/complete"):
            self._complete(exchange, path.split("/")[1], json.loads(body))
        else:
            self._cancel(exchange, path.split("/")[1])

    @property
    def open_uploads(self) -> list[str]:
        """Uploads that are neither completed nor cancelled."""
        return [upload["id"] for upload in self.uploads.values() if upload["status"] == "pending"]

    @property
    def listed(self) -> list[dict[str, Any]]:
        """The files that uploads became, the newest first."""
        files = [upload["file"] for upload in self.uploads.values() if upload["status"] == "completed"]
        return [file | {"bytes": len(self.files[file["id"]])} for file in reversed(files)]

    def _complete(self, exchange: Exchange, upload_id: str, order: dict[str, Any]) -> None:
        with self._lock:
            self.orders.append(order)
            fault = self.at_completion.pop(0) if self.at_completion else None
        if fault is not None and not fault(exchange, b""):
            return
        time.sleep(self.complete_s)
        with self._lock:
            answer = self._completed(upload_id, order)
        self.when_made(upload_id)
        if fault is None:
            say(exchange, *answer)

    def _cancel(self, exchange: Exchange, upload_id: str) -> None:
        with self._lock:
            upload = self.uploads.get(upload_id)
            is_open = upload is not None and upload["status"] == "pending"
            if upload is not None and is_open:
                upload["status"] = "cancelled"
        if not self.answers_cancels:
            time.sleep(3)
        say(exchange, *((200, upload) if is_open else _OVER))

    def _created(self, order: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            upload = {**order, "id": f"upload_{len(self.uploads)}", "object": "upload", "status": "pending"}
            upload |= {"created_at": int(time.time()), "expires_at": int(time.time()) + 3600}
            self.uploads[upload["id"]] = upload
        return dict(upload)

    def _take(self, exchange: Exchange, upload_id: str, body: bytes) -> None:
        with self._lock:
            self._part_requests += 1
            fault = self.faults.get(self._part_requests)
        content = re.split(rb"\r\n\r\n", body, maxsplit=1)[1].rsplit(b"\r\n--", 1)[0]
        if fault is not None and not fault(exchange, content):
            return
        if self.uploads.get(upload_id, {}).get("status") != "pending":
            say(exchange, *_OVER)
            return
        with self._lock:
            part_id = f"part_{len(self.parts)}"
            self.parts[part_id] = content
            self.begun.add(upload_id)
        if fault is None:
            time.sleep(self.part_s)
            part = {"id": part_id, "object": "upload.part", "created_at": int(time.time()), "upload_id": upload_id}
            say(exchange, 200, part)

    def _completed(self, upload_id: str, order: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        upload = self.uploads.get(upload_id)
        if upload is None or upload["status"] != "pending":
            return _OVER
        content = b"".join(self.parts[part_id] for part_id in order["part_ids"])
        md5 = hashlib.md5(content).hexdigest()  # noqa: S324  as OpenAI
        if len(content) != upload["bytes"] or order.get("md5", md5) != md5:
            return 400, {"error": {"message": "The parts are not what was announced.", "code": "mismatch"}}
        file_id = f"file-{upload_id}"
        self.files[file_id] = content
        file: dict[str, Any] = {"id": file_id, "object": "file", "bytes": None, "status": "processed"}
        file["created_at"] = int(time.time())
        upload["status"] = "completed"
        upload["file"] = file | {"filename": upload["filename"], "purpose": upload["purpose"]}
        return 200, dict(upload)


_OVER: Final = (400, {"error": {"message": "The upload is over.", "type": "invalid_request_error", "code": "over"}})


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
