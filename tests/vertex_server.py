"""
A Vertex AI on a real socket: batch prediction jobs that run when they are asked about, over a bucket of their own.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import attrs

from tests.google_wire import Answer, Hangup, Refusal, rfc3339
from tests.scripted_server import Exchange, Received, rendered, serving
from tests.storage_bucket import Storage

TOKEN: Final = "ya29.secret-of-a-test"
PROJECT: Final = "my-project-1"
LOCATION: Final = "us-central1"
BUCKET: Final = "my-bucket"
_NUMBER: Final = "424242"
_JOBS: Final = re.compile(r"/v1(?:beta1)?/projects/([^/]+)/locations/([^/]+)/batchPredictionJobs(?:/(\d+))?(?::(\w+))?")
_LABEL: Final = re.compile(r'labels\.([a-z0-9_-]+)="?([a-z0-9_-]+)"?')
_STATUSES: Final = {400: "FAILED_PRECONDITION", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
_OVER: Final = frozenset(f"JOB_STATE_{state}" for state in ("SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"))
_DEEPEST: Final = 15


@attrs.define
class VertexServer:
    """
    Keeps what is sent, and runs jobs when they are asked about.

    Attributes:
        polls: How often a job must be asked about before it is over.

        loses_jobs: How many creations of jobs come about without an answer.

        loses_cancels: How many cancellations come about at once and without an answer.

        shards: In how many objects a job writes what came of it.

        fails_with: Code and message of the error with which jobs fail.

        refuses_lists: Status with which lists of jobs are refused.

        written: How many rows a job has when it is stopped; ``None``: it was not begun.

        expires: Whether jobs are stopped because they take too long.

        counts: Whether Google says how many rows there are.

        cancels_late: Whether a job that is cancelled is as quick as that and succeeds.

        page_size: The most jobs that one page has.

        jobs: By number; the oldest first.

        answered: What was asked, and status and body of the answer.
    """

    polls: int = 1
    loses_jobs: int = 0
    loses_cancels: int = 0
    shards: int = 1
    fails_with: tuple[int, str] | None = None
    refuses_lists: int | None = None
    written: int | None = None
    expires: bool = False
    counts: bool = True
    cancels_late: bool = False
    page_size: int = 100
    url: str = ""
    storage: Storage = attrs.field(factory=lambda: Storage(buckets={BUCKET: {}}))
    jobs: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    answered: list[tuple[Received, int, bytes]] = attrs.field(factory=list)
    received: list[Received] = attrs.field(factory=list)
    reads_no_body: bool = True
    _asked: dict[str, int] = attrs.field(factory=dict)
    _lock: Any = attrs.field(factory=threading.RLock)

    def __call__(self, exchange: Exchange) -> None:
        """
        Answer one request.
        """
        method, path, headers = exchange.request_head()
        body = exchange.read_body()
        if len(body) < int(headers.get("content-length", "0")):
            raise ConnectionResetError
        asked = Received(method=method, path=path, headers=headers, body=body)
        with self._lock:
            self.received.append(asked)
            try:
                status, fields, content = self._answer(asked)
            except Hangup:
                exchange.reset()
                return
            self.answered.append((asked, status, content))
        exchange.sock.sendall(rendered(status, content, fields))

    @property
    def asked(self) -> list[str]:
        """Method and path of each request, without what all have in common."""
        return [f"{one.method} {urlsplit(one.path).path.rpartition('/locations/')[2]}" for one in self.received]

    def start_anew(self) -> None:
        """
        Forget what was asked.
        """
        self.received.clear()
        self.answered.clear()

    def add(self, **fields: Any) -> str:
        """
        Keep a job as somebody else created it; return its number.
        """
        return str(self._keep(fields)["name"].rpartition("/")[2])

    def _answer(self, asked: Received) -> Answer:
        found = _JOBS.fullmatch(urlsplit(asked.path).path)
        try:
            if found is None:
                return self.storage.answer(asked)
            return 200, {}, json.dumps(self._on_jobs(asked, found)).encode()
        except Refusal as refusal:
            if found is None:
                return self.storage.refuse(refusal, asked.path)
            error = {"code": refusal.status, "message": refusal.message, "status": _STATUSES.get(refusal.status)}
            return refusal.status, {}, json.dumps({"error": error}).encode()

    def _on_jobs(self, asked: Received, found: re.Match[str]) -> Any:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            raise Refusal(401, "Request had invalid authentication credentials.")
        if (found[1], found[2]) != (PROJECT, LOCATION) and found[1] != _NUMBER:
            raise Refusal(403, f"Permission denied on resource project {found[1]}.")
        number, verb = found[3], found[4]
        if number is None:
            return self._create(json.loads(asked.body)) if asked.method == "POST" else self._page(asked.path)
        if number not in self.jobs:
            raise Refusal(404, f"The BatchPredictionJob {number} does not exist.")
        job = self.jobs[number]
        if verb == "cancel":
            return self._cancel(job)
        if asked.method == "DELETE":
            return self._delete(job, number)
        self._work(job, number)
        return job

    def _create(self, order: dict[str, Any]) -> Any:
        if "publishers/" not in order["model"] or "unknown" in order["model"]:
            raise Refusal(404, f"The PublisherModel {order['model']} does not exist.")
        for name, value in order.get("labels", {}).items():
            if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", name) or not re.fullmatch(r"[a-z0-9_-]{0,63}", value):
                raise Refusal(400, f"The label {name} is invalid.")
        job = self._keep(order)
        if self.loses_jobs:
            self.loses_jobs -= 1
            raise Hangup
        return job

    def _keep(self, order: dict[str, Any]) -> dict[str, Any]:
        number = str(7_000_000_000_000_000_000 + len(self.jobs))
        now = rfc3339(time.time() + len(self.jobs))  # each has a second of its own
        job = {
            "name": f"projects/{_NUMBER}/locations/{LOCATION}/batchPredictionJobs/{number}",
            "state": "JOB_STATE_PENDING",
            "createTime": now,
            "updateTime": now,
            "modelVersionId": "default",
            **order,
        }
        self.jobs[number] = job
        return job

    def _page(self, path: str) -> Any:
        if self.refuses_lists is not None:
            raise Refusal(self.refuses_lists, "Lists are refused.")
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        jobs = list(reversed(self.jobs.values()))
        if "filter" in query:
            wanted = _LABEL.fullmatch(query["filter"])
            if wanted is None:
                raise Refusal(400, f"The filter {query['filter']} is invalid.")
            jobs = [job for job in jobs if job.get("labels", {}).get(wanted[1]) == wanted[2]]
        start, size = int(query.get("pageToken", "0")), min(int(query.get("pageSize", "100")), self.page_size)
        page: dict[str, Any] = {"batchPredictionJobs": jobs[start : start + size]} if jobs[start:] else {}
        return page | ({"nextPageToken": str(start + size)} if jobs[start + size :] else {})

    def _cancel(self, job: dict[str, Any]) -> Any:
        if job["state"] in _OVER:
            raise Refusal(400, f"The job is in state {job['state']} and cannot be cancelled.")
        job["state"] = "JOB_STATE_CANCELLING"
        if self.loses_cancels:
            self.loses_cancels -= 1
            job |= {"state": "JOB_STATE_CANCELLED", "endTime": job["updateTime"]}
            raise Hangup
        return {}

    def _delete(self, job: dict[str, Any], number: str) -> Any:
        if job["state"] not in _OVER:
            raise Refusal(400, f"The job is in state {job['state']} and cannot be deleted.")
        del self.jobs[number]
        return {"name": f"projects/{_NUMBER}/locations/{LOCATION}/operations/1", "done": True, "response": {}}

    def _work(self, job: dict[str, Any], number: str) -> None:
        """
        Let a job come further; what it does at its end takes no time.
        """
        self._asked[number] = self._asked.get(number, 0) + 1
        job["updateTime"] = now = rfc3339(time.time() + 60)
        if job["state"] in _OVER:
            return
        if job["state"] == "JOB_STATE_CANCELLING" and not self.cancels_late:
            job |= {"endTime": now, "error": {"code": 1, "message": "Cancelled."}, **self._stop(job, "CANCELLED")}
        elif self._asked[number] < self.polls:
            job |= {"state": "JOB_STATE_RUNNING", "startTime": job.get("startTime", now)}
        else:
            ended = self._stop(job, "EXPIRED") if self.expires else self._end(job)
            job |= {"startTime": job.get("startTime", now), "endTime": now, **ended}

    def _stop(self, job: dict[str, Any], state: str) -> dict[str, Any]:
        if self.written is None:
            return {"state": f"JOB_STATE_{state}"}
        lines = [json.loads(line) for line in self._input_of(job).splitlines()][-self.written :]
        return self._ended(job, lines) | {"state": f"JOB_STATE_{state}"}

    def _end(self, job: dict[str, Any]) -> dict[str, Any]:
        if self.fails_with is not None:
            return {"state": "JOB_STATE_FAILED", "error": dict(zip(("code", "message"), self.fails_with, strict=True))}
        try:
            lines = [json.loads(line) for line in self._input_of(job).splitlines() if line.strip()]
            for line in lines:
                _require_importable(line)
        except ValueError as error:
            return {"state": "JOB_STATE_FAILED", "error": {"code": 3, "message": f"Failed to import data. {error}"}}
        return self._ended(job, lines) | {"state": "JOB_STATE_SUCCEEDED"}

    def _ended(self, job: dict[str, Any], lines: list[dict[str, Any]]) -> dict[str, Any]:
        rows = [answered(line, job["model"]) for line in reversed(lines)]
        failed = sum(bool(row.get("status")) or bool(row.get("error")) for row in rows)
        counts = {"successfulCount": len(rows) - failed, "failedCount": failed}
        stats = {name: str(count) for name, count in counts.items() if count}
        told = {"completionStats": stats} if self.counts else {}
        return {"outputInfo": {"gcsOutputDirectory": self._write(job, rows)}, **told}

    def _input_of(self, job: dict[str, Any]) -> bytes:
        (uri,) = job["inputConfig"]["gcsSource"]["uris"]
        bucket, _, name = uri.removeprefix("gs://").partition("/")
        content = self.storage.contents.get((bucket, name))
        if content is None:
            raise ValueError(f"{uri} does not exist.")
        return content

    def _write(self, job: dict[str, Any], rows: list[dict[str, Any]]) -> str:
        folder = f"{job['outputConfig']['gcsDestination']['outputUriPrefix']}/prediction-model-{job['createTime']}"
        bucket, _, prefix = folder.removeprefix("gs://").partition("/")
        for shard in range(self.shards):
            content = b"".join(json.dumps(row).encode() + b"\n" for row in rows[shard :: self.shards])
            name = "predictions.jsonl" if self.shards == 1 else f"predictions_{shard:05}.jsonl"
            self.storage.store(bucket, f"{prefix}/{name}", content)
        self.storage.store(bucket, f"{prefix}/incremental_predictions.txt", b"no rows")
        return folder


def answered(line: dict[str, Any], model: str) -> dict[str, Any]:
    """
    Return the row that answers a line, as models of that publisher do; one that asks for trouble has failed.
    """
    is_trouble = "trouble" in json.dumps(line)
    if "method" in line:
        return _answered_openai(line, is_trouble=is_trouble)
    row = {**line, "processed_time": "2026-11-01T18:13:16.826+00:00", "status": ""}
    if is_trouble:
        error = {"code": 400, "message": "Please use a valid role: user, model.", "status": "INVALID_ARGUMENT"}
        return row | {"status": f"Bad Request: {json.dumps({'error': error})}", "response": {}}
    if "/anthropic/" in model:
        return row | {"response": _claude()}
    if "content" in line["request"]:
        return row | {"response": {"embedding": {"values": [0.5, 0.25]}, "tokenCount": "7"}}
    row["request"] = _with_nulls(line["request"])
    return row | {"response": _gemini(model.rpartition("/")[2], f"yes, {_asked_in(line)}")}


def _answered_openai(line: dict[str, Any], *, is_trouble: bool) -> dict[str, Any]:
    row = {"id": f"r-{line['custom_id']}", "custom_id": line["custom_id"], "response": None, "error": None}
    if is_trouble:
        return row | {"error": {"code": "400", "message": "Please use a valid role."}}
    message = {"role": "assistant", "content": f"yes, {line['custom_id']}"}
    body = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": line["body"]["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }
    return row | {"response": {"status_code": 200, "request_id": "q", "body": body}}


def _claude() -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [{"type": "text", "text": "yes"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 100, "output_tokens": 20},
    }


def _gemini(model: str, text: str) -> dict[str, Any]:
    content = {"role": "model", "parts": [{"text": "hm", "thought": True}, {"text": text}]}
    usage = {
        "promptTokenCount": 100,
        "candidatesTokenCount": 20,
        "thoughtsTokenCount": 1000,
        "totalTokenCount": 1120,
    }
    candidate = {"content": content, "finishReason": "STOP", "avgLogprobs": -0.1}
    return {"candidates": [candidate], "modelVersion": model, "responseId": "abc", "usageMetadata": usage}


def _asked_in(line: dict[str, Any]) -> str:
    turns = line["request"]["contents"]
    return "".join(part.get("text", "") for part in turns[-1]["parts"])


def _with_nulls(request: dict[str, Any]) -> dict[str, Any]:
    """
    Return a request as Google repeats it, with members that it did not have.
    """
    contents = [
        {**turn, "parts": [{"fileData": None, **part} for part in turn["parts"]]} for turn in request["contents"]
    ]
    return {**request, "contents": contents}


def _require_importable(value: Any, depth: int = 0) -> None:
    """
    Check that a line has nothing that Google's import fails at.
    """
    if isinstance(value, dict):
        odd = next((name for name in value if not re.fullmatch(r"\w+", name)), None)
        if odd is not None or depth >= _DEEPEST or (depth and not value):
            raise ValueError(f"The field {odd} cannot be a column.")
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _require_importable(one, depth + 1)


@contextmanager
def serving_vertex(server: VertexServer | None = None) -> Iterator[VertexServer]:
    """
    Run a Vertex AI with its bucket.
    """
    vertex = server or VertexServer()
    with serving(vertex) as socket:
        vertex.url = vertex.storage.url = socket.url.removesuffix("/v1")
        yield vertex
