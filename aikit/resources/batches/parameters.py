"""
What a caller may ask of a call about batches.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from aikit.billing.price_overrides import checked_prices
from aikit.runtime.callback_checks import CallbacksOf
from aikit.runtime.extra_fields import fits_beside
from aikit.runtime.parameters import (
    OpenAIParameters,
    by,
    filled,
    is_duration,
    is_expiry,
    is_flag,
    is_text,
    within,
)
from aikit.types.batches import INTENT_KEY

if TYPE_CHECKING:
    from aikit.resources.batches.results import OpenAIBatchListResult, OpenAIBatchResult, OpenAIBatchRowsResult
    from aikit.types.batches import OpenAIBatchProgress
    from aikit.types.progress import Progress

MAX_BATCH_LIST_LIMIT: Final = 100
_SAID: Final = ("input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after")
MAX_METADATA_PAIRS: Final = 16
MAX_METADATA_KEY: Final = 64
MAX_METADATA_VALUE: Final = 512


def _is_window(name: str, value: Any) -> None:
    if value is None:
        raise TypeError(f'{name} must be a string, not None; leave it out for "24h"')
    is_text(name, value)


def is_metadata(name: str, value: Any) -> None:
    """
    Check pairs of strings to keep with a batch.
    """
    # https://developers.openai.com/api/reference/resources/batches/methods/create (read 2026-11-21)
    if value is None:
        return
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a mapping of strings, not {type(value).__name__}")
    own = value.keys() - {INTENT_KEY}
    if len(own) >= MAX_METADATA_PAIRS:
        raise ValueError(
            f"{name} must have at most {MAX_METADATA_PAIRS - 1} pairs, not {len(own)}: of the {MAX_METADATA_PAIRS} "
            f"that the provider takes, {INTENT_KEY} is one, by which a batch is never created twice"
        )
    for key, text in value.items():
        _is_pair(name, key, text)


def _is_intent(name: str, value: Any) -> None:
    is_text(name, value)
    if value is not None and len(value) > MAX_METADATA_VALUE:
        raise ValueError(f"{name} has {len(value):,} characters; at most {MAX_METADATA_VALUE} are allowed")


def _is_wait(name: str, value: Any) -> None:
    if value is not None:
        is_duration(name, value)


def _is_path(name: str, value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, str | bytes | os.PathLike):
        raise TypeError(f"{name} must be a path, not {type(value).__name__}")
    path = os.fspath(value)
    if not isinstance(path, str):
        raise TypeError(f"{name} must be a path as str, not bytes; use os.fsdecode(path)")
    if not path or "\0" in path:
        raise ValueError(f"{name} must not be empty, and have no NUL character")


def _is_window_or_parents(name: str, value: Any) -> None:
    if value != "":
        _is_window(name, value)


def dollars(value: Decimal | float | str | None) -> Any:
    """
    Return a number of dollars exactly as it was written.
    """
    is_number = isinstance(value, int | float | str) and not isinstance(value, bool)
    try:
        return Decimal(str(value)) if is_number else value
    except InvalidOperation:
        return value


def is_cost(name: str, value: Any) -> None:
    """
    Check a number of US dollars.
    """
    if value is None:
        return
    if not isinstance(value, Decimal | str):
        raise TypeError(f"{name} must be a number of US dollars, not {type(value).__name__}")
    if isinstance(value, str) or not value.is_finite() or value < 0:
        raise ValueError(f"{name} must be a number of US dollars from 0, not {str(value)!r}")


def _are_prices(name: str, value: Any) -> None:
    if value is not None:
        checked_prices(name, value)


def is_end(name: str, value: Any) -> None:
    """
    Check the name of an end of an estimate.
    """
    if value not in ("high", "low"):
        raise ValueError(f'{name} must be "high" or "low", not {value!r}')


def _is_pair(name: str, key: Any, text: Any) -> None:
    if not isinstance(key, str) or not isinstance(text, str):
        raise TypeError(f"{name} must map strings to strings; {key!r} does not")
    if not 0 < len(key) <= MAX_METADATA_KEY:
        raise ValueError(f"{name} has the key {key!r}; keys have 1 to {MAX_METADATA_KEY} characters")
    if len(text) > MAX_METADATA_VALUE:
        raise ValueError(
            f"{name} has a value of {len(text):,} characters under {key!r}; at most {MAX_METADATA_VALUE} are allowed"
        )
    if any("\ud800" <= char <= "\udfff" for char in key + text):
        raise ValueError(f"{name} has a lone surrogate in {key!r} or its value, which nothing can carry")


@attrs.define(kw_only=True, on_setattr=attrs.setters.NO_OP)
class BatchCreationParameters(CallbacksOf["OpenAIBatchResult", "Progress"], OpenAIParameters):
    """
    Options of the creation of a batch, from an input or from what another batch left.

    Attributes:
        completion_window: By when it is to be done; OpenAI knows ``"24h"`` only.

        metadata: Up to 15 pairs of strings to keep with the batch, keys to 64 characters, values to 512. Of the 16
            that providers take, one, ``"aikit_intent"``, is how the batch is found if the answer is lost.

        output_expires_after: ``{"anchor": "created_at", "seconds": N}``, N from 3,600 to 2,592,000 seconds after the
            output file's creation.

        validate: ``False`` sends it unchecked.

        intent: What the batch is for, in the caller's words, to 512 characters: if one of the newest 1,000 batches
            carries it, whatever became of that, it is returned, and none is created. One that failed for want of room
            before it began does not count.

        intent_is_new: Whether *intent* was never used before, and no other process uses it: it is not looked for before
            the batch is created, and after it only where the answer was lost.

        max_queue_wait: Seconds for which a batch is asked for again, after a minute at first and after half an hour at
            most, while too many tokens are enqueued; it is then waited for until it has begun. Without it, none.

        max_cost: US dollars. The input is fetched and estimated first, and nothing is created that may cost more, or
            whose cost is unknown: no price, or nothing that bounds prompts and answers.

        max_cost_of: Which end of the estimate must not be above *max_cost*: ``"high"``, or ``"low"`` for inputs whose
            answers have no bound.

        extra_body: Further fields of the order, for servers that take some.
    """

    completion_window: str = attrs.field(default="24h", validator=by(_is_window))
    metadata: dict[str, str] = attrs.field(default=None, validator=by(is_metadata), converter=filled)
    output_expires_after: dict[str, Any] = attrs.field(default=None, validator=by(is_expiry), converter=filled)
    validate: bool = attrs.field(default=True, validator=by(is_flag))
    intent: str | None = attrs.field(default=None, validator=by(_is_intent))
    intent_is_new: bool = attrs.field(default=False, validator=by(is_flag))
    max_queue_wait: float | None = attrs.field(default=None, validator=by(_is_wait))
    max_cost: Decimal | float | str | None = attrs.field(default=None, validator=by(is_cost), converter=dollars)
    max_cost_of: Literal["high", "low"] = attrs.field(default="high", validator=by(is_end))
    extra_body: dict[str, Any] = attrs.field(
        default=None, validator=by(fits_beside(_SAID)), converter=filled, repr=False
    )


@attrs.define(kw_only=True, on_setattr=attrs.setters.NO_OP)
class OpenAIBatchParameters(BatchCreationParameters):
    """
    Options of ``batches.create``.
    """


@attrs.define(kw_only=True, on_setattr=attrs.setters.NO_OP)
class OpenAIBatchPricesParameters(CallbacksOf[Any, "Progress"], OpenAIParameters):
    """
    Options of ``batches.estimate``, ``batches.cost`` and ``batches.prices``.

    Attributes:
        prices: As those of `OpenAIClient`, which they win over.
    """

    prices: dict[str, Any] = attrs.field(default=None, validator=by(_are_prices), converter=filled)


@attrs.define(kw_only=True, on_setattr=attrs.setters.NO_OP)
class OpenAIBatchListParameters(CallbacksOf["OpenAIBatchListResult", "Progress"], OpenAIParameters):
    """
    Options of ``batches.list``; its order is the provider's, newest first.

    Attributes:
        after: Id of the last batch of the page before.

        limit: Batches on a page, 1 to 100; the provider's own default is 20.

        all_pages: ``True`` fetches page after page into one result.
    """

    after: str | None = attrs.field(default=None, validator=by(is_text))
    limit: int | None = attrs.field(default=None, validator=by(within(1, MAX_BATCH_LIST_LIMIT)))
    all_pages: bool = attrs.field(default=False, validator=by(is_flag))

    def query(self) -> dict[str, str | int]:
        """
        Return what goes into the URL.
        """
        values = {"after": self.after, "limit": self.limit}
        return {name: value for name, value in values.items() if value is not None}


@attrs.define(kw_only=True, on_setattr=attrs.setters.NO_OP)
class OpenAIBatchWaitParameters(CallbacksOf["OpenAIBatchResult", "OpenAIBatchProgress"], OpenAIParameters):
    """
    Options of ``batches.wait``.

    Attributes:
        poll_interval: Seconds between two looks. The first comes after half a second, unless 32 other calls look as
            often; pauses grow by half each time to *poll_interval*, and on to ten times that.

        max_wait: Seconds after which the call gives up; the default is two days, twice the usual window. An answer that
            is under way then may still come, within *timeout* and *max_wait* (or five seconds) more.

        max_retries: Has no say here: what fails is asked again until the time is over.
    """

    poll_interval: float = attrs.field(default=10.0, validator=by(is_duration))
    max_wait: float = attrs.field(default=172_800.0, validator=by(is_duration))


@attrs.define(kw_only=True, on_setattr=attrs.setters.NO_OP)
class OpenAIBatchRowsParameters(CallbacksOf["OpenAIBatchRowsResult", "Progress"], OpenAIParameters):
    """
    Options of ``batches.results``.

    Attributes:
        input_file: Path of the input on this machine; without it, it is fetched from the provider, which keeps it for
            30 days. It must stay as it is while rows are read.

        with_lineage: ``True`` follows ``batches.resubmit`` back to the first batch: one row for each line of *its*
            input, with the newest answer; what is ok is not replaced by a later failure.
    """

    input_file: str | os.PathLike[str] | None = attrs.field(default=None, validator=by(_is_path))
    with_lineage: bool = attrs.field(default=False, validator=by(is_flag))


@attrs.define(kw_only=True, on_setattr=attrs.setters.NO_OP)
class OpenAIBatchResubmitParameters(BatchCreationParameters):
    """
    Options of ``batches.resubmit``: those of ``batches.create``, and *input_file*.

    Attributes:
        completion_window: Without it, that of the parent.

        metadata: Added to what the caller gave the parent.

        input_file: Path of the parent's input on this machine; without it, it is fetched from the provider.
    """

    completion_window: str = attrs.field(default="", validator=by(_is_window_or_parents))
    input_file: str | os.PathLike[str] | None = attrs.field(default=None, validator=by(_is_path))
