"""
How often something may be asked in a minute, whoever asks.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import attrs

_SLICES: Final = 10  # of a minute: providers enforce their limits over shorter periods, too
_MARGIN: Final = 1.02  # what was sent later may arrive earlier
_UNPACED: Final = 1_000_000
_PATIENCE_S: Final = 300.0  # limits are per minute: what lasts longer is no matter of pace
_SLOWEST: Final = 1 / 16
_LONGEST_GAP_S: Final = 60.0
_RECOVERY: Final = 0.02


@attrs.define(eq=False)
class RateLimiter:
    """
    Gives turns, so that in any minute there are at most *per_minute*: a tenth of them in any six seconds.

    When the provider has too many requests, perhaps those of others, nobody has a turn for as long as it asks; then
    turns come one by one, at half the rate, which grows again with each request that gets through.

    Attributes:
        per_minute: More than a million is no bound.

        clock: Monotonic seconds.
    """

    # https://developers.openai.com/api/docs/guides/rate-limits: limits can be quantized (read 2026-11-22)

    per_minute: int
    clock: Callable[[], float] = time.monotonic
    _turns: deque[float] = attrs.field(init=False)
    _span_s: float = attrs.field(init=False)
    _share: float = attrs.field(default=1.0, init=False)
    _held_until: float = attrs.field(default=float("-inf"), init=False)
    _refused_since: float | None = attrs.field(default=None, init=False)
    _refused_at: float = attrs.field(default=float("-inf"), init=False)
    _lock: Any = attrs.field(factory=threading.Lock, init=False)

    def __attrs_post_init__(self) -> None:
        at_once = max(1, self.per_minute // _SLICES)
        self._turns = deque(maxlen=min(at_once, _UNPACED))
        self._span_s = 60 / (self.per_minute // at_once) * _MARGIN  # so many spans, and no part of one more

    def turn(self) -> float:
        """
        Take the next turn; return the seconds until it comes.
        """
        with self._lock:
            now = self.clock()
            at = max(now, self._held_until)
            if now - self._refused_at > _PATIENCE_S:
                self._share = 1.0
            if self.per_minute <= _UNPACED:
                at = max(at, self._earliest())
                self._turns.append(at)
            return at - now

    def is_on(self) -> bool:
        """
        Tell whether nobody has a turn now, whatever was said before.
        """
        return self.clock() < self._held_until

    def refused(self, seconds: float) -> bool:
        """
        Give no turn for so long, for the provider had too many requests; false when nothing helped for too long.
        """
        with self._lock:
            now = self.clock()
            if self._refused_since is None or now - self._refused_at > _PATIENCE_S:  # that was another call's
                self._refused_since = now
            self._refused_at = now
            if now - self._refused_since > _PATIENCE_S:
                self._share = 1.0
                return False
            if now >= self._held_until:  # the refusals of one moment are one
                self._share = max(self._share / 2, _SLOWEST)
            self._held_until = max(self._held_until, now + seconds)
            kept = [at for at in self._turns if not now < at <= self._held_until]
            self._turns.clear()
            self._turns.extend(kept)
            return True

    def passed(self) -> None:
        """
        Note that the provider let a request through.
        """
        with self._lock:
            self._refused_since = None
            self._share = min(self._share + _RECOVERY, 1.0)

    def _earliest(self) -> float:
        if not self._turns:
            return float("-inf")
        last = self._turns[-1]
        gap_s = min(60 / (self.per_minute * self._share), _LONGEST_GAP_S) if self._share < 1 else 0.0
        is_full = len(self._turns) == self._turns.maxlen
        return max(last + gap_s, self._turns[0] + self._span_s) if is_full else last + gap_s
