"""
Tests of the clocks of the embedded provider.
"""

from __future__ import annotations

import threading
import time

import pytest

from aikit.providers.local.clock import Clock, MonotonicTime, RealClock, SpedUpClock
from tests.providers.local.conftest import NOON
from tests.providers.local.conftest import Clock as SetByHand
from tests.stopwatch import Stopwatch


def test_the_real_clock_tells_unix_seconds() -> None:
    """The clock of this machine is the default, in Unix seconds."""
    assert RealClock().now() == pytest.approx(time.time(), abs=5)


@pytest.mark.parametrize("clock", [RealClock(), SpedUpClock(speed=1.0)])
def test_waiting_ends_early_when_the_event_is_set(clock: Clock) -> None:
    """Who waits is woken by the event, and told that it was the event."""
    event = threading.Event()
    threading.Timer(0.05, event.set).start()
    watch = Stopwatch()
    assert clock.wait(60, event)
    assert watch.stop() < 30


def test_waiting_tells_that_the_time_has_passed() -> None:
    """Without the event the answer is no."""
    assert not RealClock().wait(0.001, threading.Event())


def test_a_day_passes_quickly() -> None:
    """At a million times the speed, waiting for a day takes a fraction of a second, and the day has passed."""
    clock = SpedUpClock(speed=1_000_000)
    began_at, watch = clock.now(), Stopwatch()
    assert not clock.wait(86_400, threading.Event())
    assert watch.stop() < 30
    assert clock.now() >= began_at + 86_400


def test_a_clock_that_stands_still_is_set_forward() -> None:
    """With speed 0 only `advance` lets time pass, also for those who wait already."""
    clock = SpedUpClock(speed=0)
    began_at = clock.now()

    class Waited(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if clock.now() == began_at:
                threading.Timer(0.05, clock.advance, (3600,)).start()
                time.sleep(0.1)
            return super().wait(timeout)

    assert not clock.wait(3600, Waited())
    assert clock.now() == began_at + 3600


def test_no_clock_goes_backwards() -> None:
    """Neither the speed nor a step may be negative."""
    with pytest.raises(ValueError, match="forward"):
        SpedUpClock().advance(-1)
    with pytest.raises(ValueError, match="speed"):
        SpedUpClock(speed=-1)


def test_time_goes_on_when_a_clock_is_set_back() -> None:
    """What has passed has passed; from there on it goes as the clock does, forwards too."""
    clock = SetByHand()
    time_of = MonotonicTime(clock)
    seen = []
    for step in (0, 10, -3600, 5, -1, 3600):
        clock.seconds += step
        seen.append(time_of.now() - NOON)
    assert seen == [0, 10, 10, 15, 15, 3615]
