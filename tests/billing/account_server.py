"""
Batches that have ended and their files, on a real socket.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import attrs

from tests.scripted_server import Exchange, ScriptedServer, rendered, serving

SILENT: Final = 0
"""Content of a file of which nothing ever comes."""


@attrs.define
class AccountServer:
    """
    Answers for batches by id, files by id, and creates batches.

    Attributes:
        batches: What is answered for each.

        files: Content of each; one that is missing is a 404, a number a status.

        cuts: File → how many bytes of it come before the connection breaks, once.

        more_bytes: How many more bytes each file is said to have than come, in answers without a length.

        asked: Method and path of each request.
    """

    batches: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    files: dict[str, bytes | int] = attrs.field(factory=dict)
    cuts: dict[str, int] = attrs.field(factory=dict)
    more_bytes: int = 0
    asked: list[tuple[str, str]] = attrs.field(factory=list)
    _lock: Any = attrs.field(factory=threading.Lock)
    _server: ScriptedServer | None = None

    @property
    def url(self) -> str:
        """Base URL of the API here."""
        assert self._server is not None
        return self._server.url

    @property
    def contents(self) -> list[str]:
        """Ids of the files whose content was asked for."""
        return [path.split("/")[-2] for _, path in self.asked if path.endswith("/content")]

    def step(self, exchange: Exchange) -> None:
        """
        Answer one request.
        """
        method, path, headers = exchange.request_head()
        with self._lock:
            self.asked.append((method, path))
        parts = path.partition("?")[0].strip("/").split("/")
        if parts[-1] == "content":
            self._send_content(exchange, parts[-2], headers)
        elif method == "POST" and parts[-1] == "batches":
            self._say(exchange, 200, ended_batch("batch_new", "validating", metadata=self._order()["metadata"]))
        elif "batches" in parts:
            batch = self.batches.get(parts[parts.index("batches") + 1])
            self._say(exchange, 200 if batch else 404, batch or {"error": {"message": "No batch found"}})
        else:
            content = self.files.get(parts[-1], 404)
            size = len(content) + self.more_bytes if isinstance(content, bytes) else 0
            file = {"id": parts[-1], "bytes": size, "created_at": 1, "filename": "x", "object": "file", "purpose": "x"}
            self._say(exchange, 200, file)

    def _order(self) -> Any:
        assert self._server is not None
        return json.loads(self._server.received[-1].body)

    def _send_content(self, exchange: Exchange, file_id: str, headers: dict[str, str]) -> None:
        content = self.files.get(file_id, 404)
        if content == SILENT:
            time.sleep(0.5)
            exchange.sock.close()
            return
        if isinstance(content, int):
            self._say(exchange, content, {"error": {"message": f"No such File object: {file_id}"}})
            return
        start = int(headers.get("range", "bytes=0-")[6:-1])
        fields = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        whole = rendered(206 if start else 200, content[start:], fields)
        cut = self.cuts.pop(file_id, None)
        if self.more_bytes:
            exchange.sock.sendall(rendered(200, content, {"Content-Length": ""}))
            exchange.sock.close()
        elif cut is None:
            exchange.sock.sendall(whole)
        else:
            exchange.sock.sendall(whole[: whole.index(b"\r\n\r\n") + 4 + cut])
            exchange.sock.close()

    @staticmethod
    def _say(exchange: Exchange, status: int, value: Any) -> None:
        exchange.sock.sendall(rendered(status, json.dumps(value).encode()))


@contextmanager
def account_server() -> Iterator[AccountServer]:
    """
    Run the server.
    """
    server = AccountServer()
    with serving(server.step) as socket_server:
        server._server = socket_server
        yield server


def ended_batch(batch_id: str = "batch_1", status: str = "completed", **fields: Any) -> dict[str, Any]:
    """
    Return a batch as the wire has it.
    """
    batch = {
        "id": batch_id,
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "input_file_id": "file-in",
        "completion_window": "24h",
        "status": status,
        "created_at": 1_763_700_000,
        f"{status}_at": 1_763_700_600,
        "request_counts": {"total": 2, "completed": 2, "failed": 0},
    }
    return batch | fields
