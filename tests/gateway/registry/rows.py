"""
Rows for tests, and who asks for them.
"""

from __future__ import annotations

import hashlib
import itertools
from decimal import Decimal
from typing import Any, Final

import attrs

from aikit.gateway.registry.keys import hash_of
from aikit.gateway.registry.rows import BatchRow, FileRow, KeyRow, ModelSpend, SpendRow
from aikit.gateway.values import Principal

MASTER: Final = Principal()
ANA: Final = Principal(token=hashlib.sha256(b"sk-ana").hexdigest())
BEN: Final = Principal(token=hashlib.sha256(b"sk-ben").hexdigest())
_numbers: Final = itertools.count(1)


@attrs.define
class Clock:
    """
    Seconds since 1970 that stand still until a test sets them.
    """

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def file(**changes: Any) -> FileRow:
    """Return a file of Ana's."""
    number = next(_numbers)
    row = FileRow(
        id=f"file-{number:024d}",
        deployment="openai",
        upstream_id=f"file-up{number}",
        owner=ANA.token,
        purpose="batch",
        filename="lines.jsonl",
        size_bytes=12,
        created_at=1_800_000_000,
    )
    return attrs.evolve(row, **changes)


def batch(**changes: Any) -> BatchRow:
    """Return a batch of Ana's that is due."""
    number = next(_numbers)
    row = BatchRow(
        id=f"batch_{number:024d}",
        deployment="openai",
        upstream_id=f"batch_up{number}",
        owner=ANA.token,
        input_file_id="file-1",
        endpoint="/v1/chat/completions",
        created_at=1_800_000_000,
        status="in_progress",
        next_poll_at=1_800_000_000.0,
    )
    return attrs.evolve(row, **changes)


def key(name: str = "sk-ana", **changes: Any) -> KeyRow:
    """Return a key."""
    return attrs.evolve(KeyRow(token=hash_of(name), hash=hash_of(name), key_name="sk-..."), **changes)


def spend(batch_id: str, cost: str | None = "0.5", **changes: Any) -> SpendRow:
    """Return what a batch cost."""
    amount = None if cost is None else Decimal(cost)
    model = ModelSpend(model="gpt-5-mini", requests=2, prompt_tokens=10, completion_tokens=5, cost=amount)
    row = SpendRow(
        request_id=f"{batch_id}_batch_cost",
        batch_id=batch_id,
        provider="openai",
        deployment="openai",
        cost=amount,
        requests=2,
        prompt_tokens=10,
        completion_tokens=5,
        models=(model,),
    )
    return attrs.evolve(row, **changes)
