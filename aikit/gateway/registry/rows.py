"""
The rows of the registry as frozen values.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar

import attrs

from aikit.gateway.values import Principal

T = TypeVar("T")

_UNPRICED: Final[Any] = attrs.Factory(lambda row: int(row.cost is None), takes_self=True)


@attrs.frozen(kw_only=True)
class Page(Generic[T]):
    """
    A part of a list: its rows, and whether there are more behind them.
    """

    rows: tuple[T, ...]
    has_more: bool


@attrs.frozen(kw_only=True)
class FileRow:
    """
    A file at a provider, under the gateway's id.

    Attributes:
        owner: The token of the key that made it; ``None`` for the master key.

        role: ``"input"`` for what was uploaded, ``"output"`` or ``"error"`` for what a batch made.

        batch_id: The batch that made it.

        facts: What a look at its lines told: models, counts, tokens.

        body: The provider's object as it was seen last, with the provider's ids.
    """

    id: str
    deployment: str
    upstream_id: str
    owner: str | None
    purpose: str
    filename: str
    size_bytes: int
    created_at: int
    role: str = "input"
    batch_id: str | None = None
    facts: Mapping[str, Any] | None = None
    user: str | None = None
    tags: tuple[str, ...] = ()
    body: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class UploadRow:
    """
    A large file that comes in parts.
    """

    id: str
    deployment: str
    upstream_id: str
    owner: str | None
    created_at: int
    body: Mapping[str, Any] = attrs.field(factory=dict)
    facts: Mapping[str, Any] | None = None
    user: str | None = None
    tags: tuple[str, ...] = ()
    is_finished: bool = False


@attrs.frozen(kw_only=True)
class PartRow:
    """
    A part of an upload.
    """

    id: str
    upload_id: str
    upstream_id: str


@attrs.frozen(kw_only=True)
class BatchRow:
    """
    A batch at a provider, or one that the gateway runs itself.

    Attributes:
        upstream_id: ``None`` until the provider has answered.

        intent: The mark by which a batch is found whose creation had no answer.

        estimate: US dollars that it may cost; *cost* is what it did, and ``None`` where no price is known.

        is_booked: Whether its cost is in the books.

        next_poll_at: When to look after it, in seconds since 1970; ``None`` once that is over.

        fence: Number of the lease; who writes with an older one is refused.
    """

    id: str
    deployment: str
    upstream_id: str | None
    owner: str | None
    input_file_id: str
    endpoint: str
    created_at: int
    status: str
    output_file_id: str | None = None
    error_file_id: str | None = None
    body: Mapping[str, Any] = attrs.field(factory=dict)
    facts: Mapping[str, Any] | None = None
    intent: str | None = None
    estimate: Decimal | None = None
    cost: Decimal | None = None
    is_booked: bool = False
    user: str | None = None
    tags: tuple[str, ...] = ()
    next_poll_at: float | None = None
    leased_until: float | None = None
    leased_by: str | None = None
    fence: int = 0


@attrs.frozen(kw_only=True)
class Held:
    """
    What came of holding back the estimate of a batch.

    Attributes:
        row: As it is stored; another than the one that was given where that one's intent is there already.

        left: US dollars that the key has left, where it was not stored since they are too few.
    """

    row: BatchRow
    left: Decimal | None = None


@attrs.frozen(kw_only=True)
class KeyRow:
    """
    A key, of which only the hash is kept.

    Attributes:
        token: Who it is: SHA-256 of the key as it was made, in hexadecimal digits. It stays when the key is made anew.

        hash: SHA-256 of the key that is presented now.

        key_name: The key as it may be shown: ``sk-...abcd``.

        max_budget: US dollars; *spend* is what was spent since the period began.

        expires_at: Seconds since 1970; ``None`` for never.
    """

    token: str
    hash: str
    key_name: str = ""
    alias: str | None = None
    user_id: str | None = None
    team_id: str | None = None
    providers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    rpm_limit: int | None = None
    tpm_limit: int | None = None
    max_budget: Decimal | None = None
    spend: Decimal = Decimal(0)
    budget_duration: str | None = None
    budget_reset_at: float | None = None
    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    expires_at: float | None = None
    blocked: bool = False
    created_at: float = 0.0

    def is_expired(self, now: float) -> bool:
        """Return whether it is too late to use it."""
        return self.expires_at is not None and self.expires_at <= now

    def principal(self) -> Principal:
        """Return who calls with this key."""
        return Principal(
            token=self.token,
            alias=self.alias,
            user_id=self.user_id,
            team_id=self.team_id,
            providers=self.providers,
            models=self.models,
            purposes=self.purposes,
            rpm_limit=self.rpm_limit,
            tpm_limit=self.tpm_limit,
            max_budget=None if self.max_budget is None else float(self.max_budget),
            spend=float(self.spend),
            budget_duration=self.budget_duration,
            budget_reset_at=self.budget_reset_at,
            metadata=self.metadata,
        )


@attrs.frozen(kw_only=True)
class ModelSpend:
    """
    What one model did for a batch; *cost* is ``None`` where no price is known, and *unpriced* is 1 then.
    """

    model: str
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: Decimal | None = None
    unpriced: int = attrs.field(default=_UNPRICED)


@attrs.frozen(kw_only=True)
class SpendRow:
    """
    What was spent for a batch, or by how much a later, truer figure differs.

    Attributes:
        request_id: ``{batch_id}_batch_cost``, as LiteLLM has it.

        number: 0 for the booking, and from 1 on for corrections of it; sums over all are right.

        token: The key that pays; ``None`` for the master key. Booking a batch sets it to the batch's owner.

        end_user: For whom the caller said that it was.

        cost: US dollars; ``None`` where no price is known.

        is_lower_bound: Whether a price or a count was missing: it cost at least that.

        unpriced: 1 where no price is known, and -1 in the correction that tells it.

        started_at: Seconds since 1970; so are *ended_at* and *booked_at*.
    """

    request_id: str
    number: int = 0
    batch_id: str | None = None
    token: str | None = None
    user_id: str | None = None
    end_user: str | None = None
    team_id: str | None = None
    provider: str = ""
    deployment: str = ""
    call_type: str = "aretrieve_batch"
    tags: tuple[str, ...] = ()
    cost: Decimal | None = None
    is_lower_bound: bool = False
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    unpriced: int = attrs.field(default=_UNPRICED)
    models: tuple[ModelSpend, ...] = ()
    started_at: float | None = None
    ended_at: float | None = None
    booked_at: float = 0.0
    metadata: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Total:
    """
    A sum over spend rows: of a key, a model or a tag, or of all.

    Attributes:
        name: The token, model or tag; ``None`` for the master key.

        cost: US dollars of what has a price; ``None`` where nothing has.

        bookings: How many batches it is the sum of.

        unpriced: How many of the bookings have none, so far.
    """

    name: str | None
    cost: Decimal | None
    bookings: int = 0
    unpriced: int
    requests: int
    prompt_tokens: int
    completion_tokens: int
