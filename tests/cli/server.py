"""
An OpenAI-format server with whatever manners a test needs.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import attrs

SMALL: Final = 100_000


@attrs.define(eq=False)
class Server:
    """
    Answers uploads of small files, and never those of larger ones.

    Attributes:
        listing: What ``GET /files`` answers.

        status: With what status.

        content: What any file has in it.

        has_big: Set when a larger upload has begun.
    """

    listing: Any
    status: int = 200
    content: bytes = b""
    has_big: threading.Event = attrs.field(factory=threading.Event)
    end: threading.Event = attrs.field(factory=threading.Event)
    url: str = ""


def file(**fields: Any) -> dict[str, Any]:
    """
    Return a File object with *fields*.
    """
    known = {"object": "file", "id": "file-1", "bytes": 1, "created_at": 1_700_000_000}
    return known | {"filename": "a.txt", "purpose": "user_data", "status": "processed"} | fields


@contextmanager
def serving(listing: Any = None, status: int = 200) -> Iterator[Server]:
    """
    Serve while inside.
    """
    server = Server(listing, status)

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith("/content"):
                self._send(200, server.content)
            else:
                self._answer(server.status, server.listing)

        def do_POST(self) -> None:
            size = int(self.headers["content-length"])
            if size > SMALL:
                server.has_big.set()
                server.end.wait(30)
                return
            self.rfile.read(size)
            self._answer(200, file())

        def _answer(self, status: int, value: Any) -> None:
            self._send(status, json.dumps(value).encode())

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, args=(0.05,))
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_port}/v1"
    try:
        yield server
    finally:
        server.end.set()
        http.shutdown()
        http.server_close()
        thread.join()
