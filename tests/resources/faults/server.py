"""
The server before the truth: by a seeded chance everything goes wrong with a request, or with its answer.
"""

from __future__ import annotations

import collections
import gzip
import random
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import attrs

from tests.resources.faults.truth import Reply, Truth
from tests.scripted_server import Exchange, ScriptedServer, rendered, serving, without_reading_body

TIMEOUT_S: Final = 1.0
_STALL_S: Final = 1.2
_HEAD: Final = {"Content-Type": "application/json"}
_BUSY: Final[tuple[dict[str, str], ...]] = (
    {},
    {"Retry-After": "0.01"},
    {"retry-after-ms": "5"},
    {"Retry-After": "Mon, 30 Nov 2020 09:00:00 GMT"},
    {"Retry-After": "soon"},
    {"Retry-After": "9000"},
    {"x-should-retry": "true"},
)
_GARBLED: Final = (b"", b"{}", b"[]", b"null", b'"ok"', b"{", b"<html>back soon</html>", b"\xff\xfe\x00", b'{"id": 7}')
_BEFORE: Final = ("reset early", "reset", "close", "busy", "busy", "broken", "stall early")
_AFTER: Final = (
    "lost",
    "reset after",
    "broken after",
    "cut",
    "cut head",
    "cut gzip",
    "cut chunks",
    "cut unframed",
    "brotli",
    "stall",
    "garbled",
    "another",
)
_ODD: Final = ("gzip", "deflate", "chunks", "unframed", "drip", "interim", "other success")
_OF_LISTS: Final = ("empty page", "overlap")
_OF_CONTENT: Final = ("other range", "half", "nothing", "change", "range ignored")


@attrs.define
class FaultyServer:
    """
    Passes requests to the truth, unless something happens to them.

    Attributes:
        chance: That something happens to a request.

        happened: How often each fault has.

        untold: Key → how often the truth acted, and the answer did not arrive, or was none.
    """

    truth: Truth
    dice: random.Random
    chance: float = 0.3
    happened: collections.Counter[str] = attrs.field(factory=collections.Counter)
    untold: collections.Counter[str] = attrs.field(factory=collections.Counter)
    lock: Any = attrs.field(factory=threading.RLock)
    _server: ScriptedServer | None = None
    _cursors: dict[str, str] = attrs.field(factory=dict)
    _half_sent: set[str] = attrs.field(factory=set)

    @property
    def url(self) -> str:
        """Base URL of the API here."""
        assert self._server is not None
        return self._server.url

    def step(self, exchange: Exchange) -> None:
        """
        Answer one request, or not.
        """
        method, target, headers = exchange.request_head()
        parts = urlsplit(target)
        path, query = parts.path.removeprefix("/v1/").split("/"), dict(parse_qsl(parts.query))
        fault = self._fate(method, path)
        if fault == "reset early":
            exchange.reset()
            return
        body = exchange.read_body()
        if len(body) < int(headers.get("content-length", "0")):
            raise ConnectionResetError
        if fault in _BEFORE:
            self._refuse(exchange, fault)
            return
        with self.lock:
            query["after"] = self._cursors.get(query.get("after", ""), query.get("after", ""))
            if fault == "range ignored":
                headers = {name: value for name, value in headers.items() if name != "range"}
            if fault == "change":
                self.truth.change(path[1])
            reply = self.truth.act(method, path, query, headers, body)
            reply = self._bent(reply, fault, path, query)
            if reply.key is not None and fault in _AFTER:
                self.untold[reply.key] += 1
            piece = self.dice.random()
        say = _say if fault in _OF_CONTENT and reply.content is None else _SAY.get(fault, _say)
        say(exchange, reply, piece)

    def _fate(self, method: str, path: list[str]) -> str:
        is_list, is_content = method == "GET" and len(path) == 1, path[-1] == "content"
        with self.lock:
            if is_content and path[1] in self._half_sent and self.dice.random() < self.chance:
                self._half_sent.remove(path[1])
                self.happened["change"] += 1
                return "change"
            if self.dice.random() >= self.chance:
                return ""
            special = _OF_LISTS if is_list else self._of_content(path[1]) if is_content else ()
            kinds = [kind for kind in (_BEFORE, _AFTER, _ODD, special) if kind]
            fault = self.dice.choice(self.dice.choice(kinds))
            if fault.startswith("stall") and self.dice.random() < 0.9:
                fault = "lost"  # stalls take their time
            if (fault in {"garbled", "another"} and is_content) or (fault == "another" and path == ["uploads"]):
                fault = "cut"  # no client can know that of a content, nor of an upload that has no part yet
            if is_content and fault.startswith("cut") and "change" in special:
                self._half_sent.add(path[1])
            self.happened[fault] += 1
            return fault

    def _of_content(self, file_id: str) -> tuple[str, ...]:
        file = self.truth.files.get(file_id)
        if file is None:
            return ()
        return _OF_CONTENT if file["purpose"] == "user_data" else tuple(set(_OF_CONTENT) - {"change"})

    def _refuse(self, exchange: Exchange, fault: str) -> None:
        if fault == "busy":
            headers = self.dice.choice(_BUSY)
            exchange.sock.sendall(rendered(429, b'{"error": {"message": "slow down"}}', {**_HEAD, **headers}))
        elif fault == "broken":
            exchange.sock.sendall(rendered(self.dice.choice((500, 502, 503)), b"<html>broken</html>"))
        else:
            time.sleep(_STALL_S if fault == "stall early" else 0)
            (exchange.reset if fault == "reset" else exchange.sock.close)()

    def _bent(self, reply: Reply, fault: str, path: list[str], query: dict[str, str]) -> Reply:
        """
        Return what the answer becomes by faults that are about its meaning.
        """
        if fault == "garbled" and reply.status == 200:
            return attrs.evolve(reply, content=self.dice.choice(_GARBLED))
        if fault == "another" and reply.status == 200:
            return attrs.evolve(reply, value=self._another(path[0], reply.value))
        if fault == "empty page":
            cursor = f"cursor-{len(self._cursors)}"
            self._cursors[cursor] = query["after"]
            return attrs.evolve(reply, value={"object": "list", "data": [], "last_id": cursor, "has_more": True})
        if fault == "overlap" and query["after"] and reply.value is not None:
            known: dict[str, Any] = getattr(self.truth, path[0])
            again = [known[query["after"]]] if query["after"] in known else []
            return attrs.evolve(reply, value=reply.value | {"data": again + reply.value["data"]})
        return reply

    def _another(self, kind: str, value: Any) -> Any:
        if "data" in value:
            other = self.truth.batches if kind == "files" else self.truth.files
            return value | {"data": [*other.values()]} if other else {}
        known = [one for one in getattr(self.truth, kind).values() if one["id"] != value["id"]]
        if value["object"] == "part":
            return value | {"upload_id": "upload-0"}
        if not known:
            others = {"id": "other-0", "bytes": 7, "input_file_id": "file-0", "metadata": {"aikit_intent": "other"}}
            return {name: others.get(name, told) for name, told in value.items()}
        other = self.dice.choice(known)
        return other | ({"deleted": True} if "deleted" in value else {})


