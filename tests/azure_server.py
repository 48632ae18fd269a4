"""
A resource of Azure OpenAI on this machine: both surfaces, with the quirks that its users have seen.
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import attrs

KEY: Final = "0123456789abcdef0123456789abcdef"
TOKEN: Final = "header.payload.signature"
VERSION: Final = "2025-04-01-preview"
_NO_ROOM: Final = "The number of enqueued tokens has surpassed the configured limit of 30K for the deployment 'mine'."
_ROUTE: Final = re.compile(r"/openai(?P<v1>/v1)?/(?P<kind>files|batches)(?:/(?P<id>[^/]+))?(?:/(?P<verb>\w+))?")


class Refusal(Exception):  # noqa: N818  an answer, no fault of the server
    """
    A status, a code and words.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@attrs.define
class Resource:
    """
    What is stored, what was asked, and how the resource behaves.

    Attributes:
        looks: How often a new file is looked at before it is processed.

        get_blob: Reads a blob, by its address, as the identity of the resource does; ``None`` where there are none.

        put_blob: Writes one.

        no_room: How the first batches are refused, as too many tokens are enqueued: ``"at once"``, or ``"late"``.

        asked: Method and target of each request, and its JSON if it has any.

        deletes_silently: Whether a deletion is answered with 204 and nothing.
    """

    looks: int = 1
    deletes_silently: bool = False
    asked: list[tuple[str, str, Any]] = attrs.field(factory=list)
    forms: list[dict[str, str]] = attrs.field(factory=list)
    files: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    contents: dict[str, bytes] = attrs.field(factory=dict)
    batches: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    get_blob: Callable[[str], bytes] | None = None
    put_blob: Callable[[str, bytes], object] | None = None
    no_room: list[str] = attrs.field(factory=list)
    url: str = ""
    lock: Any = attrs.field(factory=threading.Lock)
    _left: dict[str, int] = attrs.field(factory=dict)

    def store(self, name: str, purpose: str, content: bytes, expires_s: int | None = None) -> dict[str, Any]:
        """
        Keep a file; a batch's own have ids with dashes.
        """
        unique = uuid.uuid4()
        file_id = f"file-{unique if purpose == 'batch_output' else unique.hex}"
        now = int(time.time()) + len(self.files)  # files of one second are apart all the same
        file = {
            "object": "file",
            "id": file_id,
            "filename": name,
            "purpose": purpose,
            "status": "pending",
            "bytes": None,
            "created_at": now,
            "expires_at": now + expires_s if expires_s else None,
            "status_details": None,
        }
        self.files[file_id], self.contents[file_id] = file, content
        self._left[file_id] = 0 if purpose == "batch_output" else self.looks
        return self.look(file_id)

    def look(self, file_id: str) -> dict[str, Any]:
        """
        Return a file as it is now; it is processed once it was looked at often enough.
        """
        file = self.files.get(file_id)
        if file is None:
            raise Refusal(404, "notFound", f"The requested resource '{file_id}' does not exist.")
        self._left[file_id] -= 1
        if self._left[file_id] < 0:
            file |= {"status": "processed", "bytes": len(self.contents[file_id])}
        return file

    def begin(self, order: dict[str, Any], *, is_dated: bool) -> dict[str, Any]:
        """
        Create a batch, described as the REST page of the dated surface describes one.
        """
        fate = self.no_room.pop(0) if self.no_room else ""
        if fate == "at once":
            raise Refusal(400, "token_limit_exceeded", _NO_ROOM)
        batch = self._create(order, is_dated=is_dated)
        batch["fate"] = fate
        return batch

    def _create(self, order: dict[str, Any], *, is_dated: bool) -> dict[str, Any]:
        if order.get("input_blob"):
            return self._begin_with_blob(order)
        file = self.files.get(order["input_file_id"])
        if file is None or file["status"] != "processed":
            state = "Deleted" if file is None else str(file["status"])
            words = (
                f"The input file '{order['input_file_id']}' is in '{state}' state. Only files with status 'Processed'"
            )
            raise Refusal(400, "invalidPayload", f"{words} are accepted for batch inferencing.")
        if is_dated and order["endpoint"].startswith("/v1"):
            raise Refusal(400, "invalidPayload", f"The endpoint '{order['endpoint']}' is not supported.")
        now = time.time() + len(self.batches)
        iso = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "1+00:00"
        batch = {
            "id": f"batch_{uuid.uuid4()}",
            "object": "batch",
            "input_file_id": order["input_file_id"],
            "completion_window": order["completion_window"],
            "created_at": iso if is_dated else int(now),
            "status": "Validating" if is_dated else "validating",
            "metadata": order.get("metadata"),
            "request_counts": {"total": None, "completed": None, "failed": None} if is_dated else None,
            "output_file_id": "",
            "error_file_id": "",
            "errors": None,
        }
        self.batches[batch["id"]] = batch if is_dated else batch | {"endpoint": order["endpoint"]}
        return self.batches[batch["id"]]

    def _begin_with_blob(self, order: dict[str, Any]) -> dict[str, Any]:
        """
        Create a batch whose input and output are blobs; of such ones the service keeps no pairs.
        """
        if order["input_file_id"] is not None or "metadata" in order or self.get_blob is None:
            raise Refusal(400, "invalidPayload", "metadata and input_file_id are not supported with input_blob.")
        blob = order["input_blob"]
        self.contents[blob] = self.get_blob(blob)
        batch = {
            "id": f"batch_{uuid.uuid4()}",
            "object": "batch",
            "endpoint": order["endpoint"],
            "completion_window": order["completion_window"],
            "created_at": int(time.time()) + len(self.batches),
            "status": "validating",
            "metadata": None,
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
            "input_file_id": None,
            "input_blob": blob,
            "output_blob": "",
            "error_blob": "",
            "errors": None,
            "folder": order["output_folder"]["url"],
        }
        self.batches[batch["id"]] = batch
        return batch

    def complete(self, batch_id: str) -> dict[str, Any]:
        """
        Answer all lines of a batch, and return it; its error file is there, and empty.
        """
        batch = self.batches.get(batch_id)
        if batch is None:
            raise Refusal(404, "notFound", f"The requested resource '{batch_id}' does not exist.")
        if batch["status"].lower() != "validating":
            return batch
        if batch["fate"] == "late":
            error = {"code": "token_limit_exceeded", "message": _NO_ROOM, "param": None, "line": None}
            self.batches[batch_id] = batch | {"status": "failed", "errors": {"object": "list", "data": [error]}}
            return self.batches[batch_id]
        lines = [
            json.loads(line) for line in self.contents[batch.get("input_blob") or batch["input_file_id"]].splitlines()
        ]
        output = b"".join(json.dumps(_answer(line)).encode() + b"\n" for line in reversed(lines))
        counts = {"total": len(lines), "completed": len(lines), "failed": 0}
        if self.put_blob is not None and batch.get("input_blob"):
            folder = f"{batch['folder']}/{uuid.uuid4()}"
            self.put_blob(f"{folder}/results.jsonl", output)
            blobs = {"output_blob": f"{folder}/results.jsonl", "error_blob": f"{folder}/errors.jsonl"}  # not written
            self.batches[batch_id] = batch | blobs | {"status": "completed", "request_counts": counts}
            return self.batches[batch_id]
        files = [
            self.store(name, "batch_output", content) for name, content in (("out.jsonl", output), ("e.jsonl", b""))
        ]
        ids = {name: file["id"] for name, file in zip(("output_file_id", "error_file_id"), files, strict=True)}
        self.batches[batch_id] = batch | ids | {"status": "completed", "request_counts": counts}
        return self.batches[batch_id]


