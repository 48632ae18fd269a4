"""
Data on this machine's disk: folders, SQLite files, locks, journals, and their errors.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def home_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """
    Return the folder of all data of aikit: ``AIKIT_HOME``, else ``~/.aikit``.
    """
    return Path(environ.get("AIKIT_HOME") or Path.home() / ".aikit").expanduser()


def sync(path: Path) -> None:
    """
    Make a file, or the names in a folder, last through a power cut.

    Raises:
        OSError: *path* cannot be opened, or its file system cannot do that.
    """
    is_folder = path.is_dir()
    if is_folder and sys.platform == "win32":  # folders cannot be opened there
        return
    descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)  # Windows asks for a right to write
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
