"""
The number of requests under way at once, adapted to the answers of the server. Pure: no thread, no clock.
"""

from __future__ import annotations

from typing import Final

import attrs

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0
_MOST_DOUBLINGS: Final = 10


@attrs.define
class ConcurrencyLimit:
    """
    A limit that grows by one per round of successes and halves when the server is overloaded.

    Times are seconds of any monotonic clock. The limit starts at *most*, for most servers have room.

    Attributes:
        most: Upper bound of *limit*.

        limit: Requests that may be under way.

        blocked_until: No request starts before this time.

        outages: Pauses in a row because the server was unreachable; until they end, one request at a time probes it.
    """

    # Additive increase, multiplicative decrease: Chiu and Jain 1989, doi:10.1016/0169-7552(89)90019-6

    most: int
    limit: float = attrs.Factory(lambda self: float(self.most), takes_self=True)
    blocked_until: float = 0.0
    outages: int = 0
    _started: int = 0
    _started_before: int = 0

    def can_start(self, under_way: int, now: float) -> bool:
        """
        Return whether another request may start beside those *under_way*.
        """
        return under_way < (1 if self.outages else int(self.limit)) and now >= self.blocked_until

    def start(self) -> int:
        """
        Count a request that starts now, and return its number.
        """
        self._started += 1
        return self._started

    def on_success(self) -> bool:
        """
        Raise the limit by a fraction, so that a full round of successes adds one; return whether an outage is over.
        """
        self.limit = min(self.limit + 1 / self.limit, self.most)
        was_out, self.outages = self.outages > 0, 0
        return was_out

    def on_throttled(self, number: int, until: float = 0.0) -> None:
        """
        Halve the limit because request *number* was refused, and block new ones *until* then.

        Refusals of requests that started before the last halving do not count: sixty-four at a time halve it once.
        """
        self.blocked_until = max(self.blocked_until, until)
        if number > self._started_before:
            self.limit = max(self.limit / 2, 1.0)
            self._started_before = self._started

    def on_unreachable(self, now: float) -> bool:
        """
        Block new requests, for twice as long each time; return whether an outage begins.
        """
        if now < self.blocked_until:
            return False
        pause_s = min(_FIRST_PAUSE_S * 2 ** min(self.outages, _MOST_DOUBLINGS), _LONGEST_PAUSE_S)
        self.outages += 1
        self.blocked_until = now + pause_s
        return self.outages == 1
