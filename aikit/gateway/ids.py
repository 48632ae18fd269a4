"""
Ids that the gateway gives out.
"""

from __future__ import annotations

import secrets
import string
from typing import Final, Literal

_CHARACTERS: Final = string.ascii_letters + string.digits
_LENGTH: Final = 24


def new_id(prefix: Literal["file-", "upload_", "part_", "batch_"]) -> str:
    """
    Return an id that nobody can guess.
    """
    return prefix + "".join(secrets.choice(_CHARACTERS) for _ in range(_LENGTH))
