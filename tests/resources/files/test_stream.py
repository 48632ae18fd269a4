"""
Tests of contents as streams of chunks, at the pace of their reader.
"""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest

from aikit import CancelledError, OpenAIClient, OpenAIError, OpenAIFileStreamResult
from tests.scripted_server import Exchange, ScriptedServer, Step, answer, cut, rendered, reset, serving

CONTENT: Final = bytes(range(256)) * 8_192  # 2 MiB
LARGE: Final = CONTENT * 16
_TAG: Final = {"ETag": '"one"', "Content-Type": "application/jsonl", "X-Request-Id": "req_1"}


def _client(server: ScriptedServer, **options: Any) -> OpenAIClient:
    return OpenAIClient(api_key="k", base_url=server.url, **options)


def _ranged(content: bytes = CONTENT, headers: dict[str, str] | None = None, *, most: int | None = None) -> Step:
    """
    Answer with the range asked for; of *most* bytes of it, then cut off.
    """

    def step(exchange: Exchange) -> None:
        told = exchange.request_head()[2].get("range", "")
        fields = dict(_TAG if headers is None else headers)
        body, status = content, 200
        if told:
            first, last = told.removeprefix("bytes=").split("-")
            start = int(first) if first else len(content) - int(last)
            end = min(int(last) + 1, len(content)) if first and last else len(content)
            body, status = content[start:end], 206
            fields["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
            if start >= len(content):
                exchange.sock.sendall(rendered(416, b"{}", {"Content-Range": f"bytes */{len(content)}"}))
                return
        whole = rendered(status, body, fields)
        if most is not None:
            exchange.sock.sendall(whole[: len(whole) - len(body) + most])
            exchange.sock.close()
            return
        exchange.sock.sendall(whole)

    return step


def _read_here(
    client: OpenAIClient, options: dict[str, Any], file_id: str = "file-1"
) -> tuple[bytes, OpenAIFileStreamResult]:
    with client.files.stream(file_id, **options) as stream:
        return b"".join(stream), stream


def _read_beside(
    client: OpenAIClient, options: dict[str, Any], file_id: str = "file-1"
) -> tuple[bytes, OpenAIFileStreamResult]:
    return _read_here(client, {"background": True} | options, file_id)


def _read_in_loop(
    client: OpenAIClient, options: dict[str, Any], file_id: str = "file-1"
) -> tuple[bytes, OpenAIFileStreamResult]:
    async def read() -> tuple[bytes, OpenAIFileStreamResult]:
        async with await client.files.stream(file_id, **{"background": True} | options) as stream:
            return b"".join([chunk async for chunk in stream]), stream

    return asyncio.run(read())


Read = Callable[..., tuple[bytes, OpenAIFileStreamResult]]
every_way = pytest.mark.parametrize("read", [_read_here, _read_beside, _read_in_loop])


@every_way
def test_a_stream_is_the_content_with_the_headers_of_its_answer(read: Read) -> None:
    """All bytes come, in their order, and the headers that came before them are on the result."""
    with serving(_ranged()) as server, _client(server) as client:
        content, stream = read(client, {})
    assert content == CONTENT
    assert stream.success
    assert (stream.headers["Content-Type"], stream.headers["x-request-id"]) == ("application/jsonl", "req_1")
    assert (stream.start, stream.size, stream.total) == (0, len(CONTENT), len(CONTENT))
    assert (server.received[0].headers.get("range"), server.connections) == (None, 1)


@every_way
@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_stream_stays_where_it_was_asked_for(read: Read, take: Callable[[object], object]) -> None:
    """Before its end and after it, it says why it cannot be pickled or copied."""
    with serving(_ranged()) as server, _client(server) as client:
        _, ended = read(client, {})
        with client.files.stream("file-1") as begun:
            for stream in (begun, ended):
                with pytest.raises(TypeError, match="a stream cannot be pickled or copied"):
                    take(stream)


@every_way
@pytest.mark.parametrize(
    ("options", "asked", "start", "end"),
    [
        ({"start": 5}, "bytes=5-", 5, len(CONTENT)),
        ({"start": 5, "end": 6}, "bytes=5-5", 5, 6),
        ({"end": 300_000}, "bytes=0-299999", 0, 300_000),
        ({"start": -7}, "bytes=-7", len(CONTENT) - 7, len(CONTENT)),
        ({"start": 1_000_000, "end": 9_999_999}, "bytes=1000000-9999998", 1_000_000, len(CONTENT)),
    ],
)
@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_range_comes_also_from_servers_that_know_none(
    read: Read, options: dict[str, Any], asked: str, start: int, end: int, *, knows_ranges: bool
) -> None:
    """A range is asked for, and cut out of the whole where the server sends that."""
    step = _ranged() if knows_ranges else answer(200, CONTENT, _TAG)
    with serving(step) as server, _client(server) as client:
        content, stream = read(client, options)
        assert content == CONTENT[start:end]
        assert server.received[0].headers["range"] == asked
    assert (stream.start, stream.size, stream.total) == (start, end - start, len(CONTENT))
    assert stream.success


@every_way
@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_range_outside_of_the_file_is_an_error(read: Read, *, knows_ranges: bool) -> None:
    """Of a range that begins behind the last byte nothing comes, and the size of the file is told."""
    with (
        serving(_ranged() if knows_ranges else answer(200, CONTENT)) as server,
        _client(server) as client,
        pytest.raises(OpenAIError) as caught,
    ):
        read(client, {"start": len(CONTENT)})
    assert caught.value.status == 416
    assert caught.value.headers["content-range"] == f"bytes */{len(CONTENT)}"


@every_way
@pytest.mark.parametrize("options", [{}, {"start": 300_000}, {"start": 5, "end": 1_500_000}])
def test_a_stream_goes_on_after_breaks(read: Read, options: dict[str, Any]) -> None:
    """After a break only the rest is asked for, if the content is still the same, and no byte comes twice."""
    with serving(_ranged(most=700_000), _ranged(most=10), _ranged()) as server, _client(server) as client:
        content, stream = read(client, options)
    assert content == CONTENT[options.get("start", 0) : options.get("end")]
    assert stream.success
    begun = options.get("start", 0) + 700_000
    last = options["end"] - 1 if "end" in options else ""
    told = [(one.headers["range"], one.headers["if-range"]) for one in server.received[1:]]
    assert told == [(f"bytes={begun}-{last}", '"one"'), (f"bytes={begun + 10}-{last}", '"one"')]


@every_way
def test_what_the_reader_has_is_skipped_where_ranges_are_unknown(read: Read) -> None:
    """A server that sends all of it once more after a break gives the reader what it has not got, and nothing twice."""
    whole = answer(200, CONTENT, _TAG)
    with serving(_ranged(most=700_000), whole) as server, _client(server) as client:
        content, _ = read(client, {})
    assert content == CONTENT


@every_way
@pytest.mark.parametrize(
    "second",
    [
        answer(200, CONTENT[::-1], {"ETag": '"two"'}),
        answer(200, CONTENT + b"x", _TAG),
        answer(200, b"short", _TAG),
    ],
)
def test_another_content_after_a_break_is_an_error(read: Read, second: Step) -> None:
    """What came of one content is never gone on with in another."""
    with (
        serving(_ranged(most=700_000), second) as server,
        _client(server) as client,
        pytest.raises(OpenAIError) as caught,
    ):
        read(client, {})
    assert caught.value.code == "file_changed"


@every_way
@pytest.mark.parametrize(
    "step", [cut(rendered(200, CONTENT)[:-5]), reset(rendered(200, CONTENT)[:-5])], ids=["cut", "reset"]
)
def test_a_content_that_stays_short_is_an_error_after_what_came(read: Read, step: Step) -> None:
    """A transfer that breaks for good is raised where the next chunk is asked for: a part never looks whole."""
    with serving(step, cut()) as server, _client(server, max_retries=1) as client, pytest.raises(OpenAIError) as caught:
        read(client, {})
    assert caught.value.code == "connection_error"


@every_way
def test_a_refusal_is_on_the_result_and_raised_to_a_reader(read: Read) -> None:
    """A refusal gives no chunk, and its status and request id are there."""
    body = b'{"error":{"message":"No such File object: file-1","code":"gone"}}'
    with serving(answer(404, body, {"X-Request-Id": "req_2"})) as server, _client(server) as client:
        with pytest.raises(OpenAIError, match="No such File") as caught:
            read(client, {})
        stream = client.files.stream("file-1")
        assert (stream.errors[0].status, stream.headers["x-request-id"]) == (404, "req_2")
    assert (caught.value.code, caught.value.request_id) == ("gone", "req_2")


def _chunked(exchange: Exchange) -> None:
    head = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"
    exchange.sock.sendall(head + b"%x\r\n" % len(CONTENT) + CONTENT + b"\r\n0\r\n\r\n")


@every_way
def test_a_content_of_unknown_size_is_compared_with_the_file(read: Read) -> None:
    """Where no answer tells the size, that of the file is asked for in the end."""
    about = b'{"id":"file-1","object":"file","bytes":%d,"created_at":1,"filename":"a","purpose":"batch"}'
    with serving(_chunked, answer(200, about % len(CONTENT))) as server, _client(server) as client:
        content, stream = read(client, {})
    assert (content, stream.size, stream.total) == (CONTENT, None, None)
    with (
        serving(_chunked, answer(200, about % (len(CONTENT) + 1))) as server,
        _client(server) as client,
        pytest.raises(OpenAIError) as caught,
    ):
        read(client, {})
    assert caught.value.code == "size_mismatch"


def test_headers_are_there_before_the_first_chunk() -> None:
    """A result is begun when its headers are there, though no byte of the content has come yet."""
    go_on = threading.Event()

    def step(exchange: Exchange) -> None:
        whole = rendered(200, CONTENT, _TAG)
        exchange.sock.sendall(whole[: -len(CONTENT)])
        go_on.wait(20)
        exchange.sock.sendall(CONTENT)

    with serving(step) as server, _client(server) as client:
        for background in (False, True):
            go_on.clear()
            with client.files.stream("file-1", background=background) as stream:
                assert stream.wait(20)
                assert (stream.headers["etag"], stream.terminated) == ('"one"', False)
                go_on.set()
                assert b"".join(stream) == CONTENT


class _Trickle:
    """
    Sends a large content as fast as it is taken, and notes how much of it that was.
    """

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.begun = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)

    def __call__(self, exchange: Exchange) -> None:
        whole = memoryview(rendered(200, LARGE, _TAG))
        number = len(self.sent)
        self.sent.append(0)
        self.begun.release()
        try:
            while self.sent[number] < len(whole):
                self.sent[number] += exchange.sock.send(whole[self.sent[number] :][:65_536])
        finally:
            self.ended.release()


