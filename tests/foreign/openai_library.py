"""
OpenAI's own library for Python: installed once into a folder of the cache, and run in a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from tests.foreign.aimock import CACHE, Missing

VERSION: Final = "3.54.0"
_PATIENCE_S: Final = 300
_INSTALLED_S: Final = 900


def answer_of(program: str, *arguments: str) -> Any:
    """
    Run *program* where the library can be imported, and return the JSON that it prints.

    Raises:
        Missing: The library cannot be installed.
    """
    environment = os.environ | {"PYTHONPATH": str(_installed()), "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=_PATIENCE_S)
    if done.returncode:
        raise AssertionError(done.stderr[-2000:])
    return json.loads(done.stdout)


def _installed() -> Path:
    tag = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = CACHE.with_name("pip") / f"openai-{VERSION}-{tag}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="new-") as new:
            target = Path(new) / "target"
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target), f"openai=={VERSION}"]
            done = subprocess.run(pip, capture_output=True, text=True, check=False, timeout=_INSTALLED_S)
            if done.returncode:
                raise Missing(f"pip cannot install openai=={VERSION}: {done.stderr.strip()[-300:]}")
            if not folder.exists():  # another run may have been quicker
                target.rename(folder)
    return folder
