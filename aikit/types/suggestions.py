"""
The ends of messages: which of the known names may be meant, and what else is to be said.
"""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(given: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """
    Return the end of a message that asks for the nearest of *known*, empty if none is near; see `nearest`.
    """
    near = nearest(given, known, cutoff)
    return f'; did you mean "{near}"?' if near else ""


def nearest(given: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """
    Return the one of *known* that is nearest to *given*, if they are as alike as *cutoff*, from 0 to 1, in any case.
    """
    from difflib import get_close_matches  # noqa: PLC0415  takes 4 ms, and only a mistake needs it

    plain = {_plain(name): name for name in known}
    near = get_close_matches(_plain(given), plain, n=1, cutoff=cutoff)
    return plain[near[0]] if near else None


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def continued(message: str, more: str) -> str:
    """
    Return *message* with *more* behind it: after a semicolon instead of its full stop, but after its question mark.
    """
    if not more:
        return message
    text = message.rstrip()
    if text.endswith(("?", "!", "..")):
        return f"{text} {more}"
    return f"{text.removesuffix('.')}; {more}"
