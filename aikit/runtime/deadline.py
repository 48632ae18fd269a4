"""
The end of a call's time: on one thread for all calls, which ends when none of them has one.
"""

from __future__ import annotations

import os
import time

import attrs

from aikit.runtime.task import Task
from aikit.runtime.timers import Timer
from aikit.types.errors import CancelledError


@attrs.define(eq=False)
class Deadline:
    """
    When a call has to be over.

    Attributes:
        call: It is stopped then; what has arrived stays where it is.

        seconds: From now.
    """

    call: Task
    seconds: float
    due: float = 0.0
    ticket: int | None = None

    def begin(self) -> None:
        """
        Let the time run.
        """
        self.due = time.monotonic() + self.seconds
        _timer.park(self)

    def end(self) -> None:
        """
        Let go of the call: it is over.
        """
        _timer.unpark(self)

    def expire(self) -> None:
        """
        Stop the call.
        """
        message = f"the call was not over after {self.seconds:g} s; raise deadline to give it longer"
        self.call.cancel(CancelledError(message=message, code="deadline_exceeded", keeps=True))


def _new_timer() -> Timer:
    return Timer(Deadline.expire)


_timer = _new_timer()


def _after_fork_in_child() -> None:
    global _timer  # noqa: PLW0603  in a child made by fork, the timer's thread is not there
    _timer = _new_timer()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
