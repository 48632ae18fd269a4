"""
The upstream over real sockets: what becomes of a line whatever the server does, alone and behind the executor.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from aikit.http.context import CallContext
from aikit.http.transport import http_transport
from aikit.providers.local.batches.answerer import Answer, Task, Throttled, TryAgain, Unreachable
from aikit.providers.local.batches.executor import Executor
from aikit.providers.local.batches.upstream import TRIES, TRIES_THROTTLED, TRIES_TIMED_OUT, Upstream, upstream_headers
from aikit.providers.local.clock import RealClock, SpedUpClock
from aikit.types.errors import CancelledError
from tests.scripted_server import Exchange, ScriptedServer, Step, answer, cut, rendered, reset, serving, silent
from tests.stopwatch import Stopwatch

COMPLETION = b'{"id":"chatcmpl-1","object":"chat.completion","choices":[]}'
SAID = answer(200, COMPLETION, {"x-request-id": "req_of_server"})


def task(line: int = 1, attempt: int = 1, url: str = "/v1/chat/completions") -> Task:
    """Make a task whose attempts before have all failed, or were all refused."""
    before = attempt - 1
    body = b'{"model":"m"}'
    return Task(line=line, custom_id=f"q{line}", url=url, body=body, attempt=attempt, failures=before, refusals=before)


@contextmanager
def upstream_at(url: str, **options: Any) -> Iterator[Upstream]:
    """Make an upstream that speaks to *url*."""
    transport = http_transport(connections=16)
    try:
        yield Upstream(base_url=url, transport=transport, headers=upstream_headers("sk-secret-of-mine"), **options)
    finally:
        transport.close()


@contextmanager
def upstream(*steps: Step, **options: Any) -> Iterator[tuple[Upstream, ScriptedServer]]:
    """Make one that speaks to a server with a script."""
    with serving(*steps) as server, upstream_at(server.url, **options) as found:
        yield found, server


def asked(*steps: Step, attempt: int = 1, **options: Any) -> Answer:
    """Ask once."""
    with upstream(*steps, **options) as (found, _):
        return found.answer(task(attempt=attempt), CallContext())


def error_of(found: Answer) -> dict[str, Any]:
    """Return the error object of a refusal."""
    error: dict[str, Any] = json.loads(found.body)["error"]
    return error


def test_a_line_goes_where_its_url_says_with_key_and_headers() -> None:
    """
    The url's /v1 is that of the base URL; the body is sent as it stands, the answer comes as it stands.
    """
    with upstream(SAID) as (found, server):
        assert found.answer(task(), CallContext()) == Answer(
            status_code=200, request_id="req_of_server", body=COMPLETION, error=None
        )
        found.answer(task(url="/v1/embeddings"), CallContext())
    first, second = server.received
    assert (first.method, first.path, first.body) == ("POST", "/v1/chat/completions", b'{"model":"m"}')
    assert first.headers["authorization"] == "Bearer sk-secret-of-mine"
    assert first.headers["content-type"] == "application/json"
    assert second.path == "/v1/embeddings"
    assert server.connections == 1


def test_custom_headers_win_and_an_empty_key_is_not_sent() -> None:
    """
    Local servers want none, gateways want others.
    """
    assert dict(upstream_headers("", {"user-agent": "mine", "X-Team": "a"})) == {
        "user-agent": "mine",
        "Accept": "application/json",
        "X-Team": "a",
    }


def test_a_server_without_request_ids_gets_one_for_each_line() -> None:
    """
    Output lines have one.
    """
    with upstream(answer(200, COMPLETION)) as (found, _):
        ids = {found.answer(task(), CallContext()).request_id for _ in range(5)}
    assert len(ids) == 5
    assert all(name.startswith("req_") for name in ids)


def test_an_answer_on_many_lines_becomes_one_line() -> None:
    """
    It goes into a JSONL file.
    """
    found = asked(answer(200, json.dumps({"a": ["b\n"]}, indent=2).encode().replace(b"\n", b"\r\n")))
    assert b"\n" not in found.body
    assert b"\r" not in found.body
    assert json.loads(found.body) == {"a": ["b\n"]}


def test_numbers_that_json_does_not_have_become_null() -> None:
    """
    Some servers write NaN; a paid answer is not thrown away for it.
    """
    found = asked(answer(200, b'{"a": NaN, "b": -Infinity, "c": 1, "d": "\xc3\xa9"}'))
    assert found.is_ok
    assert json.loads(found.body) == {"a": None, "b": None, "c": 1, "d": "é"}


@pytest.mark.parametrize(
    "body", [b"", b"<html>hello sk-secret-of-mine</html>", b"[1]", b"null", b'{"a":', b"\xff\xfe", b"[" * 100_000]
)
def test_success_without_a_json_object_is_asked_again_and_then_fails_the_line(body: bytes) -> None:
    """
    As after a 502; in the end what came instead is shown, without secrets.
    """
    garbled = answer(200, body, {"Content-Type": "text/html"})
    with pytest.raises(TryAgain):
        asked(garbled, attempt=TRIES - 1)
    found = asked(garbled, attempt=TRIES)
    assert found.error is not None
    assert (found.status_code, found.error[0], found.is_ok) == (None, "invalid_response", False)
    assert "sk-secret" not in found.error[1]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_what_is_wrong_with_the_request_is_its_answer(status: int) -> None:
    """
    Status and error body are the server's.
    """
    body = b'{"error": {"message": "no such model", "type": "t", "param": null, "code": "c", "more": 1}}'
    found = asked(answer(status, body, {"x-request-id": "r"}))
    assert (found.status_code, found.request_id, found.error, found.is_ok) == (status, "r", None, False)
    assert json.loads(found.body) == json.loads(body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html><h1>Bad Request</h1></html>", "Bad Request"),
        (b'{"detail": "not that way"}', "not that way"),
        (b'{"error": "model not found"}', "model not found"),
        (b'{"error": {"code": 5}}', "status 400"),
        (b"", "status 400"),
        (b"your key sk-secret-of-mine is bad", "your key *** is bad"),
    ],
)
def test_other_shapes_of_errors_are_put_into_openais(body: bytes, message: str) -> None:
    """
    HTML pages, FastAPI's details and plain words: the error object has its four fields.
    """
    error = error_of(asked(answer(400, body)))
    assert set(error) == {"message", "type", "param", "code"}
    assert message in error["message"]


@pytest.mark.parametrize(("code", "status"), [(429, 429), (502, 502), ("503", 503), ("rate_limited", 500), (7, 500)])
def test_a_refusal_that_calls_itself_a_success_is_a_refusal(code: Any, status: int) -> None:
    """
    Some gateways answer 200 with nothing but an error object; an error beside an answer is the answer's.
    """
    step = answer(200, json.dumps({"error": {"message": "no", "code": code}}).encode())
    if status != 500:  # it tells its status, and is treated as that
        with pytest.raises((Throttled, TryAgain)):
            asked(step)
    found = asked(step, attempt=1 if status == 500 else TRIES_THROTTLED)
    assert (found.status_code, error_of(found)["message"]) == (status, "no")
    nested = asked(answer(200, json.dumps({"error": {"error": {"message": "no", "code": 404}}}).encode()))
    assert (nested.status_code, error_of(nested)["message"]) == (404, "no")
    assert asked(answer(200, b'{"output": [], "error": {"message": "no"}}')).is_ok
    assert asked(answer(200, b'{"choices": [], "error": null}')).is_ok


@pytest.mark.parametrize(
    "body",
    [
        {"error": "no such model"},
        {"error": ["no such model"]},
        {"object": "error", "message": "no such model", "code": None},
        {"detail": "no such model"},
        {"message": "no such model"},
        {"success": False, "errors": [{"message": "no such model"}]},
        {"code": 7, "msg": "no such model"},
        {"title": "Not Found", "detail": "no such model", "status": 404},
    ],
)
def test_words_of_a_refusal_with_a_success_status_are_a_failure(body: dict[str, Any]) -> None:
    """
    Whatever shape they have; an answer that has such words beside is an answer.
    """
    found = asked(answer(200, json.dumps(body).encode()))
    assert not found.is_ok
    assert "no such model" in error_of(found)["message"]
    assert asked(answer(200, json.dumps(body | {"choices": []}).encode())).is_ok


def test_an_answer_encoded_twice_is_read() -> None:
    """
    JSON in a JSON string.
    """
    found = asked(answer(200, json.dumps(COMPLETION.decode()).encode()))
    assert (found.is_ok, found.body) == (True, COMPLETION)


@pytest.mark.parametrize(
    ("step", "is_denial"),
    [
        *((answer(status, b'{"error": {"message": "no"}}'), True) for status in (401, 402, 403, 407)),
        (answer(429, b'{"error": {"message": "pay", "code": "insufficient_quota"}}'), True),
        (answer(302, b"", {"Location": "http://127.0.0.1:9/"}), True),
        (answer(404, b"404 page not found"), True),
        (answer(405, b'{"detail": "Method Not Allowed"}'), True),
        (answer(404, b'{"error": {"message": "no such model", "code": "model_not_found"}}'), False),
        (answer(400, b'{"error": {"message": "no"}}'), False),
        (answer(422, b'{"detail": "no"}'), False),
    ],
)
def test_what_may_be_about_the_client_is_told_from_what_is_about_the_line(step: Step, *, is_denial: bool) -> None:
    """
    A wrong key, address, region or account denies whatever is asked.
    """
    assert asked(step).is_denial is is_denial


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1.5s"}, 1.5),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20ms"}, 0.02),
        ({"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "1.5s"}, 0.0),
    ],
)
def test_what_is_left_is_told_by_answers_and_refusals(headers: dict[str, str], seconds: float) -> None:
    """
    The header counts, whatever the status.
    """
    assert asked(answer(200, COMPLETION, headers)).nothing_left_s == seconds
    with pytest.raises(Throttled) as wish:
        asked(answer(429, b"", headers))
    assert (wish.value.retry_after_s, wish.value.nothing_left_s) == (None, seconds)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    """
    The base URL is wrong; the key goes nowhere else.
    """
    with serving(SAID) as elsewhere:
        found = asked(answer(status, b"", {"Location": elsewhere.url}))
    assert found.status_code == status
    assert not found.is_ok
    assert "correct the base URL" in error_of(found)["message"]
    assert elsewhere.received == []


@pytest.mark.parametrize("status", [408, 409, 500, 502, 504])
def test_what_may_pass_is_asked_again_so_many_times(status: int) -> None:
    """
    Pauses grow; the last answer is the line's.
    """
    with upstream(answer(status, b'{"error": {"message": "later"}}')) as (found, _):
        pauses = []
        for attempt in range(1, TRIES):
            with pytest.raises(TryAgain) as wish:
                found.answer(task(attempt=attempt), CallContext())
            assert not wish.value.is_overload
            pauses.append(wish.value.after_s)
        last = found.answer(task(attempt=TRIES), CallContext())
    assert (last.status_code, error_of(last)["message"]) == (status, "later")
    assert [0.375 * 2**n <= pause <= 0.5 * 2**n for n, pause in enumerate(pauses)] == [True] * (TRIES - 1)


@pytest.mark.parametrize("status", [429, 503, 529])
def test_too_much_is_a_wish_to_be_asked_less(status: int) -> None:
    """
    With more patience than for other failures.
    """
    with upstream(answer(status)) as (found, _):
        for attempt in (1, TRIES, TRIES_THROTTLED - 1):
            with pytest.raises(Throttled):
                found.answer(task(attempt=attempt), CallContext())
        assert found.answer(task(attempt=TRIES_THROTTLED), CallContext()).status_code == status


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3600"}, 3600),
        ({"retry-after-ms": "250"}, 0.25),
        ({"Retry-After": "7", "retry-after-ms": "90"}, 0.09),
    ],
)
def test_retry_after_is_obeyed_however_long(headers: dict[str, str], seconds: float) -> None:
    """
    A batch has a day.
    """
    with pytest.raises(Throttled) as wish:
        asked(answer(429, b"", headers))
    assert wish.value.retry_after_s == seconds


def test_x_should_retry_wins_over_the_status() -> None:
    """
    Both ways.
    """
    assert asked(answer(500, b"", {"x-should-retry": "false"})).status_code == 500
    with pytest.raises(TryAgain):
        asked(answer(400, b"", {"x-should-retry": "true"}))


def test_an_account_without_money_is_not_asked_again() -> None:
    """
    No pause fills it.
    """
    found = asked(
        answer(429, b'{"error": {"message": "pay", "type": "insufficient_quota", "code": "insufficient_quota"}}')
    )
    assert found.status_code == 429


def headers_then(*pieces: bytes, pause_s: float = 0.05) -> Step:
    """Drip an answer."""

    def step(exchange: Exchange) -> None:
        for piece in pieces:
            exchange.sock.sendall(piece)
            time.sleep(pause_s)

    return step


@pytest.mark.parametrize(
    "step",
    [
        cut(),
        cut(b"HTTP/1.1 200 OK\r\nContent-Type: app"),
        reset(),
        reset(rendered(200, COMPLETION)[:-5]),
        cut(rendered(200, COMPLETION, {"Content-Length": "5000"})),
        cut(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
        cut(b"SSH-2.0-OpenSSH\r\n"),
    ],
)
def test_a_broken_connection_is_asked_again(step: Step) -> None:
    """
    Whatever was said so far; in the end the line fails with what broke, or with what could not be read.
    """
    with upstream(step) as (found, _):
        with pytest.raises(TryAgain) as wish:
            found.answer(task(), CallContext())
        ended = found.answer(task(attempt=TRIES), CallContext())
    assert not wish.value.is_overload
    assert ended.error is not None
    assert ended.error[0] == "connection_error"


def test_a_shorter_content_length_is_no_answer() -> None:
    """
    Half a JSON text is not taken for a whole, and the rest is not taken for the next answer.
    """
    lying = rendered(200, COMPLETION, {"Content-Length": "20"})
    with upstream(headers_then(lying), SAID) as (found, _):
        with pytest.raises(TryAgain):
            found.answer(task(), CallContext())
        time.sleep(0.1)  # the server goes on to read, behind what it has said too much
        assert found.answer(task(attempt=2), CallContext()).body == COMPLETION


def test_silence_is_asked_again_and_then_a_time_out() -> None:
    """
    It also tells that less should be asked at once.
    """
    with upstream(silent(), timeout_s=0.1) as (found, _):
        with pytest.raises(TryAgain) as wish:
            found.answer(task(), CallContext())
        assert wish.value.is_overload
        last = found.answer(task(attempt=TRIES_TIMED_OUT), CallContext())
    assert last.error is not None
    assert last.error[0] == "request_timeout"


def test_a_closed_port_and_an_unknown_name_are_nobody() -> None:
    """
    Nothing is wrong with the line.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/v1", "http://no-such-host.invalid/v1"):
        with upstream_at(url) as found, pytest.raises(Unreachable) as fault:
            found.answer(task(), CallContext())
        assert url in fault.value.message


