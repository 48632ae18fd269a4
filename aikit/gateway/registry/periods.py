"""
Periods of budgets, as LiteLLM writes them: ``30s``, ``60m``, ``24h``, ``30d``, ``1w``, ``1mo``.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime
from typing import Final

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PATTERN: Final = re.compile(r"([1-9][0-9]{0,5})(s|mo|m|h|d|w)", re.ASCII)
_END_OF_TIME: Final = 253_402_300_799.0  # the year 9999


def seconds_of(duration: str) -> int:
    """
    Return how many seconds *duration* has; a month counts 30 days.

    Raises:
        ValueError: It is no period.
    """
    count, unit = _parts(duration)
    return count * (30 * _SECONDS["d"] if unit == "mo" else _SECONDS[unit])


def next_reset(duration: str, started_at: float, now: float) -> float:
    """
    Return the first end of a period after *now*; the first period began at *started_at*, each begins where one ends.

    Raises:
        ValueError: *duration* is no period.
    """
    count, unit = _parts(duration)
    if unit == "mo":
        return _after_months(count, started_at, now)
    length = count * _SECONDS[unit]
    return started_at + length * (max(0, int((now - started_at) // length)) + 1)


def _parts(duration: str) -> tuple[int, str]:
    found = _PATTERN.fullmatch(duration)
    if found is None:
        raise ValueError(f'a period is written as "30s", "60m", "24h", "30d", "1w" or "1mo", not {duration!r}')
    return int(found[1]), found[2]


def _after_months(count: int, started_at: float, now: float) -> float:
    start, today = datetime.fromtimestamp(started_at, UTC), datetime.fromtimestamp(now, UTC)
    passed = max(0, (today.year - start.year) * 12 + today.month - start.month)
    periods = max(1, passed // count)
    while (end := _month_later(start, periods * count)) <= now:
        periods += 1
    return end


def _month_later(start: datetime, months: int) -> float:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    if year > 9999:
        return _END_OF_TIME
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return start.replace(year=year, month=month + 1, day=day).timestamp()
