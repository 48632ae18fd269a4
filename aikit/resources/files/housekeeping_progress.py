"""
How far listing and deleting have come.
"""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import attrs

from aikit.resources.files.results import PruneOutcome, SpooledResults
from aikit.types.bulk_files import (
    CANCELLED,
    DELETED,
    DELETING,
    FAILED,
    LISTED,
    LISTING,
    OpenAIFileHousekeepingProgress,
    OpenAIFilePruneCounts,
    OpenAIFilePruneItem,
)
from aikit.types.errors import CancelledError

if TYPE_CHECKING:
    from aikit.http.context import CallContext

_DONE_WITH: Final = (DELETED, FAILED, CANCELLED)


@attrs.define(eq=False)
class HousekeepingTally:
    """
    What was looked at and deleted so far; for several threads, and for the caller while the call runs.

    Being told never ends the call: whoever drives it sees that it was cancelled.

    Attributes:
        context: Told of progress; none before the call has begun.

        items: The files that are to go.
    """

    context: CallContext | None = None
    items: SpooledResults[OpenAIFilePruneItem] = attrs.field(
        factory=lambda: SpooledResults(OpenAIFilePruneItem.from_json), init=False
    )
    _counts: Counter[str] = attrs.field(factory=Counter, init=False)
    _phase: str = attrs.field(default=LISTING, init=False)
    _total: int | None = attrs.field(default=None, init=False)
    _lock: Any = attrs.field(factory=threading.Lock, init=False)

    def look_at(self, files: int) -> None:
        """
        Count *files* as looked at.
        """
        with self._lock:
            self._counts["seen"] += files
        self._tell()

    def choose(self, item: OpenAIFilePruneItem) -> None:
        """
        Keep a file that is to go.
        """
        self.items.spool.put(len(self.items), item.to_json())

    def after_fork_in_child(self) -> SpooledResults[OpenAIFilePruneItem]:
        """
        Return what was to go, and let it be chosen anew.
        """
        chosen, self.items = self.items, SpooledResults(OpenAIFilePruneItem.from_json)
        return chosen

    def begin_deleting(self) -> None:
        """
        Count from now on what is done with, of all that is to go.
        """
        with self._lock:
            self._phase, self._total = DELETING, len(self.items)
        self._tell()

    def count(self, item: OpenAIFilePruneItem) -> None:
        """
        Count what became of a file.
        """
        with self._lock:
            self._counts[item.status] += 1
            self._counts["bytes"] += (item.file.bytes or 0) if item.status in {LISTED, DELETED} else 0

    def end(self, number: int, item: OpenAIFilePruneItem) -> None:
        """
        Note what became of a file, and tell it.

        Raises:
            OpenAIError: There is no room for it on disk.
        """
        self.count(item)
        self.items.spool.put(number, item.to_json())
        self._tell()

    def finish(self) -> None:
        """
        Tell that all is done with.
        """
        with self._lock:
            self._total = self._counts["seen"] if self._total is None else self._total
        self._tell(is_last=True)

    def progress(self) -> OpenAIFileHousekeepingProgress:
        """
        Return how far it has come.
        """
        with self._lock:
            counts = self._counts
            files = counts["seen"] if self._phase == LISTING else sum(counts[status] for status in _DONE_WITH)
            return OpenAIFileHousekeepingProgress(
                phase=self._phase, files=files, files_total=self._total, failed=counts[FAILED]
            )

    def outcome(self) -> PruneOutcome:
        """
        Return all of it.
        """
        with self._lock:
            counts = OpenAIFilePruneCounts(**self._counts)
        return PruneOutcome(self.items, counts, self.progress())

    def _tell(self, *, is_last: bool = False) -> None:
        if self.context is not None:
            with suppress(CancelledError):
                self.context.tell(self.progress, is_last=is_last)
