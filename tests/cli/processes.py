"""
The command line as a process of its own, behind pipes or on a terminal.
"""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from aikit.cli import main

fcntl = pytest.importorskip("fcntl", reason="of POSIX systems")
pty = pytest.importorskip("pty", reason="of POSIX systems")
termios = pytest.importorskip("termios", reason="of POSIX systems")

PROGRAM: Final = (sys.executable, "-m", "aikit")
SHORT_LOOKS: Final = (sys.executable, str(Path(__file__).with_name("short_looks.py")))
_STEP: Final = re.compile(r"\r|\n|\x1b\[[?0-9;]*[A-Za-z]|[^\r\n\x1b]+")
_ESCAPE_END: Final = frozenset("ABCDEFGHJKSTfhlmnu")


def run(
    *argv: str, stdin: bytes = b"", program: tuple[str, ...] = PROGRAM, **more: Any
) -> subprocess.CompletedProcess[bytes]:
    """
    Run the command line behind pipes, to its end.
    """
    return subprocess.run([*program, *argv], input=stdin, capture_output=True, timeout=60, check=False, **more)


def seen_here(*argv: str, columns: int = 80) -> str:
    """
    Run the command line in this process, on a terminal that is stdin, stdout and stderr, and return what appeared.
    """
    ours, theirs = _opened(columns)
    seen: list[bytes] = []
    reader = threading.Thread(target=lambda: seen.extend(iter(lambda: _read(ours), b"")))
    reader.start()
    with _standing_at(theirs):
        main(argv)
    reader.join()
    os.close(ours)
    return b"".join(seen).decode("utf-8", "replace")


@contextmanager
def _standing_at(terminal: int) -> Iterator[None]:
    """
    Let the standard streams be *terminal*, and close it.
    """
    kept = [os.dup(number) for number in range(3)]
    for number in range(3):
        os.dup2(terminal, number)
    os.close(terminal)
    try:
        with pytest.MonkeyPatch.context() as patch:
            for number, name in enumerate(("stdin", "stdout", "stderr")):
                stream = os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False)
                patch.setattr(sys, name, stream)
            yield
            sys.stdout.flush()
            sys.stderr.flush()
    finally:
        for number, fd in enumerate(kept):
            os.dup2(fd, number)
            os.close(fd)


def _opened(columns: int) -> tuple[int, int]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    return ours, theirs


def _read(fd: int) -> bytes:
    with suppress(OSError):  # Linux: the other end is closed
        return os.read(fd, 65536)
    return b""


@attrs.define
class Terminal:
    """
    The command line on a terminal.

    Attributes:
        seen: Everything that appeared, escapes and all.
    """

    process: subprocess.Popen[bytes]
    _fd: int
    seen: str = ""

    @classmethod
    def start(cls, *argv: str, columns: int = 80, stdout: Any = None, controls: bool = False) -> Terminal:
        """
        Start the command line; with *stdout*, only stdin and stderr are the terminal.

        One that *controls* the program makes a signal of a key, as the terminals of people do.
        """
        ours, theirs = _opened(columns)
        output = theirs if stdout is None else stdout
        # readline, which pytest loads, puts COLUMNS into C's environment behind os.environ: so we pass our own
        env = dict(os.environ)
        process = subprocess.Popen(
            [*PROGRAM, *argv],
            stdin=theirs,
            stdout=output,
            stderr=theirs,
            env=env,
            start_new_session=controls,
            preexec_fn=(lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) if controls else None,  # noqa: PLW1509  takes no lock
        )
        os.close(theirs)
        return cls(process, ours)

    def type(self, text: str) -> None:
        """
        Press keys.
        """
        os.write(self._fd, text.encode())

    def wait_for(self, text: str, timeout_s: float = 20) -> None:
        """
        Read until *text* has appeared.
        """
        deadline = time.monotonic() + timeout_s
        while text not in self.seen and time.monotonic() < deadline and self._read():
            pass
        assert text in self.seen

    def end(self) -> int:
        """
        Read to the end, and return the exit code.
        """
        timer = threading.Timer(30, self.process.kill)
        timer.start()
        while self._read():
            pass
        timer.cancel()
        os.close(self._fd)
        return self.process.wait()

    @property
    def text(self) -> str:
        """What appeared, without escapes."""
        shown, rest = [], iter(self.seen)
        for char in rest:
            if char == "\x1b":
                for part in rest:
                    if part in _ESCAPE_END:
                        break
            else:
                shown.append(char)
        return "".join(shown).replace("\r\n", "\n")

    @property
    def screen(self) -> list[str]:
        """What stands there at last, as far as it is no row that was longer than the terminal is wide."""
        lines, row, column = [""], 0, 0
        for part in _STEP.findall(self.seen):
            if part == "\r":
                column = 0
            elif part == "\n":
                row += 1
                lines += [""] * (row + 1 - len(lines))
            elif part.endswith("A"):
                row -= int(part[2:-1] or 1)
            elif part.endswith("K"):
                lines[row] = "" if part == "\x1b[2K" else lines[row][:column]
            elif not part.startswith("\x1b"):
                lines[row] = lines[row][:column].ljust(column) + part + lines[row][column + len(part) :]
                column += len(part)
        return [line.rstrip() for line in lines]

    def _read(self) -> bool:
        data = _read(self._fd)
        self.seen += data.decode("utf-8", "replace")
        return bool(data)
