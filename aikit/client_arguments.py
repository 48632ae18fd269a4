"""
What a client is made with, checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from aikit.bandwidth import Bandwidth
from aikit.parameters import is_flag

if TYPE_CHECKING:
    from aikit.accounts.books import Hook

MAX_WORKERS: Final = 1_000
_LEAST_BANDWIDTH: Final = 1_024


def require_workers(count: Any) -> None:
    """
    Check how many calls may be under way at once.

    Raises:
        ValueError: It is no whole number from 1 to 1,000.
    """
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_WORKERS:
        raise ValueError(f"max_workers must be a whole number from 1 to {MAX_WORKERS:,}, not {count!r}")


def checked_prices(prices: Any) -> Mapping[str, Any] | None:
    """
    Return a copy of *prices* that stays as it was checked.
    """
    if prices is None:
        return None
    from aikit.accounts.price_file import require_prices  # noqa: PLC0415  only who gives prices needs to know them

    require_prices("prices", prices)
    return {model: dict(entry) for model, entry in prices.items()}


def checked_hooks(hooks: Any, *, is_kept: Any) -> tuple[Hook, ...]:
    """
    Return *hooks*, which are called for what is kept only.

    Raises:
        TypeError: They are no list of callables.
        ValueError: There are some, and nothing is kept.
    """
    is_flag("ledger", is_kept)
    if isinstance(hooks, str) or not isinstance(hooks, Iterable):
        raise TypeError(f"hooks must be a list of callables, not {type(hooks).__name__}")
    checked = tuple(hooks)
    for hook in checked:
        if not callable(hook):
            raise TypeError(f"hooks must be a list of callables; {hook!r} is none")
    if checked and not is_kept:
        raise ValueError("hooks need the ledger, which decides who calls them; leave out ledger=False, or the hooks")
    return checked


def bandwidth_of(value: Any) -> Bandwidth | None:
    """
    Return what all calls of a client share.

    Raises:
        TypeError: *value* is no number.
        ValueError: It is less than 1,024.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"bandwidth must be a number of bytes a second, not {type(value).__name__}")
    if not _LEAST_BANDWIDTH <= value < float("inf"):
        raise ValueError(f"bandwidth must be {_LEAST_BANDWIDTH:,} bytes a second or more, not {value!r}")
    return Bandwidth(value)
