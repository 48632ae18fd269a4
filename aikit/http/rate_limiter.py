"""
The rate limiter: how many requests a minute, and what happens after a 429.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import attrs

_BURSTS: Final = 10  # of a minute: providers enforce their limits over shorter periods, too
_MARGIN: Final = 1.02  # what was sent later may arrive earlier
_UNLIMITED: Final = 1_000_000
_PATIENCE_S: Final = 300.0  # limits are per minute: what lasts longer has another cause
_SLOWEST: Final = 1 / 16
_LONGEST_GAP_S: Final = 60.0
_RECOVERY: Final = 0.02
_MOMENT_S: Final = 1.0
_RECENT: Final = 8


@attrs.define(eq=False)
class RecentAnswers:
    """
    The last answers of a server, good or bad; the caller has a lock where threads share them.

    Attributes:
        most: How many are remembered.
    """

    most: int
    _are_bad: deque[bool] = attrs.field(factory=deque, init=False)

    @property
    def count(self) -> int:
        """How many are remembered now."""
        return len(self._are_bad)

    @property
    def are_mostly_bad(self) -> bool:
        """Whether more than half of them are bad."""
        return sum(self._are_bad) * 2 > len(self._are_bad)

    def add(self, *, is_bad: bool) -> None:
        """
        Remember one more; the oldest is forgotten when there is no room.
        """
        self._are_bad.append(is_bad)
        if len(self._are_bad) > self.most:
            self._are_bad.popleft()


@attrs.define(eq=False)
class RateLimiter:
    """
    Spaces requests, so that in any minute there are at most *per_minute*: a tenth of them in any six seconds.

    A 429 holds back its own request only. While most recent answers are that, which the requests of other programs may
    have caused, it blocks all requests for as long as the provider asks; then slots come one by one, at half the rate,
    which grows again with each request that succeeds. It also blocks all when the provider says that nothing is left,
    and halves the rate where it does not say how long to wait.

    Attributes:
        per_minute: How many; more than a million is no bound.

        clock: Monotonic seconds.
    """

    # https://developers.openai.com/api/docs/guides/rate-limits: limits can be quantized (read 2026-11-22)

    per_minute: int
    clock: Callable[[], float] = time.monotonic
    _slots: deque[float] = attrs.field(init=False)
    _span_s: float = attrs.field(init=False)
    _share: float = attrs.field(default=1.0, init=False)
    _blocked_until: float = attrs.field(default=float("-inf"), init=False)
    _recent: RecentAnswers = attrs.field(factory=lambda: RecentAnswers(_RECENT), init=False)
    _throttled_since: float | None = attrs.field(default=None, init=False)
    _throttled_at: float = attrs.field(default=float("-inf"), init=False)
    _lock: Any = attrs.field(factory=threading.Lock, init=False)

    def __attrs_post_init__(self) -> None:
        at_once = max(1, self.per_minute // _BURSTS)
        self._slots = deque(maxlen=min(at_once, _UNLIMITED))
        self._span_s = 60 / (self.per_minute // at_once) * _MARGIN  # so many spans, and no part of one more

    def reserve(self) -> float:
        """
        Reserve the next slot; return the seconds until it comes.
        """
        with self._lock:
            now = self.clock()
            at = max(now, self._blocked_until)
            if now - self._throttled_at > _PATIENCE_S:
                self._share = 1.0
            if self.per_minute <= _UNLIMITED:
                at = max(at, self._earliest())
                self._slots.append(at)
            return at - now

    def is_blocked(self) -> bool:
        """
        Return whether all requests are blocked after a 429, including those that hold a slot.
        """
        return self.clock() < self._blocked_until

    def on_throttled(self, seconds: float, *, is_told: bool = True) -> bool:
        """
        Note a 429, blocking all for *seconds* if most are refused; false when waiting has not helped for too long.
        """
        with self._lock:
            now = self.clock()
            if self._throttled_since is None or now - self._throttled_at > _PATIENCE_S:  # that was another call's
                self._throttled_since = now
            before, self._throttled_at = self._throttled_at, now
            self._recent.add(is_bad=True)
            if now - self._throttled_since > _PATIENCE_S:
                self._share = 1.0
                return False
            if self._recent.are_mostly_bad:
                if now >= self._blocked_until:  # the refusals of one moment are one
                    self._share = max(self._share / 2, _SLOWEST)
                self._block(now, seconds)
            elif not is_told and now - before > _MOMENT_S:
                self._share = max(self._share / 2, _SLOWEST)
            return True

    def on_nothing_left(self, seconds: float) -> None:
        """
        Block all requests for *seconds*, because the provider says that none is left.
        """
        with self._lock:
            self._block(self.clock(), seconds)

    def on_success(self) -> None:
        """
        Note that a request was not throttled.
        """
        with self._lock:
            self._throttled_since = None
            self._recent.add(is_bad=False)
            self._share = min(self._share + _RECOVERY, 1.0)

    def _block(self, now: float, seconds: float) -> None:
        """
        Block all requests for *seconds*; slots that were given for that time count no more.
        """
        self._blocked_until = max(self._blocked_until, now + seconds)
        kept = [at for at in self._slots if not now < at <= self._blocked_until]
        self._slots.clear()
        self._slots.extend(kept)

    def _earliest(self) -> float:
        if not self._slots:
            return float("-inf")
        last = self._slots[-1]
        gap_s = min(60 / (self.per_minute * self._share), _LONGEST_GAP_S) if self._share < 1 else 0.0
        is_full = len(self._slots) == self._slots.maxlen
        return max(last + gap_s, self._slots[0] + self._span_s) if is_full else last + gap_s
