"""
A Files API on a real socket that counts what comes and when, and fails for the names a test wants it to.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import attrs

from tests.scripted_server import Exchange, ScriptedServer, rendered, serving, without_reading_body

_FILE: Final = re.compile(rb'name="purpose"\r\n\r\n(\w[\w-]*)\r\n.*filename="([^"]*)".*?\r\n\r\n(.*)\r\n--', re.DOTALL)


@attrs.define
class FilesServer:
    """
    Creates, retrieves, lists and deletes files, and lists batches.

    Attributes:
        refusals: Name or id → statuses of the first requests about it.

        delay_s: Before each answer to an upload.

        retry_after: What a refusal asks for, if anything.

        about_s: Before each answer about a single file.

        page_s: Before each page of a list of files.

        files: What there is, by id, the oldest first.

        uploads: When each upload came, on the monotonic clock.

        asked: Method and path of each request.

        most: How many uploads were under way at once.
    """

    refusals: dict[str, list[int]] = attrs.field(factory=dict)
    delay_s: float = 0.0
    retry_after: str = ""
    about_s: float = 0.0
    page_s: float = 0.0
    files: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    contents: dict[str, bytes] = attrs.field(factory=dict)
    batches: list[dict[str, Any]] = attrs.field(factory=list)
    uploads: list[float] = attrs.field(factory=list)
    asked: list[str] = attrs.field(factory=list)
    most: int = 0
    _now: int = 0
    _server: ScriptedServer | None = None
    _lock: Any = attrs.field(factory=threading.Lock)

    @property
    def url(self) -> str:
        """Base URL of the API here."""
        assert self._server is not None
        return self._server.url

    def add(self, file_id: str, **fields: Any) -> str:
        """
        Keep a file; return its id.
        """
        known = {"object": "file", "id": file_id, "bytes": 1, "created_at": int(time.time()), "filename": "a.txt"}
        self.files[file_id] = known | {"purpose": "user_data", "status": "processed"} | fields
        return file_id

    def step(self, exchange: Exchange) -> None:
        """
        Answer one request.
        """
        method, target, _ = exchange.request_head()
        body = exchange.read_body()
        parts = urlsplit(target)
        path = parts.path.removeprefix("/v1/").split("/")
        with self._lock:
            self.asked.append(f"{method} {'/'.join(path)}")
        if method == "POST":
            self._say(exchange, *self._created(body))
        elif path[0] == "batches":
            self._say(exchange, 200, {"object": "list", "data": self.batches, "has_more": False})
        elif len(path) == 1:
            time.sleep(self.page_s)
            self._say(exchange, 200, self._page(parse_qs(parts.query)))
        else:
            time.sleep(self.about_s)
            self._say(exchange, *self._about(method, path[1]))

    def _say(self, exchange: Exchange, status: int, value: Any) -> None:
        headers = {"Retry-After": self.retry_after} if status != 200 else None
        exchange.sock.sendall(rendered(status, json.dumps(value).encode(), headers))

    def _created(self, body: bytes) -> tuple[int, Any]:
        found = _FILE.search(body)
        assert found is not None
        name = found[2].decode()
        with self._lock:
            self.uploads.append(time.monotonic())
            self._now += 1
            self.most = max(self.most, self._now)
            status = self._status(name)
        time.sleep(self.delay_s)
        with self._lock:
            self._now -= 1
            if status != 200:
                return status, {"error": {"message": f"no {name}", "code": "refused"}}
            file_id = f"file-{len(self.contents)}"
            self.contents[file_id] = found[3]
            self.add(file_id, bytes=len(found[3]), filename=name, purpose=found[1].decode())
            return 200, self.files[file_id]

    def _status(self, name: str) -> int:
        statuses = self.refusals.get(name)
        return statuses.pop(0) if statuses else 200

    def _page(self, query: dict[str, list[str]]) -> Any:
        purpose = query.get("purpose", [None])[0]
        files = [file for file in reversed(self.files.values()) if purpose in {None, file["purpose"]}]
        ids = [file["id"] for file in files]
        begin = ids.index(query["after"][0]) + 1 if "after" in query else 0
        end = begin + int(query.get("limit", ["10000"])[0])
        return {"object": "list", "data": files[begin:end], "has_more": end < len(files)}

    def _about(self, method: str, file_id: str) -> tuple[int, Any]:
        with self._lock:
            status = self._status(file_id)
            if status != 200:
                return status, {"error": {"message": "not now", "code": "busy"}}
            if file_id not in self.files:
                return 404, {"error": {"message": f"No such File object: {file_id}"}}
            if method == "GET":
                return 200, self.files[file_id]
            del self.files[file_id]
            return 200, {"id": file_id, "object": "file", "deleted": True}


@contextmanager
def files_server(**options: Any) -> Iterator[FilesServer]:
    """
    Run the server with *options*.
    """
    server = FilesServer(**options)
    with serving(without_reading_body(server.step)) as socket_server:
        server._server = socket_server
        yield server
