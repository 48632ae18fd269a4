"""
Progress on its way to its callback, and callbacks that pump.
"""

from __future__ import annotations

import attrs

from aikit import dispatch


@attrs.define
class Stack:
    """
    Callbacks that pump, each while it is under way.

    Attributes:
        ran: Those that began.

        most: How many were under way at once at the most.
    """

    queue: dispatch.QueueDispatcher
    ran: list[int] = attrs.field(factory=list)
    depth: int = 0
    most: int = 0

    def run(self, number: int) -> None:
        """
        Pump, as one of many.
        """
        self.ran.append(number)
        self.depth += 1
        self.most = max(self.most, self.depth)
        self.queue.pump()
        self.depth -= 1


def test_a_thousand_callbacks_that_pump_all_run_and_are_no_tower() -> None:
    """A callback that pumps runs others, which pump: only so many are inside each other, and none is lost."""
    queue = dispatch.pumped()
    stack = Stack(queue)
    for number in range(1_000):
        queue.deliver(lambda number=number: stack.run(number))  # type: ignore[misc]  # mypy cannot tell the type
    while queue.pump():
        pass

    assert stack.ran == list(range(1_000))
    assert 2 <= stack.most <= 10


def test_newer_progress_takes_the_place_of_what_waits() -> None:
    """Of the reports that wait only the newest is shown, where the first one stood: before the end."""
    queue, shown = dispatch.pumped(), list[object]()
    progress = dispatch.Newest(queue, shown.append)
    for report in (1, 2, 3):
        progress.tell(report)
    queue.deliver(lambda: shown.append("end"))

    assert queue.pump() == 2
    assert shown == [3, "end"]


def test_what_was_shown_is_not_shown_again() -> None:
    """A report that comes after the last one was shown is delivered anew."""
    queue, shown = dispatch.pumped(), list[object]()
    progress = dispatch.Newest(queue, shown.append)
    for report in (1, 2):
        progress.tell(report)
        queue.pump()

    assert (shown, queue.pump()) == ([1, 2], 0)


def test_immediate_shows_every_report() -> None:
    """Where callbacks run at once nothing waits, and nothing is replaced."""
    shown: list[object] = []
    progress = dispatch.Newest(dispatch.immediate(), shown.append)
    for report in (1, 2, 3):
        progress.tell(report)

    assert shown == [1, 2, 3]