@pytest.fixture
def trickle() -> Iterator[tuple[ScriptedServer, _Trickle]]:
    """Serve the large content."""
    step = _Trickle()
    with serving(step) as server:
        yield server, step


def _settled(step: _Trickle) -> list[int]:
    """
    Return what was sent, as soon as nothing more is.
    """
    before: list[int] = []
    while before != step.sent or not before:
        before = list(step.sent)
        time.sleep(0.3)
    return before


def test_streams_that_nobody_reads_hold_no_threads(trickle: tuple[ScriptedServer, _Trickle]) -> None:
    """Fifty open streams rest after a part of their contents, in a client of two threads, and a short call goes on."""
    server, step = trickle
    with _client(server, max_workers=2) as client:
        streams = [client.files.stream("file-1", {"background": True}) for _ in range(50)]
        assert all(stream.wait(30) for stream in streams)
        assert all(sent < len(LARGE) for sent in _settled(step))
        names = [thread.name for thread in threading.enumerate()]
        assert names.count("aikit") <= 3
        assert b"".join(streams[7]) == LARGE
        for stream in streams:
            stream.close()
        for _ in streams:
            assert step.ended.acquire(timeout=20)


def test_a_stream_read_in_its_own_thread_takes_no_more_than_it_gives(trickle: tuple[ScriptedServer, _Trickle]) -> None:
    """A call without background reads from the connection when a chunk is asked for, and starts no thread."""
    server, step = trickle
    with _client(server) as client:
        with client.files.stream("file-1") as stream:
            next(iter(stream))
            assert _settled(step)[0] < len(LARGE)
            assert client.files._session._scheduler is None
        assert step.ended.acquire(timeout=20)
        assert stream.errors[0].code == "cancelled"


