"""
What a key may do in a minute: requests, lines and tokens of batches, downloads, and requests in flight.

The counts are kept in this process, so that a request costs no statement of SQL: behind a load balancer each of N
gateways lets a key do its share, N times. What counts by the day is counted in the registry.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import attrs

from aikit.gateway.values import Principal
from aikit.types.errors import OpenAIError

_MINUTE_S: Final = 60
_ROUNDING_S: Final = 0.001  # sums of floats fall short of a minute by less
_MOST_IN_FLIGHT: Final = 512
_SWEEP_EVERY_S: Final = 600
_FILES_MAX: Final = 1_000


@attrs.define(eq=False)
class _Second:
    """
    What was counted in one second, the last of it at *last*.
    """

    number: int
    amount: int = 0
    last: float = 0.0


@attrs.define(eq=False)
class Window:
    """
    Amounts of the last minute: never less than what the last 60 seconds had, to a thousandth.

    Those of one second are counted together, and leave it a minute after the last of them.

    Attributes:
        total: Sum of what is still counted.
    """

    total: int = 0
    _seconds: deque[_Second] = attrs.field(factory=deque, init=False)

    def used(self, now: float) -> int:
        """
        Return the sum of the last minute, and forget what is older.
        """
        while self._seconds and self._seconds[0].last + _MINUTE_S <= now + _ROUNDING_S:
            self.total -= self._seconds.popleft().amount
        return self.total

    def add(self, now: float, amount: int) -> int:
        """
        Count *amount*, and return the second that has it.
        """
        if not self._seconds or self._seconds[-1].number < int(now):
            self._seconds.append(_Second(int(now)))
        second = self._seconds[-1]
        second.last = max(second.last, now)
        second.amount += amount
        self.total += amount
        return second.number

    def give_back(self, number: int, amount: int) -> None:
        """
        Take *amount* out of the second that has it, if that is still counted.
        """
        for second in self._seconds:
            if second.number == number:
                second.amount -= amount
                self.total -= amount

    def wait_s(self, now: float, amount: int, limit: int) -> int:
        """
        Return the whole seconds, 1 to 60, after which *amount* fits into *limit*; 60 if it never does.
        """
        excess = self.used(now) + amount - limit
        for second in self._seconds:
            excess -= second.amount
            if excess <= 0:
                return max(1, min(math.ceil(second.last + _MINUTE_S - now), _MINUTE_S))  # floats may make it 60.0000001
        return _MINUTE_S


@attrs.define(eq=False)
class _Counts:
    """
    What one key did in the last minute, and does now.
    """

    requests: Window = attrs.field(factory=Window)
    lines: Window = attrs.field(factory=Window)
    tokens: Window = attrs.field(factory=Window)
    downloads: dict[str, Window] = attrs.field(factory=dict)  # by the file
    in_flight: int = 0

    def is_idle(self, now: float) -> bool:
        windows = (self.requests, self.lines, self.tokens, *self.downloads.values())
        return not self.in_flight and not any(window.used(now) for window in windows)


@attrs.define(eq=False)
class Limits:
    """
    Counts what keys do, and refuses what is too much; the master key is not limited.

    The lock guards all counts; nothing foreign runs under it.

    Attributes:
        clock: Seconds that never go back.

        most_in_flight: Requests at a time of a key whose metadata has no ``max_parallel_requests``.
    """

    clock: Callable[[], float] = time.monotonic
    most_in_flight: int = _MOST_IN_FLIGHT
    _counts: dict[str, _Counts] = attrs.field(factory=dict, init=False)
    _swept_at: float = attrs.field(default=0.0, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    @contextmanager
    def request(self, principal: Principal) -> Iterator[None]:
        """
        Count one request, which is in flight until the block ends.

        Raises:
            OpenAIError: The key has too many in flight, or made too many in the last minute: status 429.
        """
        if principal.token is None:
            yield
            return
        counts = self._begin(principal.token, principal)
        try:
            yield
        finally:
            with self._lock:
                counts.in_flight -= 1

    def _begin(self, token: str, principal: Principal) -> _Counts:
        most = _own_limit(principal, "max_parallel_requests")
        most = self.most_in_flight if most is None else most
        with self._lock:
            now = self.clock()
            counts = self._of(token, now)
            if counts.in_flight >= most:
                raise refusal(
                    f"Rate limit exceeded: this key may have {most} requests at a time (max_parallel_requests)", 1
                )
            limit = principal.rpm_limit
            if limit is not None and counts.requests.used(now) >= limit:
                wait_s = counts.requests.wait_s(now, 1, limit)
                raise refusal(f"Rate limit exceeded: this key may make {limit} requests a minute (rpm)", wait_s)
            counts.requests.add(now, 1)
            counts.in_flight += 1
            return counts

    def batch(self, principal: Principal, *, requests: int, tokens: int) -> Callable[[], None]:
        """
        Count the lines of a batch that is about to be created, and about how many tokens they send.

        Requests of HTTP are counted apart from lines: they reach no model.

        Returns:
            What gives them back, once, to be called if the batch was not created.

        Raises:
            OpenAIError: They are more than the key has left of a minute: status 429. Nothing was counted.
        """
        if principal.token is None:
            return _nothing
        with self._lock:
            now = self.clock()
            counts = self._of(principal.token, now)
            for window, amount, limit, unit in (
                (counts.lines, requests, principal.rpm_limit, "requests a minute (rpm)"),
                (counts.tokens, tokens, principal.tpm_limit, "tokens a minute (tpm)"),
            ):
                if limit is not None and window.used(now) + amount > limit:
                    size = f"{requests} requests, {tokens} tokens"
                    raise _batch_refusal(window, now, amount, limit=limit, may=f"{limit} {unit}", size=size)
            second = counts.lines.add(now, requests)
            counts.tokens.add(now, tokens)
        charged = [(counts.lines, requests), (counts.tokens, tokens)]
        return lambda: self._give_back(charged, second)

    def _give_back(self, charged: list[tuple[Window, int]], second: int) -> None:
        with self._lock:
            while charged:  # a second time there is nothing
                window, amount = charged.pop()
                window.give_back(second, amount)

    def download(self, principal: Principal, most: int | None, file_id: str) -> None:
        """
        Count one download of a file; *most* a minute of each, unless the key's metadata says otherwise.

        Raises:
            OpenAIError: The key made as many of this file in the last minute: status 429.
        """
        limit, source = own_or(principal, "max_file_downloads_per_minute", most)
        if principal.token is None or limit is None:
            return
        with self._lock:
            now = self.clock()
            files = self._of(principal.token, now).downloads
            if len(files) >= _FILES_MAX:
                for one in [one for one, window in files.items() if not window.used(now)] or [next(iter(files))]:
                    del files[one]
            window = files.setdefault(file_id, Window())
            if window.used(now) < limit:
                window.add(now, 1)
                return
            wait_s = window.wait_s(now, 1, limit)
        # https://docs.litellm.ai/docs/batches (read 2026-11-30)
        held = f"max_file_downloads_per_minute is {limit} for this key (set {source})"
        advice = f"Retry in {wait_s} seconds."
        raise refusal(f"Download limit reached for file {file_id[:256]}: {held}", wait_s, advice=advice)

    def _of(self, token: str, now: float) -> _Counts:
        if now - self._swept_at >= _SWEEP_EVERY_S:
            self._swept_at = now
            self._counts = {name: counts for name, counts in self._counts.items() if not counts.is_idle(now)}
        return self._counts.setdefault(token, _Counts())


def own_or(principal: Principal, name: str, most: int | None) -> tuple[int | None, str]:
    """
    Return a limit of the key's metadata, or *most*, ``None`` for no limit; and where it is set, in LiteLLM's words.
    """
    own = _own_limit(principal, name)
    return (most, "in general_settings") if own is None else (own, "in this key's metadata")


def refusal(message: str, wait_s: int, *, is_final: bool = False, advice: str = "") -> OpenAIError:
    """
    Return the error for what is too much now, with what clients go by: status, type, ``retry-after``.

    Args:
        message: What is too much, and what is allowed.

        wait_s: Whole seconds after which another try has a chance.

        is_final: Whether it has none at all; SDKs do not try again by themselves then, nor after long waits.

        advice: What to do, as a sentence of its own, instead of to wait.
    """
    instead = "it never fits: send less at a time, or have the limit raised" if is_final else f"wait {wait_s} s"
    is_long = is_final or wait_s > _MINUTE_S
    headers = {"retry-after": str(wait_s)} | ({"x-should-retry": "false"} if is_long else {})
    return OpenAIError(
        message=f"{message}. {advice}" if advice else f"{message}; {instead}.",
        code="rate_limit_exceeded",
        type="rate_limit_error",
        status=429,
        headers=headers,
    )


def _batch_refusal(window: Window, now: float, amount: int, *, limit: int, may: str, size: str) -> OpenAIError:
    left = max(0, limit - window.used(now))
    message = f"batch rate limit exceeded: the batch has {size}, and this key may send {may}, {left} are left"
    return refusal(message, window.wait_s(now, amount, limit), is_final=amount > limit)


def _own_limit(principal: Principal, name: str) -> int | None:
    """
    Return a limit of the key's metadata, where LiteLLM keeps those; ``None`` if there is none that is usable.
    """
    value = principal.metadata.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _nothing() -> None:
    """
    Give nothing back.
    """