@contextmanager
def faulty_server(seed: int, chance: float) -> Iterator[FaultyServer]:
    """
    Run the server.
    """
    dice = random.Random(f"server {seed}")  # noqa: S311  the same faults for the same seed
    truth = Truth(dice, tag=dice.choice(("strong", "weak", "date")), lateness=dice.choice((0, 0, 1, 2)))
    server = FaultyServer(truth, dice, chance)
    with serving(without_reading_body(server.step)) as socket_server:
        server._server = socket_server
        yield server


def _framed(reply: Reply, body: bytes | None = None, **headers: str) -> bytes:
    """
    Return *reply* as bytes.
    """
    fields = reply.headers | {name.replace("_", "-"): value for name, value in headers.items()}
    return rendered(reply.status, reply.body if body is None else body, fields)


def _say(exchange: Exchange, reply: Reply, _: float) -> None:
    exchange.sock.sendall(_framed(reply))


def _say_status(status: int, body: bytes | None = None, **headers: str) -> Callable[[Exchange, Reply, float], None]:
    def say(exchange: Exchange, reply: Reply, _: float) -> None:
        status_now = status if reply.status == 200 else reply.status
        exchange.sock.sendall(_framed(attrs.evolve(reply, status=status_now), body, **headers))

    return say


def _lose(exchange: Exchange, _: Reply, __: float) -> None:
    exchange.sock.close()


def _reset(exchange: Exchange, _: Reply, __: float) -> None:
    exchange.reset()


def _break(exchange: Exchange, _: Reply, piece: float) -> None:
    status = (500, 502, 503, 504, 408)[int(piece * 5)]
    exchange.sock.sendall(rendered(status, b'{"error": {"message": "The server had an error"}}'))