def test_an_answer_beyond_the_bound_is_refused_not_held() -> None:
    """
    Also one that does not tell its size, and one of a hundred megabytes.
    """
    chunk = b"%x\r\n" % (1 << 20) + b"x" * (1 << 20) + b"\r\n"

    def endless(exchange: Exchange) -> None:
        exchange.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(100):
            exchange.sock.sendall(chunk)

    for step in (endless, answer(200, b"x" * 5_000_000)):
        found = asked(step, most_bytes=2_000_000)
        assert found.error == ("answer_too_large", "The answer has more than 2,000,000 bytes, the most that is kept.")


def test_cancelling_cuts_the_exchange_off() -> None:
    """
    At once, in the middle of waiting.
    """
    with upstream(silent()) as (found, _):
        context = CallContext()
        threading.Timer(0.1, context.cancel).start()
        watch = Stopwatch()
        with pytest.raises(CancelledError):
            found.answer(task(), context)
        assert watch.stop() < 2


def executed(
    found: Upstream, count: int, *, speed: float = 1.0, stop: Callable[[], bool] = lambda: False, **options: Any
) -> dict[int, Answer]:
    """Have so many lines answered."""
    answers: dict[int, Answer] = {}

    def take(one: Task, answer: Answer) -> None:
        assert one.line not in answers
        answers[one.line] = answer

    clock = SpedUpClock(speed) if speed != 1.0 else RealClock()
    options = {"concurrency": 8} | options
    Executor(found, clock=clock, **options).run((task(line) for line in range(1, count + 1)), take, stop)
    return answers


