"""
The toolkits that windows are made with: found, or installed once into a cache, and tried on a screen.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

import attrs
import pytest

from tests.made_once import made_once

ROOT: Final = Path(__file__).parents[2]
CACHE: Final = ROOT / ".cache" / "toolkits"
# Not PySide6 6.12.0: with Python 3.11 each of its calls that return nothing loses a reference to None.
PACKAGES: Final = {"PySide6": ("PySide6-Essentials==6.11.1",), "PyQt6": ("PyQt6==6.11.0",)}
SYSTEM_WX: Final = Path("/usr/lib/python3/dist-packages/wx")
"""Where Debian puts wxPython, of which the package index has no built one for Linux."""

MODULES: Final = {"tk": "tkinter", "PySide6": "PySide6.QtWidgets", "PyQt6": "PyQt6.QtWidgets", "wx": "wx"}
_TRIALS: Final = {
    "tk": "import tkinter; tkinter.Tk()",
    "PySide6": "from PySide6.QtWidgets import QApplication; QApplication([])",
    "PyQt6": "from PyQt6.QtWidgets import QApplication; QApplication([])",
    "wx": "import wx; wx.App()",
}


class Missing(Exception):  # noqa: N818  a reason to skip, not a fault
    """
    A toolkit is not here and cannot be had.
    """


@attrs.frozen
class Toolkit:
    """
    A toolkit that can be imported.

    Attributes:
        name: ``"tk"``, ``"PySide6"``, ``"PyQt6"`` or ``"wx"``.

        python: The interpreter that can.

        path: Where it finds the toolkit; nothing when it does so by itself.
    """

    name: str
    python: str
    path: str

    def environment(self, of: Mapping[str, str]) -> dict[str, str]:
        """
        Return variables that let the interpreter find the toolkit, this package and what it needs.
        """
        places = [str(ROOT), self.path]
        if self.python != sys.executable:
            places.append(str(Path(attrs.__file__).parents[1]))
        plain = {name: value for name, value in of.items() if name != "PYTHONWARNINGS"}  # toolkits have some of theirs
        return plain | {"PYTHONPATH": ":".join(filter(None, places)), "QT_QPA_PLATFORM": "xcb"}

    def stage(self, of: Mapping[str, str], folder: Path, size: int) -> tuple[dict[str, str], Path]:
        """
        Return variables with a home of its own in *folder*, and a file of *size* bytes there that takes no room.
        """
        path = folder / "large.bin"
        with path.open("wb") as file:
            file.truncate(size)
        return self.environment(of) | {"AIKIT_HOME": str(folder / "home")}, path

    def try_on(self, environment: Mapping[str, str]) -> None:
        """
        Make an application on the screen that *environment* names; what once could is not asked again.

        Raises:
            Missing: It cannot: something of the system is missing.
        """
        if self in _STARTED:
            return
        command = [self.python, "-c", _TRIALS[self.name]]
        done = subprocess.run(
            command, env=self.environment(environment), capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode != 0:
            raise Missing(f"{self.name} is installed, but does not start: {' '.join(done.stderr.split())[-300:]}")
        _STARTED.add(self)


_STARTED: Final[set[Toolkit]] = set()


def required(name: str, environment: Mapping[str, str]) -> Toolkit:
    """
    Return the toolkit called *name*, tried on the screen that *environment* names; without it the test is skipped.
    """
    try:
        toolkit = found(name)
        toolkit.try_on(environment)
    except Missing as reason:
        pytest.skip(str(reason))
    return toolkit


@cache
def found(name: str) -> Toolkit:
    """
    Return the toolkit called *name*.

    Raises:
        Missing: It is not here and cannot be installed.
    """
    if _imports(sys.executable, name, ""):
        return Toolkit(name, sys.executable, "")
    if name in PACKAGES:
        return Toolkit(name, sys.executable, str(_installed(name)))
    if name == "wx" and SYSTEM_WX.is_dir():
        return _system_wx()
    raise Missing(f"{MODULES[name]} is not installed")


def _system_wx() -> Toolkit:
    folder = CACHE / "wx"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "wx"
    with suppress(FileExistsError):
        link.symlink_to(SYSTEM_WX)
    for python in (sys.executable, shutil.which("python3", path="/usr/bin")):
        if python and _imports(python, "wx", str(folder)):
            return Toolkit("wx", python, str(folder))
    raise Missing("the system has wxPython, but for another Python than this one")


def _imports(python: str, name: str, path: str) -> bool:
    command = [python, "-c", f"import sys; assert sys.version_info >= (3, 11); import {MODULES[name]}"]
    environment = {"PYTHONPATH": path, "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False).returncode == 0


def _installed(name: str) -> Path:
    """
    Return the folder with a toolkit from the package index, installed by the first run that needs it.
    """
    folder = CACHE / "-".join(PACKAGES[name]).replace("==", "-")
    return made_once(folder, lambda target: _pip_install(target, PACKAGES[name]))


def _pip_install(target: Path, packages: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", str(target), *packages]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    except subprocess.TimeoutExpired:
        raise Missing(f"pip did not install {packages[0]} within ten minutes") from None
    if done.returncode != 0:
        raise Missing(f"pip cannot install {packages[0]}: {done.stderr.strip()[-300:]}")
