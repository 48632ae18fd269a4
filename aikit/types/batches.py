"""
Batches, as frozen values: what is asked for, what a provider keeps of it, and how far it has come.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import attrs

from aikit.types.error_words import read_error
from aikit.types.json_form import Jsonable, as_json
from aikit.types.page import Page
from aikit.types.wire import NOTHING, others, read_fields, text, unix_time, whole_number

INTENT_KEY: Final = "aikit_intent"
"""Key of the pair of metadata by which a batch is found whose creation was not answered."""

PARENT_KEY: Final = "aikit_parent"
"""Key of the pair of metadata that names the batch whose rest a batch is."""

REFUSED_TO_STOP: Final = frozenset((400, 409))
"""Statuses with which the cancelling of a batch that is over is refused: OpenAI says 409, others 400."""

_ENDED: Final = frozenset(("completed", "failed", "expired", "cancelled"))
_REQUIRED: Final = {
    "id": text,
    "endpoint": text,
    "input_file_id": text,
    "completion_window": text,
    "status": text,
    "created_at": unix_time,
}
_ALIKE: Final = ("endpoint", "completion_window", "status")
_SHORT: Final = 64
_TEXTS_FIRST: Final = ("object", "id", "endpoint", "model", "input_file_id", "completion_window", "status")
_TEXTS: Final = ("model", "output_file_id", "error_file_id")
TIMES: Final = (
    "in_progress_at",
    "expires_at",
    "finalizing_at",
    "completed_at",
    "failed_at",
    "expired_at",
    "cancelling_at",
    "cancelled_at",
)


@attrs.frozen(kw_only=True)
class BatchOrder:
    """
    What a batch is to be.

    Attributes:
        intent: Unique to this order; sent as one pair of the metadata.

        extra: Further fields.
    """

    input_file_id: str
    endpoint: str
    completion_window: str = "24h"
    metadata: Mapping[str, str] = attrs.field(default=NOTHING, hash=False)
    output_expires_after: Mapping[str, Any] | None = attrs.field(default=None, hash=False)
    intent: str
    extra: Mapping[str, Any] = attrs.field(default=NOTHING, hash=False)

    def to_wire(self) -> dict[str, Any]:
        """
        Return it as OpenAI wants it.
        """
        order: dict[str, Any] = {
            "input_file_id": self.input_file_id,
            "endpoint": self.endpoint,
            "completion_window": self.completion_window,
            "metadata": {**self.metadata, INTENT_KEY: self.intent},
        }
        if self.output_expires_after is not None:
            order["output_expires_after"] = dict(self.output_expires_after)
        return {**order, **self.extra}


@attrs.frozen
class OpenAIBatchError(Jsonable):
    """
    Why a batch was not begun: one problem of its input file.

    Attributes:
        code: Stable name of the problem, for example ``"duplicate_custom_id"``.

        message: The provider's words.

        param: The field at fault, for example ``"body.model"``.

        line: 1-based line of the input file.
    """

    code: str | None = None
    message: str = ""
    param: str | None = None
    line: int | None = None


@attrs.frozen
class OpenAIBatchRequestCounts(Jsonable):
    """
    How many requests of a batch are where; all 0 until the batch is in progress.

    Attributes:
        total: Requests in the input file.

        completed: Those that succeeded.

        failed: Those that did not.
    """

    total: int = 0
    completed: int = 0
    failed: int = 0


@attrs.frozen(kw_only=True)
class OpenAIBatch(Jsonable):
    """
    A batch that a provider works on, or has worked on.

    Attributes:
        id: What other calls name it by.

        endpoint: What each line of the input asks, for example ``"/v1/chat/completions"``.

        input_file_id: The file with the requests.

        completion_window: By when it is to be done, ``"24h"``.

        status: ``"validating"``, ``"in_progress"``, ``"finalizing"``, ``"completed"``, ``"failed"``, ``"expired"``,
            ``"cancelling"`` or ``"cancelled"``; others may come from other providers.

        created_at: Unix seconds, as all times here; ``None`` for what has not come about.

        model: The model asked, where the provider tells.

        errors: Why *status* is ``"failed"``; what became of single requests is in the error file.

        output_file_id: The file with the answers; ``None`` while, and if, there are none.

        error_file_id: The file with the requests that failed or were not done; ``None`` if there are none.

        in_progress_at: When its requests began to be worked on.

        expires_at: When it is given up.

        finalizing_at: When its requests were done and its files began to be written.

        completed_at: When it was complete.

        failed_at: When it failed.

        expired_at: When it was given up.

        cancelling_at: When it was asked to stop.

        cancelled_at: When it had stopped.

        request_counts: How many requests are where.

        usage: Tokens, as the provider counts them: ``input_tokens``, ``output_tokens``, ``total_tokens``, details.

        metadata: The caller's own pairs, and ``"aikit_intent"`` where aikit created it.

        object: Always ``"batch"``.

        extra: Fields the provider sent that are not among these.
    """

    # https://developers.openai.com/api/reference/resources/batches (read 2026-11-21)

    id: str
    endpoint: str
    input_file_id: str
    completion_window: str
    status: str
    created_at: int
    model: str | None = None
    errors: tuple[OpenAIBatchError, ...] = ()
    output_file_id: str | None = None
    error_file_id: str | None = None
    in_progress_at: int | None = None
    expires_at: int | None = None
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    expired_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None
    request_counts: OpenAIBatchRequestCounts = OpenAIBatchRequestCounts()
    usage: Mapping[str, Any] | None = attrs.field(default=None, hash=False)
    metadata: Mapping[str, str] = attrs.field(default=NOTHING, hash=False)
    object: str = "batch"
    extra: Mapping[str, Any] = attrs.field(default=NOTHING, hash=False)

    @property
    def is_ended(self) -> bool:
        """Whether it is over: completed, failed, expired or cancelled; an unknown status is not."""
        return self.status in _ENDED

    @classmethod
    def from_wire(cls, data: Any) -> OpenAIBatch:
        """
        Read a provider's Batch object.

        Raises:
            OpenAIError: It is no Batch object (code ``"invalid_response"``).
        """
        fields = read_fields("Batch", data, _REQUIRED)
        fields |= {name: _shared(fields[name]) for name in _ALIKE if len(fields[name]) <= _SHORT}
        get = data.get
        return cls(
            **fields,
            **_optional(data),
            errors=_errors(get("errors")),
            request_counts=_counts(get("request_counts")),
            usage=get("usage") if isinstance(get("usage"), dict) else None,
            metadata=_metadata(get("metadata")),
            extra=others(data, _KEYS),
        )

    def to_dict(self) -> dict[str, Any]:
        """
        Return it as the API gives it, fields that we do not know included.
        """
        names = (*_TEXTS_FIRST, "output_file_id", "error_file_id", "created_at", *TIMES)
        values: dict[str, Any] = {name: getattr(self, name) for name in names}
        if self.errors:
            values["errors"] = {"object": "list", "data": [error.to_dict() for error in self.errors]}
        values |= {"request_counts": self.request_counts.to_dict(), "usage": self.usage}
        values["metadata"] = dict(self.metadata) or None
        return {name: as_json(value) for name, value in values.items() if value is not None} | dict(as_json(self.extra))


class BatchPage(Page[OpenAIBatch]):
    """
    One page of a list of batches.
    """

    __slots__ = ()

    @property
    def batches(self) -> tuple[OpenAIBatch, ...]:
        """The batches, in the order the provider gave."""
        return self.items

    @classmethod
    def from_wire(cls, data: Any) -> BatchPage:
        """
        Read one page of batches.

        Raises:
            OpenAIError: It is no list of batches (code ``"invalid_response"``).
        """
        return cls.read(data, OpenAIBatch.from_wire)


@attrs.frozen
class OpenAIBatchProgress(Jsonable):
    """
    How far a batch has come that is waited for.

    Attributes:
        batch: As the provider last told.

        done: Requests that are through, whether they succeeded or not; never less than in an earlier report.
    """

    batch: OpenAIBatch
    done: int = 0

    @property
    def phase(self) -> str:
        """The batch's status."""
        return self.batch.status

    @property
    def total(self) -> int | None:
        """Requests in all; ``None`` while the provider does not tell."""
        return self.batch.request_counts.total or None

    @property
    def fraction(self) -> float | None:
        """Between 0 and 1; ``None`` while the total is unknown."""
        return min(self.done / self.total, 1.0) if self.total else None


