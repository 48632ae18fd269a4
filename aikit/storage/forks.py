"""
When this process may be forked: while none of its other threads is in a database.

SQLite keeps locks within the process as well. A child that is made in the middle of another thread's transaction would
inherit them, held by a thread that it does not have, and could never write.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

_LONGEST_S: Final = 2.0
"""Nobody waits longer: a child that may be crippled is better than a program that stands still."""

# Locks are taken by themselves, not through their conditions, whose `with` is Python: Ctrl-C would leave it locked.
_lock = threading.RLock()
_changed = threading.Condition(_lock)
_forking: Final[set[int]] = set()


class _Stay:
    """
    One stay of a thread in a database; one that Ctrl-C has ended goes away with the frames that held it.
    """

    __slots__ = ("__weakref__", "is_open", "thread")

    def __init__(self) -> None:
        self.thread, self.is_open = threading.get_ident(), True


# `_lock` guards what is added to it, so that no fork begins between a look and a stay. By id, and no WeakSet, which is
# Python's own code: Ctrl-C leaves it damaged.
_inside: Final[dict[int, weakref.ref[_Stay]]] = {}


@contextmanager
def unforked() -> Iterator[None]:
    """
    Keep other threads from forking meanwhile; this one may.
    """
    stay = _Stay()
    is_first = all(other.thread != stay.thread for other in _stays())  # else forks wait for it, and it not for them
    try:
        with _lock:
            if is_first:
                _changed.wait_for(lambda: not _forking, _LONGEST_S)
            key = id(stay)
            _inside[key] = weakref.ref(stay, partial(_inside.pop, key))
        yield
    finally:
        with _lock:
            _inside.pop(id(stay), None)
            _changed.notify_all()


@contextmanager
def forks_let_through() -> Iterator[None]:
    """
    Inside `unforked`, let other threads fork meanwhile.
    """
    stays = [stay for stay in _stays() if stay.thread == threading.get_ident()]
    try:
        _set_open(stays, is_open=False)
        yield
    finally:
        _set_open(stays, is_open=True)


def _set_open(stays: list[_Stay], *, is_open: bool) -> None:
    with _lock:
        if is_open:
            _changed.wait_for(lambda: not _forking, _LONGEST_S)
        for stay in stays:
            stay.is_open = is_open
        _changed.notify_all()


def _stays() -> list[_Stay]:
    stays = [held() for held in list(_inside.values())]
    return [stay for stay in stays if stay is not None and stay.is_open]


def _before_fork() -> None:
    me = threading.get_ident()
    with _lock:
        _forking.add(me)
        _changed.wait_for(lambda: not any(stay.thread != me for stay in _stays()), _LONGEST_S)


def _after_fork() -> None:
    with _lock:
        _forking.discard(threading.get_ident())
        _changed.notify_all()


def _after_fork_in_child() -> None:
    global _lock, _changed  # noqa: PLW0603  another thread may have held it
    _lock = threading.RLock()
    _changed = threading.Condition(_lock)
    _forking.clear()
    for stay in _stays():
        if stay.thread != threading.get_ident():
            _inside.pop(id(stay), None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
