"""
The system's temporary folder, and folders in it that are their owner's only.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from aikit.types.errors import OpenAIError

_PREFIX: Final = "aikit-"


def temporary_root() -> Path:
    """
    Return the system's temporary folder.

    Raises:
        OpenAIError: There is none that can be written (code ``"storage_unavailable"``).
    """
    try:
        return Path(tempfile.gettempdir())
    except OSError:
        message = "there is no temporary folder that can be written; set TMPDIR to one"
        raise OpenAIError(message=message, code="storage_unavailable") from None


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """
    Return a new folder that is removed at the end of its ``with`` block.

    Raises:
        OpenAIError: There is no place for one (code ``"storage_unavailable"``).
        OSError: That place is full.
    """
    temporary_root()
    return tempfile.TemporaryDirectory(prefix=_PREFIX)
