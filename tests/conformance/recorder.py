"""
A server on the loopback that writes down what reaches it, byte for byte, and answers as it was told.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import attrs

from tests.conformance.checker import Answered, Asked

FILE: Final[dict[str, Any]] = {
    "object": "file",
    "id": "file-1",
    "purpose": "batch",
    "filename": "a.jsonl",
    "bytes": 3,
    "created_at": 1_795_262_400,
    "status": "processed",
}
BATCH: Final[dict[str, Any]] = {
    "object": "batch",
    "id": "batch_1",
    "endpoint": "/v1/responses",
    "input_file_id": "file-1",
    "completion_window": "24h",
    "status": "completed",
    "output_file_id": "file-2",
    "created_at": 1_795_262_400,
}
CONTENT: Final = b"{}\n"


@attrs.define(eq=False)
class Recorder:
    """
    What reached the server.

    Attributes:
        address: Scheme, host and port.

        asked: The requests, in the order in which they came.

        answers: What to answer next; then whatever suits the request.
    """

    address: str
    asked: list[Asked] = attrs.field(factory=list)
    answers: list[Answered] = attrs.field(factory=list)

    def reply_to(self, asked: Asked) -> Answered:
        """
        Write *asked* down and return the answer to it.
        """
        self.asked.append(asked)
        return self.answers.pop(0) if self.answers else _suitable(asked)


def json_answer(value: Any, status: int = 200) -> Answered:
    """
    Return *value* as an answer.
    """
    return Answered(status=status, headers={"Content-Type": "application/json"}, body=json.dumps(value).encode())


@contextmanager
def recording() -> Iterator[Recorder]:
    """
    Run the server.
    """
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        recorder = Recorder(f"http://127.0.0.1:{server.server_port}")
        server.recorder = recorder  # type: ignore[attr-defined]  # how a handler finds it
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield recorder
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self._chunks() if "chunked" in self.headers.get("Transfer-Encoding", "") else self._sized()
        asked = Asked(method=self.command, target=self.path, headers=dict(self.headers), body=body)
        answered = self.server.recorder.reply_to(asked)  # type: ignore[attr-defined]  # see recording
        self.send_response(answered.status)
        headers = {"Content-Length": str(len(answered.body)), **answered.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answered.body)
        self.close_connection = headers["Content-Length"] != str(len(answered.body))

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815  names of http.server

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  the name that http.server gives it
        pass

    def _sized(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def _chunks(self) -> bytes:
        # RFC 9112 section 7.1
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body


def _suitable(asked: Asked) -> Answered:
    if asked.path.startswith("/v1/batches"):
        is_list = asked.method == "GET" and asked.path == "/v1/batches"
        return json_answer(batch_page() if is_list else BATCH)
    if asked.path.endswith("/content"):
        return Answered(status=200, headers={"Content-Type": "application/octet-stream"}, body=CONTENT)
    if asked.method == "DELETE":
        return json_answer({"id": FILE["id"], "object": "file", "deleted": True})
    if asked.method == "GET" and asked.path == "/v1/files":
        return json_answer(page())
    return json_answer(FILE | {"bytes": 0})  # as of servers that do not know it at first


def page(*, has_more: bool = False) -> dict[str, Any]:
    """
    Return one page of a list, with one file.
    """
    return {"object": "list", "data": [FILE], "first_id": "file-1", "last_id": "file-1", "has_more": has_more}


def batch_page() -> dict[str, Any]:
    """
    Return the only page of a list, with one batch.
    """
    return {"object": "list", "data": [BATCH], "first_id": "batch_1", "last_id": "batch_1", "has_more": False}
