"""
The runners: what drives flows, holds no thread while they wait, and ends each exactly once.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from operator import methodcaller
from typing import Any

import attrs
import pytest

from aikit.http.context import CallContext
from aikit.http.flow import Flow, Pause
from aikit.http.messages import Request, Response
from aikit.runtime.beside import gather_beside
from aikit.runtime.call_state import Outcome
from aikit.runtime.scheduler import Scheduler
from aikit.runtime.task import Task
from aikit.types.errors import ExchangeError, OpenAIError, Rejected
from tests.stopwatch import Stopwatch
from tests.threads import Threads

REQUEST = Request(method="GET", url="http://here/")


@attrs.define
class Echo:
    """
    A transport that answers at once and remembers on which threads it was asked.
    """

    threads: set[str] = attrs.field(factory=set)
    answer: Callable[[Request], Response] = lambda request: Response(status=200, request=request)
    sent: int = 0

    def send(self, request: Request, context: CallContext) -> Response:
        """
        Answer.
        """
        context.raise_if_cancelled()
        self.threads.add(threading.current_thread().name)
        self.sent += 1
        return self.answer(request)

    def close(self) -> None:
        """
        Do nothing.
        """


@attrs.define
class Ended:
    """
    Collects outcomes.
    """

    outcomes: list[Outcome] = attrs.field(factory=list)
    event: threading.Event = attrs.field(factory=threading.Event)

    def __call__(self, outcome: Outcome) -> None:
        """
        Take one.
        """
        self.outcomes.append(outcome)
        self.event.set()


@pytest.fixture
def pool() -> Iterator[Scheduler]:
    """
    A pool of two threads.
    """
    made = Scheduler(2, lambda: 0)
    yield made
    made.cancel_all()
    made.close()


def asking(times: int, after_s: float = 0.0) -> Flow[int]:
    """
    Ask so many times, with a pause before each.
    """
    for _ in range(times):
        yield Pause(after_s)
        response = yield REQUEST
        assert response.status == 200
    return times


def call(flow: Flow[object], transport: Echo, ended: Callable[[Outcome], None]) -> Task:
    """
    Return a call of *flow*.
    """
    return Task(flow, lambda: transport, CallContext(), ended)


def test_inline_call_runs_in_the_calling_thread() -> None:
    """
    The inline runner uses no other thread and waits where the flow says so.
    """
    echo, ended = Echo(), Ended()
    started = time.monotonic()
    call(asking(3, 0.02), echo, ended).run_here(gather_beside)
    assert [outcome.value for outcome in ended.outcomes] == [3]
    assert echo.threads == {threading.current_thread().name}
    assert time.monotonic() - started >= 0.06


def test_pool_call_runs_on_the_pool(pool: Scheduler) -> None:
    """
    The pool runner returns at once and drives the flow on its own threads.
    """
    echo, ended = Echo(), Ended()
    pool.submit(call(asking(3, 0.02), echo, ended))
    assert ended.event.wait(20)
    assert [outcome.value for outcome in ended.outcomes] == [3]
    assert all(name.startswith("aikit") for name in echo.threads)


def test_waiting_flows_hold_no_thread(pool: Scheduler) -> None:
    """
    Three hundred flows that wait need the pool's two threads and one timer.
    """
    threads = Threads()
    ended = [Ended() for _ in range(300)]
    watch = Stopwatch()
    for each in ended:
        pool.submit(call(asking(2, 0.3), Echo(), each))
    time.sleep(0.2)
    assert len(threads.now()) <= 3
    assert all(each.event.wait(10) for each in ended)
    assert watch.stop() < 5


def test_failure_of_an_exchange_is_thrown_into_the_flow(pool: Scheduler) -> None:
    """
    A flow may catch what went wrong and go on.
    """

    def failing(_: Request) -> Response:
        raise ExchangeError(message="cut")

    def caring() -> Flow[str]:
        try:
            yield REQUEST
        except ExchangeError as error:
            return f"caught {error}"
        return "not reached"

    for run in (methodcaller("run_here", gather_beside), pool.submit):
        ended = Ended()
        run(call(caring(), Echo(answer=failing), ended))
        assert ended.event.wait(20)
        assert [outcome.value for outcome in ended.outcomes] == ["caught cut"]


@pytest.mark.parametrize(
    ("raised", "codes", "value"),
    [
        (OpenAIError(message="no", code="c"), ["c"], None),
        (
            Rejected([OpenAIError(message="a", code="a"), OpenAIError(message="b", code="b")], "value"),
            ["a", "b"],
            "value",
        ),
        (ZeroDivisionError("oops"), ["unexpected_error"], None),
    ],
)
def test_whatever_a_flow_raises_becomes_errors(
    pool: Scheduler, raised: Exception, codes: list[str], value: object, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Results instead of exceptions, also for what nobody thought of, which is logged with its traceback.
    """

    def raising() -> Flow[None]:
        yield REQUEST
        raise raised

    for run in (methodcaller("run_here", gather_beside), pool.submit):
        ended = Ended()
        run(call(raising(), Echo(), ended))
        assert ended.event.wait(20)
        (outcome,) = ended.outcomes
        assert ([error.code for error in outcome.errors], outcome.value) == (codes, value)
    assert bool(caplog.records) is (codes == ["unexpected_error"])


