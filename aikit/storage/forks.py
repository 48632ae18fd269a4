"""
When this process may be forked: while none of its other threads is in a database.

SQLite keeps locks within the process as well. A child that is made in the middle of another thread's transaction would
inherit them, held by a thread that it does not have, and could never write.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_LONGEST_S: Final = 2.0
"""Nobody waits longer: a child that may be crippled is better than a program that stands still."""

# Locks are taken by themselves, not through their conditions, whose `with` is Python: Ctrl-C would leave it locked.
_lock = threading.RLock()
_changed = threading.Condition(_lock)
_inside: Final[Counter[int]] = Counter()  # thread → how deep
_forking: Final[set[int]] = set()


@contextmanager
def unforked() -> Iterator[None]:
    """
    Keep other threads from forking meanwhile; this one may.
    """
    me = threading.get_ident()
    try:
        _enter(me, 1)
        yield
    finally:
        _leave(me, 1)


@contextmanager
def forks_let_through() -> Iterator[None]:
    """
    Inside `unforked`, let other threads fork meanwhile.
    """
    me = threading.get_ident()
    depth = _inside[me]
    _leave(me, depth)
    try:
        yield
    finally:
        _enter(me, depth)


def _enter(thread: int, depth: int) -> None:
    with _lock:
        if not _inside[thread]:
            _changed.wait_for(lambda: not _forking, _LONGEST_S)
        _inside[thread] += depth


def _leave(thread: int, depth: int) -> None:
    with _lock:
        _inside[thread] -= depth
        if _inside[thread] <= 0:
            del _inside[thread]
            _changed.notify_all()


def _before_fork() -> None:
    me = threading.get_ident()
    with _lock:
        _forking.add(me)
        _changed.wait_for(lambda: not _inside.keys() - {me}, _LONGEST_S)


def _after_fork() -> None:
    with _lock:
        _forking.discard(threading.get_ident())
        _changed.notify_all()


def _after_fork_in_child() -> None:
    global _lock, _changed  # noqa: PLW0603  another thread may have held it
    _lock = threading.RLock()
    _changed = threading.Condition(_lock)
    _forking.clear()
    for thread in _inside.keys() - {threading.get_ident()}:
        del _inside[thread]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
