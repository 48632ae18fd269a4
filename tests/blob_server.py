"""
Blob storage on this machine: blobs by their path, ranges of them, and who may read them.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import attrs

SIGNATURE: Final = "c2lnbmF0dXJl%2Bof%2Fa%3D"
SAS: Final = f"sv=2024-11-04&ss=b&srt=o&sp=r&se=2030-01-01T00%3A00%3A00Z&sig={SIGNATURE}"
TOKEN: Final = "storage.payload.signature"
_VERSION: Final = re.compile(r"20\d\d-\d\d-\d\d")
_RANGE: Final = re.compile(r"bytes=(\d+)-")


@attrs.define
class Blobs:
    """
    What is stored, who asked for it, and how the storage behaves.

    Attributes:
        asked: Method, target and headers of each request.

        cuts: Bytes after which the answers to come are cut off, one after the other.

        redirect: Where requests are sent to instead of an answer.

        denies: Whether nothing is given to anybody, in words that repeat what was sent.
    """

    stored: dict[str, bytes] = attrs.field(factory=dict)
    asked: list[tuple[str, str, dict[str, str]]] = attrs.field(factory=list)
    cuts: list[int] = attrs.field(factory=list)
    redirect: str = ""
    denies: bool = False
    url: str = ""

    def get(self, url: str) -> bytes:
        """
        Return a blob by its address, as its owner.
        """
        return self.stored[unquote(urlsplit(url).path)]

    def put(self, url: str, content: bytes) -> None:
        """
        Store a blob, as its owner.
        """
        self.stored[unquote(urlsplit(url).path)] = content


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    blobs: Blobs

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its signature
        """Keep quiet."""

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.blobs.asked.append((self.command, self.path, headers))
        target = urlsplit(self.path)
        is_owner = f"sig={SIGNATURE}" in target.query or headers.get("authorization") == f"Bearer {TOKEN}"
        content = self.blobs.stored.get(unquote(target.path))
        if self.blobs.redirect:
            self._answer(307, b"", {"Location": self.blobs.redirect})
        elif self.blobs.denies or not is_owner or not _VERSION.fullmatch(headers.get("x-ms-version", "")):
            self._refuse(403, "AuthenticationFailed", f"Server failed to authenticate {self.path} {headers}.")
        elif content is None:
            self._refuse(404, "BlobNotFound", "The specified blob does not exist.")
        else:
            self._give(content, headers.get("range"))

    do_HEAD = do_GET  # noqa: N815  names of http.server

    def _give(self, content: bytes, asked: str | None) -> None:
        about = {"ETag": '"0x8D"', "Last-Modified": "Mon, 30 Nov 2026 11:49:24 GMT"}
        found = _RANGE.fullmatch(asked or "")
        start = int(found[1]) if found else 0
        if start and start >= len(content):
            self._refuse(416, "InvalidRange", "The range specified is invalid for the current size of the resource.")
            return
        if found:
            about["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._answer(206 if found else 200, content[start:], about)

    def _refuse(self, status: int, code: str, words: str) -> None:
        escaped = words.replace("&", "&amp;").replace("<", "&lt;")
        told = f"<Error><Code>{code}</Code><Message>{escaped}\nTime:1</Message></Error>"
        xml = f'\ufeff<?xml version="1.0" encoding="utf-8"?>{told}'
        self._answer(status, xml.encode(), {"x-ms-error-code": code, "Content-Type": "application/xml"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if status in {200, 206} and self.blobs.cuts:
            self.wfile.write(body[: self.blobs.cuts.pop(0)])
            self.close_connection = True
            self.connection.shutdown(2)
            return
        self.wfile.write(body)


@contextmanager
def blobs_here() -> Iterator[Blobs]:
    """
    Serve an account without blobs on a free port until the block ends.
    """
    blobs = Blobs()
    handler = type("Handler", (_Handler,), {"blobs": blobs})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        blobs.url = f"http://127.0.0.1:{server.server_port}/account"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield blobs
        finally:
            server.shutdown()
