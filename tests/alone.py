"""
Functions of test modules, run in a process of their own: what is measured there is theirs, and no other test's.

Threads that another test left, and modules that are loaded late, take memory and time in the process that all share.
"""

from __future__ import annotations

import gc
import importlib
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

_HANGS_S: Final = 300


def alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """
    Run *function*, which stands by itself in a module of tests, in a new process, and return what it returned, as JSON.
    """
    return _run("_call", function, *arguments)


def peak_bytes(function: Callable[..., Any], *arguments: Any) -> int:
    """
    Return the most memory that Python took at once while *function* ran in a new process, which had run it once before.
    """
    return int(_run("_peak", function, *arguments))


def _run(how: str, function: Callable[..., Any], *arguments: Any) -> Any:
    program = f"from tests import alone; alone._main(alone.{how})"
    names = [function.__module__, function.__qualname__, json.dumps(arguments)]
    ran = subprocess.run(
        [sys.executable, "-c", program, *names],
        capture_output=True,
        text=True,
        timeout=_HANGS_S,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads(ran.stdout.rpartition("\n")[2])


def _main(how: Callable[..., Any]) -> None:
    module, name, arguments = sys.argv[1:]
    value = how(getattr(importlib.import_module(module), name), *json.loads(arguments))
    sys.stdout.write("\n" + json.dumps(value))


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


def _peak(function: Callable[..., Any], *arguments: Any) -> int:
    function(*arguments)
    gc.collect()
    tracemalloc.start()
    function(*arguments)
    return tracemalloc.get_traced_memory()[1]
