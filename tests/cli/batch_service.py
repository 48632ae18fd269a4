"""
An OpenAI-format server of files and batches that answers every line, and can be held at any moment of a batch's life.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import attrs

MOMENTS: Final = ("upload", "before creation", "after creation", "waiting", "content")


@attrs.define(eq=False)
class Service:
    """
    What the server has and does.

    Attributes:
        looks: How often a batch is asked for until it has ended.

        ends: How the batches end, one after the other, ``"crowded"`` for too many tokens, ``"broken"`` for a failure in
            the middle; then ``"completed"``.

        refusals: How many creations are refused first.

        hold_at: The moment at which the next request is held, once.

        reached: Set when it is.

        go_on: Lets it go.

        is_held: Whether it still is.

        passing: How many requests of that moment pass before.

        unlisted_s: Seconds for which a new batch is in no list.

        keeps_metadata: False for servers that drop it.

        silent_looks: How often a batch that has ended is told without its files and counts.

        unknown: Beginning of a path after ``/v1`` → how many requests for it are answered with 404 first.

        processing: What files are said to be, one look after the other, before they are processed; no batch is made
            of one meanwhile.

        asked: Method and path of each request.
    """

    looks: int = 1
    ends: list[str] = attrs.field(factory=list)
    refusals: int = 0
    hold_at: str = ""
    reached: threading.Event = attrs.field(factory=threading.Event)
    go_on: threading.Event = attrs.field(factory=threading.Event)
    is_held: bool = False
    passing: int = 0
    unlisted_s: float = 0
    keeps_metadata: bool = True
    silent_looks: int = 0
    unknown: dict[str, int] = attrs.field(factory=dict)
    processing: list[str] = attrs.field(factory=list)
    files: dict[str, bytes] = attrs.field(factory=dict)
    batches: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    asked: list[tuple[str, str]] = attrs.field(factory=list)
    url: str = ""
    _seen: dict[str, int] = attrs.field(factory=dict)
    _born: dict[str, float] = attrs.field(factory=dict)
    _lock: Any = attrs.field(factory=threading.Lock)

    def hold(self, moment: str) -> None:
        """
        Stand still if this is the moment.
        """
        if self.hold_at == moment:
            if self.passing:
                self.passing -= 1
                return
            self.hold_at = ""
            self.is_held = True
            self.reached.set()
            self.go_on.wait(30)
            self.is_held = False

    def upload(self, content: bytes, filename: str) -> dict[str, Any]:
        """
        Keep a file.
        """
        self.hold("upload")
        with self._lock:
            file_id = f"file-{len(self.files) + 1}"
            self.files[file_id] = content
        return self.file(file_id) | {"filename": filename}

    def file(self, file_id: str) -> dict[str, Any]:
        """
        Return a File object.
        """
        known = {"object": "file", "id": file_id, "bytes": len(self.files[file_id]), "created_at": int(time.time())}
        status = self.processing.pop(0) if self.processing else "processed"
        return known | {"filename": "a.jsonl", "purpose": "batch", "status": status}

    def is_unknown(self, path: str) -> bool:
        """
        Return whether what is asked for is not known yet.
        """
        for beginning, left in self.unknown.items():
            if left and path.removeprefix("/v1").startswith(beginning):
                self.unknown[beginning] = left - 1
                return True
        return False

    def create(self, order: dict[str, Any]) -> dict[str, Any]:
        """
        Begin a batch.
        """
        self.hold("before creation")
        with self._lock:
            batch_id = f"batch_{len(self.batches) + 1}"
            known = {"object": "batch", "id": batch_id, "status": "validating", "created_at": int(time.time())}
            self.batches[batch_id] = order | known | ({} if self.keeps_metadata else {"metadata": None})
            self._born[batch_id] = time.monotonic()
        self.hold("after creation")
        return self.batches[batch_id]

    def look(self, batch_id: str) -> dict[str, Any]:
        """
        Return a batch, a look nearer to its end.
        """
        self.hold("waiting")
        with self._lock:
            batch = self.batches[batch_id]
            seen = self._seen[batch_id] = self._seen.get(batch_id, 0) + 1
            if batch["status"] == "validating":
                batch["status"] = "in_progress"
            if batch["status"] == "in_progress" and seen > self.looks:
                self._end(batch)
            if batch["status"] == "completed" and self.silent_looks:
                self.silent_looks -= 1
                return batch | {"output_file_id": None, "error_file_id": None, "request_counts": None}
        return batch

    def cancel(self, batch_id: str) -> dict[str, Any]:
        """
        Stop a batch.
        """
        self.batches[batch_id]["status"] = "cancelled"
        return self.batches[batch_id]

    def page(self, query: dict[str, list[str]]) -> dict[str, Any]:
        """
        Return a page of batches, newest first.
        """
        latest = time.monotonic() - self.unlisted_s
        newest = [batch for name, batch in self.batches.items() if self._born[name] <= latest][::-1]
        start = [one["id"] for one in newest].index(query["after"][0]) + 1 if "after" in query else 0
        end = start + int(query.get("limit", ["20"])[0])
        return {"object": "list", "data": newest[start:end], "has_more": end < len(newest)}

    def _end(self, batch: dict[str, Any]) -> None:
        lines = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
        end = self.ends.pop(0) if self.ends else "completed"
        status = "failed" if end in {"crowded", "broken"} else end
        good = [line for line in lines if "bad" not in line["custom_id"]]
        if end in {"expired", "broken"}:
            good = good[: len(good) // 2]
        done = {line["custom_id"] for line in good}
        output, failures = [_answer(line) for line in good], []
        if status != "failed":
            failures = [_failure(line, status) for line in lines if line["custom_id"] not in done]
        else:
            output = output if end == "broken" else []
            error = {"code": "invalid_request", "message": "no such model", "line": 1, "param": "body.model"}
            if end == "crowded":
                error = {"code": "token_limit_exceeded", "message": "Enqueued token limit reached."}
            batch["errors"] = {"object": "list", "data": [error]}
        for name, rows in (("output_file_id", output[::-1]), ("error_file_id", failures)):
            if rows:
                batch[name] = f"file-{name[:3]}-{batch['id']}"
                self.files[batch[name]] = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        counts = {"total": len(lines), "completed": len(output), "failed": len(failures)}
        batch |= {"status": status, "request_counts": counts, f"{status}_at": int(time.time())}


def _answer(line: dict[str, Any]) -> dict[str, Any]:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    choice = {"index": 0, "message": {"role": "assistant", "content": f"yes, {line['custom_id']}"}}
    body = {"object": "chat.completion", "model": line["body"]["model"], "choices": [choice], "usage": usage}
    response = {"status_code": 200, "request_id": f"req-{line['custom_id']}", "body": body}
    return {"id": "batch_req_1", "custom_id": line["custom_id"], "response": response, "error": None}


def _failure(line: dict[str, Any], status: str) -> dict[str, Any]:
    known = {"id": "batch_req_2", "custom_id": line["custom_id"]}
    if status == "expired":
        error = {"code": "batch_expired", "message": "This request could not be executed in time."}
        return known | {"response": None, "error": error}
    body = {"error": {"message": "no", "type": "invalid_request_error", "param": None, "code": "bad_line"}}
    return known | {"response": {"status_code": 400, "request_id": "req-x", "body": body}, "error": None}


class _Answers(BaseHTTPRequestHandler):
    """
    What one connection is answered with.
    """

    service: Service

    def do_GET(self) -> None:
        service = self.service
        service.asked.append(("GET", self.path))
        parts, query = _split(self.path)
        if service.is_unknown(self.path):
            self._answer({"error": {"message": "not yet"}}, 404)
        elif parts[-1] == "content" and parts[1] in service.files:
            service.hold("content")
            self._send(200, service.files[parts[1]])
        elif parts == ["batches"]:
            self._answer(service.page(query))
        elif parts[1] in service.batches:
            self._answer(service.look(parts[1]))
        elif parts[1] in service.files:
            self._answer(service.file(parts[1]))
        else:
            self._answer({"error": {"message": f"No such object: {parts[1]}"}}, 404)

    def do_POST(self) -> None:
        self.service.asked.append(("POST", self.path))
        body = self.rfile.read(int(self.headers["content-length"]))
        parts, _ = _split(self.path)
        if parts == ["files"]:
            self._answer(self.service.upload(*_uploaded(self.headers["content-type"], body)))
        elif parts == ["batches"] and self.service.refusals:
            self.service.refusals -= 1
            self._answer({"error": {"message": "You exceeded your quota.", "code": "insufficient_quota"}}, 403)
        elif parts == ["batches"] and self.service.processing:
            self._answer({"error": {"message": "The input file is in 'pending' state."}}, 400)
        elif parts == ["batches"]:
            self._answer(self.service.create(json.loads(body)))
        else:
            self._answer(self.service.cancel(parts[1]))

    def _answer(self, value: Any, status: int = 200) -> None:
        self._send(status, json.dumps(value).encode())

    def _send(self, status: int, body: bytes) -> None:
        with suppress(OSError):  # the client was killed
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


def _split(path: str) -> tuple[list[str], dict[str, list[str]]]:
    parts = urlsplit(path)
    return parts.path.removeprefix("/v1/").split("/"), parse_qs(parts.query)


def _uploaded(content_type: str, body: bytes) -> tuple[bytes, str]:
    message = BytesParser(policy=HTTP).parsebytes(f"content-type: {content_type}\r\n\r\n".encode() + body)
    parts = {part.get_filename(): part.get_payload(decode=True) for part in message.iter_parts()}
    ((filename, content),) = [(name, content) for name, content in parts.items() if name]
    assert isinstance(content, bytes)
    return content, filename


@contextmanager
def serving_batches(**fields: Any) -> Iterator[Service]:
    """
    Serve while inside.
    """
    service = Service(**fields)
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("Answers", (_Answers,), {"service": service}))
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, args=(0.05,))
    thread.start()
    service.url = f"http://127.0.0.1:{http.server_port}/v1"
    try:
        yield service
    finally:
        service.go_on.set()
        http.shutdown()
        http.server_close()
        thread.join()
