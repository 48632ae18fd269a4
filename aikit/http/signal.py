"""
A signal that ends a pause early.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import attrs


@attrs.define(eq=False)
class Signal:
    """
    Something that comes about once, in whatever thread, and that one task waits for.

    Attributes:
        is_set: Whether it has come about.
    """

    # `_lock` guards both fields; no other lock is taken and no user code runs under it.

    is_set: bool = False
    _call: Callable[[], object] | None = None
    _lock: Any = attrs.field(factory=threading.Lock, repr=False)

    def set(self) -> None:
        """
        Note that it has come about, and tell who waits for it.
        """
        with self._lock:
            self.is_set, call = True, self._call
            self._call = None
        if call is not None:
            call()

    def when_set(self, call: Callable[[], object]) -> None:
        """
        Call *call* when it comes about, at once if it has, in the place of what was to be called before.
        """
        with self._lock:
            if not self.is_set:
                self._call = call
                return
        call()
