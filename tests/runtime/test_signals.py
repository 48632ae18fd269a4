"""
Pauses that a signal ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from aikit.http.flow import Flow, Gather, Pause
from aikit.http.signal import Signal
from aikit.runtime.beside import gather_beside
from aikit.runtime.scheduler import Scheduler
from tests.runtime.test_scheduler import Echo, Ended, call

_LONG_S = 1_000.0


def waiting(*signals: Signal) -> Flow[str]:
    """
    Wait for one signal after the other.
    """
    for signal in signals:
        yield Pause(_LONG_S, signal)
    return "told"


def side_by_side(*signals: Signal) -> Flow[list[str]]:
    """
    Wait for all of them at once.
    """
    found: list[str] = yield Gather([waiting(signal) for signal in signals])
    return found


@pytest.mark.parametrize("delay_s", [0.0, 0.2])
@pytest.mark.parametrize("make", [waiting, side_by_side])
def test_a_signal_ends_a_pause_in_the_calling_thread(make: Callable[..., Flow[object]], delay_s: float) -> None:
    """
    Whether it comes before the pause or while it lasts.
    """
    ended, signals = Ended(), [Signal(), Signal()]
    for signal in signals:
        threading.Timer(delay_s, signal.set).start()
    call(make(*signals), Echo(), ended).run_here(gather_beside)
    assert ended.outcomes[0].value in ("told", ["told"] * 2)


@pytest.mark.parametrize("make", [waiting, side_by_side])
def test_a_signal_wakes_a_parked_call(make: Callable[..., Flow[object]]) -> None:
    """
    Of a thousand calls, each when its signal comes, and none of them holds a thread until then.
    """
    pool = Scheduler(2, lambda: 0)
    calls = [(Ended(), (Signal(), Signal())) for _ in range(1000)]
    for ended, signals in calls:
        pool.submit(call(make(*signals), Echo(), ended))
    for ended, signals in calls:
        assert not ended.event.is_set()
        for signal in signals:
            signal.set()
    assert all(ended.event.wait(20) for ended, _ in calls)
    pool.close()


def test_a_call_that_waits_for_a_signal_can_be_cancelled() -> None:
    """
    The signal may still come, and does nothing.
    """
    pool, ended, signal = Scheduler(1, lambda: 0), Ended(), Signal()
    task = call(waiting(signal), Echo(), ended)
    pool.submit(task)
    task.cancel()
    assert ended.event.wait(20)
    assert [error.code for error in ended.outcomes[0].errors] == ["cancelled"]
    signal.set()
    pool.close()
