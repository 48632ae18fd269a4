"""
The timer: what is due is woken, however far away the rest is.
"""

from __future__ import annotations

import queue
import time
from typing import Any

import attrs

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
    assert woken.get(timeout=2) is near
    assert timer.unpark(far)
    assert woken.empty()
