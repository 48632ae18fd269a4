"""
A screen that nobody looks at, with a mouse, a keyboard and a camera.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs
import pytest

PROGRAMS: Final = ("Xvfb", "xdotool", "import")
SIZE: Final = "860x580x24"
_PATIENCE_S: Final = 30.0


def missing() -> str:
    """
    Return what a screen and a window need and is not here, in words; nothing when all is there.
    """
    lacking = [program for program in PROGRAMS if shutil.which(program) is None]
    found = subprocess.run([sys.executable, "-c", "import tkinter"], capture_output=True, check=False)
    if found.returncode != 0:
        lacking.append("tkinter")
    return f"not installed: {', '.join(lacking)}" if lacking else ""


@attrs.frozen
class Screen:
    """
    The screen.

    Attributes:
        environment: Variables that make programs show themselves on it.
    """

    environment: Mapping[str, str]

    def find(self, title: str) -> str:
        """
        Wait for the window with *title* to be shown; return its id.
        """
        found: list[str] = []

        def is_found() -> bool:
            found.extend(self._windows(title))
            return bool(found)

        self.until(is_found, f"a window called {title!r}")
        return found[0]

    def click(self, x: int, y: int) -> None:
        """
        Press the left button at a place of the screen.
        """
        self._do("xdotool", "mousemove", str(x), str(y), "click", "1")

    def press(self, window: str, *keys: str) -> None:
        """
        Press *keys*, for example ``"ctrl+q"``, one after the other in a window, and in the lists that drop from it.
        """
        self._do("xdotool", "windowfocus", window, "key", "--delay", "100", *keys)

    def type(self, window: str, text: str) -> None:
        """
        Type *text* and Return in a window.
        """
        time.sleep(0.3)  # a dialog is visible before it is ready for what is typed
        self._do("xdotool", "windowfocus", window, "type", "--delay", "5", text)
        self._do("xdotool", "windowfocus", window, "key", "Return")

    def photograph(self, path: Path) -> None:
        """
        Save what the screen shows.
        """
        self._do("import", "-window", "root", str(path))

    def colours(self, x: int, y: int, width: int, height: int) -> set[str]:
        """
        Return the colours that a part of the screen shows, as ``#RRGGBB``.
        """
        crop = f"{width}x{height}+{x}+{y}"
        content = self._do("import", "-window", "root", "-crop", crop, "-depth", "8", "rgb:-")
        assert len(content) == 3 * width * height
        pixels = set(zip(content[::3], content[1::3], content[2::3], strict=True))
        return {f"#{bytes(pixel).hex().upper()}" for pixel in pixels}

    def until(self, is_so: Callable[[], bool], what: str) -> None:
        """
        Wait until *is_so*.
        """
        deadline = time.monotonic() + _PATIENCE_S
        while not is_so():
            assert time.monotonic() < deadline, f"waited in vain for {what}"
            time.sleep(0.05)

    def _windows(self, title: str) -> list[str]:
        command = ["xdotool", "search", "--onlyvisible", "--name", f"^{re.escape(title)}$"]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=30, check=False
        ).stdout.split()

    def _do(self, *command: str) -> bytes:
        return subprocess.run(command, env=self.environment, capture_output=True, timeout=30, check=True).stdout


@contextmanager
def shown(environment: Mapping[str, str]) -> Iterator[Screen]:
    """
    Run a screen with a number that is free; where something lacks that it needs, the test is skipped.
    """
    if lacking := missing():
        pytest.skip(lacking)
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", SIZE, "-nolisten", "tcp", "-noreset"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            number = process.stdout.readline().strip()
            assert number, "Xvfb did not start"
            yield Screen({**environment, "DISPLAY": f":{number}"})
        finally:
            process.terminate()
            process.wait(10)
