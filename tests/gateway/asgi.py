"""
Requests to an ASGI application in this process, as a server hands them over.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs
from starlette.types import ASGIApp, Message

KEY: Final = "sk-a-key-for-tests-only"


@attrs.frozen(kw_only=True)
class Answer:
    """
    What the application answered.

    Attributes:
        headers: By their names in lower case.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def error(self) -> Mapping[str, Any]:
        """The error object of the body."""
        error: Mapping[str, Any] = self.json["error"]
        return error


@attrs.define(eq=False)
class Asgi:
    """
    A client of an application, with a key of its own.

    Attributes:
        key: Sent as ``Authorization``; ``None`` sends none.

        reads: How often the application has asked for a part of a body.
    """

    app: ASGIApp
    key: str | None = KEY
    reads: int = 0

    def with_key(self, key: str | None) -> Asgi:
        """Return a client with another key."""
        return Asgi(self.app, key)

    def get(self, target: str, **options: Any) -> Answer:
        """Send a GET."""
        return self.send("GET", target, **options)

    def delete(self, target: str, **options: Any) -> Answer:
        """Send a DELETE."""
        return self.send("DELETE", target, **options)

    def post(self, target: str, value: Any = None, **options: Any) -> Answer:
        """Send a POST with *value* as JSON."""
        body = b"" if value is None else json.dumps(value).encode()
        options["headers"] = {"content-type": "application/json"} | options.get("headers", {})
        return self.send("POST", target, body=[body], **options)

    def form(self, target: str, fields: Iterable[tuple[str, str | tuple[str, bytes]]], **options: Any) -> Answer:
        """Send a POST with a form; a field that is a file has a name and a content."""
        boundary, body = "boundary", b""
        for name, value in fields:
            filename = f'; filename="{value[0]}"' if isinstance(value, tuple) else ""
            content = value[1] if isinstance(value, tuple) else value.encode()
            body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{filename}\r\n\r\n'.encode()
            body += content + b"\r\n"
        body += f"--{boundary}--\r\n".encode()
        options["headers"] = {"content-type": f"multipart/form-data; boundary={boundary}"} | options.get("headers", {})
        return self.send("POST", target, body=[body[at : at + 65_536] for at in range(0, len(body), 65_536)], **options)

    def send(
        self,
        method: str,
        target: str,
        *,
        body: Iterable[bytes] = (),
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    ) -> Answer:
        """Send a request, and return the whole answer."""
        return asyncio.run(self.asend(method, target, body=body, headers=headers))

    async def asend(
        self,
        method: str,
        target: str,
        *,
        body: Iterable[bytes] = (),
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    ) -> Answer:
        """Send a request from within a loop."""
        sent: list[Message] = []
        parts = [part for part in body if part]
        pairs = [*(headers.items() if isinstance(headers, Mapping) else headers)]
        if self.key is not None and "authorization" not in dict(pairs):
            pairs.append(("authorization", f"Bearer {self.key}"))
        if parts:
            pairs.append(("content-length", str(sum(map(len, parts)))))

        is_whole = False

        async def receive() -> Message:
            nonlocal is_whole
            if is_whole:
                await asyncio.Event().wait()  # the client stays
            is_whole = len(parts) < 2
            self.reads += 1
            part = parts.pop(0) if parts else b""
            return {"type": "http.request", "body": part, "more_body": bool(parts)}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.app(_scope(method, target, pairs), receive, send)
        start = sent[0]
        answered = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
        content = b"".join(message.get("body", b"") for message in sent[1:])
        return Answer(status=start["status"], headers=answered, body=content)


def _scope(method: str, target: str, headers: Iterable[tuple[str, str]]) -> dict[str, Any]:
    path, _, query = target.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 4_000),
    }
