"""
Folders that take long to make, kept between runs: one process makes each, and those beside it wait.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from aikit.storage import locks


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """
    Return *folder*, which *make* has filled under another name, unless a process before this one had it filled.
    """
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = folder.with_name(f"{folder.name}.lock")
    while (held := locks.take(lock)) is None:
        time.sleep(0.1)
    try:
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix="new-") as new:
                target = Path(new) / "target"
                make(target)
                target.rename(folder)
    finally:
        locks.release(lock, held)
    return folder
