"""
The stopwatch of tests: it goes with what waits, and stands still with its process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.stopwatch import Stopwatch

_STOPPED = """
from tests.stopwatch import Stopwatch
watch = Stopwatch()
print(flush=True)
input()
print(watch.stop() < 0.5 < 1 <= watch.wall_s)
"""


def test_what_waits_is_told() -> None:
    """
    A wait counts, and never as more than it took.
    """
    watch = Stopwatch()
    time.sleep(0.3)
    assert 0.02 < watch.stop() <= watch.wall_s
    assert watch.wall_s >= 0.3
    assert watch.stop() == watch.seconds


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="a process cannot be stopped here")
def test_the_time_of_a_process_that_is_stopped_does_not_count() -> None:
    """
    A second in which it has no processor is none of its own.
    """
    command = [sys.executable, "-c", _STOPPED]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(1.2)
        os.kill(process.pid, signal.SIGCONT)
        said, _ = process.communicate("\n", timeout=60)
    assert said == "True\n"
