"""
What happens to running calls when the program ends: they are finished; after Ctrl-C they are cancelled, quickly.

What works on by itself is stopped after that. Calls of a program whose window is gone are cancelled as well.
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
from contextlib import suppress
from typing import Final, Protocol

_GRACE_S: Final = 1.0
_LOOK_S: Final = 1.0
_HURRIED_S: Final = 1.7
"""Seconds that Ctrl-C leaves to all of it: what engines have under way has one second to end, and is written down."""
_UNHURRIED_S: Final = 4.0
_PROMPT_S: Final = 0.1
"""The same where calls ended with a window: the program is to go when that does."""
# `_lock` guards all sets and both flags; nothing else is locked or called under it.
_schedulers: Final[weakref.WeakSet[Scheduler]] = weakref.WeakSet()
_engines: Final[weakref.WeakSet[Engine]] = weakref.WeakSet()
_tied: Final[weakref.WeakSet[Tied]] = weakref.WeakSet()
_lock = threading.Lock()
_is_registered = _is_over = False


class Scheduler(Protocol):
    """
    Something with calls under way.

    Attributes:
        survived: What ``sys.last_value`` was when the last call was made.
    """

    survived: BaseException | None

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until every call is over; tell whether they are."""
        ...

    def resume_all(self) -> None:
        """Let paused calls go on."""
        ...

    def cancel_all(self, *, keep: bool = False) -> None:
        """Ask every call to stop; *keep* lets what has arrived stay."""
        ...

    def pump(self) -> int:
        """Run the callbacks that wait for a thread to run them; return how many."""
        ...

    def dismiss(self) -> None:
        """Have every thread end as soon as it has no work."""
        ...


class Engine(Protocol):
    """
    Something that works on without being asked again.
    """

    def ask_to_stop(self) -> None:
        """Have it end soon."""
        ...

    def stop(self, timeout_s: float = ..., /) -> None:
        """End it, waiting at most that many seconds for what is under way."""
        ...


class Tied(Protocol):
    """
    Something whose calls are not to be finished at the end of the program, but to be cancelled.
    """

    def end(self) -> None:
        """Cancel them, and wait for a moment."""
        ...


def finish_before_exit(scheduler: Scheduler) -> None:
    """
    Let *scheduler* finish its calls before the interpreter goes.

    Raises:
        RuntimeError: It is going already.
    """
    with _lock:
        if _is_over:
            raise RuntimeError("the interpreter is ending")
        _register()
        _schedulers.add(scheduler)


def stop_at_exit(engine: Engine) -> None:
    """
    Stop *engine* when the interpreter goes, after all calls, which may be waiting for what it does.

    Raises:
        RuntimeError: It is going already.
    """
    with _lock:
        _register()
        _engines.add(engine)


def end_before_exit(tied: Tied) -> None:
    """
    Have *tied* end when the interpreter goes, before any call is waited for.

    Raises:
        RuntimeError: It is going already.
    """
    with _lock:
        if _is_over:
            raise RuntimeError("the interpreter is ending")
        _register()
        _tied.add(tied)


def _register() -> None:
    # threading._register_atexit is what concurrent.futures itself uses: its hooks run before threads are joined, while
    # the program's own executors still take work, so that a callback run now may make further calls.
    global _is_registered  # noqa: PLW0603  one hook for the process
    if not _is_registered:
        getattr(threading, "_register_atexit", atexit.register)(_shut_down)
        _is_registered = True


def _all() -> list[Scheduler]:
    with _lock:
        return list(_schedulers)


def _shut_down() -> None:
    """
    Have all calls come to their end; from then on no thread is started, for none would be waited for.
    """
    global _is_over  # noqa: PLW0603  of the process
    try:
        _finish()
    finally:
        with _lock:
            _is_over = True
        for scheduler in _all():
            scheduler.dismiss()


