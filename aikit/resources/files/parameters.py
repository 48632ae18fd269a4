"""
Options of the calls of ``client.files``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from aikit.resources.arguments import require_path
from aikit.runtime.callback_checks import CallbacksOf
from aikit.runtime.extra_fields import fits_beside
from aikit.runtime.parameters import (
    OpenAIParameters,
    by,
    filled,
    is_count,
    is_duration,
    is_expiry,
    is_flag,
    is_text,
    within,
)

if TYPE_CHECKING:
    from aikit.resources.files.results import (
        OpenAIFileDownloadResult,
        OpenAIFileListResult,
        OpenAIFileManyResult,
        OpenAIFilePruneResult,
        OpenAIFileResult,
        OpenAIFileUsageResult,
    )
    from aikit.resources.files.stream import OpenAIFileStreamResult
    from aikit.types.bulk_files import OpenAIFileHousekeepingProgress, OpenAIFileManyProgress
    from aikit.types.progress import Progress

MAX_LIST_LIMIT: Final = 10_000
MAX_AT_A_TIME: Final = 1_000
MAX_RATE: Final = 1_000_000
_SAID: Final = ("file", "purpose", "expires_after", "filename", "bytes", "mime_type")  # of a file, whole or in parts
_WEEK_S: Final = 604_800


def _is_order(name: str, value: Any) -> None:
    if value is not None and value not in ("asc", "desc"):
        raise ValueError(f'{name} must be "asc" or "desc" (by creation), not {value!r}')


@attrs.define(kw_only=True, on_setattr=attrs.setters.NO_OP)
class EachFileParameters(OpenAIParameters):
    """
    Options of a file that is sent, alone or as one of many.

    Attributes:
        expires_after: ``{"anchor": "created_at", "seconds": N}``, N from 3,600 to 2,592,000 seconds after creation.

        filename: Name to store it under; needed for bytes that do not show their type.

        validate: ``False`` sends it unchecked.

        checksum: ``False`` sends a file in parts without hashing it: the provider compares nothing, and what was
            interrupted cannot go on.

        extra_body: Further fields of the form, name → string, number, truth value or mapping of these, for servers that
            take some, such as ``{"target_model_names": "a, b"}`` of LiteLLM; of a file in parts, fields of its upload.
    """

    expires_after: dict[str, Any] = attrs.field(default=None, validator=by(is_expiry), converter=filled)
    filename: str | None = attrs.field(default=None, validator=by(is_text))
    checksum: bool = attrs.field(default=True, validator=by(is_flag))
    validate: bool = attrs.field(default=True, validator=by(is_flag))
    extra_body: dict[str, Any] = attrs.field(
        default=None, validator=by(fits_beside(_SAID, in_form=True)), converter=filled, repr=False
    )


@attrs.define(kw_only=True, on_setattr=attrs.setters.NO_OP)
class OpenAIFileParameters(CallbacksOf["OpenAIFileResult", "Progress"], EachFileParameters):
    """
    Options of ``files.create``.
    """


@attrs.define(kw_only=True, on_setattr=attrs.setters.NO_OP)
class OpenAIFileListParameters(CallbacksOf["OpenAIFileListResult", "Progress"], OpenAIParameters):
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
    order: Literal["asc", "desc"] | None = attrs.field(default=None, validator=by(_is_order))
    purpose: str | None = attrs.field(default=None, validator=by(is_text))
    all_pages: bool = attrs.field(default=False, validator=by(is_flag))

    def query(self) -> dict[str, str | int]:
        """
        Return the query parameters of the URL.
        """
        values = {"after": self.after, "limit": self.limit, "order": self.order, "purpose": self.purpose}
        return {name: value for name, value in values.items() if value is not None}


@attrs.define(kw_only=True, on_setattr=attrs.setters.NO_OP)
class OpenAIFileWaitParameters(CallbacksOf["OpenAIFileResult", "Progress"], OpenAIParameters):
    """
    Options of ``files.wait``.

    Attributes:
        poll_interval: Seconds between two looks. The first comes after half a second, unless 32 other calls look as
            often; pauses grow by half each time to *poll_interval*, and on to ten times that.

        max_wait: Seconds after which the call gives up.
    """

    poll_interval: float = attrs.field(default=1.0, validator=by(is_duration))
    max_wait: float = attrs.field(default=1800.0, validator=by(is_duration))


def _is_path(name: str, value: Any) -> None:
    if value is not None:
        require_path(name, value)


def _is_age(name: str, value: Any) -> None:
    if value is not None:
        is_duration(name, value)


@attrs.define(kw_only=True, on_setattr=attrs.setters.NO_OP)
class OpenAIFileDownloadParameters(CallbacksOf["OpenAIFileDownloadResult", "Progress"], OpenAIParameters):
    """
    Options of ``files.download``.

    Attributes:
        replace: ``True`` replaces a file in a folder, too, that has the name which the provider chose.
    """

    replace: bool = attrs.field(default=False, validator=by(is_flag))


def _is_position(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, not {type(value).__name__}")


@attrs.define(kw_only=True, on_setattr=attrs.setters.NO_OP)
class OpenAIFileStreamParameters(CallbacksOf["OpenAIFileStreamResult", "Progress"], OpenAIParameters):
    """
    Options of ``files.stream``: of the content, *start* to *end* comes, as of a slice ``content[start:end]``.

    Attributes:
        start: Number of the first byte, from 0 on; below zero it counts from the end of the file.

        end: Number of the byte after the last one; ``None`` for all to the end of the file.
    """

    start: int = attrs.field(default=0, validator=by(_is_position))
    end: int | None = attrs.field(default=None, validator=by(is_count))

    @end.validator
    def _fits(self, _: attrs.Attribute[Any], end: int | None) -> None:
        if end is not None and not 0 <= self.start < end:
            raise ValueError(
                f"end must be more than start, which must be 0 or more with it, not {self.start} and {end}"
            )


@attrs.define(kw_only=True, on_setattr=attrs.setters.NO_OP)
class OpenAIFileManyParameters(CallbacksOf["OpenAIFileManyResult", "OpenAIFileManyProgress"], EachFileParameters):
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

        follow_links: ``True`` takes also what links in a folder lead to outside of it, files and folders; otherwise
            they are left out, and a note says how many.

        skip_identical: ``True`` does not send what this account has already with this name, purpose and content, as
            far as aikit noted it when it was sent (with this option too), and the provider still has it.

        manifest: Path of a file that notes what becomes of each; given again, what is done is not sent again, unless
            it has changed or the provider has it no more. One call at a time writes it. In a folder that is sent it is
            left out.
    """

    at_a_time: int | None = attrs.field(default=None, validator=by(within(1, MAX_AT_A_TIME)))
    rate: int | None = attrs.field(default=None, validator=by(within(1, MAX_RATE)))
    recursive: bool = attrs.field(default=True, validator=by(is_flag))
    follow_links: bool = attrs.field(default=False, validator=by(is_flag))
    skip_identical: bool = attrs.field(default=False, validator=by(is_flag))
    manifest: str | os.PathLike[str] | None = attrs.field(default=None, validator=by(_is_path))