def test_parked_call_is_cancelled_at_once(pool: Scheduler) -> None:
    """
    Cancelling takes a call off the timer and closes its flow.
    """
    closed = threading.Event()

    def waiting() -> Flow[None]:
        try:
            yield Pause(60)
        finally:
            closed.set()

    ended = Ended()
    running = call(waiting(), Echo(), ended)
    pool.submit(running)
    time.sleep(0.1)
    pool.cancel(running)
    assert ended.event.wait(20)
    assert [error.code for error in ended.outcomes[0].errors] == ["cancelled"]
    assert closed.is_set()


def test_call_that_never_started_is_cancelled_too(pool: Scheduler) -> None:
    """
    A call behind a busy pool ends as cancelled without a request.
    """
    busy = threading.Event()

    def slow(request: Request) -> Response:
        busy.wait(5)
        return Response(status=200, request=request)

    others = [Ended(), Ended()]
    for each in others:
        pool.submit(call(asking(1), Echo(answer=slow), each))
    echo, ended = Echo(), Ended()
    last = call(asking(1), echo, ended)
    pool.submit(last)
    pool.cancel(last)
    busy.set()
    assert ended.event.wait(20)
    assert (echo.sent, [error.code for error in ended.outcomes[0].errors]) == (0, ["cancelled"])


def test_cancelling_races_end_every_call_exactly_once(pool: Scheduler) -> None:
    """
    However cancelling and timer meet, each call ends once.
    """
    ended = [Ended() for _ in range(500)]
    calls = [call(asking(3, 0.001), Echo(), each) for each in ended]
    for each in calls:
        pool.submit(each)
    for each in calls[::2]:
        pool.cancel(each)
    assert pool.wait(20)
    assert [len(each.outcomes) for each in ended] == [1] * 500


def test_close_waits_for_what_is_pending(pool: Scheduler) -> None:
    """
    Closing returns when every call is over.
    """
    ended = Ended()
    pool.submit(call(asking(2, 0.1), Echo(), ended))
    pool.close()
    assert [outcome.value for outcome in ended.outcomes] == [2]


def held(pool: Scheduler, until: threading.Event, count: int) -> list[Ended]:
    """
    Start so many calls that move contents, which take a thread each until then; return once they have it.
    """
    under_way = threading.Semaphore(0)

    def answer(request: Request) -> Response:
        under_way.release()
        until.wait(10)
        return Response(status=200, request=request)

    ended = [Ended() for _ in range(count)]
    for each in ended:
        one = call(asking(1), Echo(answer=answer), each)
        one.is_long = True
        pool.submit(one)
    for _ in range(min(count, pool.max_workers)):
        assert under_way.acquire(timeout=20)
    return ended


