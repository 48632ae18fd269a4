"""
Progress on its way to its callback.
"""

from __future__ import annotations

from aikit import dispatch


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
