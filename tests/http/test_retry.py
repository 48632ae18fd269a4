"""
Retries: flows driven bare, without a clock, a sleep or a socket.
"""

from __future__ import annotations

import contextlib
import io
import pickle
import time

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.http.bodies import MultipartBody, json_body
from aikit.http.flow import Flow, Pause, Step
from aikit.http.headers import Headers
from aikit.http.messages import Request, Response
from aikit.http.rate_limiter import RateLimiter
from aikit.http.refusals import error_from
from aikit.http.retry import RetryPolicy, intercept, retry_after_s, with_retries
from aikit.http.sources import source_of
from aikit.types.errors import ExchangeError, OpenAIError
from tests.http.bare_flows import after, answer, asked, returned

_URL = "https://api.example/v1/files"
_GET = Request(method="GET", url=_URL, headers=Headers({"Accept": "*/*"}))
_POST = Request(method="POST", url=_URL, body=json_body({"a": 1}))
_POLICY = RetryPolicy(jitter=lambda: 0.0, now=lambda: 784_111_777.0)
_BROKE = ExchangeError(message="broke")
_SECRETS = {
    "Authorization": "Bearer sk-0123456789",
    "api-key": "abcdef0123",
    "Cookie": "session=abcdef",
    "X-Custom-Token": "t0k3n-t0k3n",
    "X-Upstream": "Bearer other-key",
}


class _Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False


_ONCE = attrs.evolve(
    _POST, body=MultipartBody(fields={}, file_field="file", source=source_of(_Pipe(b"abc"), filename="a"))
)


