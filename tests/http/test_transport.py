"""
The transport against real sockets and scripted answers: what was sent is counted, nothing is lost or sent short.
"""

from __future__ import annotations

import io
import json
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import requests
import responses
import trustme
from requests.adapters import HTTPAdapter

from aikit import OpenAIClient, OpenAIResult, Progress
from aikit.http.context import CallContext
from aikit.http.headers import Headers
from aikit.http.messages import Request
from aikit.http.transport import HTTPTransport, http_transport
from aikit.types.errors import CancelledError, OpenAIError
from tests.scripted_server import (
    FILE,
    Exchange,
    ScriptedServer,
    Step,
    answer,
    cut,
    interim,
    rendered,
    reset,
    serving,
    silent,
    tunnelling,
    without_reading_body,
)
from tests.stopwatch import Stopwatch

CONTENT = b"x" * 300_000
ERROR = b'{"error":{"message":"no","type":"t","param":null,"code":"c"}}'
URL = "http://127.0.0.1:9/v1/files"


class Pipe(io.RawIOBase):
    """
    Reads once.
    """

    left = CONTENT

    def readable(self) -> bool:
        """
        Say yes.
        """
        return True

    def read(self, size: int = -1) -> bytes:
        """
        Read once.
        """
        taken, self.left = self.left[:size], self.left[size:]
        return taken


