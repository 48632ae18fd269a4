"""
Clocks of the embedded provider: the real one, and one that tests speed up.
"""

from __future__ import annotations

import threading
import time
from typing import Final, Protocol

import attrs

_STEP_S: Final = 0.02


class Clock(Protocol):
    """
    A clock that can be read and waited for.
    """

    def now(self) -> float:
        """Return Unix seconds."""
        ...

    def wait(self, seconds: float, event: threading.Event) -> bool:
        """Wait *seconds* of this clock or until *event* is set; return whether it is set."""
        ...


@attrs.frozen
class RealClock:
    """
    The clock of this machine.
    """

    def now(self) -> float:
        """
        Return Unix seconds.
        """
        return time.time()

    def wait(self, seconds: float, event: threading.Event) -> bool:
        """
        Wait *seconds*, or until *event* is set; return whether it is set.
        """
        return event.wait(max(seconds, 0.0))


@attrs.define(eq=False)
class MonotonicTime:
    """
    A monotonic view of a clock that may be set back: its time then continues from where it was.
    """

    _clock: Clock
    _last: float = attrs.field(default=float("-inf"), init=False)
    _lost_s: float = attrs.field(default=0.0, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    def now(self) -> float:
        """
        Return seconds that never decrease.
        """
        with self._lock:
            now = self._clock.now()
            self._lost_s += max(self._last - now, 0.0)
            self._last = now
            return now + self._lost_s


@attrs.define(eq=False)
class SpedUpClock:
    """
    A clock that runs *speed* times as fast as the clock of this machine, and can be set forward.

    Attributes:
        speed: Seconds of this clock in a real second; at 0 only `advance` moves it.
    """

    speed: float = attrs.field(default=1.0, validator=attrs.validators.ge(0))
    _began_at: float = attrs.field(factory=time.time)
    _began: float = attrs.field(factory=time.monotonic, init=False)
    _advanced_s: float = attrs.field(default=0.0, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    def now(self) -> float:
        """
        Return Unix seconds by this clock.
        """
        with self._lock:
            return self._now(time.monotonic())

    def wait(self, seconds: float, event: threading.Event) -> bool:
        """
        Wait *seconds* of this clock, `advance` included, or until *event* is set; return whether it is set.
        """
        ends_at = self.now() + seconds
        while not event.is_set():
            left = ends_at - self.now()
            if left <= 0:
                break
            event.wait(min(left / self.speed, _STEP_S) if self.speed else _STEP_S)
        return event.is_set()

    def advance(self, seconds: float) -> None:
        """
        Set the clock forward.
        """
        if seconds < 0:
            raise ValueError(f"a clock can only be set forward, not by {seconds!r} seconds")
        with self._lock:
            self._advanced_s += seconds

    def run_at(self, speed: float) -> None:
        """
        Run *speed* times as fast as the clock of this machine from now on; 0 stands still.
        """
        if speed < 0:
            raise ValueError(f"a clock cannot run backwards: {speed!r}")
        with self._lock:
            elapsed = time.monotonic()
            self._began_at, self._began, self._advanced_s = self._now(elapsed), elapsed, 0.0
            self.speed = speed

    def _now(self, elapsed: float) -> float:
        return self._began_at + (elapsed - self._began) * self.speed + self._advanced_s
