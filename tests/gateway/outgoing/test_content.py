"""
Tests of contents that go out: ranges, conditions, headers, clients that go away, providers that break off.
"""

from __future__ import annotations

import http.client
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, Final

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from aikit import OpenAIClient, OpenAIError
from aikit.gateway.outgoing.content import AskedRange, content_answer, disposition
from aikit.gateway.outgoing.errors import error_answer
from aikit.resources.files.stream import OpenAIFileStreamResult
from tests.scripted_server import Exchange, ScriptedServer, Step, answer, rendered, serving

CONTENT: Final = bytes(range(256)) * 4_096  # 1 MiB
_TAGGED: Final = {
    "ETag": '"one"',
    "Last-Modified": "Sat, 01 Nov 2025 10:00:00 GMT",
    "Content-Type": "application/jsonl",
}


def _ranged(headers: Mapping[str, str] = _TAGGED, content: bytes = CONTENT) -> Step:
    def step(exchange: Exchange) -> None:
        told = exchange.request_head()[2].get("range", "")
        if not told:
            exchange.sock.sendall(rendered(200, content, dict(headers)))
            return
        first, last = told.removeprefix("bytes=").split("-")
        start = int(first) if first else max(len(content) - int(last), 0)
        end = min(int(last) + 1, len(content)) if first and last else len(content)
        if start >= len(content):
            exchange.sock.sendall(rendered(416, b"{}", {"Content-Range": f"bytes */{len(content)}"}))
            return
        fields = {**headers, "Content-Range": f"bytes {start}-{end - 1}/{len(content)}"}
        exchange.sock.sendall(rendered(206, content[start:end], fields))

    return step


def _app(client: OpenAIClient) -> Callable[[Scope, Receive, Send], Any]:
    async def opened(start: int, end: int | None) -> OpenAIFileStreamResult:
        stream = await client.files.stream("file-1", {"background": True, "start": start, "end": end})
        return stream.throw()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        is_head = request.method == "HEAD"
        try:
            found: Response = await content_answer(
                request.headers, opened, file_id="file-own", filename="a.jsonl", is_head=is_head
            )
        except OpenAIError as error:
            found = error_answer(error)
        await found(scope, receive, send)

    return app