@attrs.define(kw_only=True, on_setattr=attrs.setters.NO_OP)
class OpenAIFileUsageParameters(
    CallbacksOf["OpenAIFileUsageResult", "OpenAIFileHousekeepingProgress"], OpenAIParameters
):
    """
    Options of ``files.usage``.

    Attributes:
        purpose: Only files of this purpose.

        expiring_within: Seconds; what expires in that time is counted as expiring soon, a week unless told.
    """

    purpose: str | None = attrs.field(default=None, validator=by(is_text))
    expiring_within: float = attrs.field(default=_WEEK_S, validator=by(is_duration))


@attrs.define(kw_only=True, on_setattr=attrs.setters.NO_OP)
class OpenAIFilePruneParameters(
    CallbacksOf["OpenAIFilePruneResult", "OpenAIFileHousekeepingProgress"], OpenAIParameters
):
    """
    Options of ``files.prune``: a file must fit all conditions given, and at least one must be given.

    Attributes:
        older_than: Seconds since it was created.

        purpose: Only files of this purpose.

        name: A pattern of names, such as ``"tmp-*"``, with ``*``, ``?`` and ``[…]``; case counts.

        unused: ``True`` takes only files that no batch names as input, output or errors: none that the provider lists,
            and none that was booked in this home. Without *older_than* it leaves files of the last hour, whose batch
            may be yet to come.

        dry_run: ``False`` deletes; otherwise the selected files are only listed.

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
