"""
The embedded provider: OpenAI's Files API answered from a folder on this machine, without a server.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

BASE_URL: Final = "http://local.aikit/v1"
"""The address that its requests are made to; nothing listens there."""


def home_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """
    Return the folder where aikit keeps things: ``AIKIT_HOME``, else ``~/.aikit``.
    """
    return Path(environ.get("AIKIT_HOME") or Path.home() / ".aikit").expanduser()
