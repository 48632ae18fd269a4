"""
Ctrl-C in a terminal during a large upload, and the same command again.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from tests.cli import processes
from tests.cli.processes import Terminal
from tests.stopwatch import Stopwatch
from tests.upload_server import upload_server

pytestmark = pytest.mark.slow
_PROGRAM: Final = (sys.executable, str(Path(__file__).with_name("small_parts.py")))


def test_ctrl_c_keeps_what_has_arrived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Gone within two seconds with exit code 130 and a line that says how to go on; the same command then does.
    """
    monkeypatch.setattr(processes, "PROGRAM", _PROGRAM)
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(1_950_000))
    with upload_server() as server:
        server.part_s = 0.2
        argv = ("--provider", "openai", "--base-url", server.url, "files", "create", str(path), "-p", "user_data")
        terminal = Terminal.start(*argv, columns=200)
        deadline = time.monotonic() + 20
        while len(server.parts) < 7 and time.monotonic() < deadline:
            time.sleep(0.02)
        watch = Stopwatch()
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 130
        assert watch.stop() < 2
        assert "stopped by Ctrl-C: 0 uploaded, 1 not" in terminal.text
        assert "the same call goes on there" in terminal.text
        server.part_s = 0.0
        server.asked.clear()
        again = Terminal.start(*argv, columns=200)
        assert again.end() == 0
        assert "was interrupted, and went on" in again.text
        assert server.asked.count("parts") < 20
        assert list(server.files.values()) == [path.read_bytes()]
        assert server.open_uploads == []