def test_short_calls_need_not_wait_for_contents(pool: Scheduler) -> None:
    """
    While contents have all threads, and more wait for one, one thread more does what is short, all of it.
    """
    until, echo = threading.Event(), Echo()
    long, short = held(pool, until, 5), [Ended() for _ in range(20)]
    try:
        for each in short:
            pool.submit(call(asking(3, 0.001), echo, each))
        assert all(each.event.wait(5) for each in short)
        assert len(echo.threads) == 1
        assert not any(each.outcomes for each in long)
    finally:
        until.set()
    assert pool.wait(20)
    assert [len(each.outcomes) for each in long + short] == [1] * 25


def test_pool_of_one_thread_keeps_the_order_of_calls() -> None:
    """
    With one thread, what is short waits for its turn too: who asks for one wants one after the other.
    """
    pool, until, short = Scheduler(1, lambda: 0), threading.Event(), Ended()
    held(pool, until, 1)
    pool.submit(call(asking(1), Echo(), short))
    assert not short.event.wait(0.1)
    until.set()
    assert short.event.wait(20)
    pool.close()


def test_no_thread_more_where_no_contents_move(pool: Scheduler) -> None:
    """
    Short calls among themselves have the pool's threads and no other.
    """
    echo, ended = Echo(), [Ended() for _ in range(50)]
    for each in ended:
        pool.submit(call(asking(2), echo, each))
    assert pool.wait(20)
    assert len(echo.threads) <= pool.max_workers


