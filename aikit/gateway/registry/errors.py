"""
What the registry refuses.
"""

from __future__ import annotations


class UnknownCursorError(LookupError):
    """
    A page was asked for after an id that the caller does not have.
    """


class UnfitValueError(ValueError):
    """
    A value that not every database can store; it was refused before any SQL.
    """


class DuplicateError(ValueError):
    """
    A key, or its alias, is there already.
    """