@pytest.mark.parametrize("options", [{}, {"background": True}])
@pytest.mark.parametrize("end", ["close", "cancel", "client"])
def test_ending_early_ends_the_transfer(
    trickle: tuple[ScriptedServer, _Trickle], options: dict[str, Any], end: str
) -> None:
    """A stream that is closed or cancelled, or whose client is closed, leaves no connection and is no whole content."""
    server, step = trickle
    client = _client(server)
    stream = client.files.stream("file-1", **options)
    chunks = iter(stream)
    next(chunks)
    if end == "close":
        stream.close()
    elif end == "cancel":
        assert stream.cancel()
    else:
        client.close()
    with pytest.raises(CancelledError):
        list(chunks)
    assert step.ended.acquire(timeout=20)
    assert not stream.success
    stream.close()
    client.close()


def test_a_reader_that_is_cancelled_ends_the_transfer(trickle: tuple[ScriptedServer, _Trickle]) -> None:
    """A task of asyncio that is cancelled while it waits for a chunk leaves no connection."""
    server, step = trickle

    async def read(client: OpenAIClient) -> None:
        async with await client.files.stream("file-1", {"background": True}) as stream:
            async for _ in stream:
                await asyncio.sleep(100)

    async def main(client: OpenAIClient) -> None:
        reader = asyncio.create_task(read(client))
        await asyncio.to_thread(step.begun.acquire)
        await asyncio.sleep(0.1)
        reader.cancel()
        with suppress(asyncio.CancelledError):
            await reader

    with _client(server) as client:
        asyncio.run(main(client))
        assert step.ended.acquire(timeout=20)