def _say_interrupted() -> None:
    """
    Have the interpreter know that Ctrl-C ends it, which the threads that went on may have made it forget.
    """
    # CPython exits with the status of Ctrl-C only if the last text that it ran, `exec` and `eval` of a string included,
    # ended with one. Modules that a thread imported after the main thread's end run some: `namedtuple` is one.
    if not hasattr(sys, "ps1"):  # a prompt that was left has not died of Ctrl-C
        with suppress(KeyboardInterrupt):
            exec("raise KeyboardInterrupt")  # noqa: S102  there is no other way


def _finish() -> None:
    """
    Wait for all schedulers; Ctrl-C, before or now, cancels their calls and ends the process within two seconds.
    """
    try:
        has_tied = _end_tied()
        if _was_interrupted():
            _end_in_a_hurry()
            _say_interrupted()
            return
        while (scheduler := _busy_scheduler()) or _pumped():
            if scheduler:
                scheduler.resume_all()  # no thread of the program is left to do it
                scheduler.wait(_LOOK_S)
                _pumped()  # a call may wait for the answer of a callback
        _stop_engines(time.monotonic() + (_PROMPT_S if has_tied else _UNHURRIED_S))
    except KeyboardInterrupt:
        _end_in_a_hurry()
        _die_of_interrupt()
    except SystemExit as stop:  # a handler of another signal wants the end
        _end_in_a_hurry()
        _flush()
        os._exit(stop.code if isinstance(stop.code, int) else int(stop.code is not None))


def _end_tied() -> bool:
    with _lock:
        all_tied = list(_tied)
    for tied in all_tied:
        tied.end()
    return bool(all_tied)


def _end_in_a_hurry() -> None:
    ends_at = time.monotonic() + _HURRIED_S
    _ask_engines_to_stop()
    _cancel_all()
    with suppress(KeyboardInterrupt, SystemExit):  # asked once more
        _stop_engines(ends_at)


def _stop_engines(ends_at: float) -> None:
    """
    Stop all engines at once: together they have until then.
    """
    for engine in _ask_engines_to_stop():
        with suppress(Exception):  # the other engines are to be stopped too
            engine.stop(max(ends_at - time.monotonic(), 0.0))


def _ask_engines_to_stop() -> list[Engine]:
    with _lock:
        engines = list(_engines)
    for engine in engines:
        engine.ask_to_stop()
    return engines


def _busy_scheduler() -> Scheduler | None:
    return next((scheduler for scheduler in _all() if not scheduler.wait(0)), None)


def _pumped() -> bool:
    return sum(scheduler.pump() for scheduler in _all()) > 0


def _was_interrupted() -> bool:
    """
    Tell whether the program ends because of Ctrl-C; one that a prompt survived before the last call does not count.
    """
    last = getattr(sys, "last_value", None)
    return isinstance(last, KeyboardInterrupt) and all(last is not scheduler.survived for scheduler in _all())


def _cancel_all() -> None:
    """
    Cancel every call and give callbacks a moment; a thread that is stuck even so is left behind.
    """
    deadline = time.monotonic() + _GRACE_S
    try:
        for scheduler in _all():
            scheduler.cancel_all(keep=True)  # the program may be started again
        is_over = all(scheduler.wait(max(0.0, deadline - time.monotonic())) for scheduler in _all())
        _pumped()
    except (KeyboardInterrupt, SystemExit):
        is_over = False
    if not is_over:
        _die_of_interrupt()


def _die_of_interrupt() -> None:
    """
    End the process as an unhandled Ctrl-C does, without waiting for threads.
    """
    _flush()
    if os.name == "posix":
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(130)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # closed, or a pipe without a reader
            stream.flush()


def _after_fork_in_child() -> None:
    """
    Forget the parent's pools and engines in a child made by fork: their threads are not here.
    """
    global _lock  # noqa: PLW0603  another thread may have held it
    _lock = threading.Lock()
    _schedulers.clear()
    _engines.clear()
    _tied.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