_KEYS: Final = frozenset(field.name for field in attrs.fields(OpenAIBatch)) - {"extra"}


@lru_cache(maxsize=64)
def _shared(value: str) -> str:
    """
    Return *value*, the same string for all batches that have it: thousands may be waited for.
    """
    return value


def _optional(data: Mapping[str, Any]) -> dict[str, Any]:
    texts: dict[str, Any] = {name: _text(data.get(name)) for name in _TEXTS}
    return texts | {name: unix_time(data.get(name)) for name in TIMES}


def _text(value: Any) -> str | None:
    """
    Return a string; an empty one, as some servers send for a file there is not, is none.
    """
    return value if isinstance(value, str) and value else None


def _errors(value: Any) -> tuple[OpenAIBatchError, ...]:
    entries = value.get("data", value or None) if isinstance(value, dict) else value
    entries = [entries] if isinstance(entries, dict) else entries  # one alone, as Azure's specification has it
    read = map(_error, entries) if isinstance(entries, list) else ()
    return tuple(error for error in read if error is not None)


def _error(entry: Any) -> OpenAIBatchError | None:
    """
    Return what *entry* says, in whatever shape; ``None`` if it is neither an object nor words.
    """
    if not isinstance(entry, dict | str):
        return None
    words, line = read_error(entry), whole_number(entry.get("line")) if isinstance(entry, dict) else None
    return OpenAIBatchError(words.code, words.message, words.param, line)


def _counts(value: Any) -> OpenAIBatchRequestCounts:
    get = value.get if isinstance(value, dict) else {}.get
    return OpenAIBatchRequestCounts(*(whole_number(get(name)) or 0 for name in ("total", "completed", "failed")))


def _metadata(value: Any) -> Mapping[str, str]:
    return value if isinstance(value, dict) and value else NOTHING
