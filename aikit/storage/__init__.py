"""
What aikit keeps on this machine's disk: where, in SQLite, behind which locks, and what can go wrong.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def home_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """
    Return the folder where aikit keeps things: ``AIKIT_HOME``, else ``~/.aikit``.
    """
    return Path(environ.get("AIKIT_HOME") or Path.home() / ".aikit").expanduser()
