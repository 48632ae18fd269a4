"""
A Batches API on a real socket that remembers what was created, and fails in the ways that leave callers in doubt.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import attrs

from tests.scripted_server import Exchange, ScriptedServer, rendered, serving

Fault = Callable[["BatchServer", Exchange, dict[str, Any]], None]
"""What a creation comes to: whether the server acts, and what it says."""

LATE_S: Final = 0.5


@attrs.define
class BatchServer:
    """
    Creates, retrieves, lists and cancels batches.

    Attributes:
        faults: What the first creations come to; all further ones are answered.

        batches: What there is, the oldest first.

        asked: Method and path of each request.

        keeps_metadata: False for servers that drop it.

        unlisted_s: Seconds for which a new batch is in no list.
    """

    faults: list[Fault]
    batches: list[dict[str, Any]] = attrs.field(factory=list)
    asked: list[tuple[str, str]] = attrs.field(factory=list)
    keeps_metadata: bool = True
    unlisted_s: float = 0.0
    _born: dict[str, float] = attrs.field(factory=dict)
    _server: ScriptedServer | None = None

    @property
    def url(self) -> str:
        """Base URL of the API here."""
        assert self._server is not None
        return self._server.url

    @property
    def creations(self) -> int:
        """How often a batch was asked for."""
        return sum(method == "POST" and not path.endswith("/cancel") for method, path in self.asked)

    def step(self, exchange: Exchange) -> None:
        """
        Answer one request.
        """
        method, path, _ = exchange.request_head()
        self.asked.append((method, path))
        if path.endswith("/cancel"):
            (batch,) = [one for one in self.batches if one["id"] == path.split("/")[-2]]
            batch["status"] = "cancelling"
            say(exchange, 200, batch)
        elif method == "POST":
            assert self._server is not None
            order = json.loads(self._server.received[-1].body)
            fault = self.faults.pop(0) if self.faults else answered
            fault(self, exchange, order)
        else:
            say(exchange, 200, self._page(parse_qs(urlsplit(path).query)))

    def create(self, order: dict[str, Any]) -> dict[str, Any]:
        """
        Act on *order*.
        """
        metadata = order["metadata"] if self.keeps_metadata else None
        batch = order | {"id": f"batch_{len(self.batches)}", "status": "validating", "created_at": int(time.time())}
        self.batches.append(batch | {"metadata": metadata})
        self._born[batch["id"]] = time.monotonic()
        return self.batches[-1]

    def _page(self, query: dict[str, list[str]]) -> dict[str, Any]:
        latest = time.monotonic() - self.unlisted_s
        newest_first = [batch for batch in self.batches if self._born.get(batch["id"], 0.0) <= latest][::-1]
        ids = [batch["id"] for batch in newest_first]
        start = ids.index(query["after"][0]) + 1 if "after" in query else 0
        end = start + int(query.get("limit", ["20"])[0])  # OpenAI's own number, where none is asked for
        return {"object": "list", "data": newest_first[start:end], "has_more": end < len(ids)}


@contextmanager
def batch_server(*faults: Fault, batches: Sequence[dict[str, Any]] = ()) -> Iterator[BatchServer]:
    """
    Run the server.
    """
    server = BatchServer(list(faults), list(batches))
    with serving(server.step) as socket_server:
        server._server = socket_server
        yield server


def say(exchange: Exchange, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
    """
    Answer with JSON.
    """
    exchange.sock.sendall(rendered(status, json.dumps(value).encode(), headers))


def answered(server: BatchServer, exchange: Exchange, order: dict[str, Any]) -> None:
    """
    Act, and say so.
    """
    say(exchange, 200, server.create(order))


def dropped_after_acting(server: BatchServer, exchange: Exchange, order: dict[str, Any]) -> None:
    """
    Act, and hang up.
    """
    server.create(order)
    exchange.sock.close()


def cut_after_acting(server: BatchServer, exchange: Exchange, order: dict[str, Any]) -> None:
    """
    Act, and hang up in the middle of the answer.
    """
    whole = rendered(200, json.dumps(server.create(order)).encode())
    exchange.sock.sendall(whole[:-20])
    exchange.sock.close()


def refused_after_acting(server: BatchServer, exchange: Exchange, order: dict[str, Any]) -> None:
    """
    Act, and say that it failed.
    """
    server.create(order)
    say(exchange, 500, {"error": {"message": "The server had an error"}})


def nonsense_after_acting(server: BatchServer, exchange: Exchange, order: dict[str, Any]) -> None:
    """
    Act, and answer with success and a page of something else.
    """
    server.create(order)
    exchange.sock.sendall(rendered(200, b"<html>back soon</html>", {"Content-Type": "text/html"}))


def late(server: BatchServer, exchange: Exchange, order: dict[str, Any]) -> None:
    """
    Act when the caller has lost patience.
    """
    time.sleep(LATE_S)
    server.create(order)
    exchange.sock.close()


def dropped_while_acting(server: BatchServer, exchange: Exchange, order: dict[str, Any]) -> None:
    """
    Hang up, as a gateway that loses patience does, and act all the same.
    """
    exchange.sock.close()
    time.sleep(LATE_S)
    server.create(order)


def never(server: BatchServer, exchange: Exchange, order: dict[str, Any]) -> None:  # noqa: ARG001  a fault
    """
    Neither act nor answer, for longer than the caller has patience.
    """
    time.sleep(LATE_S)
    exchange.sock.close()


def dropped_before_acting(server: BatchServer, exchange: Exchange, order: dict[str, Any]) -> None:  # noqa: ARG001  a fault
    """
    Hang up.
    """
    exchange.sock.close()


def refused_before_acting(server: BatchServer, exchange: Exchange, order: dict[str, Any]) -> None:  # noqa: ARG001  a fault
    """
    Say that it failed, which is true.
    """
    say(exchange, 500, {"error": {"message": "The server had an error"}})


def busy(server: BatchServer, exchange: Exchange, order: dict[str, Any]) -> None:  # noqa: ARG001  a fault
    """
    Refuse for now.
    """
    say(exchange, 429, {"error": {"message": "slow down"}}, {"retry-after-ms": "5"})
