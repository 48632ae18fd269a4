"""
Memory: what a peer sends, however much and however packed, takes no more of it than aikit allows.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from functools import cache

import pytest

from tests.scripted_server import FILE, Exchange, Step, answer, cut, serving

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of a process as Linux counts it"),
]

_MOST_MB = 250
_PROGRAM = r"""
import re, sys, aikit, aikit.resources.polling
aikit.resources.polling.LOOKS_S = (0.01,)  # no batch that may have been made is looked for as long as it may take
client = aikit.OpenAIClient("sk-test", base_url=sys.argv[1], max_retries=0, timeout=20)
calls = {
    "retrieve": lambda: client.files.retrieve("file-1"),
    "list": lambda: client.files.list(),
    "delete": lambda: client.files.delete("file-1"),
    "create": lambda: client.files.create(b"text", "user_data", {"filename": "a.txt"}),
    "content": lambda: client.files.content("file-1"),
    "batch": lambda: client.batches.create("file-1", "/v1/chat/completions"),
    "batches": lambda: client.batches.list(),
    "wait": lambda: client.batches.wait("batch_1", {"max_wait": 5}),
}
result = calls[sys.argv[2]]()
peak_kb = re.search(r"VmHWM:\s*(\d+)", open("/proc/self/status").read())[1]
print(result.errors[0].code, result.errors[0].status, int(peak_kb) // 1024)
"""


def _peak(step: Step, call: str) -> tuple[str, str]:
    """
    Return code and status of what *call* ends with; it must have stayed within the bound.
    """
    with serving(step) as server:
        ran = subprocess.run(
            [sys.executable, "-c", _PROGRAM, server.url, call],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=os.environ | {"NO_PROXY": "*"},
        )
    assert ran.returncode == 0, ran.stderr
    code, status, peak_mb = ran.stdout.split()
    assert int(peak_mb) < _MOST_MB, ran.stdout
    return code, status


@cache
def _packed() -> bytes:
    return gzip.compress(b" " * (300 << 20), 9)


def _plain(status: int, size_mb: int, unit: bytes = b" ") -> Step:
    block = unit * (1_000_000 // len(unit))

    def step(exchange: Exchange) -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {size_mb * len(block)}\r\nLocation: /v1/files\r\n\r\n"
        exchange.sock.sendall(head.encode())
        for _ in range(size_mb):
            exchange.sock.sendall(block)

    return step


def _endless(head: bytes, unit: bytes) -> Step:
    """
    Never end, until the other side hangs up.
    """

    def step(exchange: Exchange) -> None:
        exchange.sock.sendall(head)
        while True:
            exchange.sock.sendall(unit)

    return step


_CHUNKED = b"HTTP/1.1 %d X\r\nLocation: /v1/a\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n"
_CHUNK = b"10000\r\n" + b"data: x\n" * 8192 + b"\r\n"


@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip"])
@pytest.mark.parametrize("call", ["retrieve", "list", "create", "batch", "wait"])
def test_little_that_unpacks_to_very_much_is_refused(call: str, encoding: str) -> None:
    """
    300 MiB of blanks, packed once or twice.
    """
    packed = gzip.compress(_packed(), 9) if encoding == "gzip, gzip" else _packed()
    assert _peak(answer(200, packed, {"Content-Encoding": encoding}), call) == ("invalid_response", "200")


@pytest.mark.parametrize("call", ["retrieve", "batch", "batches", "delete"])
def test_large_plain_answers_are_refused(call: str) -> None:
    """
    600 MB of blanks.
    """
    assert _peak(_plain(200, 600), call) == ("invalid_response", "200")


@pytest.mark.parametrize("unit", [b"[],", b"{},", b"0,"])
def test_many_small_values_are_refused(unit: bytes) -> None:
    """
    What would be small as bytes, and large as objects.
    """
    body = b"[" + unit * (60_000_000 // len(unit)) + b"0]"
    assert _peak(answer(200, body), "list") == ("invalid_response", "200")


@pytest.mark.parametrize(("status", "code"), [(400, "None"), (500, "None"), (302, "redirect_refused")])
def test_bodies_of_refusals_and_redirects_are_read_in_part(status: int, code: str) -> None:
    """
    Plain, endless and packed ones.
    """
    for step in (
        _plain(status, 600),
        _endless(_CHUNKED % status, _CHUNK),
        answer(status, _packed(), {"Content-Encoding": "gzip", "Location": "/v1/files"}),
    ):
        call = "batch" if status == 302 else "retrieve"
        assert _peak(step, call)[0] == code


@pytest.mark.parametrize("call", ["retrieve", "list"])
def test_endless_answers_end(call: str) -> None:
    """
    Events without end, where JSON is due.
    """
    assert _peak(_endless(_CHUNKED % 200, _CHUNK), call) == ("invalid_response", "200")


def test_content_ends_where_the_file_does() -> None:
    """
    The answer announces no size, the description does: no more is taken.
    """
    file = FILE.replace(b'"bytes":null', b'"bytes":3000')
    content, described = _endless(_CHUNKED % 200, _CHUNK), answer(200, file)

    def step(exchange: Exchange) -> None:
        (content if exchange.request_head()[1].endswith("/content") else described)(exchange)

    assert _peak(step, "content") == ("size_mismatch", "None")


@pytest.mark.parametrize("is_packed", [False, True])
def test_content_of_a_size_that_nothing_tells_ends(is_packed: bool) -> None:  # noqa: FBT001  a parameter of the test
    """
    Neither the answer nor the description does: memory takes no more than it would of any answer.
    """
    packed = answer(200, gzip.compress(b" " * (300 << 20), 9), {"Content-Encoding": "gzip"})
    content = packed if is_packed else _endless(_CHUNKED % 200, _CHUNK)

    def step(exchange: Exchange) -> None:
        (content if exchange.request_head()[1].endswith("/content") else answer(200, FILE))(exchange)

    assert _peak(step, "content") == ("invalid_response", "None")


@pytest.mark.parametrize(
    "step",
    [
        _endless(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 1000),
        _endless(b"HTTP/1.1 200 ", b"O" * 10_000),
        _endless(b"HTTP/1.1 200 OK\r\nX: ", b"a" * 10_000),
        _endless(b"", b"HTTP/1.1 103 Early\r\nX: a\r\n\r\n"),
        _endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        _endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: b\r\n" * 1000),
        _endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1" * 10_000),
        cut(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 30 + b"\r\n"),
    ],
    ids=["headers", "status line", "header", "interim", "continue", "trailers", "chunk size", "large chunk"],
)
def test_heads_without_end_are_refused(step: Step) -> None:
    """
    Headers, lines, interim answers, trailers and sizes of chunks that never end.
    """
    assert _peak(step, "retrieve")[0] == "connection_error"
