"""
How far a call has come.
"""

from __future__ import annotations

import attrs

from aikit.types.json_form import Jsonable


@attrs.frozen
class Progress(Jsonable):
    """
    How far a call has come.

    Attributes:
        bytes: Done so far; never less than in an earlier report of the same phase.

        total: Bytes in all; ``None`` when unknown.

        phase: ``"checking"``, ``"uploading"``, ``"downloading"``, ``"joining"`` or ``"estimating"``.

        attempt: 1 for the first try, 2 for the first retry.
    """

    bytes: int
    total: int | None
    phase: str
    attempt: int = 1

    @property
    def fraction(self) -> float | None:
        """Between 0 and 1; ``None`` when the total is unknown."""
        return None if self.total is None else self.bytes / self.total if self.total else 1.0
