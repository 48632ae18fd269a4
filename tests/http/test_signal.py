"""
Signals that end a pause early.
"""

from __future__ import annotations

from aikit.http.signal import Signal


def test_what_is_to_be_called_is_called_once() -> None:
    """
    When the signal comes, at once after it; what was to be called before is not.
    """
    signal, seen = Signal(), list[int]()
    signal.when_set(lambda: seen.append(1))
    signal.when_set(lambda: seen.append(2))
    assert not signal.is_set
    signal.set()
    signal.set()
    assert (seen, signal.is_set) == ([2], True)
    signal.when_set(lambda: seen.append(3))
    assert seen == [2, 3]
