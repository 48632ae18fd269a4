"""
The ledger among processes, and on a disk that is full.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from aikit.billing.ledger import Ledger
from tests.billing.account_server import AccountServer, account_server, ended_batch
from tests.billing.lines import answer, file_of, usage

pytestmark = pytest.mark.slow
_ROOT: Final = Path(__file__).parents[2]


@pytest.fixture
def server() -> Iterator[AccountServer]:
    """A server with two batches that have ended."""
    with account_server() as running:
        for batch_id in ("batch_0", "batch_1"):
            running.batches[batch_id] = ended_batch(batch_id, output_file_id="file-out")
        running.files["file-out"] = file_of(answer("gpt-4o-mini", usage()), answer("gpt-4o-mini", usage()))
        yield running


def test_of_many_processes_one_calls_the_hook(server: AccountServer, tmp_path: Path) -> None:
    """
    Four programs wait for the same batch at the same time, three times each: two events, two calls of a hook in all.
    """
    command = [sys.executable, "-m", "tests.billing.crowd", server.url, str(tmp_path)]
    crowd = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT) for _ in range(4)
    ]
    seen = [word for process in crowd for word in process.communicate("go\n", timeout=60)[0].split()]
    assert sorted(seen) == ["created", "ended"]
    assert [event.kind for event in Ledger(tmp_path).events()] == ["created", "ended"]


@pytest.mark.skipif(sys.platform == "win32", reason="no such limits there")
def test_a_full_disk_only_delays_the_booking(server: AccountServer, tmp_path: Path) -> None:
    """
    The wait succeeds, the log says why nothing was booked, and when there is room the next look books it.
    """
    command = [sys.executable, "-m", "tests.billing.cramped", server.url, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=_ROOT, timeout=60, check=False)
    assert done.stdout.splitlines() == ["True 1", "True 2"]
    assert "is not in the ledger" in done.stderr
    assert len(list(Ledger(tmp_path).events())) == 4
