"""
Many files at once, as frozen values: uploads of many, sums of what is stored, and pruning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from aikit.types.errors import OpenAIError
from aikit.types.files import OpenAIFile
from aikit.types.json_form import Jsonable
from aikit.types.wire import NOTHING

UPLOADED: Final = "uploaded"
KEPT: Final = "kept"
IDENTICAL: Final = "identical"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"
LISTED: Final = "listed"
DELETED: Final = "deleted"

LISTING: Final = "listing"
DELETING: Final = "deleting"
DAY_S: Final = 86_400
MIB: Final = 1024 * 1024

AGES: Final[Mapping[str, float]] = {
    "under a day": DAY_S,
    "1 to 7 days": 7 * DAY_S,
    "7 to 30 days": 30 * DAY_S,
    "30 to 90 days": 90 * DAY_S,
    "over 90 days": float("inf"),
}
"""Title → seconds that are too old for it."""

SIZES: Final[Mapping[str, float]] = {
    "under 1 MiB": MIB,
    "1 to 10 MiB": 10 * MIB,
    "10 to 100 MiB": 100 * MIB,
    "over 100 MiB": float("inf"),
}
"""Title → bytes that are too many for it."""


@attrs.frozen(kw_only=True)
class OpenAIFileItem(Jsonable):
    """
    What became of one of many files.

    Attributes:
        path: As it was given, or in the folder as it was given; ``None`` of bytes and streams.

        status: ``"uploaded"``, ``"kept"`` (the manifest has it as done), ``"identical"`` (the provider has the same
            content under this name already), ``"failed"`` or ``"cancelled"``.

        file: What the provider has; ``None`` after errors.

        errors: All problems of this file.

        bytes: Its size here; 0 when it is not known.

        sha256: Of its content, in hexadecimal; only where a manifest or *skip_identical* needed it.

        was_sent: Whether anything of it was sent.
    """

    path: str | None
    status: str
    file: OpenAIFile | None = None
    errors: tuple[OpenAIError, ...] = ()
    bytes: int = 0
    sha256: str | None = None
    was_sent: bool = False

    @property
    def success(self) -> bool:
        """Whether the provider has it."""
        return self.file is not None

    def to_dict(self) -> dict[str, Any]:
        """
        Return it as JSON, as it stands in a manifest.
        """
        return {
            "path": self.path,
            "status": self.status,
            "size": self.bytes,
            "sha256": self.sha256,
            "file_id": self.file.id if self.file else None,
            "file": self.file.to_dict() if self.file else None,
            "errors": [error.to_dict() for error in self.errors],
            "was_sent": self.was_sent,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> OpenAIFileItem:
        """
        Read what `to_dict` gave.

        Raises:
            KeyError: It is not that.
            TypeError: Likewise.
            OpenAIError: Likewise.
        """
        return cls(
            path=data["path"],
            status=data["status"],
            file=OpenAIFile.from_wire(data["file"]) if data["file"] is not None else None,
            errors=tuple(OpenAIError(**error) for error in data["errors"]),
            bytes=data["size"],
            sha256=data["sha256"],
            was_sent=data["was_sent"],
        )


@attrs.frozen(kw_only=True)
class OpenAIFileManyCounts(Jsonable):
    """
    How many files came to what.

    Attributes:
        uploaded: Sent and stored by this call.

        kept: Not sent, for the manifest has them as done.

        identical: Not sent, for the provider has them already.

        failed: With errors.

        cancelled: Not stored, because the call was cancelled.

        uploaded_bytes: Size of those that were uploaded.
    """

    uploaded: int = 0
    kept: int = 0
    identical: int = 0
    failed: int = 0
    cancelled: int = 0
    uploaded_bytes: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.uploaded + self.kept + self.identical + self.failed + self.cancelled

    @property
    def done(self) -> int:
        """Those that the provider has."""
        return self.uploaded + self.kept + self.identical


@attrs.frozen(kw_only=True)
class OpenAIFileUnderWay(Jsonable):
    """
    How far one of many files has come.

    Attributes:
        number: Its place in the order in which they were given, from 0 on.

        path: ``None`` of bytes and streams.

        bytes: Done so far.

        total: Its size; ``None`` when unknown.

        phase: ``"waiting"``, ``"checking"`` or ``"uploading"``.

        attempt: 1 for the first try.
    """

    number: int
    path: str | None
    bytes: int = 0
    total: int | None = None
    phase: str = "waiting"
    attempt: int = 1


@attrs.frozen(kw_only=True)
class OpenAIFileManyProgress(Jsonable):
    """
    How far many files have come.

    Attributes:
        files: That are done with, well or not.

        files_total: ``None`` while unknown; known from the start for paths, folders and lists of them when
            *on_progress* is given.

        failed: Of those that are done with.

        bytes: Of the files that are done with, and what has gone up of those under way; never less than before.

        bytes_total: Likewise.

        under_way: The others that were begun.
    """

    files: int
    files_total: int | None
    failed: int
    bytes: int
    bytes_total: int | None
    under_way: tuple[OpenAIFileUnderWay, ...] = ()

    @property
    def fraction(self) -> float | None:
        """Between 0 and 1, by bytes; ``None`` when the total is unknown."""
        if self.bytes_total is None:
            return None
        return min(1.0, self.bytes / self.bytes_total) if self.bytes_total else 1.0


@attrs.frozen(kw_only=True)
class OpenAIFileTotals(Jsonable):
    """
    How much some files are.

    Attributes:
        files: How many they are.

        bytes: Of those whose size the provider knows.

        oldest: When the oldest was created, in Unix seconds; ``None`` of no files.
    """

    files: int = 0
    bytes: int = 0
    oldest: int | None = None


@attrs.frozen(kw_only=True)
class OpenAIFileUsage(Jsonable):
    """
    What a provider stores.

    Attributes:
        total: Of all files.

        expiring: Of those that expire soon.

        never_expiring: Of those that are kept until they are deleted.

        by_purpose: Purpose → totals, the most bytes first.

        by_age: ``"under a day"``, ``"1 to 7 days"``, … → totals.

        by_size: ``"under 1 MiB"``, ``"1 to 10 MiB"``, … → totals.
    """

    total: OpenAIFileTotals
    expiring: OpenAIFileTotals
    never_expiring: OpenAIFileTotals
    by_purpose: Mapping[str, OpenAIFileTotals] = attrs.field(default=NOTHING, hash=False)
    by_age: Mapping[str, OpenAIFileTotals] = attrs.field(default=NOTHING, hash=False)
    by_size: Mapping[str, OpenAIFileTotals] = attrs.field(default=NOTHING, hash=False)


@attrs.frozen(kw_only=True)
class OpenAIFilePruneItem(Jsonable):
    """
    A file that is to go.

    Attributes:
        file: The file.

        status: ``"listed"`` (a dry run), ``"deleted"``, ``"failed"`` or ``"cancelled"``.

        reasons: Why it is to go.

        errors: Why it could not be deleted.
    """

    file: OpenAIFile
    status: str
    reasons: tuple[str, ...]
    errors: tuple[OpenAIError, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """
        Return it as JSON.
        """
        return {
            "file": self.file.to_dict(),
            "status": self.status,
            "reasons": list(self.reasons),
            "errors": [error.to_dict() for error in self.errors],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> OpenAIFilePruneItem:
        """
        Read what `to_dict` gave.
        """
        return cls(
            file=OpenAIFile.from_wire(data["file"]),
            status=data["status"],
            reasons=tuple(data["reasons"]),
            errors=tuple(OpenAIError(**error) for error in data["errors"]),
        )


@attrs.frozen(kw_only=True)
class OpenAIFilePruneCounts(Jsonable):
    """
    How many files came to what.

    Attributes:
        seen: Files that were looked at.

        listed: Those that would go, in a dry run.

        deleted: Those that are gone.

        failed: Those that could not be deleted.

        cancelled: Those that were not tried, for the call was ended.

        bytes: Of those listed or deleted.
    """

    seen: int = 0
    listed: int = 0
    deleted: int = 0
    failed: int = 0
    cancelled: int = 0
    bytes: int = 0


@attrs.frozen(kw_only=True)
class OpenAIFileHousekeepingProgress(Jsonable):
    """
    How far summing up or pruning has come.

    Attributes:
        phase: ``"listing"``, then, unless it is a dry run or a sum, ``"deleting"``.

        files: That were looked at, or, while they are deleted, that are done with, well or not; within a phase never
            less than before.

        files_total: Likewise; ``None`` while unknown.

        failed: Of those that are done with.
    """

    phase: str
    files: int = 0
    files_total: int | None = None
    failed: int = 0

    @property
    def fraction(self) -> float | None:
        """Between 0 and 1; ``None`` when the total is unknown."""
        if self.files_total is None:
            return None
        return self.files / self.files_total if self.files_total else 1.0