def test_many_readers_in_one_loop_get_their_contents() -> None:
    """Forty streams are read side by side with two threads, fast and slow ones."""
    with serving(_ranged()) as server, _client(server, max_workers=2) as client:

        async def read(number: int) -> bytes:
            content = b""
            async with await client.files.stream("file-1", {"background": True, "start": number}) as stream:
                async for chunk in stream:
                    content += chunk
                    await asyncio.sleep(0.001 * (number % 3))
            return content

        async def main() -> list[bytes]:
            return await asyncio.gather(*map(read, range(40)))

        assert asyncio.run(main()) == [CONTENT[number:] for number in range(40)]
        assert server.connections <= 40


def test_a_callback_reads_a_stream_in_the_only_thread() -> None:
    """A stream may be opened and read in a callback, in a client of one thread."""
    read: list[bytes] = []
    with serving(_ranged()) as server, _client(server, max_workers=1) as client:

        def on_terminate(_: Any) -> None:
            stream = client.files.stream("file-1", {"background": True})
            assert stream.wait()
            read.append(b"".join(stream))

        client.files.content("file-1", {"on_terminate": on_terminate}).wait(30)
        client.close()
    assert read == [CONTENT]


def test_async_for_needs_a_call_in_the_background() -> None:
    """A stream that would block the loop is refused there."""

    async def main(client: OpenAIClient) -> None:
        with client.files.stream("file-1") as stream, pytest.raises(TypeError, match="background"):
            async for _ in stream:
                pass

    with serving(_ranged()) as server, _client(server) as client:
        asyncio.run(main(client))


def test_a_connection_that_was_read_to_its_end_is_used_again() -> None:
    """A stream that came whole leaves its connection to the next call."""
    with serving(_ranged()) as server, _client(server) as client:
        for options in ({}, {"background": True}, {"start": 5, "end": 9}):
            _read_here(client, options)
    assert server.connections == 1


def test_a_forgotten_stream_ends_the_transfer(trickle: tuple[ScriptedServer, _Trickle]) -> None:
    """A stream that was read for a while and then forgotten leaves no connection."""
    server, step = trickle
    with _client(server) as client:
        next(iter(client.files.stream("file-1")))
        gc.collect()
        assert step.ended.acquire(timeout=20)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"start": "5"}, TypeError),
        ({"start": True}, TypeError),
        ({"end": 0}, ValueError),
        ({"start": 5, "end": 5}, ValueError),
        ({"start": -5, "end": 5}, ValueError),
        ({"end": -1}, ValueError),
    ],
)
def test_ranges_that_are_none_are_refused_before_sending(options: dict[str, Any], error: type[Exception]) -> None:
    """What is no slice of a content is an error at once."""
    with OpenAIClient(provider="local") as client, pytest.raises(error):
        client.files.stream("file-1", **options)


@every_way
def test_the_embedded_provider_streams(read: Read, tmp_path: Path) -> None:
    """A stored file comes in chunks, whole and by ranges, as from a server."""
    path = tmp_path / "a.jsonl"
    line = b'{"custom_id":"%07d","method":"POST","url":"/v1/embeddings","body":{"model":"m","input":"%s"}}\n'
    path.write_bytes(b"".join(line % (number, b"x" * 400) for number in range(5_000)))
    with OpenAIClient(provider="local") as client:
        file = client.files.create(path, "batch").throw().file
        assert file is not None
        for start, end in ((0, None), (7, None), (7, 1_000_000), (-9, None)):
            content, stream = read(client, {"start": start, "end": end}, file.id)
            assert content == path.read_bytes()[start:end]
            assert stream.headers["content-disposition"].startswith("attachment")
