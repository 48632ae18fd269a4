"""
What happens to running calls when the program ends: they are finished; after Ctrl-C they are cancelled, quickly.
"""

from __future__ import annotations

import atexit
import concurrent.futures.thread  # noqa: F401  its own exit hook must be registered before ours, so that ours runs first
import os
import signal
import sys
import threading
import time
import weakref
from typing import Final, Protocol

_GRACE_S: Final = 1.2
_pools: Final[weakref.WeakSet[Pool]] = weakref.WeakSet()
_registered: Final = threading.Lock()


class Pool(Protocol):
    """
    Something with calls under way.
    """

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until every call is over; tell whether they are."""
        ...

    def cancel_all(self) -> None:
        """Ask every call to stop."""
        ...

    def pump(self) -> int:
        """Run the callbacks that wait for a thread to run them; return how many."""
        ...


def finish_first(pool: Pool) -> None:
    """
    Let *pool* finish its calls before the interpreter goes.
    """
    # threading._register_atexit is what concurrent.futures itself uses: its hooks run before threads are joined, while
    # executors still take work, so that a callback run now may make further calls.
    if _registered.acquire(blocking=False):
        getattr(threading, "_register_atexit", atexit.register)(_finish_all)
    _pools.add(pool)


def _finish_all() -> None:
    """
    Wait for all pools; Ctrl-C, before or now, cancels their calls and ends the process within two seconds.
    """
    if _was_interrupted():
        _cancel_all()
        return
    try:
        while (pool := _busy_pool()) or _pumped():
            if pool:
                pool.wait(60)
    except KeyboardInterrupt:
        _cancel_all()
        _die_of_interrupt()


def _busy_pool() -> Pool | None:
    return next((pool for pool in list(_pools) if not pool.wait(0)), None)


def _pumped() -> bool:
    return sum(pool.pump() for pool in list(_pools)) > 0


def _was_interrupted() -> bool:
    return issubclass(getattr(sys, "last_type", None) or type(None), KeyboardInterrupt)


def _cancel_all() -> None:
    """
    Cancel every call and give callbacks a moment; a thread that is stuck even so is left behind.
    """
    try:
        for pool in list(_pools):
            pool.cancel_all()
        deadline = time.monotonic() + _GRACE_S
        is_over = all(pool.wait(max(0.0, deadline - time.monotonic())) for pool in list(_pools))
    except KeyboardInterrupt:
        is_over = False
    if not is_over:
        _die_of_interrupt()


def _die_of_interrupt() -> None:
    """
    End the process as Ctrl-C does when nobody handles it, without waiting for threads.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    if os.name == "posix":
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(130)