@pytest.fixture
def client() -> Iterator[Callable[..., OpenAIClient]]:
    """
    Makes clients of a scripted server and closes them.
    """
    made: list[OpenAIClient] = []

    def make(server: ScriptedServer, **options: object) -> OpenAIClient:
        made.append(OpenAIClient("sk-very-secret", base_url=server.url, timeout=5, **options))  # type: ignore[arg-type]  # test options
        return made[-1]

    yield make
    for each in made:
        each.close(cancel=True)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """
    A certificate authority that nobody trusts yet.
    """
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    """
    What a server of that authority serves with.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def bodies_are_whole(server: ScriptedServer, content: bytes = CONTENT) -> bool:
    """
    Tell whether every attempt that arrived carried the whole content.
    """
    return all(content in request.body for request in server.received)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
def test_retriable_status_is_tried_again_with_the_whole_body(client: Callable[..., OpenAIClient], status: int) -> None:
    """
    A status that may pass is retried, and the second body is as long as the first.
    """
    with serving(answer(status, ERROR, {"Retry-After": "0.01"}), answer(200, FILE)) as server:
        result = client(server).files.create(CONTENT, "user_data", {"filename": "a.txt"})
        assert result.success
        assert len(server.received) == 2
        assert bodies_are_whole(server)


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "0.05"},
        {"Retry-After-Ms": "50"},
        {"x-ms-retry-after-ms": "50"},
        {"Retry-After": formatdate(time.time() + 1, usegmt=True)},
    ],
)
def test_rate_limit_waits_as_long_as_the_provider_asks(
    client: Callable[..., OpenAIClient], headers: dict[str, str]
) -> None:
    """
    Each form of Retry-After is obeyed: not before it, and not by our own longer backoff.
    """
    with serving(answer(429, ERROR, headers), answer(200, FILE)) as server:
        watch = Stopwatch()
        assert client(server).files.retrieve("file-1").success
        assert watch.stop() < 2


def test_retry_after_beyond_two_minutes_is_told_at_once(client: Callable[..., OpenAIClient]) -> None:
    """
    Nobody is kept waiting for an hour: the error comes at once, with the headers that say when to return.
    """
    with serving(answer(429, ERROR, {"Retry-After": "3600"}), answer(200, FILE)) as server:
        result = client(server).files.retrieve("file-1")
        assert [error.status for error in result.errors] == [429]
        assert result.errors[0].headers["retry-after"] == "3600"
        assert len(server.received) == 1


@pytest.mark.parametrize("step", [cut(), reset(), cut(b"HTTP/1.1 200 OK\r\nContent-Len")])
def test_connection_lost_after_the_body_is_tried_again(client: Callable[..., OpenAIClient], step: Step) -> None:
    """
    A reset before any whole answer leads to another attempt with the whole body.
    """
    with serving(step, answer(200, FILE)) as server:
        result = client(server).files.create(CONTENT, "user_data", {"filename": "a.txt"})
        assert result.success
        assert len(server.received) == 2
        assert bodies_are_whole(server)


def test_connection_reset_before_the_body_was_read_is_tried_again(client: Callable[..., OpenAIClient]) -> None:
    """
    A reset in the middle of sending leads to another attempt with the whole body.
    """
    content = b"y" * 20_000_000
    with serving(without_reading_body(reset()), answer(200, FILE)) as server:
        result = client(server).files.create(content, "user_data", {"filename": "a.txt"})
        assert result.success
        assert content in server.received[-1].body


def test_stream_that_cannot_go_back_is_tried_once(client: Callable[..., OpenAIClient]) -> None:
    """
    A body that cannot be replayed is never sent a second time, least of all empty.
    """
    with serving(answer(500, ERROR), answer(200, FILE)) as server:
        result = client(server).files.create(Pipe(), "user_data", {"filename": "a.txt"})
        assert [error.status for error in result.errors] == [500]
        assert len(server.received) == 1
        assert CONTENT in server.received[0].body
        assert server.received[0].headers["transfer-encoding"] == "chunked"


def test_refusal_before_the_body_was_read_is_told(client: Callable[..., OpenAIClient]) -> None:
    """
    A server that answers 413 and hangs up early is quoted, instead of a broken pipe.
    """
    early = without_reading_body(cut(rendered(413, ERROR, {"Connection": "close"})))
    with serving(early) as server:
        result = client(server, max_retries=0).files.create(b"z" * 30_000_000, "user_data", {"filename": "a.txt"})
        assert len(result.errors) == 1
        assert result.errors[0].status in {413, None}  # the kernel may drop the answer with the reset
        assert not result.success


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"<html><body><h1>Welcome</h1></body></html>", {"Content-Type": "text/html"}),
        (b"{", None),
        (b"", None),
        (b"[1,2]", None),
        (b'{"id": 5}', None),
        (b"\xff\xfe", None),
        (b"[" * 100_000, None),
    ],
)
def test_answer_that_is_no_file_is_an_error_of_its_own(
    client: Callable[..., OpenAIClient], body: bytes, headers: dict[str, str] | None
) -> None:
    """
    Non-JSON, HTML and foreign JSON with status 200 give one clear error and never a crash.
    """
    with serving(answer(200, body, headers)) as server:
        result = client(server).files.retrieve("file-1")
        assert [error.code for error in result.errors] == ["invalid_response"]
        assert result.file is None


def test_html_error_page_becomes_readable_text(client: Callable[..., OpenAIClient]) -> None:
    """
    A proxy's HTML page is quoted without its markup.
    """
    page = b"<html><head><style>p{}</style></head><body><h1>Bad   Gateway</h1></body></html>"
    with serving(answer(502, page, {"Content-Type": "text/html"})) as server:
        error = client(server, max_retries=0).files.retrieve("file-1").errors[0]
        assert "Bad Gateway" in error.message
        assert "<" not in error.message


def test_truncated_answer_is_tried_again(client: Callable[..., OpenAIClient]) -> None:
    """
    JSON shorter than its Content-Length is not taken for an answer.
    """
    short = cut(rendered(200, FILE[:20], {"Content-Length": str(len(FILE))}))
    with serving(short, answer(200, FILE)) as server:
        assert client(server).files.retrieve("file-1").success
        assert len(server.received) == 2


def test_silent_server_is_a_timeout(client: Callable[..., OpenAIClient]) -> None:
    """
    A server that sends nothing for *timeout* seconds ends the attempt.
    """
    with serving(silent()) as server:
        watch = Stopwatch()
        result = client(server).files.retrieve("file-1", {"timeout": 0.3, "max_retries": 0})
        assert [error.code for error in result.errors] == ["timeout"]
        assert watch.stop() < 2


def test_slow_answer_within_the_timeout_is_read(client: Callable[..., OpenAIClient]) -> None:
    """
    A trickle is no silence: the timeout counts from byte to byte.
    """

    def trickle(exchange: object) -> None:
        data = rendered(200, FILE)
        for start in range(0, len(data), 40):
            exchange.sock.sendall(data[start : start + 40])  # type: ignore[attr-defined]  # an Exchange
            time.sleep(0.05)

    with serving(trickle) as server:
        assert client(server).files.retrieve("file-1", {"timeout": 0.4, "max_retries": 0}).success


def test_refused_connection_names_the_address_and_not_the_key() -> None:
    """
    Nobody listening is a connection error that says where, and keeps the key to itself.
    """
    with OpenAIClient("sk-very-secret", base_url="http://127.0.0.1:9/v1", max_retries=0) as client:
        error = client.files.retrieve("file-1").errors[0]
    assert error.code == "connection_error"
    assert "127.0.0.1:9" in error.message
    assert "sk-very-secret" not in repr(error) + str(error) + repr(error.__cause__)


def test_redirect_to_another_origin_never_carries_the_key(client: Callable[..., OpenAIClient]) -> None:
    """
    The other origin gets the request without key, cookie and custom headers: who knows what they say.
    """
    with serving(answer(200, b"content", {"Content-Type": "text/plain"})) as other:
        with serving(answer(302, b"", {"Location": f"{other.url}/elsewhere"})) as server:
            made = client(server, custom_headers={"X-Api-Key": "also-secret", "Cookie": "a=b", "X-Plain": "yes"})
            assert made.files.content("file-1").content == b"content"
        (request,) = other.received
        assert request.path == "/v1/elsewhere"
        assert "x-plain" not in request.headers
        assert request.headers["user-agent"].startswith("aikit/")
        assert "secret" not in json.dumps(request.headers)
        assert "cookie" not in request.headers


def test_redirect_of_an_upload_stays_on_its_origin(client: Callable[..., OpenAIClient]) -> None:
    """
    A file's content does not follow a redirect to another origin.
    """
    with serving(answer(200, FILE)) as other, serving(answer(307, b"", {"Location": f"{other.url}/files"})) as server:
        result = client(server).files.create(CONTENT, "user_data", {"filename": "a.txt"})
        assert [error.code for error in result.errors] == ["redirect_refused"]
        assert other.received == []


def test_redirect_on_the_same_origin_sends_the_whole_body_again(client: Callable[..., OpenAIClient]) -> None:
    """
    A 307 to another path of the same origin repeats the upload there, key included.
    """
    with serving(answer(307, b"", {"Location": "/v1/files/"}), answer(200, FILE)) as server:
        assert client(server).files.create(CONTENT, "user_data", {"filename": "a.txt"}).success
        assert [request.path for request in server.received] == ["/v1/files", "/v1/files/"]
        assert server.received[1].headers["authorization"] == "Bearer sk-very-secret"
        assert bodies_are_whole(server)


def test_broken_download_resumes_where_it_broke(client: Callable[..., OpenAIClient], tmp_path: Path) -> None:
    """
    After a break the rest is asked for by Range, and the file on disk is whole.
    """
    content = bytes(range(256)) * 4000
    first = cut(rendered(200, content[:500_000], {"Content-Length": str(len(content)), "ETag": '"v1"'}))

    def rest(exchange: object) -> None:
        headers = exchange.request_head()[2]  # type: ignore[attr-defined]  # an Exchange
        start = int(headers["range"].removeprefix("bytes=").removesuffix("-"))
        fields = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}", "ETag": '"v1"'}
        exchange.sock.sendall(rendered(206, content[start:], fields))  # type: ignore[attr-defined]  # likewise

    with serving(first, rest) as server:
        result = client(server).files.download("file-1", tmp_path / "out.bin")
        assert result.success, result.errors
        assert (tmp_path / "out.bin").read_bytes() == content
        assert server.received[1].headers["if-range"] == '"v1"'
        assert 0 < int(server.received[1].headers["range"].removeprefix("bytes=").removesuffix("-")) <= 500_000
    assert [path.name for path in tmp_path.iterdir()] == ["out.bin"]


def test_download_that_breaks_often_goes_on_with_what_came(client: Callable[..., OpenAIClient], tmp_path: Path) -> None:
    """
    Breaks closer together than a block lose nothing that came before them.
    """
    content = bytes(range(256)) * 1000
    starts: list[int] = []

    def some(exchange: Exchange) -> None:
        asked = exchange.request_head()[2].get("range", "bytes=0-")
        starts.append(int(asked.removeprefix("bytes=").removesuffix("-")))
        fields = {
            "Content-Range": f"bytes {starts[-1]}-{len(content) - 1}/{len(content)}",
            "Content-Length": str(len(content) - starts[-1]),
        }
        cut(rendered(206 if starts[-1] else 200, content[starts[-1] :][:60_000], fields))(exchange)

    with serving(some) as server:
        result = client(server, max_retries=10).files.download("file-1", tmp_path / "out.bin")
        assert result.success, result.errors
    assert starts == [0, 60_000, 120_000, 180_000, 240_000]
    assert (tmp_path / "out.bin").read_bytes() == content


def test_download_from_a_server_without_ranges_starts_anew(client: Callable[..., OpenAIClient], tmp_path: Path) -> None:
    """
    A server that answers 200 to a Range request sends all of it, and nothing is doubled.
    """
    content = b"abc" * 100_000
    first = cut(rendered(200, content[:70_000], {"Content-Length": str(len(content))}))
    with serving(first, answer(200, content)) as server:
        assert client(server).files.download("file-1", tmp_path / "out.bin").bytes_written == len(content)
    assert (tmp_path / "out.bin").read_bytes() == content


def test_download_that_stays_broken_leaves_nothing(client: Callable[..., OpenAIClient], tmp_path: Path) -> None:
    """
    A download that cannot be completed leaves the old file as it was and no temporary one.
    """
    (tmp_path / "out.bin").write_bytes(b"old")
    with serving(cut(rendered(200, b"abc", {"Content-Length": "10"}))) as server:
        result = client(server, max_retries=1).files.download("file-1", tmp_path / "out.bin")
    assert [error.code for error in result.errors] == ["connection_error"]
    assert [path.name for path in tmp_path.iterdir()] == ["out.bin"]
    assert (tmp_path / "out.bin").read_bytes() == b"old"


def test_download_without_a_length_is_compared_with_the_file(
    client: Callable[..., OpenAIClient], tmp_path: Path
) -> None:
    """
    When the answer does not tell its size, the File object does.
    """
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    told = FILE.replace(b"null", b"3")
    with serving(lambda exchange: exchange.sock.sendall(chunked), answer(200, told)) as server:
        result = client(server).files.download("file-1", tmp_path / "out.bin")
    assert [error.code for error in result.errors] == ["size_mismatch"]
    assert list(tmp_path.iterdir()) == []


def test_cancel_cuts_a_blocked_exchange_off(client: Callable[..., OpenAIClient]) -> None:
    """
    A call that waits for a silent server is over within a second of its cancelling.
    """
    with serving(silent()) as server:
        result = client(server).files.retrieve("file-1", {"background": True, "timeout": 30})
        time.sleep(0.3)
        watch = Stopwatch()
        assert result.cancel()
        assert result.wait(20)
        assert watch.stop() < 1
        assert [error.code for error in result.errors] == ["cancelled"]


def test_cancel_in_the_middle_of_a_body_stops_sending(client: Callable[..., OpenAIClient], tmp_path: Path) -> None:
    """
    A cancelled upload to a server that does not read is over within a second and closes its file.
    """
    path = tmp_path / "big.txt"
    with path.open("wb") as file:
        file.truncate(200_000_000)
    with serving(without_reading_body(silent())) as server:
        result = client(server).files.create(path, "user_data", {"background": True, "timeout": 30})
        time.sleep(0.3)
        watch = Stopwatch()
        result.cancel()
        assert result.wait(20)
        assert watch.stop() < 1
    assert [error.code for error in result.errors] == ["cancelled"]


def test_one_connection_serves_many_calls(client: Callable[..., OpenAIClient]) -> None:
    """
    Calls one after the other share a connection, also after errors.
    """
    with serving(answer(200, FILE), answer(404, ERROR), answer(200, FILE)) as server:
        made = client(server)
        for _ in range(10):
            made.files.retrieve("file-1")
        assert server.connections == 1


def test_many_threads_share_one_client(client: Callable[..., OpenAIClient]) -> None:
    """
    Eight threads with fifty calls each get fifty right answers each.
    """
    with serving(answer(200, FILE)) as server:
        made = client(server)
        successes: list[bool] = []

        def work() -> None:
            successes.extend(made.files.retrieve("file-1").success for _ in range(50))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert successes == [True] * 400


def test_http_agent_is_used_and_left_open(client: Callable[..., OpenAIClient]) -> None:
    """
    A requests adapter of the caller's sends the call and is not closed with the client.
    """

    class Agent(HTTPAdapter):
        """
        Counts.
        """

        sent = 0
        closed = False

        def send(self, *args: object, **kwargs: object) -> requests.Response:
            self.sent += 1
            return super().send(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they came

        def close(self) -> None:
            self.closed = True
            super().close()

    agent = Agent()
    with serving(answer(200, FILE)) as server:
        made = client(server, http_agent=agent)
        assert made.files.retrieve("file-1").success
        assert client(server).files.retrieve("file-1", {"http_agent": agent}).success
        made.close()
    assert (agent.sent, agent.closed) == (2, False)
    agent.close()


def test_proxy_of_the_environment_is_asked(
    client: Callable[..., OpenAIClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    HTTP_PROXY is honoured, and NO_PROXY too.
    """
    with serving(answer(200, FILE)) as proxy, serving(answer(200, FILE)) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.removesuffix("/v1"))
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        assert client(server).files.retrieve("file-1").success
        assert [request.path for request in proxy.received] == [f"{server.url}/files/file-1"]
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert client(server).files.retrieve("file-1").success
        assert len(server.received) == 1


