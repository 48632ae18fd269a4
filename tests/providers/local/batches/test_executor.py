"""
The executor: every task gets its answer once, in as many threads as the answerer bears, and it stops when it should.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

from aikit.http.context import CallContext
from aikit.providers.local.batches.access import AccessDenied
from aikit.providers.local.batches.answerer import Answer, Task, Throttled, TryAgain, Unreachable
from aikit.providers.local.batches.executor import Executor
from aikit.providers.local.clock import Clock, RealClock, SpedUpClock
from aikit.types.errors import CancelledError
from tests.alone import alone
from tests.clocks import set_forward
from tests.stopwatch import Stopwatch
from tests.threads import Threads

FINE = Answer(status_code=200, request_id="req_1", body=b"{}")
PATIENCE_S = 20.0


@attrs.define
class Scripted:
    """
    An answerer that does what a function says, and counts.
    """

    act: Callable[[Task, CallContext], Answer] = lambda _task, _context: FINE
    asked: Counter[int] = attrs.field(factory=Counter)
    under_way: int = 0
    most_under_way: int = 0
    _lock: Any = attrs.field(factory=threading.Lock)

    def answer(self, task: Task, context: CallContext) -> Answer:
        """Do it."""
        with self._lock:
            self.asked[task.line] += 1
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return self.act(task, context)
        finally:
            with self._lock:
                self.under_way -= 1


@attrs.define
class Spell:
    """
    Seconds of a clock in which a server does something else, from its Nth request on, however busy this machine is.
    """

    clock: Clock
    first: int
    seconds: float
    begun: float = float("inf")
    _count: int = 0
    _lock: Any = attrs.field(factory=threading.Lock)

    @property
    def ends(self) -> float:
        """When it is over, by the clock."""
        return self.begun + self.seconds

    def is_on(self) -> bool:
        """Count a request; return whether it falls into the spell."""
        with self._lock:
            self._count += 1
            now = self.clock.now()
            if self._count == self.first:
                self.begun = now
            return self.begun <= now < self.ends


def tasks(count: int) -> Iterator[Task]:
    """Make tasks, one by one."""
    for line in range(1, count + 1):
        yield Task(line=line, custom_id=f"q{line}", url="/v1/chat/completions", body=b"{}")


def run(
    answerer: Any,
    count: int | Iterator[Task] = 50,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    clock: Clock | None = None,
    concurrency: int = 8,
    on_answer: Callable[[Task, Answer], None] = lambda _task, _answer: None,
    **options: Any,
) -> dict[int, Answer]:
    """Run to the end in a thread of its own; return the answers by line, each of which may come only once."""
    answers: dict[int, Answer] = {}

    def take(task: Task, answer: Answer) -> None:
        assert task.line not in answers
        answers[task.line] = answer
        on_answer(task, answer)

    executor = Executor(answerer, clock=clock or RealClock(), concurrency=concurrency, **options)
    raised: list[BaseException] = []
    threads = Threads("aikit-batch")

    def work() -> None:
        try:
            executor.run(tasks(count) if isinstance(count, int) else count, take, should_stop)
        except BaseException as error:  # noqa: BLE001  raised again below
            raised.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive(), "it hangs"
    assert threads.now() == [], "threads are left"
    if raised:
        raise raised[0]
    return answers


def waiting(seconds: float) -> Callable[[Task, CallContext], Answer]:
    """Answer after a while, or when cancelled."""

    def act(_: Task, context: CallContext) -> Answer:
        event = threading.Event()
        with context.aborting(event.set):
            event.wait(seconds)
        context.raise_if_cancelled()
        return FINE

    return act


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 500])
@pytest.mark.parametrize("concurrency", [1, 8])
def test_every_task_is_answered_once(count: int, concurrency: int) -> None:
    """
    Whether there are more tasks than threads or fewer.
    """
    answerer = Scripted()
    assert run(answerer, count, concurrency=concurrency) == dict.fromkeys(range(1, count + 1), FINE)
    assert set(answerer.asked.values()) <= {1}


def test_many_are_under_way_but_never_more_than_allowed() -> None:
    """
    As many as allowed, if the answerer takes its time.
    """
    answerer = Scripted(waiting(0.02))
    watch = Stopwatch()
    run(answerer, 160, concurrency=16)
    assert answerer.most_under_way == 16
    assert watch.stop() < 160 * 0.02 / 4


def test_an_answerer_that_computes_is_asked_as_it_says() -> None:
    """
    Threads do not make computing faster.
    """

    @attrs.define
    class Computing(Scripted):
        most_at_once: int = 2

    answerer = Computing(waiting(0.01))
    run(answerer, 20)
    assert answerer.most_under_way == 2


def test_tasks_are_drawn_when_there_is_room() -> None:
    """
    A million lines are never in memory: what is drawn is under way or answered.
    """
    drawn, answered, ahead = 0, 0, 0

    def counted() -> Iterator[Task]:
        nonlocal drawn, ahead
        for task in tasks(300):
            drawn += 1
            ahead = max(ahead, drawn - answered)
            yield task

    def count(_: Task, __: Answer) -> None:
        nonlocal answered
        answered += 1

    run(Scripted(waiting(0.001)), counted(), on_answer=count)
    assert drawn == answered == 300
    assert ahead <= 9


def test_answers_are_reported_one_at_a_time() -> None:
    """
    Whoever is told needs no lock.
    """
    inside, most = 0, 0

    def slowly(_: Task, __: Answer) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.001)
        inside -= 1

    run(Scripted(), 60, on_answer=slowly)
    assert most == 1


def test_what_fails_for_now_is_asked_again_and_holds_nobody_up() -> None:
    """
    A tenth of the tasks fail twice; the attempt is counted, the others go on meanwhile.
    """
    attempts: list[int] = []

    def act(task: Task, _: CallContext) -> Answer:
        if task.line % 10 == 0:
            attempts.append(task.attempt)
            if task.attempt < 3:
                raise TryAgain(0.1)
        return FINE

    answerer = Scripted(act)
    watch = Stopwatch()
    assert len(run(answerer, 200, concurrency=4)) == 200
    assert sorted(attempts) == sorted([1, 2, 3] * 20)
    assert watch.stop() < 40 * 0.1  # one after the other it would take forty pauses


def test_little_is_drawn_while_much_is_parked() -> None:
    """
    When everything fails for now, a million lines do not gather in memory.
    """
    answerer = Scripted(lambda _task, _context: _raise(TryAgain(3600.0)))
    ends_at = time.monotonic() + 0.5
    assert run(answerer, 1_000_000, should_stop=lambda: time.monotonic() > ends_at) == {}
    assert len(answerer.asked) <= 16


def test_overload_makes_it_ask_less() -> None:
    """
    A server that bears four at once and refuses more gets them all answered, and few refusals per line.
    """
    answerer = Scripted()

    def act(task: Task, context: CallContext) -> Answer:
        if answerer.under_way > 4:
            raise TryAgain(0.01, is_overload=True)
        return waiting(0.005)(task, context)

    answerer.act = act
    assert len(run(answerer, 300, concurrency=64)) == 300
    assert sum(answerer.asked.values()) < 3 * 300


def test_a_storm_of_refusals_passes() -> None:
    """
    While all is refused nearly nothing is asked; afterwards all is answered.
    """
    clock = SpedUpClock(100.0)
    storm = Spell(clock, 1, 50.0)

    def act(_: Task, __: CallContext) -> Answer:
        if storm.is_on():
            raise Throttled
        return FINE

    answerer = Scripted(act)
    assert len(run(answerer, 200, clock=clock, concurrency=32)) == 200
    assert sum(answerer.asked.values()) < 200 + 32 * 8  # the first 32 back off, the others are not begun


def test_a_refusal_holds_back_its_own_line_alone() -> None:
    """
    One refusal with Retry-After among answers: that line comes again when it should, the others do not wait.
    """
    clock, begun = SpedUpClock(100.0), dict[tuple[int, int], float]()

    def act(task: Task, context: CallContext) -> Answer:
        begun[task.line, task.attempt] = clock.now()
        found = waiting(0.02)(task, context)
        if task.line == 20 and task.attempt == 1:
            raise Throttled(150.0)
        return found

    assert len(run(Scripted(act), 100, clock=clock, concurrency=4)) == 100
    again = begun.pop((20, 2))
    assert again - begun[20, 1] >= 150.0
    assert max(begun.values()) < again


def test_when_most_are_refused_new_lines_wait_too() -> None:
    """
    A server that has too many requests is left alone for as long as it asks, but for the few that find it out.
    """
    clock, begun = SpedUpClock(100.0), list[float]()
    full = Spell(clock, 40, 60.0)

    def act(task: Task, context: CallContext) -> Answer:
        begun.append(clock.now())
        found = waiting(0.02)(task, context)
        if full.is_on():
            raise Throttled(60.0)
        return found

    assert len(run(Scripted(act), 200, clock=clock, concurrency=4)) == 200
    refused = [moment for moment in begun if full.begun < moment + 2.0 and moment < full.ends]
    assert len(refused) < 32
    assert [moment for moment in begun if full.begun + 20.0 < moment < full.begun + 60.0] == []


def test_a_server_that_says_nothing_is_left_is_left_alone() -> None:
    """
    Also where it has answered: nothing is begun until there is something again.
    """
    clock, begun, empty_at = SpedUpClock(100.0), list[float](), list[float]()

    def act(task: Task, context: CallContext) -> Answer:
        begun.append(clock.now())
        waiting(0.02)(task, context)
        if task.line != 20:
            return FINE
        empty_at.append(clock.now())
        return attrs.evolve(FINE, nothing_left_s=30.0)

    assert len(run(Scripted(act), 100, clock=clock, concurrency=4)) == 100
    after_s = [moment - empty_at[0] for moment in begun]
    assert [seconds for seconds in after_s if 1.0 < seconds < 30.0] == []
    assert sum(seconds >= 30.0 for seconds in after_s) > 60


def test_refusals_do_not_count_while_the_server_answers_others() -> None:
    """
    A line that is refused again and again goes on; alone with the server it is counted, and has longer pauses.
    """
    clock, pauses, seen = SpedUpClock(50.0), list[float](), list[int]()

    def act(task: Task, context: CallContext) -> Answer:
        if task.line != 1:
            return waiting(0.005)(task, context)
        seen.append(task.refusals)
        pauses.append(clock.now())
        if task.refusals < 3:
            raise Throttled(1.0)
        return FINE

    assert len(run(Scripted(act), 400, clock=clock, concurrency=2)) == 400
    assert len(seen) >= 15
    assert seen[-4:] == [0, 1, 2, 3]
    assert max(seen[:10]) <= 1
    assert pauses[-1] - pauses[-2] >= 1.5


def denied(status: int = 401) -> Answer:
    """Deny access, as a server does that has another key."""
    body = b'{"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}'
    return Answer(status_code=status, body=body, is_denial=True)


def test_a_server_that_denies_all_is_given_up_after_a_few_attempts(caplog: pytest.LogCaptureFixture) -> None:
    """
    No line has that for its answer, and it is told once.
    """
    answerer = Scripted(lambda _task, _context: denied())
    answers: list[Answer] = []
    with pytest.raises(AccessDenied) as end:
        run(answerer, 5_000, clock=SpedUpClock(50.0), on_answer=lambda _, answer: answers.append(answer))
    assert end.value.answer == denied()
    assert answers == []
    assert sum(answerer.asked.values()) <= 8 + 2
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_key_that_is_withdrawn_and_given_back_costs_no_line() -> None:
    """
    Whoever has answered before is waited for some minutes.
    """
    clock = SpedUpClock(50.0)
    withdrawn = Spell(clock, 100, 55.0)

    def act(task: Task, context: CallContext) -> Answer:
        waiting(0.01)(task, context)
        return denied(403) if withdrawn.is_on() else FINE

    answerer = Scripted(act)
    answers = run(answerer, 400, clock=clock)
    assert answers == dict.fromkeys(range(1, 401), FINE)
    assert sum(answerer.asked.values()) < 400 + 8 * 8


def test_a_server_that_takes_its_time_to_deny_is_probed_before_it_is_given_up() -> None:
    """
    Denials of requests that were under way when the pause began are no attempts after it.
    """
    clock = SpedUpClock(50.0)
    late = threading.Barrier(8)

    def act(task: Task, context: CallContext) -> Answer:
        if answerer.asked[task.line] > 1:
            return waiting(0.3)(task, context)
        late.wait(PATIENCE_S)
        waiting(0.03 * task.line)(
            task, context
        )  # one after another, each after the pause that the one before may begin
        return denied(403)

    answerer = Scripted(act)
    assert run(answerer, 8, clock=clock, concurrency=8) == dict.fromkeys(range(1, 9), FINE)


def test_a_line_that_alone_is_denied_has_that_for_its_answer() -> None:
    """
    Others are answered beside it, so the server is there.
    """
    answerer = Scripted(lambda task, _: denied(403) if task.line % 10 == 3 else FINE)
    answers = run(answerer, 50, clock=SpedUpClock(50.0))
    assert {line for line, answer in answers.items() if answer.is_denial} == {3, 13, 23, 33, 43}
    assert len(answers) == 50


def test_after_a_pause_all_go_on_at_once() -> None:
    """
    Whoever waits is woken when there is room, not one by one.
    """
    all_at_once = threading.Barrier(64)

    def act(task: Task, context: CallContext) -> Answer:
        if task.attempt == 1:
            all_at_once.wait(PATIENCE_S)
            raise Throttled(0.2)
        return waiting(0.3)(task, context)

    watch = Stopwatch()
    assert len(run(Scripted(act), 64, concurrency=64)) == 64
    assert watch.stop() < 1.5  # 32 at a time after the refusals: two rounds, and room for a busy machine


def test_cancelling_ends_an_hour_of_waiting_at_once() -> None:
    """
    Retry-After said an hour, and nobody wants to wait for it.
    """
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    watch = Stopwatch()
    assert run(Scripted(lambda _task, _context: _raise(Throttled(3600.0))), should_stop=stop.is_set) == {}
    assert watch.stop() < 1.5


def test_a_clock_that_stands_still_can_be_stopped_and_set_forward() -> None:
    """
    Pauses end by the clock, stopping by whoever asks.
    """
    clock, refused = SpedUpClock(0.0), threading.Event()

    def act(_: Task, __: CallContext) -> Answer:
        if not refused.is_set():
            refused.set()
            raise Throttled(3600.0)
        return FINE

    with set_forward(clock, 3600.0):
        assert len(run(Scripted(act), 5, clock=clock, concurrency=1)) == 5
    refused.clear()
    assert run(Scripted(act), 5, clock=clock, should_stop=refused.is_set, concurrency=1) == {}


def test_a_clock_that_is_set_back_prolongs_no_pause() -> None:
    """
    Daylight saving and time servers do not add an hour to a second.
    """
    off_s, watch = [0.0], Stopwatch()

    class SetBack(RealClock):
        def now(self) -> float:
            return super().now() - off_s[0]

    def act(task: Task, _: CallContext) -> Answer:
        if task.attempt == 1:
            raise Throttled(0.5)
        return FINE

    threading.Timer(0.2, off_s.__setitem__, (0, 3600.0)).start()
    assert len(run(Scripted(act), 4, clock=SetBack(), concurrency=4)) == 4
    assert watch.stop() < 5


def test_nobody_there_burns_no_lines_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """
    Pauses grow; when the server is back all lines are answered, and their tries did not count.
    """
    clock = SpedUpClock(50.0)
    away = Spell(clock, 1, 20.0)

    def act(task: Task, _: CallContext) -> Answer:
        if away.is_on():
            raise Unreachable("cannot connect to http://127.0.0.1:1/v1")
        assert task.attempt == 1
        return FINE

    answerer = Scripted(act)
    with caplog.at_level(logging.INFO, "aikit.providers.local"):
        assert len(run(answerer, 100, clock=clock)) == 100
    assert sum(answerer.asked.values()) < 100 + 8 + 8
    told = [(record.levelname, "http://127.0.0.1:1/v1" in record.getMessage()) for record in caplog.records]
    assert told == [("WARNING", True), ("INFO", False)]


def test_after_stopping_nothing_begins_and_what_is_under_way_may_end() -> None:
    """
    Those that end within the time of grace are reported.
    """
    stop = threading.Event()

    def act(task: Task, context: CallContext) -> Answer:
        if len(answerer.asked) == 8:
            stop.set()
        return waiting(0.3)(task, context)

    answerer = Scripted(act)
    assert len(run(answerer, 100, should_stop=stop.is_set)) == 8
    assert len(answerer.asked) == 8


def test_what_does_not_end_is_cut_off_and_not_reported() -> None:
    """
    After a few seconds whoever still answers is cancelled.
    """
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    watch = Stopwatch()
    assert run(Scripted(waiting(60.0)), 100, should_stop=stop.is_set) == {}
    assert watch.stop() < 4


def test_it_can_be_stopped_after_exactly_so_many() -> None:
    """
    With one at a time, the wish is heard before the next line begins.
    """
    answered: list[int] = []
    run(
        Scripted(),
        100,
        concurrency=1,
        should_stop=lambda: len(answered) >= 7,
        on_answer=lambda task, _: answered.append(task.line),
    )
    assert answered == [1, 2, 3, 4, 5, 6, 7]


def test_a_try_that_drips_for_too_long_is_cut_off() -> None:
    """
    However slowly bytes come, a line ends; the others go on.
    """

    def act(task: Task, context: CallContext) -> Answer:
        return waiting(60.0)(task, context) if task.line % 10 == 1 else waiting(0.001)(task, context)

    answers = run(Scripted(act), 40, longest_s=0.2)
    assert len(answers) == 40
    late = {line for line, answer in answers.items() if answer.error is not None}
    assert late == {1, 11, 21, 31}
    assert answers[1].error == ("request_timeout", "This request was not answered within 0.2 seconds.")


def test_an_answerer_that_crashes_fails_its_line_only(caplog: pytest.LogCaptureFixture) -> None:
    """
    The traceback is logged, the line says what happened.
    """
    answerer = Scripted(lambda task, _: _raise(ZeroDivisionError("by zero")) if task.line == 3 else FINE)
    answers = run(answerer, 10)
    assert answers[3].error == ("server_error", "ZeroDivisionError: by zero")
    assert sum(answer.is_ok for answer in answers.values()) == 9
    assert caplog.records[0].exc_info


def test_an_answerer_that_says_cancelled_by_itself_fails_its_line_only() -> None:
    """
    Nobody cancelled it, so the line is not forgotten.
    """
    answers = run(Scripted(lambda task, _: _raise(CancelledError()) if task.line == 3 else FINE), 10)
    assert len(answers) == 10
    assert answers[3].error is not None


@pytest.mark.parametrize("where", ["on_answer", "tasks", "should_stop"])
def test_what_the_caller_raises_ends_it_and_is_raised(where: str) -> None:
    """
    A full disk or an unreadable input: nothing is begun any more, threads end, and the caller hears of it.
    """

    def broken_tasks() -> Iterator[Task]:
        yield from tasks(20)
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        run(
            Scripted(waiting(0.005)),
            broken_tasks() if where == "tasks" else 500,
            on_answer=(lambda *_: _raise(OSError("broken"))) if where == "on_answer" else (lambda *_: None),
            should_stop=(lambda: _raise(OSError("broken"))) if where == "should_stop" else (lambda: False),
        )


def test_what_cannot_be_reported_is_not_waited_for() -> None:
    """
    Answers that nobody takes are cut off at once.
    """
    watch = Stopwatch()
    with pytest.raises(OSError, match="disk full"):
        run(
            Scripted(lambda task, context: FINE if task.line == 5 else waiting(60.0)(task, context)),
            on_answer=lambda *_: _raise(OSError("disk full")),
        )
    assert watch.stop() < 0.7


def test_nothing_is_reported_after_reporting_failed() -> None:
    """
    Whoever could not take one answer is not offered another.
    """
    offered: list[int] = []

    def refuse(task: Task, _: Answer) -> None:
        offered.append(task.line)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        run(Scripted(waiting(0.02)), 100, on_answer=refuse)
    assert len(offered) == 1


def test_waiting_takes_no_processor() -> None:
    """
    An hour's pause is no loop.
    """
    assert alone(_processor_s_of_a_pause) < 0.3


def _processor_s_of_a_pause() -> float:
    ends_at = time.monotonic() + 1.0
    before = time.process_time()
    run(
        Scripted(lambda _task, _context: _raise(Throttled(3600.0))),
        should_stop=lambda: time.monotonic() > ends_at,
        concurrency=64,
    )
    return time.process_time() - before


def test_less_than_one_at_a_time_is_no_concurrency() -> None:
    """
    The caller's fault is told at once.
    """
    with pytest.raises(ValueError, match="concurrency"):
        Executor(Scripted(), clock=RealClock(), concurrency=0)


def _raise(error: BaseException) -> Any:
    raise error