def _cut(exchange: Exchange, reply: Reply, piece: float) -> None:
    whole = _framed(reply)
    head = whole.index(b"\r\n\r\n") + 4
    exchange.sock.sendall(whole[: head + int((len(whole) - head) * piece)])
    exchange.sock.close()


def _cut_head(exchange: Exchange, reply: Reply, piece: float) -> None:
    whole = _framed(reply)
    exchange.sock.sendall(whole[: int(whole.index(b"\r\n\r\n") * piece)])
    exchange.sock.close()


def _gzip(exchange: Exchange, reply: Reply, _: float) -> None:
    exchange.sock.sendall(_framed(reply, gzip.compress(reply.body), Content_Encoding="gzip"))


def _cut_gzip(exchange: Exchange, reply: Reply, piece: float) -> None:
    encoded = gzip.compress(reply.body)
    cut = encoded[: int(len(encoded) * piece)]
    exchange.sock.sendall(_framed(reply, cut, Content_Encoding="gzip"))


def _deflate(exchange: Exchange, reply: Reply, _: float) -> None:
    exchange.sock.sendall(_framed(reply, zlib.compress(reply.body), Content_Encoding="deflate"))


def _chunks(exchange: Exchange, reply: Reply, piece: float, *, is_whole: bool = True) -> None:
    body = reply.body
    place = int(len(body) * piece)
    head = _framed(reply, b"", Content_Length="", Transfer_Encoding="chunked")
    chunks = [b"%x\r\n%b\r\n" % (len(some), some) for some in (body[:place], body[place:]) if some]
    if not is_whole:
        exchange.sock.sendall(head + b"".join(chunks)[: int(len(body) * piece)])
        exchange.sock.close()
        return
    exchange.sock.sendall(head + b"".join(chunks) + b"0\r\n\r\n")


def _cut_chunks(exchange: Exchange, reply: Reply, piece: float) -> None:
    _chunks(exchange, reply, piece, is_whole=False)


def _unframed(exchange: Exchange, reply: Reply, _: float) -> None:
    exchange.sock.sendall(_framed(reply, b"", Content_Length="", Connection="close") + reply.body)
    exchange.sock.close()


def _cut_unframed(exchange: Exchange, reply: Reply, piece: float) -> None:
    _unframed(exchange, attrs.evolve(reply, content=reply.body[: int(len(reply.body) * piece)]), piece)


def _drip(exchange: Exchange, reply: Reply, _: float) -> None:
    whole = _framed(reply)
    step = len(whole) // 5 + 1
    for start in range(0, len(whole), step):
        exchange.sock.sendall(whole[start : start + step])
        time.sleep(0.002)


def _interim(exchange: Exchange, reply: Reply, _: float) -> None:
    exchange.sock.sendall(b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n" + _framed(reply))


def _stall(exchange: Exchange, _: Reply, __: float) -> None:
    time.sleep(_STALL_S)
    exchange.sock.close()


def _other_range(exchange: Exchange, reply: Reply, _: float) -> None:
    body = reply.body
    shown = {"Content-Range": f"bytes 1-{len(body) - 1}/{len(body)}"}
    exchange.sock.sendall(_framed(attrs.evolve(reply, status=206, headers=reply.headers | shown), body[1:]))


def _half(exchange: Exchange, reply: Reply, piece: float) -> None:
    """
    Give a part that nobody asked for.
    """
    body = reply.body[: 1 + int(len(reply.body) * piece)]
    start = int(reply.headers.get("Content-Range", "bytes 0-").split()[1].split("-")[0])
    whole = start + len(reply.body)
    shown = {"Content-Range": f"bytes {start}-{start + len(body) - 1}/{whole}"}
    exchange.sock.sendall(_framed(attrs.evolve(reply, status=206, headers=reply.headers | shown), body))


_SAY: Final[dict[str, Callable[[Exchange, Reply, float], None]]] = {
    "lost": _lose,
    "reset after": _reset,
    "broken after": _break,
    "cut": _cut,
    "cut head": _cut_head,
    "cut gzip": _cut_gzip,
    "cut chunks": _cut_chunks,
    "cut unframed": _cut_unframed,
    "brotli": _say_status(200, b"\x0b\x02\x80hello\x03", Content_Encoding="br"),
    "stall": _stall,
    "gzip": _gzip,
    "deflate": _deflate,
    "chunks": _chunks,
    "unframed": _unframed,
    "drip": _drip,
    "interim": _interim,
    "other success": _say_status(201),
    "other range": _other_range,
    "half": _half,
    "nothing": _say_status(204, b"", Content_Length=""),
}
