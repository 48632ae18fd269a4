"""
What a caller may ask of a call about many files.
"""

from __future__ import annotations

import os
from typing import Any, Final

import attrs

from aikit.resources.files.parameters import OpenAIFileParameters
from aikit.runtime.parameters import OpenAIParameters, by, is_duration, is_flag, is_text, within

MAX_AT_A_TIME: Final = 1_000
MAX_RATE: Final = 1_000_000
_WEEK_S: Final = 604_800


def _is_path(name: str, value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str):
        raise TypeError(f"{name} must be a path as str or PathLike, not {type(value).__name__}")
    if not os.fspath(value) or "\0" in os.fspath(value):
        raise ValueError(f"{name} must not be empty, and have no NUL character")


def _is_age(name: str, value: Any) -> None:
    if value is not None:
        is_duration(name, value)


@attrs.frozen(kw_only=True)
class OpenAIFileManyParameters(OpenAIFileParameters):
    """
    Options of ``files.create_many``; those of ``files.create`` are of each file, *filename* of a single one only.

    Attributes:
        at_a_time: How many may be under way; the client's *max_workers* unless told. A call that runs in the
            background has no more than these, any other no more than the client keeps connections: the larger of
            *max_workers* and 16.

        rate: How many may be sent in a minute, retries included; the provider's own limit unless told, if it has one.
            Calls of a client that ask alike share it. When the provider has too many nevertheless (status 429), all of
            them wait for as long as it asks and go on more slowly; a file that waits for that spends no try.

        recursive: ``False`` takes of a folder only its own files.

        skip_identical: ``True`` does not send what this account has already with this name, purpose and content, as
            far as aikit noted it when it was sent (with this option too), and the provider still has it.

        manifest: Path of a file that notes what becomes of each; given again, what is done is not sent again, unless
            it has changed. One call at a time writes it. In a folder that is sent it is left out.
    """

    at_a_time: int | None = attrs.field(default=None, validator=by(within(1, MAX_AT_A_TIME)))
    rate: int | None = attrs.field(default=None, validator=by(within(1, MAX_RATE)))
    recursive: bool = attrs.field(default=True, validator=by(is_flag))
    skip_identical: bool = attrs.field(default=False, validator=by(is_flag))
    manifest: str | os.PathLike[str] | None = attrs.field(default=None, validator=by(_is_path))


@attrs.frozen(kw_only=True)
class OpenAIFileUsageParameters(OpenAIParameters):
    """
    Options of ``files.usage``.

    Attributes:
        purpose: Only files of this purpose.

        expiring_within: Seconds; what expires in that time is counted as expiring soon, a week unless told.
    """

    purpose: str | None = attrs.field(default=None, validator=by(is_text))
    expiring_within: float = attrs.field(default=_WEEK_S, validator=by(is_duration))


@attrs.frozen(kw_only=True)
class OpenAIFilePruneParameters(OpenAIParameters):
    """
    Options of ``files.prune``: what is to go must fit all that is asked for, and something must be asked for.

    Attributes:
        older_than: Seconds since it was created.

        purpose: Only files of this purpose.

        name: A pattern of names, such as ``"tmp-*"``, with ``*``, ``?`` and ``[…]``; case counts.

        unused: ``True`` takes only files that no batch names as input, output or errors: none that the provider lists,
            and none that was booked in this home. Without *older_than* it leaves files of the last hour, whose batch
            may be yet to come.

        dry_run: ``False`` deletes; else what would go is only listed.

        at_a_time: How many deletions may be under way; see `OpenAIFileManyParameters`.

        rate: How many may be deleted in a minute, retries included; the provider's own limit unless told.
    """

    older_than: float | None = attrs.field(default=None, validator=by(_is_age))
    purpose: str | None = attrs.field(default=None, validator=by(is_text))
    name: str | None = attrs.field(default=None, validator=by(is_text))
    unused: bool = attrs.field(default=False, validator=by(is_flag))
    dry_run: bool = attrs.field(default=True, validator=by(is_flag))
    at_a_time: int | None = attrs.field(default=None, validator=by(within(1, MAX_AT_A_TIME)))
    rate: int | None = attrs.field(default=None, validator=by(within(1, MAX_RATE)))