@contextmanager
def _served(app: Any) -> Iterator[int]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            threading.Event().wait(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def _behind(*steps: Step, **options: Any) -> Iterator[tuple[http.client.HTTPConnection, ScriptedServer]]:
    """
    Give a connection to an application in front of a provider that answers so.
    """
    with (
        serving(*steps) as upstream,
        OpenAIClient(api_key="k", base_url=upstream.url, **options) as client,
        _served(_app(client)) as port,
        closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection,
    ):
        yield connection, upstream


def _get(
    connection: http.client.HTTPConnection, method: str = "GET", **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection.request(method, "/", headers={name.replace("_", "-"): value for name, value in headers.items()})
    found = connection.getresponse()
    return found.status, found.headers, found.read()


def test_a_content_comes_with_the_providers_headers() -> None:
    """Type, length, tag and date are the provider's; a name to save it under is there in any case."""
    with _behind(_ranged()) as (connection, _):
        status, headers, body = _get(connection)
    assert (status, body) == (200, CONTENT)
    assert (headers["content-type"], headers["content-length"]) == ("application/jsonl", str(len(CONTENT)))
    assert (headers["etag"], headers["last-modified"]) == ('"one"', _TAGGED["Last-Modified"])
    assert headers["content-disposition"] == "attachment; filename=\"a.jsonl\"; filename*=UTF-8''a.jsonl"
    assert (headers["accept-ranges"], headers["x-content-type-options"]) == ("bytes", "nosniff")


@pytest.mark.parametrize("knows_ranges", [True, False])
@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-", 5, len(CONTENT)),
        ("bytes=-7", len(CONTENT) - 7, len(CONTENT)),
        ("BYTES= 5-9 ", 5, 10),
        ("bytes=100-99999999999", 100, len(CONTENT)),
        ("bytes=-99999999999", 0, len(CONTENT)),
    ],
)
def test_one_range_is_answered_with_it(asked: str, start: int, end: int, *, knows_ranges: bool) -> None:
    """A range comes with its place in the file, whether the provider knows ranges or not."""
    with _behind(_ranged() if knows_ranges else answer(200, CONTENT, _TAGGED)) as (connection, _):
        status, headers, body = _get(connection, range=asked)
    assert (status, body) == (206, CONTENT[start:end])
    assert headers["content-range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"
    assert headers["content-length"] == str(end - start)


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,4-5", "bytes=9-5", "bytes=-0", "bytes=", "lines=1-2", "bytes=1-2-3", "bytes=a-b", "0-5"]
)
def test_several_ranges_and_what_is_none_get_the_whole(asked: str) -> None:
    """A Range that is not answered is ignored, as any server may."""
    with _behind(_ranged()) as (connection, upstream):
        status, _, body = _get(connection, range=asked)
        assert "range" not in upstream.received[0].headers
    assert (status, body) == (200, CONTENT)


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_range_outside_of_the_file_is_refused(*, knows_ranges: bool) -> None:
    """The refusal tells how many bytes there are."""
    with _behind(_ranged() if knows_ranges else answer(200, CONTENT, _TAGGED)) as (connection, _):
        status, headers, _ = _get(connection, range=f"bytes={len(CONTENT)}-")
        assert (status, headers["content-range"]) == (416, f"bytes */{len(CONTENT)}")
        assert _get(connection, range=f"bytes={len(CONTENT)}-", if_range='"two"')[0] == 200


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ('"one"', 206),
        ('"two"', 200),
        ('W/"one"', 200),
        (_TAGGED["Last-Modified"], 206),
        ("Sun, 02 Nov 2025 10:00:00 GMT", 200),
        ("nonsense", 200),
    ],
)
def test_a_range_is_given_only_of_the_content_that_is_meant(condition: str, status: int) -> None:
    """If-Range with another tag or date gets the whole."""
    with _behind(_ranged()) as (connection, _):
        found, _, body = _get(connection, range="bytes=5-9", if_range=condition)
    assert (found, body) == (status, CONTENT[5:10] if status == 206 else CONTENT)


@pytest.mark.parametrize(
    ("condition", "status"), [('"one"', 304), ('W/"one"', 304), ('"two", "one"', 304), ("*", 304), ('"two"', 200)]
)
def test_what_a_client_has_already_is_not_sent(condition: str, status: int) -> None:
    """If-None-Match with the tag of the file is answered without a body, and the connection goes on."""
    with _behind(_ranged()) as (connection, _):
        found, headers, body = _get(connection, if_none_match=condition)
        assert (found, headers["etag"], body) == (status, '"one"', b"" if status == 304 else CONTENT)
        assert _get(connection)[0] == 200


def test_a_file_without_a_tag_gets_one_of_its_id() -> None:
    """An id always names the same content, so that a range of it can be asked for again."""
    with _behind(_ranged({})) as (connection, _):
        tag = _get(connection)[1]["etag"]
        assert tag == f'"file-own-{len(CONTENT)}"'
        assert _get(connection, range="bytes=5-9", if_range=tag)[2] == CONTENT[5:10]


def test_head_tells_what_get_would() -> None:
    """A HEAD has the headers and no body, and leaves the connection usable."""
    with _behind(_ranged()) as (connection, _):
        status, headers, body = _get(connection, "HEAD", range="bytes=5-9")
        assert (status, headers["content-length"], body) == (206, "5", b"")
        assert _get(connection)[2] == CONTENT


def _chunked(exchange: Exchange) -> None:
    head = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"
    exchange.sock.sendall(head + b"%x\r\n" % len(CONTENT) + CONTENT + b"\r\n0\r\n\r\n")