def _delay(response: Response, policy: RetryPolicy = _POLICY) -> float | None:
    return policy.delay_after_response(response.request, response)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"Retry-After": " 3 "}, 3.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"x-ms-retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after-ms": "0", "retry-after": "9"}, 9.0),
        ({"retry-after-ms": "1e-323", "retry-after": "9"}, 9.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT"}, 10.0),
        ({"retry-after": "Sunday, 06-Nov-94 08:49:47 GMT"}, 10.0),
        ({"retry-after": "Sun Nov  6 08:49:47 1994"}, 10.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:47"}, 10.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:47 -0000"}, 10.0),
        ({"retry-after": "Sun, 06 Nov 1994 09:49:47 +0100"}, 10.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:27 GMT"}, None),
        ({"retry-after": "Sun, 06 Nov 1994 09:49:47 GMT", "date": "Sun, 06 Nov 1994 09:49:37 GMT"}, 10.0),
        ({"retry-after": "Sun, 06 Nov 1994 07:49:47 GMT", "date": "Sun, 06 Nov 1994 07:49:37 GMT"}, 10.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT", "date": "today"}, 10.0),
        ({"retry-after": "tomorrow"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "0"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e400"}, None),
        ({"retry-after": "-1e400"}, None),
        ({"retry-after": "Sun, 99 Foo 99999 99:99:99 GMT"}, None),
        ({"retry-after": "1" * 5000}, None),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_every_form_of_retry_after(
    headers: dict[str, str], seconds: float | None, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Milliseconds, seconds and dates are understood wherever this machine is; what makes no sense is not obeyed.
    """
    with _in_zone(zone, monkeypatch):
        assert retry_after_s(Headers(headers), 784_111_777.0) == seconds


class _in_zone:  # noqa: N801  reads as a verb
    def __init__(self, zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.zone, self.monkeypatch = zone, monkeypatch

    def __enter__(self) -> None:
        self.monkeypatch.setenv("TZ", {"Asia/Tokyo": "JST-9"}.get(self.zone, self.zone))
        if hasattr(time, "tzset"):
            time.tzset()

    def __exit__(self, *_: object) -> None:
        self.monkeypatch.undo()
        if hasattr(time, "tzset"):
            time.tzset()


@given(st.text() | st.floats().map(str) | st.integers().map(str))
def test_no_retry_after_crashes_or_is_negative(text: str) -> None:
    """
    Whatever the header says, it is a positive number of seconds or nothing.
    """
    for name in ("retry-after", "retry-after-ms"):
        seconds = retry_after_s(Headers({name: text}), 0.0)
        assert seconds is None or 0 < seconds < float("inf")


@pytest.mark.parametrize(
    ("status", "body", "headers", "delay_s"),
    [
        (200, b"", {}, None),
        (400, b"", {}, None),
        (401, b"", {}, None),
        (404, b"", {}, None),
        (422, b"", {}, None),
        (408, b"", {}, 0.5),
        (409, b"", {}, 0.5),
        (429, b"", {}, 0.5),
        (500, b"", {}, 0.5),
        (503, b"", {}, 0.5),
        (599, b"", {}, 0.5),
        (429, b"", {"retry-after": "120"}, 120.0),
        (429, b"", {"retry-after": "121"}, None),
        (503, b"", {"retry-after": "86400"}, None),
        (429, b'{"error": {"type": "insufficient_quota"}}', {}, None),
        (429, b'{"error": {"code": "credit_balance_exhausted"}}', {"retry-after": "1"}, None),
        (429, b'{"error": {"code": "rate_limit_exceeded"}}', {}, 0.5),
        (500, b"insufficient_quota", {}, 0.5),
        (400, b"", {"x-should-retry": "true"}, 0.5),
        (500, b"", {"x-should-retry": "false"}, None),
        (429, b"", {"X-Should-Retry": " False "}, None),
        (500, b"", {"x-should-retry": "maybe"}, 0.5),
        (200, b"", {"x-should-retry": "true"}, None),
    ],
)
def test_what_is_tried_again(status: int, body: bytes, headers: dict[str, str], delay_s: float | None) -> None:
    """
    What may pass is tried again after the pause the provider asks for; what cannot pass is told at once.
    """
    response = Response(status=status, body=body, headers=Headers(headers), request=_GET)
    assert _delay(response) == delay_s


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_pause_doubles_within_its_bounds(attempt: int, jitter: float) -> None:
    """
    Pauses are half a second to eight, less a quarter at most, however many there were.
    """
    policy = RetryPolicy(max_retries=10_000, jitter=lambda: jitter)
    pause = policy.delay_after_error(attrs.evolve(_GET, attempt=attempt), _BROKE)
    full = min(0.5 * 2 ** min(attempt - 1, 10), 8.0)
    assert pause is not None
    assert 0.75 * full <= pause <= full


def test_jitter_is_random_by_itself() -> None:
    """
    Clients that failed together do not come back together.
    """
    pauses = {RetryPolicy().delay_after_error(_GET, _BROKE) for _ in range(20)}
    assert len(pauses) > 1
    assert all(pause is not None and 0.375 <= pause <= 0.5 for pause in pauses)


class _Limiter:
    """
    Gives the slots that a test says, and notes what it is told; a ``None`` is a success.
    """

    def __init__(self, *waits: float) -> None:
        self.waits, self.is_on, self.told = iter(waits), False, list[float | None]()

    def reserve(self) -> float:
        return next(self.waits, 0.0)

    def is_blocked(self) -> bool:
        return self.is_on

    def on_throttled(self, seconds: float, /, *, is_told: bool = True) -> bool:
        assert is_told is (seconds > 1)
        self.told.append(seconds)
        return len(self.told) < 5

    def on_nothing_left(self, seconds: float, /) -> None:
        self.told.append(-seconds)

    def on_success(self) -> None:
        self.told.append(None)


def test_each_attempt_waits_for_its_slot() -> None:
    """
    A limited request is sent when its slot comes; a retry reserves another one after its own pause.
    """
    flow = with_retries(attrs.evolve(_POST, limiter=_Limiter(0.0, 7.0)), _POLICY)
    first = asked(next(flow))
    assert flow.send(answer(first, 500)) == Pause(0.5)
    second = after(flow, 7.0, flow.send(0.5))
    assert second.attempt == 2
    assert returned(flow, answer(second, 200)).status == 200


def test_a_blocked_request_reserves_another_slot() -> None:
    """
    A slot that was reserved before all were blocked counts no more.
    """
    limiter = _Limiter(3.0, 60.0)
    flow = with_retries(attrs.evolve(_POST, limiter=limiter), _POLICY)
    assert next(flow) == Pause(3.0)
    limiter.is_on = True
    assert flow.send(3.0) == Pause(60.0)
    limiter.is_on = False
    assert returned(flow, answer(flow.send(63.0), 200)).status == 200
    assert limiter.told == [None]


def test_a_request_too_many_waits_as_asked_and_spends_no_try() -> None:
    """
    The limiter gets what the provider asks for, until it says that nothing helps; then the answer is final.
    """
    limiter = _Limiter()
    flow = with_retries(attrs.evolve(_POST, limiter=limiter), _POLICY)
    step: Step = next(flow)
    for _ in range(4):
        assert flow.send(answer(step, 429, retry_after="30")) == Pause(30.0)
        step = flow.send(30.0)
    assert returned(flow, answer(step, 429, retry_after="7")).status == 429
    assert limiter.told == [30.0, 30.0, 30.0, 30.0, 7.0]


@pytest.mark.parametrize("status", [200, 400, 429, 500])
def test_the_limiter_is_told_when_nothing_is_left(status: int) -> None:
    """
    Whatever the status of the answer.
    """
    limiter = _Limiter()
    flow = with_retries(attrs.evolve(_POST, limiter=limiter), _POLICY)
    empty = {"x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": "6s"}
    with contextlib.suppress(StopIteration):
        flow.send(answer(next(flow), status, b"", **empty))
    assert limiter.told[0] == -6.0


@pytest.mark.parametrize("status", [408, 500, 503])
def test_other_failures_block_nobody(status: int) -> None:
    """
    They spend tries as ever, and say nothing about how many requests are too many.
    """
    limiter = _Limiter()
    flow = with_retries(attrs.evolve(_POST, limiter=limiter), attrs.evolve(_POLICY, max_retries=1))
    second = after(flow, 0.5, flow.send(answer(next(flow), status)))
    assert returned(flow, answer(second, status)).status == status
    assert limiter.told == []


def test_limiters_are_left_out_of_pickles() -> None:
    """
    A limiter has a lock, which no pickle can hold.
    """
    request = attrs.evolve(_POST, body=None, limiter=RateLimiter(1))
    assert pickle.loads(pickle.dumps(request)).limiter is None  # noqa: S301  our own


def test_the_same_is_sent_until_the_retries_are_used_up() -> None:
    """
    Each attempt is the same request, numbered, after its pause; then the last answer is the answer.
    """
    flow = with_retries(_POST, _POLICY)
    first = next(flow)
    assert flow.send(answer(first, 429)) == Pause(0.5)
    second = flow.send(0.5)
    assert flow.send(answer(second, 500)) == Pause(1.0)
    third = flow.send(1.5)
    assert first == _POST
    assert second == attrs.evolve(_POST, attempt=2)
    assert third == attrs.evolve(_POST, attempt=3, may_have_been_applied=True)
    last = answer(third, 503)
    assert returned(flow, last) is last


@pytest.mark.parametrize(("is_ambiguous", "may_have_been_applied"), [(True, True), (False, False)])
def test_broken_exchange_is_tried_again(is_ambiguous: bool, may_have_been_applied: bool) -> None:  # noqa: FBT001  columns
    """
    After a break the request is sent again, and knows whether an earlier one may have been acted on.
    """
    flow = with_retries(_POST, _POLICY)
    next(flow)
    assert flow.throw(ExchangeError(message="broke", is_ambiguous=is_ambiguous)) == Pause(0.5)
    assert flow.send(0.5) == attrs.evolve(_POST, attempt=2, may_have_been_applied=may_have_been_applied)
    assert flow.throw(ExchangeError(message="broke", is_ambiguous=False)) == Pause(1.0)
    assert asked(flow.send(1.5)).may_have_been_applied is may_have_been_applied
    with pytest.raises(ExchangeError, match="third"):
        flow.throw(ExchangeError(message="third"))


@pytest.mark.parametrize(("status", "delay_s"), [(408, None), (409, 0.5), (429, 0.5), (500, None), (503, None)])
@pytest.mark.parametrize("headers", [{}, {"x-should-retry": "true"}])
def test_what_costs_twice_is_repeated_after_refusals_only(
    status: int, delay_s: float | None, headers: dict[str, str]
) -> None:
    """
    After a refusal nothing was done and it is asked again; after anything else only its flow knows what to do.
    """
    paid = attrs.evolve(_POST, is_idempotent=False)
    assert _delay(Response(status=status, headers=Headers(headers), request=paid)) == delay_s


@pytest.mark.parametrize(("is_ambiguous", "delay_s"), [(True, None), (False, 0.5)])
def test_what_costs_twice_is_repeated_if_it_never_left(is_ambiguous: bool, delay_s: float | None) -> None:  # noqa: FBT001  a column
    """
    Where no connection came about, nothing can have been done.
    """
    paid = attrs.evolve(_POST, is_idempotent=False)
    assert _POLICY.delay_after_error(paid, ExchangeError(message="broke", is_ambiguous=is_ambiguous)) == delay_s


def test_status_that_is_final_for_a_request_is_its_answer() -> None:
    """
    A request can say which of the statuses that are mostly worth a retry are not, for it, whatever the answer says.
    """
    request = attrs.evolve(_POST, non_retryable_statuses=frozenset((409,)))
    assert _delay(Response(status=409, request=request)) is None
    assert _delay(Response(status=409, headers=Headers({"x-should-retry": "true"}), request=request)) is None
    assert _delay(Response(status=429, request=request)) == 0.5


@pytest.mark.parametrize(
    ("status", "may_have_been_applied"), [(408, True), (409, False), (429, False), (500, True), (504, True)]
)
def test_answer_tells_whether_it_may_have_been_done(status: int, may_have_been_applied: bool) -> None:  # noqa: FBT001  a column
    """
    A refusal did nothing; after a server's own fault nobody knows.
    """
    flow = with_retries(_GET, _POLICY)
    assert after(flow, 0.5, flow.send(answer(next(flow), status))).may_have_been_applied is may_have_been_applied


def test_other_errors_are_not_tried_again() -> None:
    """
    A file that was changed, or a cancelled call, ends at once.
    """
    flow = with_retries(_GET, _POLICY)
    next(flow)
    with pytest.raises(OpenAIError, match="changed"):
        flow.throw(OpenAIError(message="changed", code="file_changed"))


def test_stream_that_cannot_go_back_is_sent_once() -> None:
    """
    What cannot be sent whole a second time is not sent a second time, whatever the answer asks for.
    """
    flow = with_retries(_ONCE, _POLICY)
    refused = answer(next(flow), 429, x_should_retry="true")
    assert returned(flow, refused) is refused
    flow = with_retries(_ONCE, _POLICY)
    next(flow)
    with pytest.raises(ExchangeError):
        flow.throw(ExchangeError(message="broke"))


def test_no_retries_means_one_attempt() -> None:
    """
    With ``max_retries=0`` the first answer is the answer.
    """
    flow = with_retries(_GET, RetryPolicy(max_retries=0))
    failure = answer(next(flow), 500)
    assert returned(flow, failure) is failure


def test_retry_starts_at_the_first_address_again() -> None:
    """
    A redirect is no promise: the next attempt asks where the first one asked.
    """
    flow = with_retries(_GET, _POLICY)
    moved = asked(flow.send(answer(next(flow), 302, location="/elsewhere")))
    assert moved.url == "https://api.example/elsewhere"
    assert flow.send(answer(moved, 500)) == Pause(0.5)
    assert flow.send(0.5) == attrs.evolve(_GET, attempt=2, may_have_been_applied=True)


def _twice(request: Request) -> Flow[Response]:
    yield request
    response: Response = yield attrs.evolve(request, attempt=2)
    return response


def _operation(log: list[str]) -> Flow[str]:
    try:
        try:
            response = yield _GET
        except OpenAIError as error:
            log.append(str(error))
            response = yield _POST
        return f"status {response.status}"
    finally:
        log.append("closed")


def test_every_request_of_a_flow_is_carried_out() -> None:
    """
    The flow sees one answer where the carrier made two exchanges.
    """
    log: list[str] = []
    flow = intercept(_operation(log), _twice)
    first = next(flow)
    second = flow.send(answer(first, 500))
    assert (first, second) == (_GET, attrs.evolve(_GET, attempt=2))
    assert returned(flow, answer(second, 201)) == "status 201"
    assert log == ["closed"]


def test_failure_reaches_the_flow_which_may_go_on() -> None:
    """
    What goes wrong while a request is carried out is thrown into the flow at that request.
    """
    log: list[str] = []
    flow = intercept(_operation(log), _twice)
    next(flow)
    assert flow.throw(OpenAIError(message="broke")) == _POST
    with pytest.raises(ValueError, match="odd"):
        flow.throw(ValueError("odd"))
    assert log == ["broke", "closed"]


@pytest.mark.parametrize("how", ["close", "interrupt", "drop"])
def test_flow_is_closed_whatever_ends_it(how: str) -> None:
    """
    Closing, Ctrl-C and being forgotten all let the flow clean up, through every ring around it.
    """
    log: list[str] = []
    flow = intercept(intercept(_operation(log), _twice), lambda request: with_retries(request, _POLICY))
    next(flow)
    if how == "close":
        flow.close()
    elif how == "interrupt":
        with pytest.raises(KeyboardInterrupt):
            flow.throw(KeyboardInterrupt())
    del flow
    assert log == ["closed"]


def test_flow_without_requests_just_returns() -> None:
    """
    A flow may know its answer without asking, or fail before it asks.
    """

    def knows() -> Flow[int]:
        yield from ()
        return 5

    with pytest.raises(StopIteration) as stop:
        next(intercept(knows(), _twice))
    assert stop.value.value == 5


def test_rings_nest() -> None:
    """
    Retries around redirects around a flow: each ring does its part, and the flow sees the last answer only.
    """
    log: list[str] = []
    flow = intercept(_operation(log), lambda request: with_retries(request, _POLICY))
    moved = asked(flow.send(answer(next(flow), 307, location="/x")))
    again = after(flow, 0.5, flow.throw(ExchangeError(message="broke")))
    assert (moved.url, again.url, again.attempt) == ("https://api.example/x", _URL, 2)
    assert returned(flow, answer(again, 200)) == "status 200"


def test_a_failure_after_a_lost_answer_is_ambiguous() -> None:
    """
    Whether the last attempt could not be sent or was refused: an earlier one may have been acted on.
    """
    flow = with_retries(_POST, RetryPolicy(max_retries=1, first_delay_s=0))
    next(flow)
    flow.throw(ExchangeError(message="lost"))
    second = asked(flow.send(0.0))
    refused = error_from(answer(second, 429))
    assert refused.is_ambiguous
    assert refused.message.endswith("an earlier try was not answered, and may have been acted on")
    with pytest.raises(ExchangeError, match="no route") as caught:
        flow.throw(ExchangeError(message="no route", is_ambiguous=False))
    assert caught.value.is_ambiguous


@pytest.mark.parametrize(
    ("status", "is_ambiguous"), [(200, True), (400, False), (408, True), (429, False), (503, True)]
)
def test_only_a_refusal_shows_that_nothing_was_done(status: int, is_ambiguous: bool) -> None:  # noqa: FBT001  columns
    """
    An answer of no use, but for a refusal, leaves doubt; never to a question.
    """
    assert error_from(answer(_POST, status)).is_ambiguous is is_ambiguous
    assert not error_from(answer(attrs.evolve(_POST, method="GET"), status)).is_ambiguous
