"""
How much may be asked at once, and when: learnt from what comes back. Pure: no thread, no clock.
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
    A limit that grows slowly while all goes well and halves when the other end has too much, as networks do it.

    Times are seconds of any clock that only goes forward. It begins at its most, for most servers have room.

    Attributes:
        most: The highest limit.

        limit: How many requests may be under way.

        held_until: Before this time nothing is begun.

        outages: How often in a row nobody was there; while any, one request at a time finds out.
    """

    # Additive increase, multiplicative decrease: Chiu and Jain 1989, doi:10.1016/0169-7552(89)90019-6

    most: int
    limit: float = attrs.Factory(lambda self: float(self.most), takes_self=True)
    held_until: float = 0.0
    outages: int = 0
    _begun: int = 0
    _begun_before: int = 0

    def may_begin(self, under_way: int, now: float) -> bool:
        """
        Tell whether another request may be begun beside those *under_way*.
        """
        return under_way < (1 if self.outages else int(self.limit)) and now >= self.held_until

    def begin(self) -> int:
        """
        Return the number of a request that begins now.
        """
        self._begun += 1
        return self._begun

    def ended_well(self) -> bool:
        """
        Grow a little: by one when as many as the limit have ended well; tell whether an outage is over.
        """
        self.limit = min(self.limit + 1 / self.limit, self.most)
        was_out, self.outages = self.outages > 0, 0
        return was_out

    def ended_in_overload(self, number: int, until: float = 0.0) -> None:
        """
        Halve the limit because of request *number*, and begin nothing *until* then.

        Those begun before the last halving tell nothing new: sixty-four refusals of one moment halve it once.
        """
        self.held_until = max(self.held_until, until)
        if number > self._begun_before:
            self.limit = max(self.limit / 2, 1.0)
            self._begun_before = self._begun

    def ended_nowhere(self, now: float) -> bool:
        """
        Hold everything for a while, longer each time; tell whether it is the first time.
        """
        if now < self.held_until:
            return False
        pause_s = min(_FIRST_PAUSE_S * 2 ** min(self.outages, _MOST_DOUBLINGS), _LONGEST_PAUSE_S)
        self.outages += 1
        self.held_until = now + pause_s
        return self.outages == 1
