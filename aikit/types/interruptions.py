"""
What the program's own signal handlers raise in the middle of a call: time limits, alarms, a wish to end.

Such an exception is no fault of the call, of whatever class it is: it goes through to the program unchanged. Whatever
catches errors of a kind that a program may raise too asks `let_through`, or is `suppress`.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from functools import partial
from types import CodeType, FrameType, TracebackType
from typing import Any, Final

LONGEST_WAIT_S: Final = 1.0
"""Longer waits are made in pieces: on Windows, the main thread hears Ctrl-C only between two."""

_LIBRARIES: Final = frozenset(("aikit", "http", "json", "requests", "socket", "sqlite3", "ssl", "urllib3"))
_MOST: Final = 50  # exceptions that led to one


class AudibleCondition(threading.Condition):
    """
    A condition whose `wait_for` waits in such pieces.
    """

    def wait(self, timeout: float | None = None) -> bool:
        """
        Wait, but not for long: whoever waits has to look and to wait again.
        """
        return super().wait(LONGEST_WAIT_S if timeout is None else min(timeout, LONGEST_WAIT_S))


def let_through(error: BaseException) -> None:
    """
    Raise what a signal handler raised, if that is *error* or led to it.
    """
    interruption = interruption_in(error)
    if interruption is not None:
        context = interruption.__context__
        try:
            raise interruption
        finally:
            interruption.__context__ = context  # as it was: what came of it is of no matter


def interruption_in(error: BaseException) -> BaseException | None:
    """
    Return what a signal handler raised, *error* or what led to it; ``None`` if it came about in another way.
    """
    if threading.current_thread() is not threading.main_thread():  # in no other do signal handlers run
        return None
    found = None
    for one in _origins(error):
        if _is_of_handler(one.__traceback__) and (one is error or not _is_handled_above(one)):
            found = one  # the last: urllib3 gives the traceback of what it caught to what it raises
    return found


class suppress(contextlib.suppress):  # noqa: N801  named as the one that it stands for
    """
    ``contextlib.suppress``, but for what signal handlers raise.
    """

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """
        Suppress *error* if it is of the classes, and no signal handler raised it.
        """
        is_listed = super().__exit__(kind, error, trace)
        return is_listed and (error is None or interruption_in(error) is None)


def _origins(error: BaseException) -> Iterator[BaseException]:
    """
    Yield *error*, and what it was raised from or amid.
    """
    left, seen = [error], set[int]()
    while left and len(seen) < _MOST:
        one = left.pop()
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            left += [other for other in (one.__context__, one.__cause__) if other is not None]


def _is_handled_above(error: BaseException) -> bool:
    """
    Return whether a function that is still running handles *error*: the program, and this call is a part of that.
    """
    trace, frame = error.__traceback__, sys._getframe()  # noqa: SLF001  there is no other way to the stack
    while trace is not None and frame is not None:
        if frame is trace.tb_frame:
            return True
        frame = frame.f_back  # type: ignore[assignment]  # `None` ends the loop
    return False


def _is_of_handler(trace: TracebackType | None) -> bool:
    """
    Return whether *trace* leads through a signal handler: a function that got its caller's frame, or is installed.
    """
    caller, codes = None, set[CodeType]()
    while trace is not None:
        frame = trace.tb_frame
        if caller is not None and str(frame.f_globals.get("__name__")).partition(".")[0] not in _LIBRARIES:
            if _got(frame, caller):
                return True
            codes.add(frame.f_code)
        caller, trace = frame, trace.tb_next
    return bool(codes) and not codes.isdisjoint(_installed())


def _got(frame: FrameType, caller: FrameType) -> bool:
    # A handler is called with the number of the signal and the frame that was interrupted, which calls it.
    code = frame.f_code
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 0x04)]
    values = [frame.f_locals.get(name) for name in names]
    return any(value is caller or (type(value) is tuple and any(one is caller for one in value)) for value in values)


def _installed() -> Iterator[CodeType]:
    """
    Yield the code of the handlers that are installed now.
    """
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        if not callable(handler):
            continue
        while isinstance(handler, partial):
            handler = handler.func
        for function in (handler, type(handler).__call__):
            code = getattr(function, "__code__", None)
            if isinstance(code, CodeType):
                yield code
