"""
The context of a call: progress that never goes backwards nor too often, and cancelling that reaches a blocked exchange.
"""

from __future__ import annotations

import threading
import time
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.http.bandwidth import Bandwidth
from aikit.http.context import CallContext
from aikit.types.errors import CancelledError
from aikit.types.progress import Progress
from tests.stopwatch import Stopwatch


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
        context.tell(partial(str, text))
    context.tell(lambda: "last", is_last=True)
    assert seen == ["first", "last"]
    CallContext().tell(lambda: pytest.fail("nobody listens"))
    context.cancel()
    with pytest.raises(CancelledError):
        context.tell(lambda: "too late")


def test_a_child_is_cancelled_paused_and_throttled_with_its_parent() -> None:
    """
    What a call runs side by side inherits all of its context but the progress; notes reach the caller.
    """
    bandwidth = Bandwidth(1_000_000)
    parent = CallContext(on_progress=lambda _: pytest.fail("the child has a progress of its own"), bandwidth=bandwidth)
    seen: list[Progress] = []
    child = parent.child().child(seen.append)
    child.report("uploading", 1, 1)
    child.note("worth knowing")
    assert (child.bandwidth, parent.notes, child.notes) == (bandwidth, ("worth knowing",), ())
    assert seen == [Progress(1, 1, "uploading")]
    parent.is_paused = True
    timer = threading.Timer(0.1, parent.cancel, (CancelledError(message="enough"),))
    timer.start()
    with pytest.raises(CancelledError, match="enough"):
        child.throttle("up", 1)
    timer.join()
    assert child.is_cancelled


def test_a_child_that_is_cancelled_leaves_its_parent_alone() -> None:
    """
    One part that stops is no reason for the others to stop.
    """
    parent = CallContext()
    child = parent.child()
    child.cancel()
    assert (child.is_cancelled, parent.is_cancelled) == (True, False)


def test_reports_of_several_threads_do_not_overtake_nor_wait() -> None:
    """
    While a callback takes its time, other threads go on; the last report comes after it, and is never lost.
    """
    may_return, seen = threading.Event(), list[int]()

    def slow(progress: Progress) -> None:
        if not seen:
            assert may_return.wait(20)
        seen.append(progress.bytes)

    context = CallContext(on_progress=slow)
    first = threading.Thread(target=context.report, args=("uploading", 1, 10))
    first.start()
    while not context._is_telling:
        time.sleep(0.001)
    watch = Stopwatch()
    context.report("uploading", 5, 10)
    context.report("uploading", 10, 10)
    assert watch.stop() < 1
    may_return.set()
    first.join()
    assert seen == [1, 10]


def test_a_callback_that_raises_leaves_progress_usable() -> None:
    """
    Whatever ends one report does not silence those that follow.
    """
    seen: list[int] = []

    def show(progress: Progress) -> None:
        seen.append(progress.bytes)
        if len(seen) == 1:
            raise KeyboardInterrupt

    context = CallContext(on_progress=show, clock=iter(range(100)).__next__)
    with pytest.raises(KeyboardInterrupt):
        context.report("uploading", 1, 3)
    context.report("uploading", 3, 3)
    assert seen == [1, 3]
