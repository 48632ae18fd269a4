"""
What a caller may ask of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import attrs

from aikit.resources.batches.parameters import MAX_METADATA_PAIRS, dollars, is_cost, is_end, is_metadata
from aikit.runtime.callback_checks import CallbacksOf, require_callback, require_plain
from aikit.runtime.parameters import (
    OpenAIParameters,
    by,
    filled,
    is_duration,
    is_expiry,
    is_flag,
    is_text,
)
from aikit.types.batches import INTENT_KEY, PARENT_KEY
from aikit.types.costs import OpenAIBatchEstimate
from aikit.types.suggestions import nearest
from aikit.validation.body_parameters import known_parameters

if TYPE_CHECKING:
    from aikit.resources.batches.run.results import OpenAIBatchRunResult
    from aikit.types.batch_runs import OpenAIBatchRunProgress


def _is_question(name: str, value: Any) -> None:
    require_callback(name, value)
    require_plain(name, value, "pass a plain function, which returns the answer")


def _is_metadata(name: str, value: Any) -> None:
    """
    Check pairs that each batch of a run can carry, also one of lines that are sent again.
    """
    own = value.keys() - {INTENT_KEY, PARENT_KEY} if isinstance(value, Mapping) else ()
    if len(own) > MAX_METADATA_PAIRS - 2:
        raise ValueError(
            f"{name} must have at most {MAX_METADATA_PAIRS - 2} pairs, not {len(own)}: of the {MAX_METADATA_PAIRS} "
            f"that the provider takes, {INTENT_KEY} is one, by which a batch is never created twice, and {PARENT_KEY} "
            "one, which names the batch whose lines are sent again"
        )
    is_metadata(name, value)


def _is_body(name: str, value: Any) -> None:
    if value is not None and not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a mapping of parameters of each request, not {type(value).__name__}")
    if strange := [key for key in value or () if not isinstance(key, str)]:
        raise TypeError(f"{name} must have names of parameters as keys, not {strange[0]!r}")


@attrs.define(kw_only=True, on_setattr=attrs.setters.NO_OP)
class OpenAIBatchRunParameters(CallbacksOf["OpenAIBatchRunResult", "OpenAIBatchRunProgress"], OpenAIParameters):
    """
    Options of ``batches.run``.

    Attributes:
        metadata: As of ``batches.create``, for each batch of the run, but up to 14 pairs: what is sent again names the
            batch before it.

        output_expires_after: As of ``batches.create``, for each batch.

        confirm: Called with the `OpenAIBatchEstimate` before anything is sent; unless it returns true, the run ends
            with an error of code ``"not_confirmed"``. It runs where callbacks run; without any, in the caller's thread.

        max_cost: US dollars. Nothing is sent that may cost more, or whose cost is unknown.

        max_cost_of: As of ``batches.create``.

        again: ``True`` starts a new run, and pays for it, even if there was one before.

        resubmit: ``True`` sends the lines of a finished run again that are not ok, and joins all results.

        poll_interval: As of ``batches.wait``.

        max_wait: Likewise; the same call goes on with a run that took longer.

        prompt: The question about each row of a table, in which ``{column}`` stands for a cell, and ``{{`` and ``}}``
            for braces. A row that has nothing in any of these columns is not asked about.

        system: With *prompt*, the message before it, likewise.

        model: With *prompt*, the model asked.

        body: With *prompt*, further parameters of each request, such as ``{"temperature": 0}``.

        encoding: With *prompt*, that of a CSV file. Default: UTF-8, UTF-16 with its mark, or Windows-1252.

        delimiter: With *prompt*, what is between the cells of a CSV file. Default: the one with most columns.
    """

    metadata: dict[str, str] = attrs.field(default=None, validator=by(_is_metadata), converter=filled)
    output_expires_after: dict[str, Any] = attrs.field(default=None, validator=by(is_expiry), converter=filled)
    confirm: Callable[[OpenAIBatchEstimate], object] | None = attrs.field(
        default=None, validator=attrs.validators.optional(by(_is_question))
    )
    max_cost: Decimal | float | str | None = attrs.field(default=None, validator=by(is_cost), converter=dollars)
    max_cost_of: Literal["high", "low"] = attrs.field(default="high", validator=by(is_end))
    again: bool = attrs.field(default=False, validator=by(is_flag))
    resubmit: bool = attrs.field(default=False, validator=by(is_flag))
    poll_interval: float = attrs.field(default=10.0, validator=by(is_duration))
    max_wait: float = attrs.field(default=172_800.0, validator=by(is_duration))
    prompt: str | None = attrs.field(default=None, validator=by(is_text))
    system: str | None = attrs.field(default=None, validator=by(is_text))
    model: str | None = attrs.field(default=None, validator=by(is_text))
    body: dict[str, Any] = attrs.field(default=None, validator=by(_is_body), converter=filled)
    encoding: str | None = attrs.field(default=None, validator=by(is_text))
    delimiter: str | None = attrs.field(default=None, validator=by(is_text))

    @classmethod
    def _hint_for(cls, name: str) -> str:
        known = known_parameters("/v1/chat/completions") - {field.name for field in attrs.fields(cls)}
        meant = name if name in known else nearest(name, known, 0.85)
        return "" if meant is None else f"; a parameter of the requests goes into body: body={{{meant!r}: …}}"
