"""
What a caller may ask of a call about files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from aikit.runtime.parameters import OpenAIParameters, by, copied, is_duration, is_flag, is_text, within

MIN_EXPIRY_S: Final = 3600
MAX_EXPIRY_S: Final = 2_592_000
MAX_LIST_LIMIT: Final = 10_000


def _is_order(name: str, value: Any) -> None:
    if value is not None and value not in ("asc", "desc"):
        raise ValueError(f'{name} must be "asc" or "desc" (by creation), not {value!r}')


def is_expiry(name: str, value: Any) -> None:
    """
    Check ``{"anchor": "created_at", "seconds": 3600…2592000}``.
    """
    # https://developers.openai.com/api/reference/resources/files/methods/create (read 2026-11-21)
    if value is None:
        return
    shape = f'{{"anchor": "created_at", "seconds": {MIN_EXPIRY_S} to {MAX_EXPIRY_S}}}'
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a mapping {shape}, not {type(value).__name__}")
    if set(value) != {"anchor", "seconds"}:
        raise ValueError(f"{name} must have just anchor and seconds: {shape}, not {dict(value)!r}")
    if value["anchor"] != "created_at":
        raise ValueError(f'{name} anchor must be "created_at", not {value["anchor"]!r}')
    seconds = value["seconds"]
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        raise TypeError(f"{name} seconds must be a whole number, not {seconds!r}")
    if not MIN_EXPIRY_S <= seconds <= MAX_EXPIRY_S:
        raise ValueError(
            f"{name} seconds must be {MIN_EXPIRY_S:,} (an hour) to {MAX_EXPIRY_S:,} (30 days), not {seconds:,}"
        )


@attrs.frozen(kw_only=True)
class OpenAIFileParameters(OpenAIParameters):
    """
    Options of ``files.create``.

    Attributes:
        expires_after: ``{"anchor": "created_at", "seconds": N}``, N from 3,600 to 2,592,000 seconds after creation.

        filename: Name to store it under; needed for bytes that do not show their type.

        validate: ``False`` sends it unchecked.

        checksum: ``False`` sends a file in parts without hashing it: the provider compares nothing, and what was
            interrupted cannot go on.
    """

    expires_after: Mapping[str, Any] | None = attrs.field(default=None, validator=by(is_expiry), converter=copied)
    filename: str | None = attrs.field(default=None, validator=by(is_text))
    checksum: bool = attrs.field(default=True, validator=by(is_flag))
    validate: bool = attrs.field(default=True, validator=by(is_flag))


@attrs.frozen(kw_only=True)
class OpenAIFileListParameters(OpenAIParameters):
    """
    Options of ``files.list``.

    Attributes:
        after: Id of the last file of the page before.

        limit: Files on a page, 1 to 10,000; the provider's own default is 10,000.

        order: ``"asc"`` or ``"desc"`` by creation; newest first by default.

        purpose: Only files of this purpose.

        all_pages: ``True`` fetches page after page into one result.
    """

    after: str | None = attrs.field(default=None, validator=by(is_text))
    limit: int | None = attrs.field(default=None, validator=by(within(1, MAX_LIST_LIMIT)))
    order: str | None = attrs.field(default=None, validator=by(_is_order))
    purpose: str | None = attrs.field(default=None, validator=by(is_text))
    all_pages: bool = attrs.field(default=False, validator=by(is_flag))

    def query(self) -> dict[str, str | int]:
        """
        Return what goes into the URL.
        """
        values = {"after": self.after, "limit": self.limit, "order": self.order, "purpose": self.purpose}
        return {name: value for name, value in values.items() if value is not None}


@attrs.frozen(kw_only=True)
class OpenAIFileWaitParameters(OpenAIParameters):
    """
    Options of ``files.wait``.

    Attributes:
        poll_interval: Seconds between the first two questions; grows by half each time, to ten times itself at most.

        max_wait: Seconds after which the call gives up.
    """

    poll_interval: float = attrs.field(default=1.0, validator=by(is_duration))
    max_wait: float = attrs.field(default=1800.0, validator=by(is_duration))
