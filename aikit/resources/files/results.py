"""
Results of the calls of ``client.files``; those about many files can be read while the call runs.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar, overload

import attrs

from aikit.runtime.result import OpenAIListResult, OpenAIResult
from aikit.storage.spill import Spool
from aikit.types.bulk_files import (
    LISTING,
    OpenAIFileHousekeepingProgress,
    OpenAIFileItem,
    OpenAIFileManyCounts,
    OpenAIFileManyProgress,
    OpenAIFilePruneCounts,
    OpenAIFilePruneItem,
    OpenAIFileUsage,
)
from aikit.types.errors import OpenAIError
from aikit.types.files import OpenAIFile, OpenAIFileDeleted

I = TypeVar("I")  # noqa: E741  an item


class OpenAIFileResult(OpenAIResult[OpenAIFile]):
    """
    The result of ``files.create``, ``files.retrieve`` and ``files.wait``.
    """

    __slots__ = ()
    _carried = ("file",)

    @property
    def file(self) -> OpenAIFile | None:
        """The file; ``None`` while running and after errors."""
        return self._outcome.value  # type: ignore[no-any-return]  # the flow's type


class OpenAIFileDeletedResult(OpenAIResult[OpenAIFileDeleted]):
    """
    The result of ``files.delete``.
    """

    __slots__ = ()
    _carried = ("deleted",)

    @property
    def deleted(self) -> OpenAIFileDeleted | None:
        """The provider's confirmation; ``None`` while running and after errors."""
        return self._outcome.value  # type: ignore[no-any-return]  # the flow's type


class OpenAIFileListResult(OpenAIListResult[OpenAIFile]):
    """
    The result of ``files.list``.
    """

    __slots__ = ()
    _carried = ("files", "first_id", "last_id", "has_more")

    @property
    def files(self) -> tuple[OpenAIFile, ...]:
        """The files, in the order asked for; empty while running and after errors."""
        return self._page.items


class OpenAIFileContentResult(OpenAIResult[bytes]):
    """
    The result of ``files.content``.
    """

    __slots__ = ()
    _carried = ("size",)

    @property
    def size(self) -> int | None:
        """How many bytes the content has; ``None`` while running and after errors."""
        return None if self._outcome.value is None else len(self._outcome.value)

    @property
    def content(self) -> bytes:
        """The file's bytes; empty while running and after errors."""
        return self._outcome.value or b""

    @property
    def text(self) -> str:
        """The content as UTF-8; bytes that are not become U+FFFD."""
        return self.content.decode("utf-8", "replace")


@attrs.frozen
class Saved:
    """
    Path and size of a saved file.
    """

    path: Path
    bytes_written: int


class OpenAIFileDownloadResult(OpenAIResult[Path]):
    """
    The result of ``files.download``.
    """

    __slots__ = ()
    _carried = ("path", "bytes_written")

    def _unwrapped(self) -> Path:
        return self._outcome.value.path  # type: ignore[no-any-return]  # the flow's type

    @property
    def path(self) -> Path | None:
        """Where the file was saved; ``None`` while running and after errors."""
        return self._outcome.value.path if self._outcome.value else None

    @property
    def bytes_written(self) -> int:
        """Size of what was saved; 0 while running and after errors."""
        return self._outcome.value.bytes_written if self._outcome.value else 0


@attrs.define(eq=False, repr=False)
class SpooledResults(Sequence[I], Generic[I]):
    """
    Outcomes of files in the order in which the files were given, in little memory however many they are.

    While the call runs, ``items[number]`` raises `IndexError` for what is still under way, and iterating leaves it out.
    """

    read: Callable[[Any], I]
    spool: Spool = attrs.field(factory=Spool)

    def __repr__(self) -> str:
        shown = list(islice(self, 3))
        more = len(self) - len(shown)
        return f"Items({shown} and {more:,} more)" if more else f"Items({shown})"

    def __len__(self) -> int:
        return len(self.spool)

    @overload
    def __getitem__(self, number: int) -> I: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[I]: ...
    def __getitem__(self, number: int | slice) -> I | Sequence[I]:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(len(self)))]
        item = self.get(number if number >= 0 else len(self) + number)
        if item is None:
            raise IndexError(f"there is no item {number}, or not yet")
        return item

    def __iter__(self) -> Iterator[I]:
        return map(self.read, self.spool.values())

    def __reversed__(self) -> Iterator[I]:
        found = (self.get(number) for number in reversed(range(len(self))))
        return (item for item in found if item is not None)

    def get(self, number: int) -> I | None:
        """
        Return the outcome of file *number*, from 0 on; ``None`` if there is none, or not yet.
        """
        data = self.spool.get(number)
        return None if data is None else self.read(data)

    def __reduce__(self) -> tuple[Any, ...]:
        return _items_from, (self.read, list(self.spool.values()))


def _items_from(read: Callable[[Any], Any], values: Sequence[Any]) -> SpooledResults[Any]:
    items = SpooledResults(read)
    for number, value in enumerate(values):
        items.spool.put(number, value)
    return items


