"""
A provider in OpenAI's format on a real socket, whose batches are as a test says, and that fails when a test says so.
"""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import attrs

from aikit.types.batches import INTENT_KEY
from tests.scripted_server import Exchange, ScriptedServer, rendered, serving

ANSWER: Final = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_790_000_000,
    "model": "gpt-4o-mini",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
}


def answers(count: int, model: str = "gpt-4o-mini") -> bytes:
    """
    Return the output of a batch.
    """
    response = {"status_code": 200, "request_id": "r", "body": {**ANSWER, "model": model}}
    every = ({"id": f"r{n}", "custom_id": f"line-{n}", "response": response, "error": None} for n in range(count))
    return b"".join(json.dumps(line).encode() + b"\n" for line in every)


def failures(count: int) -> bytes:
    """
    Return the error file of a batch.
    """
    response = {"status_code": 400, "request_id": "r", "body": {"error": {"message": "no"}}}
    every = ({"id": f"r{n}", "custom_id": f"line-{n}", "response": response, "error": None} for n in range(count))
    return b"".join(json.dumps(line).encode() + b"\n" for line in every)


@attrs.define(eq=False)
class Upstream:
    """
    Files and batches; chat completions have one answer.

    Attributes:
        batches: What is answered for each, the oldest first.

        files: Content of each.

        asked: Method and path of each request.

        refuses: Given method and path, the status with which a request is refused, or ``None``.

        on_retrieve: Called with the id of each batch that is asked for.

        keeps_metadata: False for providers that drop it.

        takes_metadata: False for providers that refuse it.

        loses_answers: Whether the connection breaks when a batch is created.

        acts_before: Called before an order of a batch is acted on; *acts_after*, before that is answered.
    """

    batches: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    files: dict[str, bytes] = attrs.field(factory=dict)
    asked: list[tuple[str, str]] = attrs.field(factory=list)
    refuses: Callable[[str, str], int | None] = lambda *_: None
    on_retrieve: Callable[[str], object] = lambda _: None
    acts_before: Callable[[], object] = lambda: None
    acts_after: Callable[[], object] = lambda: None
    keeps_metadata: bool = True
    takes_metadata: bool = True
    loses_answers: bool = False
    _numbers: Any = attrs.field(factory=lambda: itertools.count(1))
    _lock: Any = attrs.field(factory=threading.Lock)
    _server: ScriptedServer | None = None

    @property
    def url(self) -> str:
        """Base URL of the API."""
        assert self._server is not None
        return self._server.url

    def finish(self, batch_id: str, status: str = "completed", **fields: Any) -> None:
        """Let a batch end, with an output of as many answers as it counts."""
        counts = fields.setdefault("request_counts", {"total": 2, "completed": 2, "failed": 0})
        if counts["completed"] and "output_file_id" not in fields:
            fields["output_file_id"] = f"file-out-{batch_id}"
            self.files[fields["output_file_id"]] = answers(counts["completed"])
        if counts["failed"] and "error_file_id" not in fields:
            fields["error_file_id"] = f"file-err-{batch_id}"
            self.files[fields["error_file_id"]] = failures(counts["failed"])
        self.batches[batch_id] |= {"status": status, f"{status}_at": int(time.time()), **fields}

    def contents(self) -> list[str]:
        """Return the files whose content was fetched."""
        return [path.split("/")[-2] for _, path in self.asked if path.endswith("/content")]

    def step(self, exchange: Exchange) -> None:
        """
        Answer one request.
        """
        method, path, _ = exchange.request_head()
        body = exchange.read_body()
        self.asked.append((method, path))
        status = self.refuses(method, path)
        if status is not None:
            say(exchange, status, {"error": {"message": f"refused: {path}", "code": "scripted"}})
            return
        parts = urlsplit(path).path.strip("/").split("/")[1:]
        if parts[0] == "files":
            self._file(exchange, method, parts, body)
        elif parts[0] == "batches":
            self._batch(exchange, method, parts, body, parse_qs(urlsplit(path).query))
        else:
            say(exchange, 200, ANSWER)

    def _file(self, exchange: Exchange, method: str, parts: list[str], body: bytes) -> None:
        if method == "POST":
            name = f"file-up{next(self._numbers)}"
            content = body[body.index(b"\r\n\r\n", body.index(b"filename")) + 4 :]
            self.files[name] = content[: content.index(b"\r\n--" + body[2 : body.index(b"\r\n")])]
        else:
            name = parts[1]
        if name not in self.files:
            say(exchange, 404, {"error": {"message": f"No such File object: {name}"}})
        elif parts[-1] == "content":
            exchange.sock.sendall(rendered(200, self.files[name]))
        else:
            made = {"id": name, "object": "file", "bytes": len(self.files[name]), "created_at": int(time.time())}
            say(exchange, 200, made | {"filename": "batch_secret_output.jsonl", "purpose": "batch"})

    def _batch(
        self, exchange: Exchange, method: str, parts: list[str], body: bytes, query: dict[str, list[str]]
    ) -> None:
        if method == "POST" and len(parts) == 1:
            self.acts_before()
            order = json.loads(body)
            if set(order["metadata"]) - {INTENT_KEY} and not self.takes_metadata:
                error = {"message": "there is no room for metadata", "param": "metadata", "code": "too_many_metadata"}
                say(exchange, 400, {"error": error})
                return
            made = self._create(order)
            self.acts_after()
            if self.loses_answers:
                exchange.sock.shutdown(socket.SHUT_RDWR)
            say(exchange, 200, made)
        elif len(parts) == 1:
            ids = list(self.batches)[::-1]
            start = ids.index(query["after"][0]) + 1 if "after" in query else 0
            page = ids[start : start + int(query["limit"][0])]
            data = [self.batches[name] for name in page]
            say(exchange, 200, {"object": "list", "data": data, "has_more": start + len(page) < len(ids)})
        elif parts[1] not in self.batches:
            say(exchange, 404, {"error": {"message": f"No batch found with id '{parts[1]}'."}})
        else:
            if parts[-1] == "cancel":
                self.batches[parts[1]]["status"] = "cancelling"
            else:
                self.on_retrieve(parts[1])
            say(exchange, 200, self.batches[parts[1]])

    def _create(self, order: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            name = f"batch_up{next(self._numbers)}"
            metadata = order["metadata"] if self.keeps_metadata else None
            made = {"object": "batch", **order, "metadata": metadata, "id": name, "status": "in_progress"}
            self.batches[name] = made | {"created_at": int(time.time())}
            return self.batches[name]


def say(exchange: Exchange, status: int, value: Any) -> None:
    """
    Answer with JSON.
    """
    exchange.sock.sendall(rendered(status, json.dumps(value).encode()))


@contextmanager
def upstream() -> Iterator[Upstream]:
    """
    Run a provider.
    """
    provider = Upstream()

    def step(exchange: Exchange) -> None:
        provider.step(exchange)

    step.reads_no_body = True  # type: ignore[attr-defined]  # requests come side by side, and each reads its own
    with serving(step) as server:
        provider._server = server
        yield provider


PRICES: Final = "      input_cost_per_token_batches: 0.001\n      output_cost_per_token_batches: 0.002\n"


def config_of(*providers: Upstream, prices: str = "") -> str:
    """
    Return a configuration with an account at each of *providers*: ``one``, ``two`` and so on are their models.
    """
    entries = "".join(
        f"  - model_name: {name}\n    litellm_params:\n      model: openai/{model}\n      api_base: {provider.url}\n"
        f"      api_key: sk-upstream\n    model_info:\n      mode: batch\n{prices}"
        for provider, name, model in zip(providers, ("one", "two"), ("gpt-4o-mini", "gpt-4o"), strict=False)
    )
    return f"model_list:\n{entries}"
