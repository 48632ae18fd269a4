"""
What the windows among the examples have in common: whose turn it is, and what is shown of it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest

from aikit import OpenAIFileResult
from tests.examples.conftest import ROOT

sys.path.append(str(ROOT / "examples"))  # as where they are run from; nothing there has the name of a package

from in_turn import AT_ONCE, InTurn, Transfers
from in_words import free_place, shortened, size


@attrs.define(eq=False)
class Line:
    """
    A line that notes what it is told.

    Attributes:
        stop: What its button does.
    """

    name: str
    stop: Callable[[], None]
    told: list[str] = attrs.field(factory=list)

    def show_progress(self, share: float, text: str) -> None:
        """
        Note it.
        """
        self.told.append(f"{share:.0%} {text}")

    def succeed(self) -> None:
        """
        Note it.
        """
        self.told.append("done")

    def fail(self, why: str) -> None:
        """
        Note it.
        """
        self.told.append(why)

    def remove(self) -> None:
        """
        Note it.
        """
        self.told.append("removed")


@attrs.define(eq=False)
class Window:
    """
    As much of a window as transfers need.

    Attributes:
        lines: All that were placed.

        said: What was said last of those without a line.

        calls: Options of the calls that were made.
    """

    lines: list[Line] = attrs.field(factory=list)
    said: str = ""
    calls: list[dict[str, Any]] = attrs.field(factory=list)

    def place(self, name: str, stop: Callable[[], None]) -> Line:
        """
        Place a line.
        """
        self.lines.append(Line(name, stop))
        return self.lines[-1]

    def say(self, text: str) -> None:
        """
        Keep the last.
        """
        self.said = text

    def call(self, **options: Any) -> OpenAIFileResult:
        """
        Begin a call that goes on until the test ends it.
        """
        self.calls.append(options)
        return OpenAIFileResult()


def refuse(**_: Any) -> None:
    """Be a call with a wrong argument."""
    raise ValueError("no")


@pytest.fixture
def window() -> Window:
    """Return a window."""
    return Window()


@pytest.fixture
def transfers(window: Window) -> Transfers:
    """Return its transfers."""
    return Transfers(window.place, window.say)


def test_what_failed_keeps_no_turn_from_what_waits(window: Window, transfers: Transfers) -> None:
    """However many fail, the others go on; of the failures as many are shown as a window can hold, and counted."""
    for number in range(AT_ONCE + 70):
        transfers.add(f"bad {number}", refuse, {})
    for number in range(AT_ONCE + 30):
        transfers.add(f"good {number}", window.call, {})

    assert (len(transfers.failed), len(window.calls)) == (AT_ONCE, AT_ONCE)
    assert window.said == "30 more wait for their turn  ·  70 more failed"


def test_a_failure_that_is_cleared_away_makes_room_for_the_next(window: Window, transfers: Transfers) -> None:
    """None of them is lost: each is shown before it goes."""
    for number in range(AT_ONCE + 1):
        transfers.add(str(number), refuse, {})
    window.lines[0].stop()

    assert window.lines[0].told == ["no", "removed"]
    assert (window.lines[-1].name, window.lines[-1].told) == (str(AT_ONCE), ["no"])
    assert window.said == ""


def test_cancelling_clears_away_only_when_nothing_runs(window: Window, transfers: Transfers) -> None:
    """Who stops what is under way still wants to read what went wrong before."""
    transfers.add("bad", refuse, {})
    transfers.add("good", window.call, {})

    transfers.cancel()
    assert [line.told for line in window.lines] == [["no"], []]
    transfers.running[0].end(OpenAIFileResult())
    transfers.cancel()
    assert window.lines[0].told == ["no", "removed"]


def test_work_that_ends_while_it_begins_is_no_tower() -> None:
    """Thousands of such follow each other; they are not one inside the other."""
    done: list[int] = []

    def work(number: int) -> None:
        done.append(number)
        turns.ended()

    turns = InTurn(1, lambda: None)
    turns.add(lambda: None)
    for number in range(5_000):
        turns.add(partial(work, number))
    turns.ended()

    assert (done, turns.running) == (list(range(5_000)), 0)


def test_a_download_replaces_nothing(tmp_path: Path) -> None:
    """A name that is taken, on disk or by another one under way, gets a number; no name leads out of the folder."""
    (tmp_path / "a.txt").touch()
    taken: set[Path] = set()
    names = [free_place(str(tmp_path), name, taken).name for name in ("a.txt", "a.txt", "b", "b", "../c", "")]

    assert names == ["a (2).txt", "a (3).txt", "b", "b (2)", "_c", "file"]


def test_a_name_is_one_short_line() -> None:
    """Begin and end of a long name are seen, and a break in it breaks no line."""
    assert shortened("two\nlines.txt") == "two·lines.txt"
    short = shortened(f"{'x' * 300}.pdf", 30)
    assert (len(short), short[:3], short[-4:], "…" in short) == (30, "xxx", ".pdf", True)


def test_sizes_are_told_for_people() -> None:
    """
    One is no plural, and few digits say it.
    """
    assert [size(count) for count in (0, 1, 999, 1_000, 60_000_000, 2e9, None)] == [
        *("0 B", "1 B", "999 B", "1.0 kB", "60.0 MB", "2.00 GB", "?")
    ]
