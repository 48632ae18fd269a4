"""
Progress and outcomes of calls about many files; for several threads, and readable while the call runs.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import attrs

from aikit.resources.files.results import ManyOutcome, PruneOutcome, SpooledResults
from aikit.types.bulk_files import (
    CANCELLED,
    DELETED,
    DELETING,
    FAILED,
    LISTED,
    LISTING,
    UPLOADED,
    OpenAIFileHousekeepingProgress,
    OpenAIFileItem,
    OpenAIFileManyCounts,
    OpenAIFileManyProgress,
    OpenAIFilePruneCounts,
    OpenAIFilePruneItem,
    OpenAIFileUnderWay,
)
from aikit.types.errors import CancelledError, OpenAIError
from aikit.types.interruptions import suppress

if TYPE_CHECKING:
    from aikit.http.context import CallContext
    from aikit.http.rate_limiter import RateLimiter
    from aikit.types.progress import Progress

    Limiters = dict[tuple[str, str, int], RateLimiter]
    """The rate limiters of a client, by operation, address and rate: calls that ask alike share one."""

_PRUNED: Final = (DELETED, FAILED, CANCELLED)


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

    def shown(self, number: int) -> OpenAIFileUnderWay:
        return OpenAIFileUnderWay(number=number, **attrs.asdict(self))


@attrs.define(eq=False)
class BulkProgress:
    """
    Progress and results of an upload of many files.

    Attributes:
        context: Told of progress; none before the call has begun.

        items: The outcome of each file.

        begun: How many were begun.
    """

    context: CallContext | None = None
    items: SpooledResults[OpenAIFileItem] = attrs.field(
        factory=lambda: SpooledResults(OpenAIFileItem.from_dict), init=False
    )
    begun: int = attrs.field(default=0, init=False)
    _counts: Counter[str] = attrs.field(factory=Counter, init=False)
    _bytes: Counter[str] = attrs.field(factory=Counter, init=False)  # "done", "uploaded", and "told" so far
    _total: int | None = attrs.field(default=None, init=False)
    _total_bytes: int | None = attrs.field(default=None, init=False)
    _under_way: dict[int, _UnderWay] = attrs.field(factory=dict, init=False)
    _lock: Any = attrs.field(factory=threading.Lock, init=False)  # guards all fields that begin with an underscore

    @property
    def is_heard(self) -> bool:
        """Whether the caller gave an *on_progress*."""
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
        Report that all files are done, with the total size that was met.
        """
        with self._lock:
            self._total_bytes = self._total_bytes and max(self._bytes["told"], self._bytes["done"])
        self.tell(is_last=True)

    def begin(self, number: int, path: str | None) -> None:
        """
        Note that the upload of a file begins.
        """
        with self._lock:
            self.begun = number + 1
            self._under_way[number] = _UnderWay(path)

    def measure(self, number: int, size_bytes: int | None) -> None:
        """
        Note the size of a file under way.
        """
        self._under_way[number].total = size_bytes

    def advance(self, number: int, progress: Progress) -> None:
        """
        Note the progress of a file, and report that of all.

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
        Note the outcome of a file, and report progress.

        Raises:
            OpenAIError: There is no room for it on disk.
        """
        self.items.spool.put(number, item.to_dict())
        with self._lock:
            one = self._under_way.pop(number, None)
            self._counts[item.status] += 1
            self._bytes["done"] += max(item.bytes, one.sent_bytes if one else 0)
            self._bytes["uploaded"] += item.bytes if item.status == UPLOADED else 0
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
        Report the progress of all files, unless the last report was less than a tenth of a second ago.

        Raises:
            CancelledError: It is time to stop.
        """
        if self.context is not None and self.context.on_progress is not None:
            self.context.tell(self.progress, is_last=is_last)

    def progress(self) -> OpenAIFileManyProgress:
        """
        Return the progress of all files.
        """
        with self._lock:
            sent = sum(one.sent_bytes for one in self._under_way.values())
            self._bytes["told"] = max(self._bytes["told"], self._bytes["done"] + sent)
            return OpenAIFileManyProgress(
                files=self._counts.total(),
                files_total=self._total,
                failed=self._counts[FAILED],
                bytes=self._bytes["told"],
                bytes_total=self._total_bytes,
                under_way=tuple(one.shown(number) for number, one in self._under_way.items()),
            )

    def outcome(self) -> ManyOutcome:
        """
        Return results, counts and progress.
        """
        with self._lock:
            counts = OpenAIFileManyCounts(**self._counts, uploaded_bytes=self._bytes["uploaded"])
        return ManyOutcome(self.items, counts, self.progress())


@attrs.define(eq=False)
class PruneProgress:
    """
    Progress and results of listing and deleting files.

    Telling it never ends the call: the runner of the call sees that it was cancelled.

    Attributes:
        context: Told of progress; none before the call has begun.

        items: The selected files.
    """

    context: CallContext | None = None
    items: SpooledResults[OpenAIFilePruneItem] = attrs.field(
        factory=lambda: SpooledResults(OpenAIFilePruneItem.from_dict), init=False
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
        Select a file.
        """
        self.items.spool.put(len(self.items), item.to_dict())

    def restart(self) -> SpooledResults[OpenAIFilePruneItem]:
        """
        Return the files that were to go, and forget them: they are chosen anew.
        """
        chosen, self.items = self.items, SpooledResults(OpenAIFilePruneItem.from_dict)
        return chosen

    def begin_deleting(self) -> None:
        """
        From here on, count deletions of all selected files.
        """
        with self._lock:
            self._phase, self._total = DELETING, len(self.items)
        self._tell()

    def count(self, item: OpenAIFilePruneItem) -> None:
        """
        Count the outcome of a file.
        """
        with self._lock:
            self._counts[item.status] += 1
            self._counts["bytes"] += (item.file.bytes or 0) if item.status in {LISTED, DELETED} else 0

    def end(self, number: int, item: OpenAIFilePruneItem) -> None:
        """
        Note the outcome of a file, and report progress.

        Raises:
            OpenAIError: There is no room for it on disk.
        """
        self.count(item)
        self.items.spool.put(number, item.to_dict())
        self._tell()

    def finish(self) -> None:
        """
        Report that the call is done.
        """
        with self._lock:
            self._total = self._counts["seen"] if self._total is None else self._total
        self._tell(is_last=True)

    def progress(self) -> OpenAIFileHousekeepingProgress:
        """
        Return the progress of the call.
        """
        with self._lock:
            counts = self._counts
            files = counts["seen"] if self._phase == LISTING else sum(counts[status] for status in _PRUNED)
            return OpenAIFileHousekeepingProgress(
                phase=self._phase, files=files, files_total=self._total, failed=counts[FAILED]
            )

    def outcome(self) -> PruneOutcome:
        """
        Return items, counts and progress.
        """
        with self._lock:
            counts = OpenAIFilePruneCounts(**self._counts)
        return PruneOutcome(self.items, counts, self.progress())

    def _tell(self, *, is_last: bool = False) -> None:
        if self.context is not None:
            with suppress(CancelledError):
                self.context.tell(self.progress, is_last=is_last)


def named_errors(item: OpenAIFileItem) -> list[OpenAIError]:
    """
    Return the errors of a file as they stand among those of others.
    """
    path = item.path
    return [
        error if path is None or path in error.message else attrs.evolve(error, message=f"{path}: {error.message}")
        for error in item.errors
    ]
