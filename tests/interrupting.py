"""
Ctrl-C as it comes: a signal at any moment of what the main thread does.
"""

from __future__ import annotations

import gc
import random
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import pytest

_ROUNDS: Final = 300
_LONGEST_S: Final = 0.0002
_AGAIN_S: Final = 1.0
"""A signal that comes where Python cannot raise is lost, and the next one ends the round."""

needs_signals: Final = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer sends signals here")


def interrupt_often(work: Callable[[], Any]) -> None:
    """
    Repeat *work*, which takes microseconds, and interrupt it at random moments.
    """
    chance = random.Random(1)  # noqa: S311  no secret
    told, gc.callbacks[:] = gc.callbacks[:], []  # those of other tests' libraries would lose what is raised in them
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for _ in range(_ROUNDS):
            with suppress(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, 1e-5 + chance.random() * _LONGEST_S, _AGAIN_S)
                while True:
                    work()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        gc.callbacks[:] = told
