"""
The command line as a process of its own, behind pipes or on a terminal.
"""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
import time
from contextlib import suppress
from typing import Any, Final

import attrs

PROGRAM: Final = (sys.executable, "-m", "aikit")
_ESCAPE_END: Final = frozenset("ABCDEFGHJKSTfhlmnu")


def run(
    *argv: str, stdin: bytes = b"", program: tuple[str, ...] = PROGRAM, **more: Any
) -> subprocess.CompletedProcess[bytes]:
    """
    Run the command line behind pipes, to its end.
    """
    return subprocess.run([*program, *argv], input=stdin, capture_output=True, timeout=60, check=False, **more)


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
    def start(cls, *argv: str, columns: int = 80, stdout: Any = None) -> Terminal:
        """
        Start the command line; with *stdout*, only stdin and stderr are the terminal.
        """
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        output = theirs if stdout is None else stdout
        # readline, which pytest loads, puts COLUMNS into C's environment behind os.environ: so we pass our own
        env = dict(os.environ)
        process = subprocess.Popen([*PROGRAM, *argv], stdin=theirs, stdout=output, stderr=theirs, env=env)
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

    def _read(self) -> bool:
        data = b""
        with suppress(OSError):  # Linux: the other end is closed
            data = os.read(self._fd, 65536)
        self.seen += data.decode("utf-8", "replace")
        return bool(data)
