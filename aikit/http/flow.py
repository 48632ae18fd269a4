"""
Flows: operations as generators that yield steps and return an object.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable
from typing import Any, TypeAlias, TypeVar

import attrs

from aikit.http.context import CallContext
from aikit.http.messages import Request, Reservoir
from aikit.http.signal import Signal

T = TypeVar("T")


@attrs.frozen
class Pause:
    """
    A step that asks to continue later, answered with the seconds since the call began.

    Attributes:
        seconds: How long to wait; the scheduler decides how.

        until: Ends the pause early.
    """

    # Not a property of a request: ten thousand flows that wait would hold a request each, and what made it.

    seconds: float
    until: Signal | None = None


@attrs.frozen
class Work:
    """
    A step that computes or reads files for a while, answered with what *run* returns.

    Attributes:
        run: Gets the call's context, which tells when to stop.
    """

    run: Callable[[CallContext], Any]


@attrs.frozen
class Gather:
    """
    A step that runs flows side by side, answered with what each returned, in their order.

    The first that fails cancels the others, and what it raised is thrown in when they have stopped.

    Attributes:
        flows: Taken one by one as there is room, so they may be made late.

        at_a_time: How many may be under way.

        most_threads: How many threads may run those of a call that is waited for, where most of them only wait;
            ``None`` for *at_a_time*.

        total_bytes: Bytes that all of them move, for one progress of the whole; ``None`` where that is unknown.

        done_bytes: What was moved before.

        on_progress: Gets the number of a flow, from 0 on, and its own `Progress`, instead of the call that of the
            whole; called by the thread that moves the bytes.
    """

    flows: Iterable[Generator[Any, Any, Any]]
    at_a_time: int = 4
    most_threads: int | None = None
    total_bytes: int | None = None
    done_bytes: int = 0
    on_progress: Callable[[int, Any], None] | None = None


@attrs.frozen
class Room:
    """
    A step that asks to continue when the reader of *sink* has taken enough, answered with the seconds of `Pause`.
    """

    sink: Reservoir

    @property
    def seconds(self) -> float:
        """No time is known."""
        return math.inf


Step: TypeAlias = Request | Pause | Work | Gather | Room
"""What a flow yields."""

Flow: TypeAlias = Generator[Step, Any, T]
"""An operation: yields steps, is sent what answers them, returns its object; what fails is thrown in."""
