"""
A provider on a real socket whose batches have ended: it keeps files, gives them out, and takes new ones.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import attrs

from tests.resources.batches.rows.files import WIRE
from tests.scripted_server import Exchange, ScriptedServer, rendered, serving, without_reading_body

_GONE: Final = {"error": {"message": "No such File object", "type": "invalid_request_error", "param": "id"}}
_FILE: Final = re.compile(rb'filename="([^"]*)".*?\r\n\r\n(.*)\r\n--', re.DOTALL)


@attrs.define
class AnsweringServer:
    """
    Files and batches by id.

    Attributes:
        batches: The oldest first.

        lost: How many bytes of each upload are not stored, as its answer tells.

        cuts: How many answers with a content break off in the middle.

        asked: Method and path of each request, with what a range begins at.

        meeting: Creations wait here for each other.
    """

    files: dict[str, bytes] = attrs.field(factory=dict)
    names: dict[str, str] = attrs.field(factory=dict)
    lost: int = 0
    batches: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    cuts: int = 0
    asked: list[str] = attrs.field(factory=list)
    meeting: threading.Barrier | None = None
    _server: ScriptedServer | None = None
    _lock: Any = attrs.field(factory=threading.Lock)

    @property
    def url(self) -> str:
        """Base URL of the API here."""
        assert self._server is not None
        return self._server.url

    def add(self, **fields: Any) -> str:
        """
        Keep a batch, completed unless *fields* say otherwise; return its id.
        """
        batch = WIRE | fields
        self.batches[batch["id"]] = batch
        return str(batch["id"])

    def step(self, exchange: Exchange) -> None:
        """
        Answer one request.
        """
        method, target, headers = exchange.request_head()
        body = exchange.read_body()
        start = int(headers.get("range", "bytes=0-")[6:-1])
        self.asked.append(f"{method} {target}" + (f" from {start}" if start else ""))
        path = urlsplit(target).path.removeprefix("/v1/").split("/")
        if path[0] == "files" and method == "GET":
            self._give(exchange, path[1], start)
        elif path[0] == "files":
            self._keep(exchange, body)
        elif method == "GET":
            self._tell(exchange, path[1:], parse_qs(urlsplit(target).query))
        elif path[-1] == "cancel":
            self._cancel(exchange, path[1])
        else:
            self._create(exchange, json.loads(body))

    def _give(self, exchange: Exchange, file_id: str, start: int) -> None:
        content = self.files.get(file_id)
        if content is None:
            _say(exchange, 404, _GONE)
            return
        rest = content[start:]
        fields = {"Content-Type": "application/octet-stream", "ETag": '"1"'}
        if start:
            fields["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        whole = rendered(206 if start else 200, rest, fields)
        if self.cuts:
            self.cuts -= 1
            exchange.sock.sendall(whole[: -len(rest) // 2])
            exchange.sock.close()
            return
        exchange.sock.sendall(whole)

    def _keep(self, exchange: Exchange, body: bytes) -> None:
        found = _FILE.search(body)
        assert found is not None
        file_id = f"file-new{len(self.files)}"
        self.files[file_id], self.names[file_id] = found[2], found[1].decode()
        size = len(found[2]) - self.lost
        _say(
            exchange,
            200,
            {
                "id": file_id,
                "bytes": size,
                "created_at": 1,
                "filename": "x.jsonl",
                "purpose": "batch",
            },
        )

    def _tell(self, exchange: Exchange, path: list[str], query: dict[str, list[str]]) -> None:
        if path:
            known = path[0] in self.batches
            _say(exchange, 200 if known else 404, self.batches.get(path[0], {"error": {"message": "No batch found"}}))
            return
        ids = list(self.batches)[::-1]
        begin = ids.index(query["after"][0]) + 1 if "after" in query else 0
        end = begin + int(query["limit"][0])
        data = [self.batches[batch_id] for batch_id in ids[begin:end]]
        _say(exchange, 200, {"object": "list", "data": data, "has_more": end < len(ids)})

    def _create(self, exchange: Exchange, order: dict[str, Any]) -> None:
        if self.meeting is not None:
            self.meeting.wait(10)
        with self._lock:
            made = order | {"id": f"batch_new{len(self.batches)}", "status": "validating", "created_at": 7}
            self.add(**made)
        _say(exchange, 200, made)

    def _cancel(self, exchange: Exchange, batch_id: str) -> None:
        self.batches[batch_id]["status"] = "cancelling"
        _say(exchange, 200, self.batches[batch_id])


@contextmanager
def answering_server(**files: bytes) -> Iterator[AnsweringServer]:
    """
    Run the server with *files*; ``_`` in their names stands for ``-``.
    """
    server = AnsweringServer({name.replace("_", "-"): content for name, content in files.items()})
    with serving(without_reading_body(server.step)) as socket_server:
        server._server = socket_server
        yield server


def _say(exchange: Exchange, status: int, value: Any) -> None:
    exchange.sock.sendall(rendered(status, json.dumps(value).encode()))
