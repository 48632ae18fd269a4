"""
A Gemini Developer API on a real socket: files, resumable uploads and batches in Google's own shapes.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import attrs

from tests.google_wire import Answer, Hangup, Refusal
from tests.scripted_server import Exchange, Received, rendered, serving

KEY: Final = "AIza-0123456789"
_STATUSES: Final = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ALREADY_EXISTS"}
_NAME: Final = re.compile(r"files/[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_DAY_S: Final = 86_400


@attrs.define
class Session:
    """
    A resumable upload.
    """

    file: dict[str, Any]
    size: int | None
    content: bytearray = attrs.field(factory=bytearray)
    is_final: bool = False


@attrs.define
class GeminiServer:
    """
    Keeps what is sent, and runs batches when they are asked about.

    Attributes:
        faults: Number of the request that sends content, from 1 → what it comes to: ``"cut"`` keeps the first half and
            resets, ``"lost"`` keeps all and resets, ``"503"`` keeps nothing.

        loses_batches: How many creations of batches come about without an answer.

        gives_uploads: Whether what was uploaded can be downloaded; Google gives what its batches made alone.

        has_ranges: Whether it heeds ranges.

        granularity: Of chunks.

        page_size: The most that one page has.

        session_root: Where sessions are; ``None``: here.

        asks: Batches that must be asked about so often before they are done.
    """

    faults: dict[int, str] = attrs.field(factory=dict)
    loses_batches: int = 0
    gives_uploads: bool = False
    has_ranges: bool = True
    granularity: int = 4
    page_size: int = 100
    session_root: str | None = None
    asks: int = 1
    url: str = ""
    files: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    contents: dict[str, bytes] = attrs.field(factory=dict)
    batches: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    sessions: dict[str, Session] = attrs.field(factory=dict)
    received: list[Received] = attrs.field(factory=list)
    answered: list[bytes] = attrs.field(factory=list)
    reads_no_body: bool = True
    _sent: int = 0
    _lock: Any = attrs.field(factory=threading.RLock)

    def __call__(self, exchange: Exchange) -> None:
        """
        Answer one request.
        """
        method, path, headers = exchange.request_head()
        body = exchange.read_body()
        if len(body) < int(headers.get("content-length", "0")):
            raise ConnectionResetError
        with self._lock:
            self.received.append(Received(method=method, path=path, headers=headers, body=body))
            try:
                status, fields, content = self._answer(method, path, headers, body)
            except Refusal as refusal:
                error = {"code": refusal.status, "message": refusal.message, "status": _STATUSES[refusal.status]}
                status, fields, content = refusal.status, {}, json.dumps({"error": error}).encode()
            except Hangup:
                exchange.reset()
                return
            self.answered.append(content)
        exchange.sock.sendall(rendered(status, content, fields))

    @property
    def asked(self) -> list[str]:
        """Method and path of each request, with the command to a session."""
        told = [
            (one.method, urlsplit(one.path).path, one.headers.get("x-goog-upload-command")) for one in self.received
        ]
        return [" ".join(filter(None, one)) for one in told]

    def _answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if "upload_id" in query:
            return self._write(query["upload_id"], headers, body)
        if headers.get("x-goog-api-key") != KEY or "key" in query:
            raise Refusal(403, "Method doesn't allow unregistered callers. Please use API Key.")
        if parts.path == "/upload/v1beta/files":
            return self._start(headers, _in_camels(json.loads(body)["file"]))
        if parts.path.endswith(":download"):  # Google's own library leaves out the first word
            name = parts.path.removeprefix("/download").removeprefix("/v1beta/").removesuffix(":download")
            return self._download(name, headers)
        answer = self._json(method, parts.path.removeprefix("/v1beta/"), query, _in_camels(json.loads(body or b"{}")))
        return 200, {}, json.dumps(answer).encode()

    def _json(self, method: str, path: str, query: dict[str, str], order: dict[str, Any]) -> Any:
        if path in {"files", "batches"}:
            return self._page(path, query)
        if path.startswith("models/"):
            model, _, method = path.partition(":")
            return self._create(model, method, order["batch"])
        path, _, verb = path.partition(":")
        kept = self.files if path.startswith("files/") else self.batches
        if path not in kept:
            raise _missing(path)
        if method == "DELETE":
            del kept[path]
            return {}
        if verb == "cancel":
            kept[path]["metadata"]["state"] = "BATCH_STATE_CANCELLED"
            kept[path]["done"] = True
            return {}
        if kept is self.batches:
            self._work(kept[path])
        return kept[path]

    def _page(self, name: str, query: dict[str, str]) -> Any:
        entries = list(reversed((self.files if name == "files" else self.batches).values()))
        start, size = int(query.get("pageToken", "0")), min(int(query.get("pageSize", "10")), self.page_size)
        field = "files" if name == "files" else "operations"
        page: dict[str, Any] = {field: entries[start : start + size]} if entries[start:] else {}
        return page | ({"nextPageToken": str(start + size)} if entries[start + size :] else {})

    def _start(self, headers: dict[str, str], file: dict[str, Any]) -> Answer:
        file.setdefault("name", f"files/made-{len(self.files)}-{len(self.sessions)}")
        if not _NAME.fullmatch(file["name"]):
            raise Refusal(400, "File name may only contain lowercase alphanumeric characters or dashes (-).")
        if file["name"] in self.files:
            raise Refusal(409, f"Requested entity already exists: {file['name']}")
        size = headers.get("x-goog-upload-header-content-length")
        session_id = f"ABCsecret{len(self.sessions)}"
        file["mimeType"] = headers["x-goog-upload-header-content-type"]
        self.sessions[session_id] = Session(file, None if size is None else int(size))
        root = self.session_root or self.url
        fields = {
            "X-Goog-Upload-Status": "active",
            "X-Goog-Upload-URL": f"{root}/upload/v1beta/files?upload_id={session_id}&upload_protocol=resumable",
            "X-Goog-Upload-Chunk-Granularity": str(self.granularity),
        }
        return 200, fields, b""

    def _write(self, session_id: str, headers: dict[str, str], body: bytes) -> Answer:
        session = self.sessions.get(session_id)
        if session is None:
            raise Refusal(404, f"There is no upload {session_id}")
        command = headers["x-goog-upload-command"].replace(" ", "").split(",")
        if command == ["query"]:
            status = "final" if session.is_final else "active"
            return 200, {"X-Goog-Upload-Status": status, "X-Goog-Upload-Size-Received": str(len(session.content))}, b""
        self._sent += 1
        fault = self.faults.get(self._sent)
        if fault == "503":
            return 503, {}, json.dumps({"error": {"code": 503, "message": f"{session_id} is busy"}}).encode()
        if int(headers["x-goog-upload-offset"]) != len(session.content) or session.is_final:
            raise Refusal(400, "The offset is not where the upload is.")
        if fault == "cut":
            body = body[: len(body) // 2 // self.granularity * self.granularity]
        session.content += body
        if fault == "cut":
            raise Hangup
        if "finalize" in command:
            self._finish(session)
        elif len(body) % self.granularity:
            raise Refusal(400, "The chunk is no multiple of the granularity.")
        if fault == "lost":
            raise Hangup
        status = "final" if session.is_final else "active"
        content = json.dumps({"file": self.files[session.file["name"]]}).encode() if session.is_final else b""
        return 200, {"X-Goog-Upload-Status": status}, content

    def _finish(self, session: Session) -> None:
        if session.size not in {None, len(session.content)}:
            raise Refusal(400, "The content has another size than was announced.")
        session.is_final = True
        self.store(session.file["name"], bytes(session.content), **session.file)

    def store(self, name: str, content: bytes, /, **fields: Any) -> dict[str, Any]:
        """
        Keep a file, as if somebody had uploaded it.
        """
        now = time.time() + len(self.files)  # each has a second of its own
        self.contents[name] = content
        self.files[name] = {
            "name": name,
            "mimeType": "text/plain",
            "sizeBytes": str(len(content)),
            "createTime": _time(now),
            "updateTime": _time(now),
            "expirationTime": _time(now + 2 * _DAY_S),
            "sha256Hash": "YWJj",
            "uri": f"https://generativelanguage.googleapis.com/v1beta/{name}",
            "state": "ACTIVE",
            "source": "UPLOADED",
            **fields,
        }
        return self.files[name]

    def _download(self, name: str, headers: dict[str, str]) -> Answer:
        if name not in self.files:
            raise _missing(name)
        if self.files[name]["source"] == "UPLOADED" and not self.gives_uploads:
            raise Refusal(400, f"The file {name} cannot be downloaded.")
        content, asked = self.contents[name], re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", ""))
        if asked is None or not self.has_ranges:
            return 200, {"Content-Type": "application/octet-stream"}, content
        start, end = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
        fields = {"Content-Range": f"bytes {start}-{end}/{len(content)}", "Content-Type": "application/octet-stream"}
        return 206, fields, content[start : end + 1]

    def _create(self, model: str, method: str, batch: dict[str, Any]) -> Any:
        source = batch["inputConfig"]["fileName"]
        if source not in self.files or self.files[source]["mimeType"] not in {"application/jsonl", "jsonl"}:
            raise Refusal(400, f"There is no JSONL file {source}")
        kind = {"batchGenerateContent": "GenerateContentBatch", "asyncBatchEmbedContent": "EmbedContentBatch"}[method]
        name, now = f"batches/b{len(self.batches)}x", _time(time.time() + len(self.batches))
        about = {
            "@type": f"type.googleapis.com/google.ai.generativelanguage.v1main.{kind}",
            "name": name,
            "model": model,
            "displayName": batch["displayName"],
            "inputConfig": {"fileName": source},
            "createTime": now,
            "updateTime": now,
            "batchStats": {"requestCount": str(len(self.contents[source].splitlines()))},
            "state": "BATCH_STATE_PENDING",
        }
        self.batches[name] = {"name": name, "metadata": about}
        if self.loses_batches:
            self.loses_batches -= 1
            raise Hangup
        return self.batches[name]

    def _work(self, batch: dict[str, Any]) -> None:
        about = batch["metadata"]
        about["asked"] = about.get("asked", 0) + 1
        if batch.get("done") or about["asked"] < self.asks:
            return
        rows = [_answered(json.loads(line)) for line in self.contents[about["inputConfig"]["fileName"]].splitlines()]
        name = f"files/batch-{about['name'].partition('/')[2]}"
        content = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        self.store(name, content, mimeType="application/jsonl", source="GENERATED")
        failed = sum(row["error"] is not None for row in rows)
        about["batchStats"] |= {"successfulRequestCount": str(len(rows) - failed), "failedRequestCount": str(failed)}
        about |= {"state": "BATCH_STATE_SUCCEEDED", "endTime": _time(time.time() + 60)}
        about["output"] = {"responsesFile": name}
        batch |= {"done": True, "response": {"responsesFile": name}}


def _missing(path: str) -> Refusal:
    """
    Return what is said of something that is not there, which of files is no 404.
    """
    collection, _, name = path.partition("/")
    if collection == "files":
        return Refusal(403, f"You do not have permission to access the File {name} or it may not exist.")
    return Refusal(404, f"Requested entity was not found: {path}")


def _answered(line: dict[str, Any]) -> dict[str, Any]:
    """
    Return the row that answers a line; one that asks for trouble has failed.
    """
    row: dict[str, Any] = {"id": f"r-{line['custom_id']}", "custom_id": line["custom_id"], "error": None}
    if "trouble" in json.dumps(line["body"]):
        error = {"code": 400, "message": "Please use a valid role.", "status": "INVALID_ARGUMENT"}
        return row | {"response": None, "error": error}
    body: dict[str, Any] = {"model": line["body"]["model"], "usage": {"promptTokens": 7, "totalTokens": 7}}
    if line["url"].endswith("/embeddings"):
        body |= {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]}
    else:
        message = {"role": "assistant", "content": f"yes, {line['custom_id']}"}
        body |= {"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        body["usage"] = {"promptTokens": 100, "completionTokens": 20, "totalTokens": 1120}
    return row | {"response": {"status_code": 200, "request_id": "q", "body": body}}


def _in_camels(order: Any) -> Any:
    """
    Return an order with the names that answers have; both spellings are taken, as protocol buffers do.
    """
    if not isinstance(order, dict):
        return order
    return {re.sub(r"_([a-z])", lambda found: found[1].upper(), name): _in_camels(one) for name, one in order.items()}


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.123456789Z")


@contextmanager
def serving_gemini(server: GeminiServer | None = None) -> Iterator[GeminiServer]:
    """
    Run a Gemini Developer API.
    """
    gemini = server or GeminiServer()
    step: Callable[[Exchange], None] = gemini
    with serving(step) as socket:
        gemini.url = socket.url.removesuffix("/v1")
        yield gemini
