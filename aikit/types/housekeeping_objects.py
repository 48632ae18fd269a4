"""
What a provider stores, summed up, and what is to go, as frozen values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from aikit.types.bulk_files import error_to_json
from aikit.types.errors import OpenAIError
from aikit.types.files import NOTHING, OpenAIFile

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
    "under 1 MB": MIB,
    "1 to 10 MB": 10 * MIB,
    "10 to 100 MB": 100 * MIB,
    "over 100 MB": float("inf"),
}
"""Title → bytes that are too many for it."""


@attrs.frozen(kw_only=True)
class OpenAIFileTotals:
    """
    How much some files are.

    Attributes:
        bytes: Of those whose size the provider knows.

        oldest: When the oldest was created, in Unix seconds; ``None`` of no files.
    """

    files: int = 0
    bytes: int = 0
    oldest: int | None = None


@attrs.frozen(kw_only=True)
class OpenAIFileUsage:
    """
    What a provider stores.

    Attributes:
        total: Of all files.

        expiring: Of those that expire soon.

        never_expiring: Of those that are kept until they are deleted.

        by_purpose: Purpose → totals, the most bytes first.

        by_age: ``"under a day"``, ``"1 to 7 days"``, … → totals.

        by_size: ``"under 1 MB"``, ``"1 to 10 MB"``, … → totals.
    """

    total: OpenAIFileTotals
    expiring: OpenAIFileTotals
    never_expiring: OpenAIFileTotals
    by_purpose: Mapping[str, OpenAIFileTotals] = attrs.field(default=NOTHING, hash=False)
    by_age: Mapping[str, OpenAIFileTotals] = attrs.field(default=NOTHING, hash=False)
    by_size: Mapping[str, OpenAIFileTotals] = attrs.field(default=NOTHING, hash=False)


@attrs.frozen(kw_only=True)
class OpenAIFilePruneItem:
    """
    A file that is to go.

    Attributes:
        status: ``"listed"`` (a dry run), ``"deleted"``, ``"failed"`` or ``"cancelled"``.

        reasons: Why it is to go.

        errors: Why it could not be deleted.
    """

    file: OpenAIFile
    status: str
    reasons: tuple[str, ...]
    errors: tuple[OpenAIError, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """
        Return it as JSON.
        """
        return {
            "file": self.file.to_wire(),
            "status": self.status,
            "reasons": list(self.reasons),
            "errors": [error_to_json(error) for error in self.errors],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> OpenAIFilePruneItem:
        """
        Read what `to_json` gave.
        """
        return cls(
            file=OpenAIFile.from_wire(data["file"]),
            status=data["status"],
            reasons=tuple(data["reasons"]),
            errors=tuple(OpenAIError(**error) for error in data["errors"]),
        )


@attrs.frozen(kw_only=True)
class OpenAIFilePruneCounts:
    """
    How many files came to what.

    Attributes:
        seen: Files that were looked at.

        listed: Those that would go, in a dry run.

        bytes: Of those listed or deleted.
    """

    seen: int = 0
    listed: int = 0
    deleted: int = 0
    failed: int = 0
    cancelled: int = 0
    bytes: int = 0


@attrs.frozen(kw_only=True)
class OpenAIFileHousekeepingProgress:
    """
    How far summing up or pruning has come.

    Attributes:
        phase: ``"listing"``, then, unless it is a dry run or a sum, ``"deleting"``.

        files: That were looked at, or, while they are deleted, that are done with, well or not; within a phase never
            less than before.

        files_total: Likewise; ``None`` while nobody knows.

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