def _answer(line: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": line["body"]["messages"][-1]["content"].upper()}
    choice = {"index": 0, "finish_reason": "stop", "message": message, "content_filter_results": {}}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    body = {"id": "c", "model": "gpt-4o-2024-08-06", "choices": [choice], "usage": usage, "prompt_filter_results": []}
    response = {"request_id": str(uuid.uuid4()), "status_code": 200, "body": body}
    return {"custom_id": line["custom_id"], "response": response, "error": None}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    resource: Resource

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its signature
        """Keep quiet."""

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_DELETE = do_GET  # noqa: N815  names of http.server

    def _serve(self) -> None:
        body = self._body()
        try:
            with self.resource.lock:
                status, answer, headers = self._answer(body)
        except Refusal as refusal:
            error = {"error": {"code": refusal.code, "message": refusal.message, "innererror": None}}
            status, answer, headers = refusal.status, json.dumps(error).encode(), {"apim-request-id": "r-1"}
        self.send_response(status)
        for name, value in {"Content-Length": str(len(answer)), "Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _answer(self, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        route = _ROUTE.fullmatch(parts.path)
        is_json = body and "json" in self.headers.get("Content-Type", "")
        self.resource.asked.append((self.command, self.path, json.loads(body) if is_json else None))
        if route is None or (not route["v1"] and "api-version" not in query):
            raise Refusal(404, "404", "Resource not found")
        self._authenticate()
        answer = getattr(self, f"_{route['kind']}")(route, query, body, is_dated=not route["v1"])
        if isinstance(answer, bytes):
            return 200, answer, {"Content-Type": "application/octet-stream"}
        is_made = self.command == "POST" and not route["id"] and not route["v1"]
        headers = {"deployment-enqueued-tokens": "7", "deployment-maximum-enqueued-tokens": "5000000"}
        if answer is None:
            return 204, b"", {}
        return 201 if is_made else 200, json.dumps(answer).encode(), headers if route["kind"] == "batches" else {}

    def _authenticate(self) -> None:
        key, bearer = self.headers.get("api-key"), self.headers.get("Authorization")
        if key is not None and bearer is not None:
            raise Refusal(400, "invalidPayload", "Both a key and a token were sent.")
        if key != KEY and bearer != f"Bearer {TOKEN}":
            raise Refusal(401, "401", "Access denied due to invalid subscription key or wrong API endpoint.")

    def _files(self, route: re.Match[str], query: dict[str, str], body: bytes, *, is_dated: bool) -> Any:
        resource, file_id = self.resource, route["id"]
        if self.command == "POST":
            return (
                self._import(json.loads(body), is_dated=is_dated) if file_id else self._upload(body, is_dated=is_dated)
            )
        if file_id is None:
            found = [file for file in resource.files.values() if query.get("purpose") in {None, file["purpose"]}]
            return {"object": "list", "data": found} if is_dated else _page(found, query, 10_000)
        if route["verb"] == "content":
            resource.look(file_id)
            return resource.contents[file_id]
        file = resource.look(file_id)
        if self.command != "DELETE":
            return file
        del resource.files[file_id], resource.contents[file_id]
        return None if resource.deletes_silently else {"object": "file", "id": file_id, "deleted": True}

    def _import(self, order: dict[str, Any], *, is_dated: bool) -> dict[str, Any]:
        if not is_dated:
            raise Refusal(404, "404", "Resource not found")
        with urlopen(order["content_url"], timeout=10) as answer:  # noqa: S310  of a test
            content = answer.read()
        return self.resource.store(
            order["filename"], order["purpose"], content, order.get("expires_after", {}).get("seconds")
        )

    def _upload(self, body: bytes, *, is_dated: bool) -> dict[str, Any]:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        parts = BytesParser(policy=HTTP).parsebytes(head + body).iter_parts()
        form: dict[str, bytes] = {}
        name = ""
        for part in parts:
            field = str(part.get_param("name", header="content-disposition"))
            form[field] = part.get_payload(decode=True) or b""  # type: ignore[assignment]  # of parts: bytes
            name = part.get_filename() or name
        texts = {field: value.decode() for field, value in form.items() if field != "file"}
        self.resource.forms.append(texts)
        kept = [file for file in self.resource.files.values() if file["purpose"] == "batch" and not file["expires_at"]]
        expiry = texts.get("expires_after[seconds]") or (texts.get("expires_after.seconds") if is_dated else None)
        if texts["purpose"] == "batch" and not expiry and len(kept) >= 500:
            words = "The quota for files without expiry is reached. The maximum is 500."
            raise Refusal(400, "quotaExceeded", words)
        return self.resource.store(name, texts["purpose"], form["file"], int(expiry) if expiry else None)

    def _batches(self, route: re.Match[str], query: dict[str, str], body: bytes, *, is_dated: bool) -> Any:
        resource, batch_id = self.resource, route["id"]
        if route["verb"] == "cancel":
            resource.batches[batch_id] |= {"status": "cancelling"}
            return resource.batches[batch_id]
        if self.command == "POST":
            return resource.begin(json.loads(body), is_dated=is_dated)
        return _page([*resource.batches.values()], query, 20) if batch_id is None else resource.complete(batch_id)


def _page(found: list[dict[str, Any]], query: dict[str, str], usual: int) -> dict[str, Any]:
    newest = found if query.get("order") == "asc" else found[::-1]
    ids = [one["id"] for one in newest]
    start = ids.index(query["after"]) + 1 if "after" in query else 0
    page = newest[start : start + int(query.get("limit", usual))]
    ends = {"first_id": page[0]["id"] if page else None, "last_id": page[-1]["id"] if page else None}
    return {"object": "list", "data": page, "has_more": start + len(page) < len(newest), **ends}


@contextmanager
def resource_here(**options: Any) -> Iterator[Resource]:
    """
    Serve a resource on a free port until the block ends.
    """
    resource = Resource(**options)
    handler = type("Handler", (_Handler,), {"resource": resource})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        resource.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield resource
        finally:
            server.shutdown()
