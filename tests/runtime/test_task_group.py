"""
Flows side by side: so many at a time, one progress, the first failure ends all, and no thread is held by who waits.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.http.context import CallContext
from aikit.http.flow import Flow, Gather, Pause, Work
from aikit.http.messages import Request, Response
from aikit.http.retry import RetryPolicy, intercept, with_retries
from aikit.runtime.beside import gather_beside
from aikit.runtime.call_state import Outcome
from aikit.runtime.result import OpenAIResult
from aikit.runtime.scheduler import Scheduler
from aikit.runtime.task import Task
from aikit.types.errors import CancelledError, OpenAIError
from aikit.types.progress import Progress
from tests.stopwatch import Stopwatch
from tests.threads import Threads

REQUEST = Request(method="GET", url="http://here/")
Drive = Callable[[Task], Outcome]


@attrs.define
class Busy:
    """
    A transport that takes its time, tells progress, and counts how many ask at once.
    """

    takes_s: float = 0.02
    statuses: Iterator[int] = attrs.field(factory=lambda: iter(()))
    at_once: int = 0
    most: int = 0
    sent: int = 0
    lock: Any = attrs.field(factory=threading.Lock)

    def send(self, request: Request, context: CallContext) -> Response:
        """
        Answer after a while, unless cancelled meanwhile; refuse at once.
        """
        with self.lock:
            self.at_once, self.sent = self.at_once + 1, self.sent + 1
            self.most = max(self.most, self.at_once)
            status = next(self.statuses, 200)
        try:
            for done in range(11 if status == 200 else 0):
                context.report("uploading", done, 10, request.attempt)
                time.sleep(self.takes_s / 10)
        finally:
            with self.lock:
                self.at_once -= 1
        return Response(status=status, request=request)

    def close(self) -> None:
        """
        Do nothing.
        """


def asking(number: int, pause_s: float = 0.0) -> Flow[int]:
    """
    Ask once, after a pause.
    """
    yield Pause(pause_s)
    response = yield REQUEST
    if response.status != 200:
        raise OpenAIError(message=f"flow {number} got {response.status}")
    return number


def together(flows: Any, at_a_time: int = 4, **more: Any) -> Flow[Any]:
    """
    Drive *flows* side by side, and return what they return.
    """
    return (yield Gather(flows, at_a_time, **more))


def on_pool(threads: int) -> Drive:
    """
    Drive a call on a pool of so many threads.
    """

    def drive(call: Task) -> Outcome:
        pool, over = Scheduler(threads, lambda: 0), threading.Event()
        call.on_done = lambda _: over.set()
        pool.submit(call)
        assert over.wait(10)
        pool.close()
        assert call.outcome is not None
        return call.outcome

    return drive


def inline(call: Task) -> Outcome:
    """
    Drive a call in this thread.
    """
    call.run_here(gather_beside)
    assert call.outcome is not None
    return call.outcome


def call_of(flow: Flow[Any], transport: Any, context: CallContext | None = None) -> Task:
    """
    Return a call of *flow*.
    """
    return Task(flow, lambda: transport, context or CallContext(), lambda _: None)


EVERYWHERE = pytest.mark.parametrize(
    "drive", [inline, on_pool(1), on_pool(6)], ids=["inline", "pool of 1", "pool of 6"]
)


@EVERYWHERE
def test_results_come_in_order(drive: Drive) -> None:
    """
    What each flow returned stands where the flow stood, whichever was first.
    """
    flows = (asking(number, 0.01 * (5 - number)) for number in range(6))
    assert drive(call_of(together(flows), Busy(0.0))).value == list(range(6))


@EVERYWHERE
def test_no_flows_are_nothing_to_wait_for(drive: Drive) -> None:
    """
    An empty group is over at once.
    """
    assert drive(call_of(together(()), Busy())).value == []


@pytest.mark.parametrize(("drive", "most"), [(inline, 3), (on_pool(6), 3), (on_pool(2), 2)])
def test_so_many_at_a_time(drive: Drive, most: int) -> None:
    """
    No more than asked for are under way, nor than the pool has threads; and so many really are.
    """
    busy = Busy(0.05)
    drive(call_of(together([asking(number) for number in range(9)], 3), busy))
    assert busy.most == most


@EVERYWHERE
def test_flows_are_made_when_there_is_room(drive: Drive) -> None:
    """
    A thousand flows that are made one by one never exist at once.
    """
    alive, most = 0, 0

    def counted(number: int) -> Flow[int]:
        nonlocal alive, most
        alive += 1
        most = max(most, alive)
        try:
            return (yield from asking(number))
        finally:
            alive -= 1

    drive(call_of(together((counted(number) for number in range(100)), 4), Busy(0.0)))
    assert most <= 4


@EVERYWHERE
def test_the_first_failure_ends_all(drive: Drive) -> None:
    """
    What failed first is what the waiting flow gets; those under way are cancelled, further ones do not begin.
    """
    busy = Busy(0.05, iter([500]))
    caught: list[BaseException] = []

    def waiting() -> Flow[str]:
        try:
            yield Gather((asking(number) for number in range(50)), 4)
        except OpenAIError as error:
            caught.append(error)
        return "went on"

    assert drive(call_of(waiting(), busy)).value == "went on"
    assert [str(error).partition(" got ")[2] for error in caught] == ["500"]  # whichever of them sent first
    assert busy.sent <= 4


@EVERYWHERE
def test_a_flow_that_cannot_be_made_is_a_failure(drive: Drive) -> None:
    """
    What goes wrong in making the flows is thrown in too, and nothing hangs.
    """

    def flows() -> Iterator[Flow[int]]:
        yield asking(0)
        raise OpenAIError(message="no more")

    outcome = drive(call_of(together(flows()), Busy()))
    assert [str(error) for error in outcome.errors] == ["no more"]


def test_the_failure_of_one_gives_no_other_up() -> None:
    """
    Those that are cancelled because another one failed are told that what has arrived stays.
    """
    is_begun, keeps = threading.Event(), list[bool]()

    def cancelled() -> Flow[None]:
        is_begun.set()
        try:
            yield Pause(60)
        except CancelledError as error:
            keeps.append(error.keeps)
            raise

    def failing() -> Flow[None]:
        is_begun.wait(5)
        yield from asking(1)

    outcome = inline(call_of(together([cancelled(), failing()]), Busy(0.0, iter([500]))))
    assert [str(error) for error in outcome.errors] == ["flow 1 got 500"]
    assert keeps == [True]


@pytest.mark.parametrize("wish", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()], ids=repr)
@pytest.mark.parametrize("threads", [0, 1, 6])
def test_who_makes_flows_may_ask_its_thread_to_end(threads: int, wish: BaseException) -> None:
    """
    On a thread of a pool that is an error of the call; for a thread that waits itself it is that thread's to know.

    What is under way is stopped soon, and what has arrived stays.
    """
    told: list[CancelledError] = []

    def parked() -> Flow[None]:
        try:
            yield Pause(60)
        except CancelledError as error:
            told.append(error)
            raise

    def flows() -> Iterator[Flow[Any]]:
        yield parked()
        yield asking(0)
        raise wish

    call, watch = call_of(together(flows(), 2), Busy()), Stopwatch()
    if threads:
        assert [error.code for error in on_pool(threads)(call).errors] == ["unexpected_error"]
    else:
        with pytest.raises(type(wish)):
            call.run_here(gather_beside)
    assert watch.stop() < 5
    assert [error.keeps for error in told] == [True]


@EVERYWHERE
def test_each_has_its_own_retries(drive: Drive) -> None:
    """
    The ring of retries around the call is around each of its flows.
    """
    policy = RetryPolicy(first_delay_s=0.01)
    busy = Busy(0.0, iter([500, 429, 503]))
    flow = intercept(together([asking(number) for number in range(3)]), lambda request: with_retries(request, policy))
    assert drive(call_of(flow, busy)).value == [0, 1, 2]
    assert busy.sent == 6


@EVERYWHERE
def test_groups_in_groups(drive: Drive) -> None:
    """
    A flow of a group may itself wait for others, also on a pool of one.
    """
    inner = [together([asking(10 * outer + number) for number in range(2)]) for outer in range(3)]
    assert drive(call_of(together(inner, 2), Busy(0.0))).value == [[0, 1], [10, 11], [20, 21]]


@EVERYWHERE
def test_progress_is_one(drive: Drive) -> None:
    """
    The whole sees the sum of its parts, from what was done before to the end, never going backwards.
    """
    seen: list[Progress] = []
    flow = together([asking(number) for number in range(4)], total_bytes=50, done_bytes=10)
    drive(call_of(flow, Busy(0.1), CallContext(on_progress=seen.append)))
    told = [progress.bytes for progress in seen]
    assert told == sorted(told)
    assert told[0] >= 10
    assert (told[-1], seen[-1].total) == (50, 50)


@EVERYWHERE
def test_progress_of_each_can_be_had(drive: Drive) -> None:
    """
    Who asks for it is told of every flow by its number, and the whole is told nothing.
    """
    seen: list[tuple[int, int]] = []
    parent: list[Progress] = []
    flow = together(
        [asking(number) for number in range(3)], on_progress=lambda number, one: seen.append((number, one.bytes))
    )
    drive(call_of(flow, Busy(0.0), CallContext(on_progress=parent.append)))
    assert {number for number, _ in seen} == {0, 1, 2}
    assert {(number, 10) for number in range(3)} <= set(seen)
    assert parent == []


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("pause_s", [0.0, 60.0])
def test_cancelling_reaches_all(threads: int, pause_s: float) -> None:
    """
    A cancelled call cancels what is under way or parked side by side, and is over soon.
    """
    pool, over = Scheduler(threads, lambda: 0), threading.Event()
    call = call_of(together((asking(number, pause_s) for number in range(9)), 4), Busy(5.0))
    call.on_done = lambda _: over.set()
    pool.submit(call)
    time.sleep(0.1)
    watch = Stopwatch()
    call.cancel()
    assert over.wait(20)
    assert watch.stop() < 1
    assert call.outcome is not None
    assert isinstance(call.outcome.errors[0], CancelledError)
    pool.close()


@pytest.mark.parametrize("drive", ["inline", "pool"])
def test_work_is_answered_with_what_it_gives_and_can_be_stopped(drive: str) -> None:
    """
    A flow that works something out gets what came of it; the failure of another flow stops it soon.
    """

    def adding(number: int) -> Flow[int]:
        return number + int((yield Work(lambda context: 0 if context.is_cancelled else 1)))

    def endless(context: CallContext) -> None:
        while True:
            context.raise_if_cancelled()
            time.sleep(0.01)

    def working() -> Flow[None]:
        yield Work(endless)

    run = inline if drive == "inline" else on_pool(3)
    assert run(call_of(together([adding(1), adding(2)]), Busy(0.0))).value == [2, 3]
    watch = Stopwatch()
    outcome = run(call_of(together([working(), asking(7)]), Busy(0.05, iter([500]))))
    assert watch.stop() < 1
    assert [error.message for error in outcome.errors] == ["flow 7 got 500"]


def test_a_group_may_have_groups() -> None:
    """
    Flows side by side may wait for others side by side, also on one thread, with one progress of all.
    """
    seen: list[Progress] = []
    inner = together([asking(number) for number in range(4)], 2, total_bytes=40)
    call = call_of(together([asking(9), inner], 3, total_bytes=50), Busy(0.05), CallContext(on_progress=seen.append))
    outcome = on_pool(1)(call)
    assert outcome.value == [9, [0, 1, 2, 3]]
    assert [progress.bytes for progress in seen] == sorted(progress.bytes for progress in seen)


@EVERYWHERE
def test_whoever_makes_the_flows_may_cancel_the_call(drive: Drive) -> None:
    """
    The iterable of flows is not run under a lock: it may stop the very call that asks it, and that ends soon.
    """

    def flows() -> Iterator[Flow[int]]:
        yield asking(0)
        call.cancel()
        yield asking(1)

    transport = Busy()
    call = call_of(together(flows()), transport)
    assert [error.code for error in drive(call).errors] == ["cancelled"]
    assert transport.sent <= 1


def test_cancelling_waits_for_no_slow_maker_of_flows() -> None:
    """
    While the iterable of flows takes its time, the call can be cancelled, and flows under way end.
    """
    is_slow, may_go_on, over = threading.Event(), threading.Event(), threading.Event()

    def flows() -> Iterator[Flow[int]]:
        yield asking(0, 60)
        is_slow.set()
        may_go_on.wait(8)

    pool = Scheduler(2, lambda: 0)
    call = call_of(together(flows()), Busy())
    call.on_done = lambda _: over.set()
    pool.submit(call)
    assert is_slow.wait(20)
    watch = Stopwatch()
    call.cancel()
    assert watch.stop() < 1
    may_go_on.set()
    assert over.wait(20)
    pool.close()


@pytest.mark.parametrize("threads", [1, 6])
def test_who_is_told_of_progress_may_wait_for_the_call_and_for_all(threads: int) -> None:
    """
    The call cannot end before whoever is told of one of its flows returns, so neither waiting holds it up.
    """
    pool, over, told = Scheduler(threads, lambda: 0), threading.Event(), list[Any]()
    result: OpenAIResult[Any] = OpenAIResult()
    context = CallContext(on_progress=lambda _: told.append((result.wait(5), pool.wait(5))))
    inner = together([asking(0)], total_bytes=10)
    call = call_of(together([inner], total_bytes=10), Busy(0.0), context)
    call.on_done = lambda _: over.set()
    result._state.handle = call
    pool.submit(call)
    assert over.wait(8)
    pool.close()
    assert set(told) == {(False, True)}


def test_ctrl_c_gives_nothing_up() -> None:
    """
    Flows side by side are asked to stop, and told that what has arrived stays.
    """
    is_begun, keeps = threading.Event(), list[bool]()

    def interrupted() -> Flow[None]:
        is_begun.set()
        try:
            yield Pause(60)
        except CancelledError as error:
            keeps.append(error.keeps)
            raise

    def flows() -> Iterator[Flow[None]]:
        yield interrupted()
        assert is_begun.wait(20)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call_of(together(flows()), Busy()).run_here(gather_beside)
    assert keeps == [True]


@pytest.mark.usefixtures("untold_collections")
@pytest.mark.skipif(sys.platform == "win32", reason="signals reach no thread there")
def test_ctrl_c_waits_for_no_stuck_maker_of_flows() -> None:
    """
    The caller's thread goes on soon; the thread that is left takes no further flow, and ends when it comes back.
    """
    is_stuck, may_go, taken = threading.Event(), threading.Event(), list[int]()
    main, before = threading.get_ident(), set(threading.enumerate())

    def flows() -> Iterator[Flow[int]]:
        yield asking(0)
        is_stuck.set()
        may_go.wait(30)
        for number in range(3):
            taken.append(number)
            yield asking(number)

    def press() -> None:
        is_stuck.wait(20)
        signal.pthread_kill(main, signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    watch = Stopwatch()
    with pytest.raises(KeyboardInterrupt):
        call_of(together(flows(), 1), Busy(0.0)).run_here(gather_beside)
    assert watch.stop() < 2
    presser.join()
    (left,) = set(threading.enumerate()) - before
    assert left.daemon  # so that it does not hold up the end of the program either
    may_go.set()
    left.join(5)
    assert not left.is_alive()
    assert len(taken) <= 1


def test_a_callback_may_wait_for_a_group_on_a_pool_of_one() -> None:
    """
    The only thread, waiting in a callback for a call with flows side by side, drives them itself.
    """
    client_like = Scheduler(1, lambda: 0)
    over, outcomes = threading.Event(), list[Any]()

    def in_callback(_: Outcome) -> None:
        result: OpenAIResult[Any] = OpenAIResult()
        call = call_of(together([asking(number, 0.02) for number in range(3)]), Busy(0.01))
        call.on_done = partial(result._state.settle, deliver=lambda: None)
        result._state.handle = call
        client_like.submit(call)
        outcomes.append((result.wait(5), result._outcome.value))
        over.set()

    first = call_of(asking(0), Busy(0.0))
    first.on_done = in_callback
    client_like.submit(first)
    assert over.wait(8)
    assert outcomes == [(True, [0, 1, 2])]
    client_like.close()


def test_who_waits_holds_no_thread() -> None:
    """
    On a pool of two, three hundred groups wait with two threads and the timer.
    """
    threads = Threads()
    pool, left = Scheduler(2, lambda: 0), threading.Semaphore(0)
    for _ in range(300):
        call = call_of(together([asking(number, 0.2) for number in range(3)]), Busy(0.0))
        call.on_done = lambda _: left.release()
        pool.submit(call)
    assert len(threads.now()) <= 3
    for _ in range(300):
        assert left.acquire(timeout=10)
    pool.close()


@given(st.lists(st.sampled_from([200, 500]), min_size=1, max_size=12), st.integers(1, 5), st.integers(1, 4))
def test_every_group_ends_once(statuses: list[int], at_a_time: int, threads: int) -> None:
    """
    Whatever fails and however many there are, the call ends, with all results or with one failure.
    """
    busy = Busy(0.0, iter(statuses))
    flows = [asking(number) for number in range(len(statuses))]
    outcome = on_pool(threads)(call_of(together(flows, at_a_time), busy))
    assert outcome.value == (list(range(len(statuses))) if 500 not in statuses else None)
    assert bool(outcome.errors) == (500 in statuses)