def test_certificate_of_an_unknown_authority_is_refused_with_the_way_out(
    client: Callable[..., OpenAIClient], tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    An untrusted certificate is told at once, without retries, naming REQUESTS_CA_BUNDLE; the key was not sent.
    """
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    with serving(answer(200, FILE), tls=tls) as server:
        (error,) = client(server).files.retrieve("file-1").errors
        assert error.code == "tls_error"
        assert "REQUESTS_CA_BUNDLE" in error.message
        assert server.received == []
        assert server.connections == 1


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_named_ca_bundle_is_trusted(
    client: Callable[..., OpenAIClient],
    tls: ssl.SSLContext,
    authority: trustme.CA,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    variable: str,
) -> None:
    """
    A private authority in the named bundle is enough for uploads and downloads over TLS.
    """
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv(variable, str(tmp_path / "ca.pem"))
    with serving(answer(200, FILE), answer(200, CONTENT), tls=tls) as server:
        made = client(server)
        assert made.files.create(CONTENT, "user_data", {"filename": "a.txt"}).success
        assert made.files.download("file-1", tmp_path / "out.bin").success
        assert CONTENT in server.received[0].body
    assert (tmp_path / "out.bin").read_bytes() == CONTENT


def test_cancel_cuts_an_exchange_over_tls_off(
    client: Callable[..., OpenAIClient],
    tls: ssl.SSLContext,
    authority: trustme.CA,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """
    Cancelling works below TLS as it does without.
    """
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with serving(silent(), tls=tls) as server:
        result = client(server).files.retrieve("file-1", {"background": True, "timeout": 30})
        while not server.received:
            time.sleep(0.01)
        watch = Stopwatch()
        result.cancel()
        assert result.wait(20)
        assert watch.stop() < 1
        assert [error.code for error in result.errors] == ["cancelled"]


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (requests.exceptions.SSLError("handshake"), "connection_error"),
        (requests.exceptions.ProxyError("no proxy"), "proxy_error"),
        (requests.exceptions.ConnectTimeout("late"), "timeout"),
        (requests.exceptions.ReadTimeout("late"), "timeout"),
        (requests.exceptions.ChunkedEncodingError("cut"), "connection_error"),
        (requests.exceptions.InvalidURL("what"), "invalid_url"),
        (OSError(101, "Network is unreachable"), "connection_error"),
    ],
)
@responses.activate
def test_whatever_requests_raises_becomes_an_error_of_ours(raised: Exception, code: str) -> None:
    """
    No exception of the HTTP library reaches a flow.
    """
    responses.get(URL, body=raised)
    with pytest.raises(OpenAIError) as caught:
        http_transport().send(Request(method="GET", url=URL), CallContext())
    assert caught.value.code == code


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
@responses.activate
def test_every_attempt_is_counted(status: int) -> None:
    """
    Two retries are two more requests, then the refusal is told.
    """
    responses.get(f"{URL}/file-1", status=status, json={"error": {"message": "no"}}, headers={"Retry-After-Ms": "1"})
    with OpenAIClient("k", base_url="http://127.0.0.1:9/v1") as client:
        result = client.files.retrieve("file-1")
    assert len(responses.calls) == 3
    assert (result.errors[0].status, result.errors[0].message) == (status, "no")


@responses.activate
def test_headers_of_a_request_are_the_documented_ones() -> None:
    """
    Key, organization, project, accept and our name go out; extra wins over custom wins over built-in.
    """
    responses.get(f"{URL}/file-1", body=FILE)
    with OpenAIClient(
        "sk-1",
        base_url="http://127.0.0.1:9/v1/",
        organization="org",
        project="proj",
        custom_headers={"X-A": "custom", "X-B": "custom"},
    ) as client:
        client.files.retrieve("file-1", {"extra_headers": {"x-b": "extra"}})
    headers = responses.calls[0].request.headers
    expected = {
        "Authorization": "Bearer sk-1",
        "OpenAI-Organization": "org",
        "OpenAI-Project": "proj",
        "Accept": "application/json",
        "X-A": "custom",
        "x-b": "extra",
    }
    assert {name: headers[name] for name in expected} == expected
    assert headers["User-Agent"].startswith("aikit/")


def test_what_stands_where_a_header_is_due_is_not_logged(
    client: Callable[..., OpenAIClient], caplog: pytest.LogCaptureFixture
) -> None:
    """
    It may be long, move the cursor, or repeat the key.
    """
    head = b"HTTP/1.1 200 OK\r\nA: b\r\nthe key is SECRET\x1b[31m\r\n\r\n"
    with serving(cut(head + FILE)) as server, caplog.at_level("DEBUG"):
        assert client(server).files.retrieve("file-1").success
    assert "Failed to parse headers" in caplog.text
    assert "SECRET" not in caplog.text
    assert "\x1b" not in caplog.text


@pytest.mark.parametrize("status", [100, 102, 103])
def test_interim_answer_is_not_taken_for_the_answer(client: Callable[..., OpenAIClient], status: int) -> None:
    """
    Early hints and the like are skipped; no call ever gets the answer of another.
    """
    other = FILE.replace(b"file-1", b"file-2")
    with serving(interim(status, answer(200, FILE)), answer(200, other)) as server:
        made = client(server)
        results = [made.files.retrieve("file-1"), made.files.retrieve("file-2")]
        assert [result.file and result.file.id for result in results] == ["file-1", "file-2"]


def test_cancel_at_any_moment_is_never_lost(client: Callable[..., OpenAIClient]) -> None:
    """
    Before, while and after the socket is found: the call is over long before its timeout.
    """
    with serving(answer(200, FILE), answer(200, FILE, after_s=3)) as server:
        made = client(server, max_workers=1)
        made.files.retrieve("file-1")
        for moment in range(30):
            result = made.files.retrieve("file-1", {"background": True, "max_retries": 0})
            time.sleep(moment / 10_000)
            result.cancel()
            assert result.wait(20)
            assert [error.code for error in result.errors] == ["cancelled"]


def test_cancel_while_connecting_is_quick() -> None:
    """
    A listener that accepts nobody does not keep a cancelled call until the time-out.
    """
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)  # noqa: FBT003  the standard library's signature
            filler.connect_ex(deaf.getsockname())
        with OpenAIClient("k", base_url=f"http://127.0.0.1:{deaf.getsockname()[1]}/v1") as made:
            result = made.files.retrieve("file-1", {"background": True})
            time.sleep(0.3)
            result.cancel()
            assert result.wait(20)
            assert [error.code for error in result.errors] == ["cancelled"]
        for filler in fillers:
            filler.close()


def test_cancelling_never_hits_the_connection_of_another_call(
    client: Callable[..., OpenAIClient], tmp_path: Path
) -> None:
    """
    A connection that rests in the pool again belongs to nobody, also while its last bytes are written.
    """
    with serving(answer(200, b"x" * 1000), answer(200, FILE, after_s=0.4)) as server:
        made = client(server)
        others: list[OpenAIResult[Any]] = []
        started = threading.Event()

        def slow(progress: Progress) -> None:
            started.wait(5)
            if progress.bytes == progress.total:
                others.append(made.files.retrieve("file-1", {"background": True, "max_retries": 0}))
                time.sleep(0.2)
                download.cancel()

        download = made.files.download("file-1", tmp_path / "out.bin", {"background": True, "on_progress": slow})
        started.set()
        assert download.wait(20)
        assert others[0].wait(5)
        assert others[0].success, others[0].errors
        assert server.connections == 1


def test_call_made_in_progress_leaves_the_outer_one_its_socket(
    client: Callable[..., OpenAIClient], tmp_path: Path
) -> None:
    """
    A download whose progress makes a call can be cancelled afterwards without hitting others.
    """
    content = b"x" * 3_000_000
    with serving(answer(200, content), answer(200, FILE), answer(200, FILE, after_s=0.4)) as server:
        made = client(server)
        nested: list[bool] = []
        others: list[OpenAIResult[Any]] = []

        def context(progress: Progress) -> None:
            if not nested:
                nested.append(made.files.retrieve("file-1").success)
            if progress.bytes == progress.total and not others:
                others.extend(made.files.retrieve("file-1", {"background": True, "max_retries": 0}) for _ in range(2))
                time.sleep(0.2)

        made.files.download("file-1", tmp_path / "out.bin", {"on_progress": context})
        assert all(other.wait(5) for other in others)
        assert [other.success for other in others] == [True, True]


def test_cancel_in_the_tls_handshake_is_quick() -> None:
    """
    A listener that accepts and stays mute does not keep a cancelled call over TLS.
    """
    with (
        socket.create_server(("127.0.0.1", 0)) as mute,
        OpenAIClient("k", base_url=f"https://127.0.0.1:{mute.getsockname()[1]}/v1") as made,
    ):
        result = made.files.retrieve("file-1", {"background": True})
        time.sleep(0.5)
        watch = Stopwatch()
        result.cancel()
        assert result.wait(20)
        assert watch.stop() < 1


def test_stream_through_a_proxy_stays_in_its_tunnel(
    client: Callable[..., OpenAIClient],
    tls: ssl.SSLContext,
    authority: trustme.CA,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """
    A body that is tried once goes through CONNECT like any other; the proxy reads neither key nor file.
    """
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with serving(answer(200, FILE), tls=tls) as server, tunnelling() as proxy:
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        made = client(server)
        assert made.files.retrieve("file-1").success
        result = made.files.create(Pipe(), "user_data", {"filename": "a.txt"})
        assert result.success, result.errors
        assert CONTENT in server.received[1].body
    assert [line.split(b" ")[0] for line in proxy.asked] == [b"CONNECT", b"CONNECT"]
    assert all(b"secret" not in line for line in proxy.asked)


@pytest.mark.parametrize("host", ["ex..ample", f"{'a' * 70}.example"])
def test_host_that_no_name_can_be_is_told(host: str) -> None:
    """
    A label that is empty or too long is an unusable URL, not a crash.
    """
    with OpenAIClient("k", base_url=f"http://{host}/v1") as made:
        (error,) = made.files.retrieve("file-1").errors
    assert error.code == "invalid_url"


def test_slow_upload_may_take_longer_than_connecting_may(
    client: Callable[..., OpenAIClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    While a body is sent, *timeout* counts, not the shorter time-out for connecting.
    """
    monkeypatch.setattr("aikit.http.transport._CONNECT_TIMEOUT_S", 0.2)

    def sluggish(exchange: Exchange) -> None:
        time.sleep(1)
        exchange.read_body()
        exchange.sock.sendall(rendered(200, FILE))

    with serving(without_reading_body(sluggish)) as server:
        made = client(server, max_retries=0)
        result = made.files.create(b"y" * 20_000_000, "user_data", {"filename": "a.txt"})
        assert result.success, result.errors


def test_refusal_that_was_not_read_to_its_end_closes_the_connection(client: Callable[..., OpenAIClient]) -> None:
    """
    What is left of a long refusal is not taken for the answer to the next request.
    """
    long = b"HTTP/1.1 404 X\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n" + b"x" * 0x100000 + b"\r\n"

    def refuse(exchange: Exchange) -> None:
        exchange.sock.sendall(long)
        time.sleep(0.3)
        exchange.sock.sendall(b"0\r\n\r\n")

    with serving(refuse, answer(200, FILE)) as server:
        made = client(server, max_retries=0)
        assert not made.files.retrieve("file-1").success
        assert made.files.create(CONTENT, "user_data", {"filename": "a.txt"}).success
        assert [request.method for request in server.received] == ["GET", "POST"]


def test_stream_that_cannot_go_back_gets_a_fresh_connection(client: Callable[..., OpenAIClient]) -> None:
    """
    The one attempt there is does not go out on a connection that the server may just be closing.
    """
    with serving(answer(200, FILE)) as server:
        made = client(server)
        made.files.retrieve("file-1")
        assert made.files.create(Pipe(), "user_data", {"filename": "a.txt"}).success
        assert server.connections == 2
        assert CONTENT in server.received[1].body


def test_error_holds_nothing_of_the_request(client: Callable[..., OpenAIClient]) -> None:
    """
    Tools that print the locals of a traceback find no key in an error.
    """
    with serving(cut()) as server:
        (error,) = client(server, max_retries=0).files.retrieve("file-1").errors
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert "very-secret" not in "".join(shown.format())
    assert (error.__cause__, error.__context__, error.__traceback__) == (None, None, None)


def test_log_of_the_library_below_keeps_secrets_of_addresses(
    client: Callable[..., OpenAIClient], caplog: pytest.LogCaptureFixture
) -> None:
    """
    Signed addresses of redirects do not reach the log, not even at DEBUG.
    """
    with serving(answer(200, b"content")) as other:
        target = f"{other.url}/blob?sig=TOPSECRET&X-Amz-Signature=ALSOSECRET&plain=yes"
        with serving(answer(302, b"", {"Location": target})) as server, caplog.at_level("DEBUG"):
            assert client(server).files.content("file-1").content == b"content"
    assert "plain=yes" in caplog.text
    assert "SECRET" not in caplog.text


def test_cancelled_watch_sends_nothing() -> None:
    """
    An exchange that is cancelled before it starts never opens a connection.
    """
    context = CallContext()
    context.cancel()
    with serving(answer(200, FILE)) as server:
        transport = http_transport()
        with pytest.raises(CancelledError):
            transport.send(Request(method="GET", url=server.url, headers=Headers()), context)
        transport.close()
        assert server.connections == 0


def test_transport_of_a_foreign_adapter_is_not_its_owner() -> None:
    """
    Only an adapter of our own is closed with the transport.
    """
    assert http_transport(HTTPAdapter()).is_owner is False
    assert isinstance(http_transport(), HTTPTransport)


def test_a_body_without_a_length_that_was_cut_off_is_not_taken_for_whole() -> None:
    """
    An answer that ends with its connection is no answer when it was cancelled who ended it.
    """

    def endless(exchange: Exchange) -> None:
        exchange.sock.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf")
        time.sleep(2)

    context = CallContext()
    with serving(endless) as server:
        threading.Timer(0.2, context.cancel).start()
        watch = Stopwatch()
        with pytest.raises(CancelledError):
            http_transport().send(Request(method="GET", url=f"{server.url}/files"), context)
        assert watch.stop() < 1


@pytest.mark.parametrize(("answered_s", "is_answered"), [(0.3, True), (3, False)])
def test_a_cancelled_call_waits_a_moment_for_what_is_to_be_undone(answered_s: float, is_answered: bool) -> None:  # noqa: FBT001  a parameter of pytest
    """
    Where the request says so, the answer still counts; but it is not waited for long.
    """
    context = CallContext()
    with serving(answer(200, FILE, after_s=answered_s)) as server:
        threading.Timer(0.1, context.cancel).start()
        watch = Stopwatch()
        request = Request(method="POST", url=f"{server.url}/uploads", cancel_grace_s=0.6)
        if is_answered:
            assert http_transport().send(request, context).body == FILE
        else:
            with pytest.raises(CancelledError):
                http_transport().send(request, context)
        assert watch.stop() < 1