def test_a_content_of_unknown_size_is_sent_whole() -> None:
    """Where the provider tells no size, a range cannot be placed, and all comes, in chunks."""
    about = answer(
        200,
        b'{"id":"file-1","object":"file","bytes":%d,"created_at":1,"filename":"a","purpose":"batch"}' % len(CONTENT),
    )
    with _behind(_chunked, _chunked, about) as (connection, _):
        status, headers, body = _get(connection, range="bytes=5-9")
    assert (status, headers["content-length"], body) == (200, None, CONTENT)


@pytest.mark.parametrize("step", [answer(200, CONTENT, _TAGGED), _chunked])
def test_a_provider_that_breaks_off_breaks_the_connection(step: Step) -> None:
    """A content that cannot be had to its end is never ended as if it were whole."""

    def broken(exchange: Exchange) -> None:
        sent: list[bytes] = []
        step(Exchange(_Collecting(sent), exchange.head))  # type: ignore[arg-type]  # as much of a socket as is used
        exchange.sock.sendall(b"".join(sent)[:-500_000])
        exchange.sock.close()

    with _behind(broken, broken, broken, max_retries=0) as (connection, _):
        connection.request("GET", "/")
        found = connection.getresponse()
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            found.read()


class _Collecting:
    def __init__(self, sent: list[bytes]) -> None:
        self.sendall = sent.append


def test_a_client_that_goes_away_ends_the_transfer() -> None:
    """The provider's connection is closed as soon as the client's is."""
    ended = threading.Semaphore(0)

    def endless(exchange: Exchange) -> None:
        exchange.sock.sendall(b"HTTP/1.1 200 X\r\nContent-Length: 99999999999\r\n\r\n")
        try:
            while True:
                exchange.sock.sendall(CONTENT)
        finally:
            ended.release()

    with _behind(endless) as (connection, _):
        for _ in range(5):
            connection.request("GET", "/")
            assert connection.getresponse().read(100_000)
            connection.close()
            assert ended.acquire(timeout=20)


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ('attachment; filename="a.jsonl"', 'attachment; filename="a.jsonl"'),
        (
            'attachment; filename="batch_upstream_output.jsonl"',
            "attachment; filename=\"a.jsonl\"; filename*=UTF-8''a.jsonl",
        ),
        ("inline", "attachment; filename=\"a.jsonl\"; filename*=UTF-8''a.jsonl"),
        ('inline; filename="b.html"', "attachment; filename=\"a.jsonl\"; filename*=UTF-8''a.jsonl"),
    ],
)
def test_a_content_is_saved_and_never_shown(told: str, kept: str) -> None:
    """What is to be shown would be a page of the gateway's own, so it is to be saved; under the name that is known."""
    with _behind(_ranged({"Content-Disposition": told, "Content-Type": "text/html"})) as (connection, _):
        assert _get(connection)[1]["content-disposition"] == kept


@given(name=st.text(min_size=1, max_size=60))
def test_any_name_is_one_header(name: str) -> None:
    """Whatever a file is called, its header is one line of a quoted name and an encoded one."""
    value = disposition(None, name)
    assert value.isascii()
    assert value.isprintable()
    assert value.count('"') == 2


@given(asked=st.text(alphabet="bytes=0123456789-, ", max_size=30))
def test_ranges_are_slices(asked: str) -> None:
    """Whatever is asked for, it is a range that a stream takes, or the whole."""
    found = AskedRange.of({"range": asked})
    assert found is None or found.end is None or 0 <= found.start < found.end


def test_nothing_is_logged_of_a_client_that_goes_away(caplog: pytest.LogCaptureFixture) -> None:
    """A download that its client ends is no error of the gateway."""
    with caplog.at_level(logging.ERROR):
        test_a_client_that_goes_away_ends_the_transfer()
    assert caplog.records == []
