"""
How far many files have come, and what became of those that are done with.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from typing import Any

import attrs

from aikit.http.context import CallContext
from aikit.resources.files.results import ManyOutcome, SpooledResults
from aikit.types.bulk_files import (
    FAILED,
    UPLOADED,
    OpenAIFileItem,
    OpenAIFileManyCounts,
    OpenAIFileManyProgress,
    OpenAIFileUnderWay,
)
from aikit.types.progress import Progress


@attrs.define(eq=False)
class _UnderWay:
    path: str | None
    bytes: int = 0
    total: int | None = None
    phase: str = "waiting"
    attempt: int = 1

    @property
    def sent_bytes(self) -> int:
        return self.bytes if self.phase == "uploading" else 0


@attrs.define(eq=False)
class BulkProgress:
    """
    What has become of many files so far; for several threads, and for the caller while the call runs.

    Attributes:
        context: Told of progress; none before the call has begun.

        items: What became of each.

        begun: How many were begun.
    """

    context: CallContext | None = None
    items: SpooledResults[OpenAIFileItem] = attrs.field(
        factory=lambda: SpooledResults(OpenAIFileItem.from_json), init=False
    )
    begun: int = attrs.field(default=0, init=False)
    _counts: Counter[str] = attrs.field(factory=Counter, init=False)
    _done_bytes: int = attrs.field(default=0, init=False)
    _uploaded_bytes: int = attrs.field(default=0, init=False)
    _total: int | None = attrs.field(default=None, init=False)
    _total_bytes: int | None = attrs.field(default=None, init=False)
    _told_bytes: int = attrs.field(default=0, init=False)
    _under_way: dict[int, _UnderWay] = attrs.field(factory=dict, init=False)
    _lock: Any = attrs.field(factory=threading.Lock, init=False)

    @property
    def is_heard(self) -> bool:
        """Whether anybody is told of progress."""
        return self.context is not None and self.context.on_progress is not None

    def expect(self, sizes_bytes: Iterable[int]) -> None:
        """
        Count the files that are to come, each of its size; they are told when all are counted.
        """
        count, total_bytes = 0, 0
        for size_bytes in sizes_bytes:
            count, total_bytes = count + 1, total_bytes + size_bytes
        with self._lock:
            self._total, self._total_bytes = count, total_bytes

    def expect_no_more(self) -> None:
        """
        Take the files that were begun for all.
        """
        with self._lock:
            self._total = self.begun

    def finish(self) -> None:
        """
        Tell that all are done with; what they were is known better now than before.
        """
        with self._lock:
            self._total_bytes = self._total_bytes and max(self._told_bytes, self._done_bytes)
        self.tell(is_last=True)

    def begin(self, number: int, path: str | None) -> None:
        """
        Begin with a file.
        """
        with self._lock:
            self.begun = number + 1
            self._under_way[number] = _UnderWay(path)

    def measure(self, number: int, size_bytes: int | None) -> None:
        """
        Note the size of a file under way.
        """
        self._under_way[number].total = size_bytes

    def moved(self, number: int, progress: Progress) -> None:
        """
        Note how far a file has come, and tell it.

        Raises:
            CancelledError: It is time to stop.
        """
        one = self._under_way.get(number)
        if one is not None:
            with self._lock:
                one.bytes, one.phase, one.attempt = progress.bytes, progress.phase, progress.attempt
        self.tell()

    def end(self, number: int, item: OpenAIFileItem) -> None:
        """
        Note what became of a file, and tell it.

        Raises:
            OpenAIError: There is no room for it on disk.
        """
        self.items.spool.put(number, item.to_json())
        with self._lock:
            one = self._under_way.pop(number, None)
            self._counts[item.status] += 1
            self._done_bytes += max(item.bytes, one.sent_bytes if one else 0)
            self._uploaded_bytes += item.bytes if item.status == UPLOADED else 0
        if self.context is None or not self.context.is_cancelled:
            self.tell()

    def unfinished(self) -> list[tuple[int, str | None]]:
        """
        Return number and path of those that were begun and have not ended.
        """
        with self._lock:
            return [(number, one.path) for number, one in sorted(self._under_way.items())]

    def tell(self, *, is_last: bool = False) -> None:
        """
        Tell how far all have come, unless it is too early after the last time.

        Raises:
            CancelledError: It is time to stop.
        """
        if self.context is not None and self.context.on_progress is not None:
            self.context.tell(self.progress, is_last=is_last)

    def progress(self) -> OpenAIFileManyProgress:
        """
        Return how far all have come.
        """
        with self._lock:
            done = self._done_bytes + sum(one.sent_bytes for one in self._under_way.values())
            self._told_bytes = max(self._told_bytes, done)
            under_way = tuple(_shown(number, one) for number, one in self._under_way.items())
            return OpenAIFileManyProgress(
                files=self._counts.total(),
                files_total=self._total,
                failed=self._counts[FAILED],
                bytes=self._told_bytes,
                bytes_total=self._total_bytes,
                under_way=under_way,
            )

    def counts(self) -> OpenAIFileManyCounts:
        """
        Return how many came to what.
        """
        with self._lock:
            return OpenAIFileManyCounts(**self._counts, uploaded_bytes=self._uploaded_bytes)

    def outcome(self) -> ManyOutcome:
        """
        Return all of it.
        """
        return ManyOutcome(self.items, self.counts(), self.progress())


def _shown(number: int, one: _UnderWay) -> OpenAIFileUnderWay:
    return OpenAIFileUnderWay(
        number=number, path=one.path, bytes=one.bytes, total=one.total, phase=one.phase, attempt=one.attempt
    )
