"""
What a client is made with, checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aikit.http.bandwidth import Bandwidth

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
    from aikit.billing import price_overrides as price_file  # noqa: PLC0415  only who gives prices needs to know them

    return price_file.checked_prices("prices", prices)


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
