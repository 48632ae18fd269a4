"""
The timer: what is due is woken, however far away the rest is.
"""

from __future__ import annotations

import linecache
import queue
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import attrs
import pytest

from aikit.runtime import timers
from aikit.runtime.timers import Timer


@attrs.define(eq=False)
class _Parked:
    due: float
    ticket: int | None = None


def test_what_is_due_in_centuries_holds_up_nothing() -> None:
    """
    A pause longer than any lock can be waited for is a pause like others: it neither ends nor stops the timer.
    """
    woken: queue.SimpleQueue[Any] = queue.SimpleQueue()
    timer = Timer(woken.put)
    far, near = _Parked(time.monotonic() + 1e12), _Parked(time.monotonic() + 0.1)
    assert timer.park(far)
    time.sleep(0.05)
    assert timer.park(near)
    assert woken.get(timeout=20) is near
    assert timer.unpark(far)
    assert woken.empty()


def test_what_cannot_be_woken_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """
    An error on the way out of the timer is logged, and what is due later is woken all the same.
    """
    woken: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def wake(parked: _Parked) -> None:
        woken.put(parked)
        raise OSError("no way out")

    timer, now = Timer(wake), time.monotonic()
    first, second = _Parked(now + 0.01), _Parked(now + 0.05)
    assert timer.park(first)
    assert timer.park(second)
    assert [woken.get(timeout=20), woken.get(timeout=20)] == [first, second]
    assert "no way out" in caplog.text


@pytest.mark.parametrize("line", range(1, 10))
def test_a_timer_that_was_interrupted_works_on(line: int) -> None:
    """
    Ctrl-C at any line of parking and unparking leaves a timer that wakes what is parked later, and ends by itself.
    """
    woken: queue.SimpleQueue[Any] = queue.SimpleQueue()
    timer = Timer(woken.put)
    interrupted = _Parked(time.monotonic() + 60)
    with suppress(KeyboardInterrupt), _interrupting(line):
        timer.park(interrupted)
        timer.unpark(interrupted)
    timer.unpark(interrupted)
    later = _Parked(time.monotonic() + 0.05)
    assert timer.park(later)
    assert woken.get(timeout=20) is later
    until = time.monotonic() + 20
    while timer._thread is not None and time.monotonic() < until:
        time.sleep(0.01)
    assert timer._thread is None
    assert timer._parked == 0


@contextmanager
def _interrupting(line: int) -> Iterator[None]:
    """
    Raise Ctrl-C at that line of the timer's own that runs inside.
    """
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        if frame.f_code.co_filename != timers.__file__ or frame.f_code.co_name not in {"park", "unpark"}:
            return None
        is_block = (
            linecache.getline(timers.__file__, frame.f_lineno).strip().startswith("with ")
        )  # a lock's end is whole
        count += event == "line" and not is_block
        if event == "line" and count == line and not is_block:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
