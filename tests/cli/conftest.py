"""
The command line, run in this process, as a process of its own, or on a terminal.
"""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

from aikit.cli import main


@attrs.frozen
class Ran:
    """
    What a run left behind.
    """

    code: int
    raw: bytes
    err: str

    @property
    def out(self) -> str:
        """What it said on stdout."""
        return self.raw.decode()

    @property
    def json(self) -> Any:
        """The JSON document on stdout."""
        return json.loads(self.raw)

    @property
    def fields(self) -> list[list[str]]:
        """The tab-separated fields of each line on stdout."""
        return [line.split("\t") for line in self.out.splitlines()]


@attrs.define
class Here:
    """
    Runs the command line in this process.
    """

    capture: pytest.CaptureFixture[bytes]
    monkeypatch: pytest.MonkeyPatch

    def __call__(self, *argv: str | Path, stdin: bytes = b"") -> Ran:
        """
        Run it with *argv*, and *stdin* to read.
        """
        self.capture.readouterr()
        self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = main([str(word) for word in argv])
        out, err = self.capture.readouterr()
        return Ran(code, out, err.decode())


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    An environment in which only the embedded provider is known, and its home.
    """
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "AIKIT_", "_AIKIT")) or name in {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AIKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIKIT_PROVIDER", "local")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("PAGER", "cat")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def aikit(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Here:
    """
    The command line in this process.
    """
    return Here(capfdbinary, monkeypatch)


def batch_lines(count: int) -> bytes:
    """
    Return a good batch file of *count* requests.
    """
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    line = {"method": "POST", "url": "/v1/chat/completions", "body": body}
    return b"".join(json.dumps({"custom_id": f"r-{number}"} | line).encode() + b"\n" for number in range(count))


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """
    A batch file without a fault.
    """
    path = tmp_path / "good.jsonl"
    path.write_bytes(batch_lines(5))
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """
    A batch file with a fault on each of its two lines.
    """
    path = tmp_path / "bad.jsonl"
    path.write_bytes(batch_lines(1).replace(b'"POST"', b'"PULL"') + b"nonsense\n")
    return path
