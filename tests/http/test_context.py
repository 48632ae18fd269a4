"""
Watch: progress that never goes backwards nor too often, and cancelling that reaches a blocked exchange.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.http.context import CallContext
from aikit.types.errors import CancelledError
from aikit.types.progress import Progress


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.tuples(st.floats(0, 0.3), st.integers(0, 100), st.integers(1, 3))))
def test_progress_never_goes_backwards_nor_too_often(steps: list[tuple[float, int, int]]) -> None:
    """
    Whatever is reported and when, a phase only grows, and a second sees at most ten reports and the last one.
    """
    clock, seen = _Clock(), list[tuple[float, Progress]]()
    context = CallContext(on_progress=lambda progress: seen.append((clock.now, progress)), clock=clock)
    for pause_s, done, attempt in steps:
        clock.now += pause_s
        context.report("uploading", done, 100, attempt)
    done_so_far = [progress.bytes for _, progress in seen]
    assert done_so_far == sorted(set(done_so_far))
    for start, _ in seen:
        within = [progress for at, progress in seen if start <= at < start + 1]
        assert len([progress for progress in within if progress.bytes != 100]) <= 10


def test_last_byte_is_always_reported() -> None:
    """
    The report of the whole comes even right after another, and only once.
    """
    seen: list[Progress] = []
    context = CallContext(on_progress=seen.append, clock=lambda: 0.0)
    for done in (1, 2, 3, 3):
        context.report("uploading", done, 3)
    assert seen == [Progress(1, 3, "uploading"), Progress(3, 3, "uploading")]


def test_a_new_phase_begins_anew() -> None:
    """
    After checking comes uploading from its first byte; an empty file is reported too.
    """
    clock, seen = _Clock(), list[Progress]()
    context = CallContext(on_progress=seen.append, clock=clock)
    for phase in ("checking", "uploading"):
        context.report(phase, 0, 0)
        clock.now += 1
    assert seen == [Progress(0, 0, "checking"), Progress(0, 0, "uploading")]


def test_cancelled_call_stops_at_its_next_report() -> None:
    """
    Reporting is where a running call learns that it was cancelled, with and without a callback.
    """
    context = CallContext()
    context.report("uploading", 1, 2)
    context.cancel()
    assert context.is_cancelled
    with pytest.raises(CancelledError, match="cancelled before it was complete"):
        context.report("uploading", 2, 2)


def test_cancelling_cuts_off_what_is_under_way() -> None:
    """
    While an exchange runs, cancelling aborts it, once; before and after there is nothing to abort.
    """
    context, cuts = CallContext(), list[str]()
    with context.aborting(lambda: cuts.append("cut")):
        context.cancel()
    context.cancel()
    assert cuts == ["cut"]


def test_cancelled_call_begins_no_exchange() -> None:
    """
    Once cancelled, the next exchange is not entered.
    """
    context = CallContext()
    context.cancel()
    with pytest.raises(CancelledError), context.aborting(lambda: None):
        pytest.fail("it was entered")


def test_abort_that_fails_is_no_problem() -> None:
    """
    The exchange may end by itself while it is cut off.
    """

    def abort() -> None:
        raise OSError("not connected")

    context = CallContext()
    with context.aborting(abort):
        context.cancel()
    assert context.is_cancelled


def test_what_is_not_about_bytes_is_passed_on_as_it_is() -> None:
    """
    Other reports keep the same distance, save the last one, and are a moment to stop too.
    """
    seen: list[str] = []
    context = CallContext(on_progress=seen.append, clock=lambda: 0.0)
    for text in ("first", "too early"):
        context.tell(text)
    context.tell("last", is_last=True)
    assert seen == ["first", "last"]
    CallContext().tell("to nobody")
    context.cancel()
    with pytest.raises(CancelledError):
        context.tell("too late")