class ItemsResult(OpenAIResult[SpooledResults[I]]):
    """
    The result of a call about many files.

    Iterating it, its length and its items by number wait for a call that is under way; they are about all files, failed
    ones too.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def items(self) -> SpooledResults[I]:
        """The outcome of each file."""

    def _unwrapped(self) -> SpooledResults[I]:
        return self.items

    def __iter__(self) -> Iterator[I]:
        return iter(self._finished().items)

    def __len__(self) -> int:
        return len(self._finished().items)

    @overload
    def __getitem__(self, number: int) -> I: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[I]: ...
    def __getitem__(self, number: int | slice) -> I | Sequence[I]:
        return self._finished().items[number]


@attrs.frozen
class ManyOutcome:
    """
    Value of a call about many files.
    """

    items: SpooledResults[OpenAIFileItem]
    counts: OpenAIFileManyCounts
    progress: OpenAIFileManyProgress
    ended_by: OpenAIError | None = None


@attrs.define(eq=False, slots=True, repr=False, getstate_setstate=False)  # pickled as its parent says
class OpenAIFileManyResult(ItemsResult[OpenAIFileItem]):
    """
    The result of ``files.create_many``.

    ``success`` is whether the provider has every file; ``errors`` has the problems of files, a hundred at most, and
    what ended the call early.
    """

    _carried: ClassVar = ("counts", "ended_by", "items")

    _now: Callable[[], ManyOutcome] | None = attrs.field(default=None, kw_only=True)

    @property
    def items(self) -> SpooledResults[OpenAIFileItem]:
        """The outcome of each file, in the order in which they were given; also while the call runs."""
        return self._so_far.items

    @property
    def counts(self) -> OpenAIFileManyCounts:
        """How many files came to what; also while the call runs."""
        return self._so_far.counts

    @property
    def progress(self) -> OpenAIFileManyProgress:
        """How far all of them have come, also while the call runs."""
        return self._so_far.progress

    @property
    def ended_by(self) -> OpenAIError | None:
        """What ended the call before all files were done with, first of ``errors``; ``None`` if nothing did."""
        return self._so_far.ended_by

    @property
    def _so_far(self) -> ManyOutcome:
        if self._outcome.value is not None:
            return self._outcome.value  # type: ignore[no-any-return]  # the flow's type
        return self._now() if self._now is not None else _nothing()


def _nothing() -> ManyOutcome:
    progress = OpenAIFileManyProgress(files=0, files_total=None, failed=0, bytes=0, bytes_total=None)
    return ManyOutcome(SpooledResults(OpenAIFileItem.from_dict), OpenAIFileManyCounts(), progress)


class OpenAIFileUsageResult(OpenAIResult[OpenAIFileUsage]):
    """
    The result of ``files.usage``.
    """

    __slots__ = ()
    _carried = ("stored",)

    @property
    def stored(self) -> OpenAIFileUsage | None:
        """Sums of the stored files; ``None`` while running and after errors."""
        return self._outcome.value  # type: ignore[no-any-return]  # the flow's type


@attrs.frozen
class PruneOutcome:
    """
    Value of a prune call.
    """

    items: SpooledResults[OpenAIFilePruneItem]
    counts: OpenAIFilePruneCounts
    progress: OpenAIFileHousekeepingProgress
    ended_by: OpenAIError | None = None


@attrs.define(eq=False, slots=True, repr=False, getstate_setstate=False)  # pickled as its parent says
class OpenAIFilePruneResult(ItemsResult[OpenAIFilePruneItem]):
    """
    The result of ``files.prune``.

    ``success`` is whether all that was to go is gone, or, after a dry run, is listed; ``errors`` has the problems of
    files, a hundred at most, and what ended the call early.
    """

    _carried: ClassVar = ("counts", "ended_by", "items")

    _now: Callable[[], PruneOutcome] | None = attrs.field(default=None, kw_only=True)

    @property
    def items(self) -> SpooledResults[OpenAIFilePruneItem]:
        """The selected files, newest first, with their outcomes; empty while running."""
        return self._outcome.value.items if self._outcome.value else SpooledResults(OpenAIFilePruneItem.from_dict)

    @property
    def counts(self) -> OpenAIFilePruneCounts:
        """How many files came to what; also while the call runs."""
        return self._so_far.counts

    @property
    def progress(self) -> OpenAIFileHousekeepingProgress:
        """How far it has come, also while the call runs."""
        return self._so_far.progress

    @property
    def ended_by(self) -> OpenAIError | None:
        """What ended the call before all files were done with, first of ``errors``; ``None`` if nothing did."""
        return self._so_far.ended_by

    @property
    def _so_far(self) -> PruneOutcome:
        if self._outcome.value is not None:
            return self._outcome.value  # type: ignore[no-any-return]  # the flow's type
        return self._now() if self._now is not None else _nothing_pruned()


def _nothing_pruned() -> PruneOutcome:
    progress = OpenAIFileHousekeepingProgress(phase=LISTING)
    return PruneOutcome(SpooledResults(OpenAIFilePruneItem.from_dict), OpenAIFilePruneCounts(), progress)
