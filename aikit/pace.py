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


@attrs.define(eq=False)
class Pace:
    """
    Gives turns, so that in any minute there are at most *per_minute*: a tenth of them in any six seconds.

    Attributes:
        per_minute: More than a million is no bound.

        clock: Monotonic seconds.
    """

    # https://developers.openai.com/api/docs/guides/rate-limits: limits can be quantized (read 2026-11-22)

    per_minute: int
    clock: Callable[[], float] = time.monotonic
    _turns: deque[float] = attrs.field(init=False)
    _span_s: float = attrs.field(init=False)
    _lock: Any = attrs.field(factory=threading.Lock, init=False)

    def __attrs_post_init__(self) -> None:
        at_once = max(1, self.per_minute // _SLICES)
        self._turns = deque(maxlen=min(at_once, _UNPACED))
        self._span_s = 60 / (self.per_minute // at_once) * _MARGIN  # so many spans, and no part of one more

    def turn(self) -> float:
        """
        Take the next turn; return the seconds until it comes.
        """
        if self.per_minute > _UNPACED:
            return 0.0
        with self._lock:
            now = self.clock()
            is_full = len(self._turns) == self._turns.maxlen
            at = max(now, self._turns[0] + self._span_s) if is_full else now
            self._turns.append(at)
            return at - now
