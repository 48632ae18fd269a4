"""
Requests without a server: their bodies come in pieces of any size.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import attrs
from starlette.requests import Request

from aikit.gateway.incoming.files import RulesOf, Spooled, receive_file
from aikit.gateway.incoming.line_check import FileRules
from aikit.gateway.incoming.slow_clients import DEFAULT, Pace
from aikit.gateway.incoming.spool import Spool

BOUNDARY: Final = "aBoundary"
URL: Final = "/v1/chat/completions"


@attrs.frozen(kw_only=True)
class Caps:
    """
    Bounds of a gateway's settings.
    """

    max_request_size_bytes: int | None = None
    max_file_size_bytes: int | None = None
    max_batch_file_size_bytes: int | None = None
    allowed_file_extensions: tuple[str, ...] = ()
    blocked_file_extensions: tuple[str, ...] = ()


def batch_line(number: int, model: str = "gpt-4o-mini", **more: Any) -> bytes:
    """
    Return a good line of a batch file.
    """
    body = {"model": model, "messages": [{"role": "user", "content": f"Say {number}"}], "max_tokens": 10}
    return json.dumps({"custom_id": f"r-{number}", "method": "POST", "url": URL, "body": body | more}).encode()


def field(name: str, text: str | bytes) -> bytes:
    """
    Return a field as a part.
    """
    content = text.encode() if isinstance(text, str) else text
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + content + b"\r\n"


def file(content: bytes, name: str = "batch.jsonl", part: str = "file") -> bytes:
    """
    Return a file as a part.
    """
    disposition = f'Content-Disposition: form-data; name="{part}"; filename="{name}"'
    head = f"--{BOUNDARY}\r\n{disposition}\r\nContent-Type: application/jsonl\r\n\r\n"
    return head.encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    """
    Return a body that has *parts* and an end.
    """
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def pieces(body: bytes, size: int) -> Iterator[bytes]:
    """
    Cut *body* into pieces of *size*.
    """
    return (body[start : start + size] for start in range(0, len(body), size))


def request_of(chunks: Iterable[bytes], content_type: str = "", *, is_cut: bool = False, **headers: str) -> Request:
    """
    Return a request whose body comes as *chunks*, with the client gone after them if *is_cut*.
    """
    messages = ({"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks)
    last = {"type": "http.disconnect"} if is_cut else {"type": "http.request", "body": b"", "more_body": False}

    async def receive() -> Any:
        await asyncio.sleep(0)
        return next(messages, last)

    told = {"content-type": content_type or f"multipart/form-data; boundary={BOUNDARY}"} | headers
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in told.items()]
    return Request(
        {"type": "http", "method": "POST", "path": "/v1/files", "headers": raw, "query_string": b""}, receive
    )


def any_rules(fields: Any) -> FileRules:
    """
    Return rules of no particular provider.
    """
    del fields
    return FileRules()


async def receive(
    spool: Spool,
    body: bytes | Request,
    *,
    caps: Caps | None = None,
    rules: RulesOf | None = any_rules,
    size: int = 1_000,
    part: str = "file",
    pace: Pace = DEFAULT,
) -> Spooled:
    """
    Receive *body*, cut into pieces of *size*.
    """
    request = request_of(pieces(body, size)) if isinstance(body, bytes) else body
    return await receive_file(request, spool, caps or Caps(), rules, part=part, pace=pace)


def left_in(spool: Spool) -> list[Path]:
    """
    Return the files that are in *spool* after its threads have had time to remove them.
    """
    for _ in range(500):
        found = [path for path in spool.folder.iterdir() if path.name != ".lock"]
        if not found:
            break
        time.sleep(0.02)
    return found
