"""
A process that is killed while it uploads in parts, and the same call again: only what is missing travels.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from tests.upload_server import UploadServer, upload_server

pytestmark = pytest.mark.slow

_PROGRAM: Final = str(Path(__file__).with_name("uploading.py"))
_PARTS: Final = 24
_PART_BYTES: Final = 50_000
_KILLS: Final = int(os.environ.get("AIKIT_KILLS", "3"))


def started(path: Path, url: str) -> subprocess.Popen[str]:
    """
    Start the program that uploads.
    """
    argv = [sys.executable, _PROGRAM, str(path), url, str(_PART_BYTES)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def test_after_a_kill_only_what_is_missing_travels(tmp_path: Path) -> None:
    """
    Killed at any moment: what was noted is not sent again, at most what was under way is, and the content is right.
    """
    dice = random.Random(7)  # noqa: S311  the same moments in every run
    for number in range(_KILLS):
        path = tmp_path / f"{number}.bin"
        path.write_bytes(os.urandom(_PARTS * _PART_BYTES - 17))
        with upload_server() as server:
            server.part_s = 0.05
            process = started(path, server.url)
            _kill_when(process, server, dice.randint(0, _PARTS - 2), dice.random() * 0.05)
            arrived = len(server.parts)
            server.asked.clear()
            again = started(path, server.url)
            said = again.communicate(timeout=30)[0]
            assert again.returncode == 0, said
            _check(server, path, arrived)


def _kill_when(process: subprocess.Popen[str], server: UploadServer, arrived: int, later_s: float) -> None:
    deadline = time.monotonic() + 20
    while len(server.parts) < arrived and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(later_s)
    process.kill()
    process.communicate()
    time.sleep(0.2)  # what was on its way arrives


def _check(server: UploadServer, path: Path, arrived: int) -> None:
    sent = server.asked.count("parts")
    under_way = 4  # their answers may not have been noted
    assert _PARTS - arrived <= sent <= min(_PARTS, _PARTS - arrived + under_way)
    assert list(server.files.values()) == [path.read_bytes()]
    if server.asked.count("uploads") == 0:
        assert server.open_uploads == []
