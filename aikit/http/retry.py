"""
Retries: which requests are sent again, after how long.

Pure: no clock, no sleep, no socket.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import attrs

from aikit.http.flow import Flow, Gather, Pause, Room, Work
from aikit.http.messages import Limiter, Request, Response
from aikit.http.redirects import REDIRECTS, follow
from aikit.types.errors import ExchangeError, OpenAIError
from aikit.types.rate_limit import seconds_until_reset

T = TypeVar("T")

_RETRIABLE: Final = frozenset((408, 409, 429))
_MAX_DOUBLINGS: Final = 64
_PATIENCE: Final = 20  # answers that a request is one too many of; each comes after a pause of all requests
_TOO_MANY: Final = (b"rate_limit", b"rate limit", b"too many requests")
_OUT_OF_MONEY: Final = (b"insufficient_quota", b"credit_balance_exhausted")


def _random() -> float:
    return int.from_bytes(os.urandom(6)) / 2**48  # `random` takes five milliseconds, and most clients never retry


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """
    When to try again and how long to wait before.

    Attributes:
        max_retries: Tries after the first.

        first_delay_s: Seconds before the first retry; doubles with each further one.

        max_delay_s: The most it doubles to.

        max_retry_after_s: A provider that asks for a longer pause gets no retry; the caller is told at once.

        jitter: Gives a number from 0 to 1; takes up to a quarter off the delay.

        now: Unix seconds, for ``Retry-After`` dates.
    """

    max_retries: int = 2
    first_delay_s: float = 0.5
    max_delay_s: float = 8.0
    max_retry_after_s: float = 120.0
    jitter: Callable[[], float] = _random
    now: Callable[[], float] = time.time

    def delay_after_response(self, request: Request, response: Response) -> float | None:
        """
        Return the seconds to wait before trying again, ``None`` if *response* is final.
        """
        # x-should-retry, retry-after-ms: https://github.com/openai/openai-python (read 2026-11-21)
        if response.is_success or response.status in request.non_retryable_statuses or not _is_worth_a_retry(response):
            return None
        if not self._may_repeat(request, was_maybe_done=may_have_been_done(response.status)):
            return None
        return self.delay_s(request.attempt, response.headers)

    def block_for_s(self, request: Request, response: Response, refusals: int) -> float | None:
        """
        Return the seconds for which the request is to be held back, ``None`` if it was not one too many.

        Args:
            request: What was asked.

            response: What came.

            refusals: How often this request was one too many, now included.
        """
        if request.limiter is None or response.status != 429 or not _is_worth_a_retry(response):
            return None
        return self.delay_s(refusals, response.headers)

    def is_free_retry(self, request: Request, response: Response, refusals: int) -> bool:
        """
        Return whether this 429 should not count as an attempt, because it only asks to come later.
        """
        if not self.max_retries or not request.is_replayable or refusals > max(_PATIENCE, self.max_retries):
            return False
        is_timed = retry_after_s(response.headers, self.now()) is not None
        return is_timed or any(words in response.body.lower() for words in _TOO_MANY)

    def delay_after_error(self, request: Request, error: ExchangeError) -> float | None:
        """
        Return the seconds to wait after a broken exchange, ``None`` if it must not be repeated.
        """
        is_allowed = self._may_repeat(request, was_maybe_done=error.is_ambiguous)
        return self._backoff(request.attempt) if is_allowed else None

    def delay_s(self, attempt: int, headers: Mapping[str, str]) -> float | None:
        """
        Return the seconds to wait after *attempt*, ``None`` where *headers* ask for more than ``max_retry_after_s``.
        """
        asked = retry_after_s(headers, self.now())
        if asked is None:
            return self._backoff(attempt)
        return asked if asked <= self.max_retry_after_s else None

    def _may_repeat(self, request: Request, *, was_maybe_done: bool) -> bool:
        if was_maybe_done and not request.is_idempotent:
            return False
        return request.attempt <= self.max_retries and request.is_replayable

    def _backoff(self, attempt: int) -> float:
        delay: float = min(self.first_delay_s * 2 ** min(attempt - 1, _MAX_DOUBLINGS), self.max_delay_s)
        return delay * (1 - 0.25 * self.jitter())


def intercept(flow: Flow[T], send: Callable[[Request], Flow[Response]]) -> Flow[T]:
    """
    Drive *flow*, sending each of its requests by the flow that *send* makes of it.
    """
    try:
        step = next(flow)
        while True:
            try:
                answer = (yield from send(step)) if isinstance(step, Request) else (yield _each(step, send))
            except Exception as error:  # noqa: BLE001  whatever went wrong is the flow's to know
                step = flow.throw(error)
            else:
                step = flow.send(answer)
            answer = None  # not held while the flow waits
    except StopIteration as stop:
        value: T = stop.value
        return value
    finally:
        flow.close()


def _each(
    step: Pause | Work | Gather | Room, send: Callable[[Request], Flow[Response]]
) -> Pause | Work | Gather | Room:
    """
    Return *step*; the requests of flows side by side are sent like all others.
    """
    if not isinstance(step, Gather):
        return step
    return attrs.evolve(step, flows=(intercept(flow, send) for flow in step.flows))


def with_retries(request: Request, policy: RetryPolicy) -> Flow[Response]:
    """
    Send *request*, again as *policy* says; redirects are followed.
    """
    tries, received, refusals = request.attempt, 0, 0
    while True:
        if request.limiter is not None:
            yield from _wait_for(request.limiter)
        may_have_been_applied, spent = request.may_have_been_applied, 1
        try:
            response: Response = yield request
            if response.status in REDIRECTS:
                response = yield from follow(response)
        except ExchangeError as error:
            if request.sink is not None and request.sink.done > received:
                tries, received = 1, request.sink.done  # what gets ahead may go on
            delay_s = policy.delay_after_error(attrs.evolve(request, attempt=tries), error)
            may_have_been_applied |= error.is_ambiguous
            if delay_s is None and may_have_been_applied != error.is_ambiguous:
                raise attrs.evolve(error, is_ambiguous=True) from error
            if delay_s is None:
                raise
        else:
            refusals += response.status == 429
            counted = request if tries == request.attempt else attrs.evolve(request, attempt=tries)
            delay_s, spent = _delay_after(counted, response, policy, refusals)
            if delay_s is None:
                return response
            may_have_been_applied |= may_have_been_done(response.status)
        yield Pause(delay_s)
        tries += spent
        request = attrs.evolve(request, attempt=request.attempt + 1, may_have_been_applied=may_have_been_applied)


def _delay_after(request: Request, response: Response, policy: RetryPolicy, refusals: int) -> tuple[float | None, int]:
    """
    Return the seconds to wait before trying again, ``None`` if *response* is final, and how many tries it has spent.

    The limiter of *request* is told, if it has one; a 429 then spends no try, until waiting has not helped.
    """
    limiter, block_for_s = request.limiter, policy.block_for_s(request, response, refusals)
    if limiter is not None and (nothing_left_s := seconds_until_reset(response.headers, policy.now())):
        limiter.on_nothing_left(nothing_left_s)
    if limiter is not None and block_for_s is not None:
        is_told = retry_after_s(response.headers, policy.now()) is not None
        if not limiter.on_throttled(block_for_s, is_told=is_told):
            return None, 1
        if policy.is_free_retry(request, response, refusals):
            return block_for_s, 0
    elif limiter is not None and response.status < 500 and response.status not in {408, 429}:
        limiter.on_success()
    return policy.delay_after_response(request, response), 1


def _wait_for(limiter: Limiter) -> Flow[None]:
    """
    Wait until *limiter* lets one more request go; a slot that was reserved before a 429 counts no more.
    """
    wait_s = limiter.reserve()
    while wait_s > 0:
        yield Pause(wait_s)
        wait_s = limiter.reserve() if limiter.is_blocked() else 0.0


def may_have_been_done(status: int) -> bool:
    """
    Return whether a request that was answered with *status* may have been acted on: after refusals it was not.
    """
    return status >= 500 or status == 408


def may_have_been_applied(error: OpenAIError) -> bool:
    """
    Return whether the request that ended with *error* may have been acted on: its answer was lost, or is unreadable.
    """
    if isinstance(error, ExchangeError) or error.is_ambiguous:
        return error.is_ambiguous
    return error.code in {"invalid_response", "mismatched_id"} or (
        error.status is not None and may_have_been_done(error.status)
    )


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """
    Return the seconds a provider asks to wait, ``None`` when it does not say so in a way that can be obeyed.
    """
    # retry-after-ms and x-ms-retry-after-ms: OpenAI's and Azure's; Retry-After: RFC 9110 section 10.2.3
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        milliseconds = _number(headers.get(name))
        if milliseconds is not None and milliseconds / 1000 > 0:
            return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is None and value:
        until, sent_at = _unix_s(value), _unix_s(headers.get("date"))  # by the provider's clock, as far as it tells it
        seconds = None if until is None else until - (now if sent_at is None else sent_at)
    return seconds if seconds is not None and seconds > 0 else None


def asked_to_retry(headers: Mapping[str, str]) -> bool | None:
    """
    Return whether a provider asks to try again, ``None`` when it does not say.
    """
    return {"true": True, "false": False}.get(headers.get("x-should-retry", "").strip().lower())


def is_out_of_money(response: Response) -> bool:
    """
    Return whether *response* refuses for want of credit, which no pause brings.
    """
    return response.status == 429 and any(word in response.body for word in _OUT_OF_MONEY)


def _is_worth_a_retry(response: Response) -> bool:
    wish = asked_to_retry(response.headers)
    if wish is not None:
        return wish
    if is_out_of_money(response):
        return False
    return response.status in _RETRIABLE or response.status >= 500


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is not None and abs(value) != float("inf") and value == value else None  # noqa: PLR0124  NaN


def _unix_s(text: str | None) -> float | None:
    from email.utils import mktime_tz, parsedate_tz  # noqa: PLC0415  rare, and not cheap to import

    date = parsedate_tz(text or "")
    if date is None:
        return None
    try:
        return mktime_tz((*date[:9], date[9] or 0))  # without a zone it is UTC
    except (ValueError, OverflowError):
        return None
