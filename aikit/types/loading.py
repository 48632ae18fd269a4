"""
Modules that are loaded when they are first used, by whichever thread that is.
"""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any, Final

_TRIES: Final = 50
_PAUSE_S: Final = 0.02


def load(name: str) -> Any:
    """
    Return the module with that name, also while other threads load what it needs.

    Of two threads that would wait for each other, as one that loads a package and one that loads a part of it, Python
    ends one with an error of its own; the other goes on, and then there is nothing to wait for.
    """
    for _ in range(_TRIES):
        try:
            return import_module(name)
        except RuntimeError as error:
            if type(error).__name__ != "_DeadlockError":  # which has no public name
                raise
            time.sleep(_PAUSE_S)
    return import_module(name)
