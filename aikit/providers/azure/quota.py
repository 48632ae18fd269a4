"""
Quotas: batch files that are kept without expiry, and tokens that are enqueued.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

import attrs

from aikit.providers.checks import Finding
from aikit.types.files import FilePage
from aikit.types.wire import whole_number

# https://learn.microsoft.com/azure/ai-services/openai/quotas-limits (read 2026-11-21)
_MOST: Final = 500
_MOST_WITH_EXPIRY: Final = 10_000
_NEAR: Final = 450
_FEWEST_BETWEEN: Final = 10
FULL: Final = (
    f"a resource keeps at most {_MOST} batch files without expiry: give expires_after, with which it keeps "
    f"{_MOST_WITH_EXPIRY:,}, or delete old ones with files.prune()"
)


@attrs.define(eq=False)
class Quota:
    """
    How many uploads may still come before it is worth to count the files again.
    """

    # `_lock` guards `_left`; nothing else is done under it.

    _left: int = 0
    _lock: Any = attrs.field(factory=threading.Lock, repr=False)

    def is_due(self) -> bool:
        """
        Note one more upload; return whether the files are to be counted before it.
        """
        with self._lock:
            self._left -= 1
            return self._left < 0

    def count(self, page: FilePage) -> str | None:
        """
        Count the files of *page* without expiry; return a sentence for the caller where they are near the quota.
        """
        kept = _kept(page)
        with self._lock:
            self._left = max((_NEAR - kept) // 2, _FEWEST_BETWEEN)
        return f"{kept:,} batch files are kept without expiry; {FULL}" if kept >= _NEAR else None


def quota_finding(page: FilePage) -> Finding:
    """
    Return how near the batch files of *page* are to the quota.
    """
    kept = _kept(page)
    text = f"{kept:,} of at most {_MOST} batch files without expiry are kept"
    return Finding("quota", is_good=kept < _NEAR, text=text, mend=FULL if kept >= _NEAR else None)


def _kept(page: FilePage) -> int:
    return sum(file.expires_at is None for file in page.files)


def queue_of(headers: Mapping[str, str]) -> str | None:
    """
    Return a sentence about the tokens that wait for the deployment, as its answer tells.
    """
    told = [whole_number(headers.get(f"deployment-{name}enqueued-tokens")) for name in ("", "maximum-")]
    if None in told:
        return None
    return "{:,} of at most {:,} tokens are enqueued for the deployment".format(*told)
