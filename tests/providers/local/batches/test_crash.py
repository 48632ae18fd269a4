"""
Batches whose process was killed: the next that looks goes on, and every line comes through once.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aikit.providers.local.store.files import Store
from aikit.providers.local.transport import LocalTransport
from tests.providers.local.conftest import API
from tests.providers.local.dying_batch import MOMENTS
from tests.providers.local.embedded_batches import ENDPOINT, ended, input_of, require_tidy, require_whole

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")]

Start = Callable[..., subprocess.Popen[str]]
BEGUN = frozenset(MOMENTS) - {"validating", "validated", "first answers", "half a record"}
"""Moments before which some line was written down."""


def created(home: Path, count: int) -> str:
    """
    Create a batch that nobody works on yet.
    """
    store = Store(home)
    transport = LocalTransport(store)
    api = API(transport)
    transport._batches_service().worker._stop.set()
    batch_id: str = api.batch(api.stored_id(input_of(count)), ENDPOINT)["id"]
    transport.close()
    return batch_id


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_kill_at_a_named_moment_costs_no_line(home: Path, started: Start, moment: str) -> None:
    """Wherever a process dies, the next one ends the batch, and nothing is there twice."""
    batch_id = created(home, 2_000)
    assert started("dying_batch.py", home, batch_id, moment).wait(60) == -signal.SIGKILL
    journal = home / "local" / "batches" / f"{batch_id}.journal"
    assert (journal.exists() and journal.stat().st_size > 0) == (moment in BEGUN | {"half a record"})
    process = started("dying_batch.py", home, batch_id)
    assert process.communicate(timeout=60)[0].split()[-1] == "completed"
    api = API(LocalTransport(home))
    require_whole(api, ended(api, batch_id), 2_000)
    assert len(api.call("GET", "/files").json()["data"]) == 2
    api.transport.close()
    require_tidy(home)


def test_answers_that_the_disk_lost_are_asked_for_again(home: Path, started: Start) -> None:
    """A journal that is shorter than it was when the files were about to be written costs time, and no line."""
    batch_id = created(home, 2_000)
    assert started("dying_batch.py", home, batch_id, "finalizing").wait(60) == -signal.SIGKILL
    journal = home / "local" / "batches" / f"{batch_id}.journal"
    with journal.open("r+b") as file:
        file.truncate(journal.stat().st_size // 2)
    api = API(LocalTransport(home))
    require_whole(api, ended(api, batch_id), 2_000)
    api.transport.close()
    require_tidy(home)


def test_kills_at_any_moment_cost_no_line(home: Path, started: Start) -> None:
    """A process after the other is killed at another moment; in the end every line is there, once."""
    batch_id = created(home, 3_000)
    for delay_ms in (0, 40, 80, 120, 160, 200):
        process = started("dying_batch.py", home, batch_id)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay_ms / 1000)
        process.kill()
        process.wait()
    api = API(LocalTransport(home))
    require_whole(api, ended(api, batch_id), 3_000)
    api.transport.close()
    require_tidy(home)


def test_two_processes_end_one_batch(home: Path, started: Start) -> None:
    """Both look all the time, one of them works, both see the end; every line is there once."""
    batch_id = created(home, 2_000)
    processes = [started("dying_batch.py", home, batch_id) for _ in range(2)]
    for process in processes:
        assert process.communicate(timeout=60)[0].split()[-1] == "completed"
    api = API(LocalTransport(home))
    require_whole(api, ended(api, batch_id), 2_000)
    assert len(api.call("GET", "/files").json()["data"]) == 2
    api.transport.close()
    require_tidy(home)
