"""
Who works on batches, and when: one at a time, as long as the program wants, and whoever looks goes on.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from aikit.http.context import CallContext
from aikit.providers.local.batches.answerer import Answer, Task
from aikit.providers.local.store.batches import BatchStore
from aikit.providers.local.transport import LocalTransport
from aikit.types.errors import CancelledError
from tests.providers.local.answerers import Gate, answers_of
from tests.providers.local.conftest import API
from tests.providers.local.embedded_batches import ended, input_of, require_tidy, require_whole, until
from tests.stopwatch import Stopwatch
from tests.threads import Threads

pytestmark = pytest.mark.slow

Serve = Callable[..., API]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def threads() -> Threads:
    """Tell which threads of batches are there, but for those that other tests left."""
    return Threads("aikit-batch")


def test_files_alone_start_no_thread(served: Serve, threads: Threads) -> None:
    """Only batches need some, and only while there is something to do."""
    api = served(Gate(free=10))
    api.stored_id(input_of(1))
    api.call("GET", "/batches")
    assert threads.now() == []
    ended(api, api.batch(api.stored_id(input_of(1)))["id"])
    api.transport.close()
    assert threads.now() == []


def test_closing_stops_soon_and_the_next_goes_on(served: Serve, threads: Threads) -> None:
    """Lines that were under way are asked again, those that were done are not."""
    gate = Gate(free=5)
    first = served(gate)
    batch_id = first.batch(first.stored_id(input_of(20)))["id"]
    until(first, batch_id, lambda batch: batch["request_counts"]["completed"] == 5)
    done, watch = set(gate.asked[:5]), Stopwatch()
    first.transport.close()
    assert watch.stop() < 4
    assert threads.now() == []
    again = Gate(free=100)
    second = served(again)
    assert ended(second, batch_id)["request_counts"] == {"total": 20, "completed": 20, "failed": 0}
    assert sorted(again.asked) == sorted(set(range(1, 21)) - done)


@pytest.mark.parametrize("before", ["/files", "/batches"])
def test_a_call_that_comes_after_closing_begins_no_work(served: Serve, threads: Threads, before: str) -> None:
    """Nobody could stop it; the batch is there for the next who looks."""
    api = served(Gate())
    input_id = api.stored_id(input_of(1))
    api.call("GET", before)
    api.transport.close()
    batch_id = api.batch(input_id)["id"]
    assert threads.now() == []
    require_whole(api, ended(served(Gate(free=1)), batch_id), 1)


def test_one_works_on_a_batch_however_many_look(served: Serve) -> None:
    """Several transports look all the time; each line is asked once."""
    gate = Gate(free=1_000)
    apis = [served(gate) for _ in range(3)]
    batch_id = apis[0].batch(apis[0].stored_id(input_of(300)))["id"]
    lookers = [threading.Thread(target=ended, args=(api, batch_id)) for api in apis]
    for thread in lookers:
        thread.start()
    for thread in lookers:
        thread.join()
    assert sorted(gate.asked) == list(range(1, 301))


def test_what_is_answered_while_it_stops_is_written_down_at_once(home: Path, served: Serve) -> None:
    """A program that ends in a hurry does not live until the slowest line is cut off."""
    both_asked, stopping, written = threading.Barrier(3), threading.Event(), []

    class Slow:
        def answer(self, task: Task, context: CallContext) -> Answer:
            both_asked.wait(20)
            if task.line == 2:
                stopping.wait(20)
                time.sleep(0.4)
                return Answer(status_code=200, body=b"{}")
            while not context.is_cancelled:
                time.sleep(0.01)
            (journal,) = (home / "local" / "batches").glob("*.journal")
            written.append(journal.read_bytes().count(b"\n"))
            raise CancelledError

    api = served(Slow(), concurrency=2)
    api.batch(api.stored_id(input_of(2)))
    both_asked.wait(20)
    stopping.set()
    api.transport.close()
    assert written == [1]


def test_looking_at_a_list_is_looking(served: Serve) -> None:
    """Whoever lists the batches of a store goes on with those that nobody works on."""
    gate = Gate()
    first = served(gate)
    batch_id = first.batch(first.stored_id(input_of(2)))["id"]
    until(first, batch_id, lambda _: bool(gate.asked))
    first.transport.close()
    second = served(Gate(free=10))
    give_up_at = time.monotonic() + 30
    while second.call("GET", "/batches").json()["data"][0]["status"] != "completed":
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def test_lines_go_to_the_address_they_were_meant_for(served: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever is configured for another one leaves the batch as it is, says so once, and can cancel it."""
    there = served(Gate(), upstream="http://127.0.0.1:1/v1")
    batch_id = there.batch(there.stored_id(input_of(3)))["id"]
    until(there, batch_id, lambda batch: batch["status"] == "in_progress")
    there.transport.close()
    gate = Gate(free=10)
    elsewhere = served(gate)
    with caplog.at_level(logging.WARNING, "aikit.providers.local"):
        for _ in range(3):
            assert elsewhere.call("GET", f"/batches/{batch_id}").json()["status"] == "in_progress"
    (record,) = caplog.records
    assert record.getMessage() == (
        f"batch {batch_id} is left alone: it was created for http://127.0.0.1:1/v1, "
        "and this provider uses the built-in model"
    )
    elsewhere.call("POST", f"/batches/{batch_id}/cancel")
    assert ended(elsewhere, batch_id)["status"] == "cancelled"
    assert gate.asked == []


