"""
Suggestions: which of the known names somebody may have meant.
"""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(given: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """
    Return the end of a message that asks for the nearest of *known*, empty if none is near; case does not count.

    *cutoff* is how alike it must be, from 0 to 1.
    """
    from difflib import get_close_matches  # noqa: PLC0415  takes 4 ms, and only a mistake needs it

    plain = {_plain(name): name for name in known}
    near = get_close_matches(_plain(given), plain, n=1, cutoff=cutoff)
    return f'; did you mean "{plain[near[0]]}"?' if near else ""


def spelt_otherwise(given: str, known: Iterable[str]) -> str | None:
    """
    Return the one of *known* that *given* is, but for case and separators: ``base_url`` for ``baseURL``.
    """
    return next((name for name in known if _plain(name) == _plain(given)), None)


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")
