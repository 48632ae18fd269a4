"""
Who drives a flow: the calling thread, here; or a pool of threads, see `aikit.runtime.scheduler`.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import Final

from aikit.http.flow import Gather, Pause
from aikit.runtime.result import Outcome
from aikit.runtime.scheduler import Scheduler, group_of, sleep_until_due
from aikit.runtime.task import Task
from aikit.types.errors import CancelledError

_GRACE_S: Final = 0.5  # after Ctrl-C, for those under way to notice


def run_inline(call: Task) -> None:
    """
    Drive *call* in this thread to its end.
    """
    try:
        while (step := call.advance()) is not None:
            if isinstance(step, Pause):
                call.due = time.monotonic() + step.seconds
                sleep_until_due(call, None)
            else:
                _run_beside(call, step)
    except BaseException:
        call.flow.close()  # Ctrl-C: let go of files before the caller's frames unwind
        raise
    call.finish(call.outcome or Outcome())


def _run_beside(call: Task, step: Gather) -> None:
    """
    Drive flows side by side on threads of their own, while this thread waits.
    """
    is_over = threading.Event()
    pool = Scheduler(max(step.at_a_time, 1), lambda: 0)
    group = call.group = group_of(call, pool, partial(pool.settle, call, is_over.set))
    pool.expect(call)
    try:
        group.start(step)
        is_over.wait()
    except BaseException:  # Ctrl-C
        call.stop(CancelledError(keeps=True))
        is_over.wait(_GRACE_S)
        raise
    finally:
        if is_over.is_set():
            pool.close()
        else:  # a thread is stuck where nothing reaches it: in the caller's own iterable, or on a disk that hangs
            pool.leave()
