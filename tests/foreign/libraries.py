"""
Libraries of others in Python: installed once beside the repository's own, and tried in a process of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.foreign.aimock import CACHE, Missing
from tests.made_once import made_once

GENAI: Final = "google-genai==3.6.1"
_DOCUMENTS: Final = "google-api-python-client==2.202.0"


def installed(package: str) -> Path:
    """
    Return the folder with a library, installed by the first run that needs it.
    """
    folder = CACHE.with_name("pip") / f"{package}-{sys.version_info[0]}.{sys.version_info[1]}"
    return made_once(folder, lambda target: _run_pip("install", "--no-compile", "--target", str(target), package))


def said_by(package: str, program: str, *arguments: str, told: str = "", timeout_s: float = 300) -> str:
    """
    Return what a program on a library prints.
    """
    try:
        packages = installed(package)
    except (Missing, subprocess.TimeoutExpired) as reason:
        pytest.skip(str(reason))
    environ = {**os.environ, "PYTHONPATH": str(packages), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name(program)), *arguments]
    done = subprocess.run(
        command, env=environ, input=told, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout


def discovery_wheel() -> Path:
    """
    Return the wheel that has Google's descriptions of its APIs, downloaded by the first run that needs it.
    """
    folder = CACHE.with_name("pip") / f"{_DOCUMENTS}-wheel"
    try:
        made_once(folder, lambda target: _run_pip("download", "--no-deps", "--dest", str(target), _DOCUMENTS))
    except (Missing, subprocess.TimeoutExpired) as reason:
        pytest.skip(str(reason))
    return next(folder.glob("*.whl"))


def _run_pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", *arguments, "-q"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode != 0:
        raise Missing(f"pip {arguments[0]} {arguments[-1]}: {done.stderr.strip()[-300:]}")