def test_call_goes_on_when_no_timer_thread_can_be_had(pool: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where no thread can be started any more, the thread that has the call waits itself.
    """

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    ready = Ended()
    pool.submit(call(asking(1), Echo(), ready))
    assert ready.event.wait(20)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    ended = Ended()
    pool.submit(call(asking(2, 0.05), Echo(), ended))
    assert ended.event.wait(20)
    assert [outcome.value for outcome in ended.outcomes] == [2]


def test_cancelled_waits_do_not_stay_on_the_timer(pool: Scheduler) -> None:
    """
    A thousand cancelled waits leave the timer, though one long wait remains.
    """
    calls = [call(asking(1, 3600), Echo(), Ended()) for _ in range(1000)]
    for each in calls:
        pool.submit(each)
    time.sleep(0.3)
    for each in calls[1:]:
        pool.cancel(each)
    deadline = time.monotonic() + 20
    while len(pool._timer._heap) > 100:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_timer_thread_ends_when_nothing_is_parked(pool: Scheduler) -> None:
    """
    A pool at rest keeps no timer, and a later call gets a new one.
    """
    timers = Threads("aikit-timer")
    for _ in range(2):
        ended = Ended()
        pool.submit(call(asking(1, 0.05), Echo(), ended))
        assert ended.event.wait(20)
        assert timers.are_over()


def test_ctrl_c_in_an_inline_call_closes_its_flow() -> None:
    """
    KeyboardInterrupt passes intercept, and the flow lets go of what it holds first.
    """
    closed = []

    def holding() -> Flow[None]:
        try:
            yield REQUEST
        finally:
            closed.append(True)

    def interrupted(_: Request) -> Response:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call(holding(), Echo(answer=interrupted), Ended()).run_here(gather_beside)
    assert closed == [True]


def test_threads_without_work_end_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A thread waits a moment for further work, takes it if there is some, and ends by itself otherwise.
    """
    made, threads = Scheduler(1), set[str]()
    for linger_s in (20, 20, 0.2):
        monkeypatch.setattr("aikit.runtime.scheduler._LINGER_S", linger_s)
        ended, echo = Ended(), Echo()
        made.submit(call(asking(1), echo, ended))
        assert ended.event.wait(20)
        threads |= {str(thread.ident) for thread in made._threads}
        time.sleep(0.01)
    assert len(threads) == 1
    until = time.monotonic() + 20
    while made._threads and time.monotonic() < until:
        time.sleep(0.01)
    assert made._threads == set()
    assert made._workers == 0


def test_a_thread_without_work_holds_nothing_of_the_last_call(pool: Scheduler) -> None:
    """
    What the callbacks of a call name, such as a window's variable, does not live on in a thread that waits for work.
    """
    ended = Ended()
    held = weakref.ref(ended)
    pool.submit(call(asking(1), Echo(), ended))
    assert ended.event.wait(20)
    del ended
    watch = Stopwatch()
    while held() is not None and watch.seconds < 1:  # less than a thread waits for further work
        time.sleep(0.01)
    watch.stop()
    assert held() is None


def test_closing_ends_the_threads_at_once(pool: Scheduler) -> None:
    """
    Threads that wait for work are not waited for.
    """
    ended = Ended()
    pool.submit(call(asking(1), Echo(), ended))
    assert ended.event.wait(20)
    watch = Stopwatch()
    pool.close()
    assert watch.stop() < 1
    assert pool._threads == set()


def test_without_a_further_thread_the_others_do_the_work(pool: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where there are too many threads, a call is left to those at work, and whoever made it is not held up.
    """
    until, short = threading.Event(), Ended()
    held(pool, until, 1)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.Thread.start", refuse)
    pool.submit(call(_once(), Echo(), short))
    assert not short.outcomes
    until.set()
    assert short.event.wait(20)


def test_without_any_thread_a_call_runs_where_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where no thread can be started at all, a background call is over when it returns, on the thread that made it.
    """

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.Thread.start", refuse)
    made, ended, echo = Scheduler(3), Ended(), Echo()
    made.submit(call(asking(2, 0.01), echo, ended))
    assert [outcome.value for outcome in ended.outcomes] == [2]
    assert echo.threads == {threading.current_thread().name}
    assert made._workers == 0


@pytest.mark.parametrize("wish", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("is_in_callback", [False, True])
def test_without_any_thread_a_wish_to_end_the_program_is_kept_until_the_calls_are_over(
    wish: type[BaseException],
    is_in_callback: bool,  # noqa: FBT001  a column
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Ctrl-C in the program's own thread cancels what waits there, `sys.exit` lets it end; both come out of the call.
    """

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    def wished(_: object) -> Any:
        made.submit(call(asking(3), Echo(), later))
        raise wish

    monkeypatch.setattr("threading.Thread.start", refuse)
    made, first, later, last = Scheduler(3), Ended(), Ended(), Ended()
    task = call(_once(), Echo(), wished) if is_in_callback else call(_once(), Echo(answer=wished), first)
    with pytest.raises(wish):
        made.submit(task)
    assert [len(ended.outcomes) for ended in (first, later)] == [not is_in_callback, 1]
    assert later.outcomes[0].value == (3 if wish is SystemExit else None)
    assert made._pending == set()
    assert made._workers == 0
    made.submit(call(_once(), Echo(), last))
    assert last.outcomes[0].value == 1


def test_a_flow_that_cannot_be_closed_ends_its_call_all_the_same(pool: Scheduler) -> None:
    """
    A stream that ends its thread, in a flow that cannot let go of what it holds: the call is over, with an error.
    """

    def stubborn() -> Flow[None]:
        try:
            yield REQUEST
        finally:
            raise OSError("no space left")

    def leaving(_: Request) -> Response:
        raise SystemExit

    ended = Ended()
    pool.submit(call(stubborn(), Echo(answer=leaving), ended))
    assert ended.event.wait(20)
    assert "SystemExit" in str(ended.outcomes[0].errors[0])


def test_callbacks_that_wait_for_all_within_others_that_do_are_over(pool: Scheduler) -> None:
    """
    Two callbacks wait for all calls and each runs one more that did so in vain: the two do not wait for each other.
    """
    both, ended = threading.Barrier(2), [Ended() for _ in range(4)]

    def waiting(number: int, outcome: Outcome) -> None:
        both.wait(5)
        pool.wait(None if number < 2 else 0)
        ended[number](outcome)

    for number in range(4):
        pool.submit(call(_once(), Echo(), partial(waiting, number)))
    assert all(each.event.wait(5) for each in ended)


def _once() -> Flow[int]:
    yield REQUEST
    return 1
