"""
Holding back: when a provider has too many requests, all of a kind wait, and each gets through in the end.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from aikit.http.flow import Flow, Pause, Step
from aikit.http.headers import Headers
from aikit.http.messages import Request, Response
from aikit.http.rate_limiter import RateLimiter
from aikit.http.retry import RetryPolicy, with_retries

_UNBOUND = 10**9


@attrs.define
class _Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@attrs.define
class _Provider:
    """
    Takes so many requests in any minute.

    Attributes:
        per_minute: Of those it takes, or, if it counts what it refuses, of all.

        tells: Whether it says when to come again.
    """

    clock: _Clock
    per_minute: int
    tells: bool = True
    counts_all: bool = False
    asked: int = 0
    _taken: deque[float] = attrs.field(factory=deque)

    def answer(self, request: Request) -> Response:
        self.asked += 1
        while self._taken and self._taken[0] <= self.clock.now - 60:
            self._taken.popleft()
        is_full = len(self._taken) >= self.per_minute
        wait_s = self._taken[0] + 60 - self.clock.now if self._taken else 60.0
        if self.counts_all or not is_full:
            self._taken.append(self.clock.now)
        if not is_full:
            return Response(status=200, request=request)
        headers = {"retry-after-ms": f"{wait_s * 1000:.0f}"} if self.tells else {}
        body = b'{"error": {"code": "rate_limit_exceeded"}}'
        return Response(status=429, headers=Headers(headers), body=body, request=request)


@attrs.define
class _Client:
    """
    Sends files, a few at a time, at a pace.
    """

    limiter: RateLimiter
    files: int
    at_a_time: int = 8
    policy: RetryPolicy = attrs.field(factory=lambda: RetryPolicy(jitter=lambda: 0.5))
    statuses: list[int] = attrs.field(factory=list)

    def flow(self) -> Flow[None]:
        while self.files > 0:
            self.files -= 1
            asked = Request(method="POST", url="https://a/v1/files", limiter=self.limiter)
            response: Response = yield from with_retries(asked, self.policy)
            self.statuses.append(response.status)


def _play(clock: _Clock, answer: Callable[[Request], Response], *clients: _Client) -> None:
    """
    Drive the flows of all *clients* to their ends, on a clock that jumps.
    """
    due: list[tuple[float, int, Flow[None], Any]] = []
    flows = (client.flow() for client in clients for _ in range(client.at_a_time))
    for number, flow in enumerate(flows):
        heapq.heappush(due, (0.0, number, flow, None))
    number = len(due)
    while due:
        clock.now, _, flow, answered = heapq.heappop(due)
        try:
            step: Step = flow.send(answer(answered) if isinstance(answered, Request) else answered)
        except StopIteration:
            continue
        number += 1
        after_s = step.seconds if isinstance(step, Pause) else 0.05
        heapq.heappush(due, (clock.now + after_s, number, flow, step if isinstance(step, Request) else 0.0))


@pytest.mark.parametrize("counts_all", [False, True])
@pytest.mark.parametrize("tells", [False, True])
@pytest.mark.parametrize("clients", [1, 2, 5])
def test_clients_that_are_too_many_all_get_through(clients: int, *, tells: bool, counts_all: bool) -> None:
    """
    Each keeps the rate, together they are over it: they slow down, and no file is refused in the end.
    """
    clock = _Clock()
    provider = _Provider(clock, 100, tells=tells, counts_all=counts_all)
    crowd = [_Client(RateLimiter(100, clock), 80) for _ in range(clients)]
    _play(clock, provider.answer, *crowd)
    assert provider.asked < 1.6 * 80 * clients
    assert clock.now < 60 * (clients + 3)
    assert [client.statuses for client in crowd] == [[200] * 80] * clients


@pytest.mark.parametrize("per_minute", [1_000, _UNBOUND])
@pytest.mark.parametrize("tells", [False, True])
def test_a_provider_that_refuses_everything_is_given_up(*, tells: bool, per_minute: int) -> None:
    """
    Every file ends with its answer: the first after some minutes, the others, which need not find that out, at once.
    """
    clock = _Clock()
    provider = _Provider(clock, 0, tells=tells)
    client = _Client(RateLimiter(per_minute, clock), 2_000)
    _play(clock, provider.answer, client)
    assert client.statuses == [429] * 2_000
    assert clock.now < 600
    assert provider.asked < 2_500


def test_it_goes_on_when_the_provider_comes_back() -> None:
    """
    Ten minutes without any answer but 429 cost the files of that time, and none of those after it.
    """
    clock = _Clock()
    provider = _Provider(clock, 0)

    def answer(request: Request) -> Response:
        provider.per_minute = 0 if clock.now < 600 else 10_000
        return provider.answer(request)

    client = _Client(RateLimiter(60, clock), 1_000)
    _play(clock, answer, client)
    lost = client.statuses.count(429)
    assert 0 < lost < 400
    assert client.statuses == [429] * lost + [200] * (1_000 - lost)


def test_one_that_is_refused_for_ever_ends_and_the_others_arrive() -> None:
    """
    However often a single request is called too many, that has an end.
    """
    clock = _Clock()
    provider = _Provider(clock, 10_000)
    client, asked = _Client(RateLimiter(1_000, clock), 50, at_a_time=4), 0

    def answer(request: Request) -> Response:
        nonlocal asked
        if request.attempt == asked + 1 and (asked or len(client.statuses) == 9):
            asked += 1
            return Response(status=429, headers=Headers({"retry-after": "1"}), request=request)
        return provider.answer(request)

    _play(clock, answer, client)
    assert sorted(client.statuses) == [200] * 49 + [429]
    assert asked <= 24


def test_a_try_is_spent_where_nobody_says_that_it_is_too_many() -> None:
    """
    A bare 429 may be about this very request: all are held back, but it has no more tries than usual.
    """
    clock = _Clock()
    client = _Client(RateLimiter(1_000, clock), 1)
    _play(clock, lambda request: Response(status=429, request=request), client)
    assert client.statuses == [429]
    assert clock.now < 3


def test_without_retries_nobody_waits_for_an_answer_that_is_final() -> None:
    """
    Who wants no tries gets the first answer; only those that come later are held back.
    """
    clock = _Clock()
    policy = RetryPolicy(max_retries=0)
    client = _Client(RateLimiter(1_000, clock), 2, at_a_time=1, policy=policy)
    ended: list[float] = []

    def answer(request: Request) -> Response:
        ended.append(clock.now)
        return Response(status=429, headers=Headers({"retry-after": "30"}), request=request)

    _play(clock, answer, client)
    assert client.statuses == [429, 429]
    assert ended[1] - ended[0] >= 30


def test_who_asks_for_more_than_anybody_waits_is_told_no() -> None:
    """
    A provider that wants an hour holds nobody back: the answer is final.
    """
    clock = _Clock()
    client = _Client(RateLimiter(1_000, clock), 20)
    hour = Headers({"retry-after": "3600"})
    _play(clock, lambda request: Response(status=429, headers=hour, request=request), client)
    assert client.statuses == [429] * 20
    assert clock.now < 10


@pytest.mark.parametrize("per_minute", [60, 1_000, _UNBOUND])
def test_nobody_is_sent_while_all_are_held_back(per_minute: int) -> None:
    """
    Turns that were given before count no more, and afterwards they come at the rate and no faster.
    """
    clock, sent = _Clock(), list[float]()
    refused_at = 20.0 if per_minute < 100 else 0.0

    def answer(request: Request) -> Response:
        sent.append(clock.now)
        if clock.now >= refused_at and not any(refused_at <= at < clock.now for at in sent):
            return Response(status=429, headers=Headers({"retry-after": "25"}), request=request)
        return Response(status=200, request=request)

    client = _Client(RateLimiter(per_minute, clock), 600, at_a_time=40)
    _play(clock, answer, client)
    first = next(at for at in sent if at >= refused_at)
    assert not [at for at in sent if first + 0.1 < at < first + 25]
    assert set(client.statuses) == {200}
    if per_minute < _UNBOUND:
        after = [at for at in sent if at > first + 1]
        assert len([at for at in after if at < after[0] + 60]) <= per_minute


@pytest.mark.parametrize("per_minute", [6_000, _UNBOUND])
def test_a_refusal_now_and_then_holds_back_its_own_request(per_minute: int) -> None:
    """
    Where every eighth is refused for a second, three hundred take little longer than their own pauses do.
    """
    clock, asked = _Clock(), 0

    def answer(request: Request) -> Response:
        nonlocal asked
        asked += 1
        refused = Response(status=429, headers=Headers({"retry-after": "1"}), request=request)
        return refused if asked % 8 == 0 else Response(status=200, request=request)

    client = _Client(RateLimiter(per_minute, clock), 300, at_a_time=16)
    _play(clock, answer, client)
    assert client.statuses == [200] * 300
    assert clock.now < 1.3 * (343 * 0.05 + 43 * 1.0) / 16 + 1


def test_nothing_left_holds_back_all() -> None:
    """
    What the provider says of its limit counts, though it refuses nothing.
    """
    clock, sent = _Clock(), list[float]()

    def answer(request: Request) -> Response:
        sent.append(clock.now)
        headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "20s"} if len(sent) == 9 else {}
        return Response(status=200, headers=Headers(headers), request=request)

    client = _Client(RateLimiter(_UNBOUND, clock), 100)
    _play(clock, answer, client)
    empty = sent[8]
    assert not [at for at in sent if empty + 0.1 < at < empty + 20]
    assert client.statuses == [200] * 100


def test_a_refusal_of_long_ago_is_none_of_a_new_call() -> None:
    """
    What one call gave up, the next one an hour later waits for anew.
    """
    clock = _Clock()
    limiter = RateLimiter(1_000, clock)
    assert limiter.on_throttled(1)
    clock.now = 200.0
    assert limiter.on_throttled(1)
    clock.now = 301.0
    assert not limiter.on_throttled(1)
    clock.now = 3_600.0
    assert limiter.on_throttled(1)
    assert limiter.is_blocked()


def test_a_pace_recovers() -> None:
    """
    After refusals turns come one by one; at the whole rate again when enough got through, or after five minutes.
    """
    for passed, now in ((30, 10.0), (0, 400.0)):
        clock = _Clock()
        limiter = RateLimiter(600, clock)
        limiter.on_throttled(2)
        turns = [limiter.reserve() for _ in range(4)]
        assert turns == pytest.approx([2.0, 2.2, 2.4, 2.6])
        clock.now = now
        for _ in range(passed):
            limiter.on_success()
        assert [limiter.reserve() for _ in range(50)] == [0.0] * 50
