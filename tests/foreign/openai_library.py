"""
OpenAI's own library for Python: installed once into a folder of the cache, and run in a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, Final

from tests.foreign.libraries import installed

VERSION: Final = "3.54.0"
_PATIENCE_S: Final = 300


def answer_of(program: str, *arguments: str) -> Any:
    """
    Run *program* where the library can be imported, and return the JSON that it prints.

    Raises:
        Missing: The library cannot be installed.
    """
    environment = os.environ | {"PYTHONPATH": str(installed(f"openai=={VERSION}")), "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=_PATIENCE_S)
    if done.returncode:
        raise AssertionError(done.stderr[-2000:])
    return json.loads(done.stdout)
