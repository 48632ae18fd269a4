"""
How late a window's own timer is while aikit works: in real windows of all toolkits, with no other tests beside them.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.dispatch.conftest import SIZE, Played

pytestmark = [pytest.mark.foreign, pytest.mark.alone]

LATEST_MS: Final = 100
TRIES: Final = 6


def calmest(played: Played, scene: str) -> dict[str, Any]:
    """
    Play until the timer was never late, a few times at most.

    On a machine that is busy with other things even an idle window is late now and then; one that is held up by what
    is tried here is late each time.
    """
    for _ in range(TRIES):
        story = played(scene)
        if story["late_ms"] < LATEST_MS:
            break
    return story


def test_the_window_stays_alive_during_an_upload(played: Played) -> None:
    """While a large file goes up, the window's own timer is never late by more than a tenth of a second."""
    story = calmest(played, "upload")

    assert (story["bytes"], story["main"]) == (SIZE, True)
    assert story["called"] >= 2
    assert story["beats"] >= 10
    assert story["late_ms"] < LATEST_MS


def test_many_callbacks_at_once_leave_the_window_alive(played: Played) -> None:
    """Five hundred callbacks that waited run a few at a time, and the window's timer comes in between."""
    story = calmest(played, "flood")

    assert (story["ended"], story["main"]) == (500, True)
    assert story["late_ms"] < LATEST_MS
    assert story["beats"] > 20