def test_lines_that_the_disk_lost_go_to_the_address_they_were_meant_for(
    served: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever writes a batch's files because that needs no answers does not answer what turns out to be missing."""
    there = served(Gate(), upstream="http://127.0.0.1:1/v1")
    batch_id = there.batch(there.stored_id(input_of(3)))["id"]
    until(there, batch_id, lambda batch: batch["status"] == "in_progress")
    there.transport.close()
    batches = BatchStore(there.transport.store)
    batch = batches.retrieve(batch_id)
    assert batch is not None
    batches.change(batch, status="finalizing")
    gate = Gate(free=10)
    elsewhere = served(gate)
    with caplog.at_level(logging.WARNING, "aikit.providers.local"):
        until(elsewhere, batch_id, lambda batch: batch["status"] == "in_progress")
        until(elsewhere, batch_id, lambda _: bool(caplog.records))
    elsewhere.transport.close()
    assert "is left alone" in caplog.text
    assert gate.asked == []


@pytest.mark.parametrize(("way", "code"), [("end", 0), ("close", 0), ("exit", 3), ("raise", 1)])
def test_a_program_ends_though_its_batch_does_not(home: Path, started: Start, way: str, code: int) -> None:
    """It is not held, nothing crashes at its end, no answer is lost, and the next program goes on."""
    process = started("leaving.py", home, way)
    output, words = process.communicate(timeout=20)
    batch_id, answered = output.split()
    assert process.returncode == code
    assert words.count("Traceback") == (way == "raise")
    assert (home / "local" / "batches" / f"{batch_id}.journal").read_bytes().count(b"\n") == int(answered)
    api = API(LocalTransport(home))
    assert api.call("GET", f"/batches/{batch_id}").json()["status"] == "in_progress"
    require_whole(api, ended(api, batch_id), 80)
    api.transport.close()
    require_tidy(home)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_ctrl_c_ends_a_program_whose_lines_take_long(home: Path, started: Start) -> None:
    """Nobody waits for a line that is under way; what was answered before is kept."""
    process = started("leaving.py", home, "interrupt")
    assert process.stdout is not None
    batch_id = process.stdout.readline().strip()
    watch = Stopwatch()
    _, words = process.communicate(timeout=20)
    assert watch.stop() < 5  # of which the first lines are some
    assert words.rstrip().endswith("KeyboardInterrupt")
    assert words.count("Traceback") == 1
    api = API(LocalTransport(home))
    require_whole(api, ended(api, batch_id), 80)
    api.transport.close()
    require_tidy(home)


def test_a_program_that_waits_in_the_background_sees_the_end(home: Path, started: Start) -> None:
    """A call that waits keeps program and batch going until its callback has run."""
    process = started("leaving.py", home, "wait")
    output, words = process.communicate(timeout=60)
    assert (process.returncode, words, output.split()[1:]) == (0, "", ["completed", "80"])


@pytest.mark.skipif(sys.platform == "win32", reason="fork is POSIX")
def test_a_forked_child_goes_on_when_its_parent_dies(home: Path, started: Start) -> None:
    """It has none of the parent's threads, and the parent's lock does not live on in it."""
    process = started("leaving.py", home, "fork")
    output, words = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert (words, output.split()[1]) == ("", "completed")


@pytest.mark.parametrize(("filled_bytes", "status"), [(1_900_000, "in_progress"), (1_100_000, "finalizing")])
def test_a_full_disk_costs_no_line(
    small_disk: Path, caplog: pytest.LogCaptureFixture, filled_bytes: int, status: str
) -> None:
    """The batch waits, says why, and goes on when there is room; what is stored can be read meanwhile."""
    gate = Gate(free=10_000)
    with closing(LocalTransport(small_disk / "home", answers=answers_of(gate))) as transport:
        api = API(transport)
        input_id = api.stored_id(input_of(3_000))
        filling = small_disk / "filling"
        with filling.open("wb", buffering=0) as file, suppress(OSError):
            file.write(b"x" * filled_bytes)
        batch_id = api.batch(input_id)["id"]
        wait_until(lambda: bool(caplog.records))
        assert "pauses and continues by itself: there is no space left" in caplog.records[0].getMessage()
        assert api.call("GET", f"/batches/{batch_id}").json()["status"] == status
        assert api.content(input_id).status == 200
        filling.unlink()
        require_whole(api, ended(api, batch_id), 3_000)
        assert sorted(gate.asked) == list(range(1, 3_001))
    require_tidy(small_disk / "home")


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for what comes by itself."""
    give_up_at = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)
