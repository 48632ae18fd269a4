"""
Pauses between two questions about the same thing, and how long a new thing may be unknown.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, TypeVar

from aikit.http.flow import Flow, Pause
from aikit.types.errors import OpenAIError

if TYPE_CHECKING:
    from aikit.providers import Provider

T = TypeVar("T")

LOOKS_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each look for what was made or named a moment ago: a provider may list and find it late. The embedded
provider knows it at once, and takes the first two."""

_LOOKS_EMBEDDED: Final = 2
_GROWTH: Final = 1.5
_MAX_GROWTH: Final = 10
_EARLY_S: Final = 0.5
_MOST_QUICK: Final = 32


def growing_pauses(interval_s: float) -> Iterator[float]:
    """
    Yield seconds without end: *interval_s* first, then half as long again each time, ten times *interval_s* at most.
    """
    pause_s = interval_s
    while True:
        yield pause_s
        pause_s = min(pause_s * _GROWTH, interval_s * _MAX_GROWTH)


class _QuickLooks:
    """
    How many waits look often just now: of thousands at once only some do, for no provider would stand that.
    """

    # `_lock` guards `_count`; no other lock is taken and no user code runs under it.

    def __init__(self) -> None:
        self._count, self._lock = 0, threading.Lock()

    @property
    def has_room(self) -> bool:
        """Whether one more might look often just now."""
        return self._count < _MOST_QUICK

    def begin(self) -> bool:
        """
        Return whether one more may look often, until `end`.
        """
        with self._lock:
            may = self._count < _MOST_QUICK
            self._count += may
            return may

    def end(self) -> None:
        """
        Let another one look often.
        """
        with self._lock:
            self._count -= 1


_quick = _QuickLooks()


def early_pauses(interval_s: float) -> Iterator[float]:
    """
    Return seconds without end: half a second first, growing to *interval_s*, and then those of `growing_pauses`.

    While 32 others are at that, the first is *interval_s*.
    """
    return _quick_pauses(interval_s) if _quick.has_room else growing_pauses(interval_s)


def _quick_pauses(interval_s: float) -> Iterator[float]:
    if interval_s > _EARLY_S and _quick.begin():
        try:
            pause_s = _EARLY_S
            while pause_s < interval_s:
                yield pause_s
                pause_s *= _GROWTH
        finally:
            _quick.end()
    yield from growing_pauses(interval_s)


def looks_s(provider: Provider) -> tuple[float, ...]:
    """
    Return the seconds before each look at *provider* for what is new.
    """
    return LOOKS_S[:_LOOKS_EMBEDDED] if provider.is_embedded else LOOKS_S


def ask_until_known(provider: Provider, ask: Callable[[], Flow[T]]) -> Flow[T]:
    """
    Return what *ask* returns for something that is new: while the answer is a 404, it is asked again for 15 seconds.

    Raises:
        OpenAIError: What *ask* raises, also a 404 when the time is over.
    """
    for pause_s in looks_s(provider):
        try:
            return (yield from ask())
        except OpenAIError as error:
            if not error.is_not_found_error:
                raise
        yield Pause(pause_s)
    return (yield from ask())


class Absence:
    """
    How long a provider has answered 404 in a row about something that was made, named or seen before.
    """

    __slots__ = ("_longest_s", "_max_wait_s", "_since_s")  # ten thousand may wait

    def __init__(self, provider: Provider, max_wait_s: float) -> None:
        self._longest_s, self._max_wait_s = sum(looks_s(provider)), max_wait_s
        self._since_s: float | None = None

    def has_lasted(self, error: OpenAIError, spent_s: float) -> bool:
        """
        Note the *error* that came *spent_s* after the call began; return whether it is a 404 that counts by now.
        """
        if not error.is_not_found_error:
            return False
        self._since_s = spent_s if self._since_s is None else self._since_s
        return spent_s >= min(self._since_s + self._longest_s, self._max_wait_s)

    def end(self) -> None:
        """
        Note that the provider knows it.
        """
        self._since_s = None


def begun_now(flow: Flow[T]) -> Flow[T]:
    """
    Run *flow* as if its call began now: its pauses are answered with the seconds since then.
    """
    began_s = yield Pause(0.0)
    try:
        step = next(flow)
        while True:
            try:
                answer = yield step
            except Exception as error:  # noqa: BLE001  whatever went wrong is the flow's to know
                step = flow.throw(error)
            else:
                step = flow.send(answer - began_s if isinstance(step, Pause) else answer)
    except StopIteration as stop:
        value: T = stop.value
        return value
    finally:
        flow.close()


def _after_fork_in_child() -> None:
    global _quick  # noqa: PLW0603  the waits of the parent are not the child's
    _quick = _QuickLooks()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