def flaky(*others: Step, of: int = 4) -> Step:
    """Answer well, but every so often do one of *others*."""
    count = iter(range(10**9))

    def step(exchange: Exchange) -> None:
        number = next(count)
        (others[number // of % len(others)] if number % of == 0 else SAID)(exchange)

    return step


@pytest.mark.parametrize(
    "fault",
    [
        answer(500),
        answer(429),
        answer(429, b"", {"Retry-After": "1"}),
        answer(200, COMPLETION, {"Connection": "close"}),
        cut(),
        reset(),
        cut(rendered(200, COMPLETION)[:-9]),
    ],
)
def test_a_server_that_fails_now_and_then_answers_all_lines(fault: Step) -> None:
    """
    Every fourth request goes wrong, and every line has its answer in the end.
    """
    with upstream(flaky(fault)) as (found, _):
        answers = executed(found, 60, speed=50.0)
    assert len(answers) == 60
    assert all(one.is_ok for one in answers.values())


def test_all_kinds_of_trouble_at_once_leave_no_line_out() -> None:
    """
    Each line is answered, refused or failed: once.
    """
    troubles = (
        answer(500),
        answer(503, b"", {"retry-after-ms": "100"}),
        cut(),
        reset(),
        answer(200, b"<html>"),
        answer(400, b"<html>no</html>"),
        cut(rendered(200, COMPLETION)[:-9]),
        answer(404, b'{"error": {"message": "no such model"}}'),
    )
    with upstream(flaky(*troubles, of=2)) as (found, _):
        answers = executed(found, 120, speed=100.0)
    assert sorted(answers) == list(range(1, 121))
    kinds = {(one.status_code, one.error[0] if one.error else None) for one in answers.values()}
    assert kinds >= {(200, None), (400, None), (404, None)}
    assert sum(one.error is not None for one in answers.values()) < 12  # what was garbled was asked again


def test_a_server_that_dies_and_comes_back_gets_the_rest() -> None:
    """
    No line is failed for it.
    """
    with serving(answer(200, COMPLETION, after_s=0.01)) as first, upstream_at(first.url) as found:
        port = first._listener.getsockname()[1]
        second = ScriptedServer([SAID])

        def start_again() -> None:
            while len(first.received) < 20:
                time.sleep(0.005)
            first.stop()
            time.sleep(0.6)
            second._listener = socket.create_server(("127.0.0.1", port), backlog=64)
            threading.Thread(target=second._accept, daemon=True).start()

        threading.Thread(target=start_again, daemon=True).start()
        answers = executed(found, 400, speed=10.0)
        second.stop()
    assert len(answers) == 400
    assert all(one.is_ok for one in answers.values())
    assert second.received
    assert first.received


def test_a_slow_drip_ends_with_the_longest_time_of_a_try() -> None:
    """
    A byte now and then defeats every time-out between bytes, but not this one.
    """

    def drip(exchange: Exchange) -> None:
        exchange.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(200):
            exchange.sock.sendall(b" ")
            time.sleep(0.05)

    with upstream(drip) as (found, _):
        answers = executed(found, 2, longest_s=0.3)
    assert {one.error[0] for one in answers.values() if one.error} == {"request_timeout"}


def test_cancelling_while_retry_after_says_an_hour_is_prompt() -> None:
    """
    Nothing is answered, nothing hangs, and hardly anything was asked.
    """
    watch, ends_at = Stopwatch(), time.monotonic() + 0.4
    with upstream(answer(429, b"", {"Retry-After": "3600"})) as (found, server):
        assert executed(found, 1000, stop=lambda: time.monotonic() > ends_at) == {}
        assert len(server.received) <= 8
    assert watch.stop() < 0.4 + 1.5
