"""
Calls that wait for a thread: first come, first served, and those that move no content can be taken by themselves.
"""

from __future__ import annotations

from typing import Any, cast

import attrs
from hypothesis import given
from hypothesis import strategies as st

from aikit.runtime.ready_queue import ReadyQueue


@attrs.frozen
class Named:
    """
    What a call is to those that line it up.
    """

    number: int
    is_long: bool


def ready(lengths: list[bool]) -> ReadyQueue:
    """
    Return a line of calls, long or not.
    """
    made = ReadyQueue()
    for number, is_long in enumerate(lengths):
        made.append(cast("Any", Named(number, is_long)))
    return made


def taken(line: ReadyQueue, *, only_short: bool) -> list[int]:
    """
    Take all there are.
    """
    numbers = []
    while (call := line.pop_short() if only_short else line.pop()) is not None:
        numbers.append(cast("Named", call).number)
    return numbers


@given(st.lists(st.booleans()))
def test_who_came_first_is_taken_first(lengths: list[bool]) -> None:
    """Long and short calls leave in the order in which they came."""
    line = ready(lengths)
    assert bool(line) == bool(lengths)
    assert taken(line, only_short=False) == list(range(len(lengths)))
    assert not line


@given(st.lists(st.booleans()))
def test_short_ones_can_be_taken_alone(lengths: list[bool]) -> None:
    """Those that move no content are taken past the others, which keep their order."""
    line = ready(lengths)
    assert taken(line, only_short=True) == [number for number, is_long in enumerate(lengths) if not is_long]
    assert taken(line, only_short=False) == [number for number, is_long in enumerate(lengths) if is_long]
