"""
Who waits in this process for the end of a batch of the embedded provider.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from aikit.http.signal import Signal


@attrs.define(eq=False)
class _Waiting:
    """
    Signals by the ids of their batches, which no two stores share; `_lock` guards them.
    """

    _signals: dict[str, list[Signal]] = attrs.field(factory=dict)
    _lock: Any = attrs.field(factory=threading.Lock)

    def add(self, batch_id: str, signal: Signal) -> None:
        with self._lock:
            self._signals.setdefault(batch_id, []).append(signal)

    def remove(self, batch_id: str, signal: Signal) -> None:
        with self._lock:
            left = [one for one in self._signals.pop(batch_id, []) if one is not signal]
            if left:
                self._signals[batch_id] = left

    def of(self, batch_id: str) -> list[Signal]:
        with self._lock:
            return list(self._signals.get(batch_id, ()))


_waiting = _Waiting()


@contextmanager
def watching_end(batch_id: str) -> Iterator[Signal]:
    """
    Yield a signal that is set when a thread of this process ends the batch.
    """
    signal = Signal()
    _waiting.add(batch_id, signal)
    try:
        yield signal
    finally:
        _waiting.remove(batch_id, signal)


def tell_end(batch_id: str) -> None:
    """
    Set the signals of those who wait for the batch, which has ended.
    """
    for signal in _waiting.of(batch_id):
        signal.set()


def _after_fork_in_child() -> None:
    global _waiting  # noqa: PLW0603  a lock that another thread held when this process was made is held for ever
    _waiting = _Waiting()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
