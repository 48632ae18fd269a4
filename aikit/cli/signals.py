"""
Ctrl-C during imports, and a terminal left in order by what else ends the program.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from _thread import start_new_thread
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

_AGAIN_S: Final = 0.02
_IMPORTS: Final = "<frozen importlib"


@contextmanager
def heard() -> Iterator[None]:
    """
    Hear Ctrl-C between the steps of an import, not inside of one, and show the cursor before SIGTERM ends the program.

    Raised inside of one, it can be lost, and leave Python's import lock taken: every thread that imports then hangs.
    """
    ours = {signal.SIGINT: (signal.default_int_handler, _interrupt), signal.SIGTERM: (signal.SIG_DFL, _end)}
    is_main = threading.current_thread() is threading.main_thread()
    own = {number: new for number, (old, new) in ours.items() if is_main and signal.getsignal(number) is old}
    before = {number: signal.signal(number, new) for number, new in own.items()}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def show_cursor() -> None:
    """
    Show the terminal's cursor, which bars hide, without taking a lock that another thread may hold.
    """
    with suppress(OSError, ValueError):  # stderr may be closed
        if sys.__stderr__ is not None and sys.__stderr__.isatty():
            os.write(sys.__stderr__.fileno(), b"\x1b[?25h\n")


def _interrupt(number: int, frame: FrameType | None) -> None:
    if frame is not None and frame.f_code.co_filename.startswith(_IMPORTS):
        start_new_thread(_interrupt_again, ())  # which takes no lock
    else:
        signal.default_int_handler(number, frame)


def _interrupt_again() -> None:
    time.sleep(_AGAIN_S)
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, signal.SIGINT)  # and no other thread: it may be waiting
    else:
        signal.raise_signal(signal.SIGINT)


def _end(number: int, _: FrameType | None) -> None:
    show_cursor()
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
