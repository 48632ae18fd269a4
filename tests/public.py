"""
What a package says that it has.
"""

from __future__ import annotations

from types import ModuleType


def names_of(package: ModuleType) -> list[str]:
    """
    Return the names that ``import *`` takes of *package*; type checkers read them off its imports.
    """
    return sorted(vars(package)["__all__"])
