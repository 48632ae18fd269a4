"""
The table of the ledger: its versions, and events as its rows.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

from aikit.types.batches import OpenAIBatchRequestCounts
from aikit.types.costs import OpenAIModelCost
from aikit.types.events import OpenAIBatchEvent
from aikit.types.usage import Usage
from aikit.types.wire import NOTHING

_TABLE: Final = """
    CREATE TABLE {name} (
        seq INTEGER PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ({kinds})),
        address TEXT NOT NULL,
        batch_id TEXT NOT NULL,
        provider TEXT NOT NULL,
        at INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        booked_at INTEGER NOT NULL,
        status TEXT NOT NULL,
        endpoint TEXT NOT NULL,
        input_file_id TEXT NOT NULL,
        model TEXT,
        total INTEGER NOT NULL,
        completed INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        input_tokens INTEGER,
        cached_tokens INTEGER,
        output_tokens INTEGER,
        reasoning_tokens INTEGER,
        cost TEXT,
        is_lower_bound INTEGER NOT NULL,
        models TEXT NOT NULL,
        metadata TEXT NOT NULL{unique}
    )
"""
MIGRATIONS: Final = (
    (
        _TABLE.format(name="events", kinds="'created', 'ended'", unique=", UNIQUE (address, batch_id, kind)"),
        "CREATE INDEX events_at ON events (at)",
    ),
    (
        _TABLE.format(name="more", kinds="'created', 'ended', 'corrected'", unique=""),
        "INSERT INTO more SELECT * FROM events",
        "DROP TABLE events",
        "ALTER TABLE more RENAME TO events",
        "CREATE INDEX events_at ON events (at)",
        "CREATE INDEX events_of ON events (batch_id)",
        "CREATE UNIQUE INDEX events_once ON events (address, batch_id, kind) WHERE kind <> 'corrected'",
    ),
)

_PLAIN: Final = (
    "kind",
    "address",
    "batch_id",
    "provider",
    "at",
    "created_at",
    "booked_at",
    "status",
    "endpoint",
    "input_file_id",
    "model",
)
_COUNTS: Final = ("total", "completed", "failed")
_TOKENS: Final = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
_NUMBERS: Final = frozenset(("at", "created_at", "booked_at", *_COUNTS, *_TOKENS, "is_lower_bound"))
COLUMNS: Final = (*_PLAIN, *_COUNTS, *_TOKENS, "cost", "is_lower_bound", "models", "metadata")


def row_of(event: OpenAIBatchEvent) -> tuple[Any, ...]:
    """
    Return *event* as a row of `COLUMNS`.
    """
    return (
        *(_stored(getattr(event, name)) for name in _PLAIN),
        *(_stored(getattr(event.request_counts, name)) for name in _COUNTS),
        *(None if event.usage is None else _stored(getattr(event.usage, name)) for name in _TOKENS),
        _written(event.cost),
        event.is_lower_bound,
        json.dumps([_model_to_json(model) for model in event.models]),
        json.dumps(dict(event.metadata)),
    )


def _stored(value: Any) -> Any:
    """
    Return *value* as SQLite can store it: integers of 64 bits, text without lone surrogates.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return max(-(2**63), min(value, 2**63 - 1)) if isinstance(value, int) else value


def event_of(row: tuple[Any, ...]) -> OpenAIBatchEvent:
    """
    Return the event of a row of `COLUMNS`.

    Raises:
        ArithmeticError, LookupError, RecursionError, TypeError, ValueError: Some other program wrote it.
    """
    values = dict(zip(COLUMNS, row, strict=True))
    for name, value in values.items():
        if value is not None and type(value) is not (int if name in _NUMBERS else str):
            raise TypeError(f"{name} is of type {type(value).__name__}")
    tokens = {name: values[name] for name in _TOKENS}
    models = tuple(_model_from_json(model) for model in json.loads(values["models"]))
    others = sum((model.usage for model in models), Usage()).other_tokens
    return OpenAIBatchEvent(
        **{name: values[name] for name in _PLAIN},
        request_counts=OpenAIBatchRequestCounts(*(values[name] for name in _COUNTS)),
        usage=None if tokens["input_tokens"] is None else Usage(**tokens, other_tokens=others),
        cost=_decimal(values["cost"]),
        is_lower_bound=bool(values["is_lower_bound"]),
        models=models,
        metadata=dict(json.loads(values["metadata"])),
    )


def _written(cost: Decimal | None) -> str | None:
    """
    Return *cost* as text without an exponent.
    """
    return None if cost is None else f"{cost:f}"


def _decimal(text: str | None) -> Decimal | None:
    cost = None if text is None else Decimal(text)
    if cost is not None and not cost.is_finite():
        raise ValueError(f"a cost is {cost}")
    return cost


def _model_to_json(model: OpenAIModelCost) -> dict[str, Any]:
    tokens = {name: getattr(model.usage, name) for name in _TOKENS}
    return {
        "model": model.model,
        "requests": model.requests,
        **tokens,
        "cost": _written(model.cost),
        **({"other_tokens": dict(model.usage.other_tokens)} if model.usage.other_tokens else {}),
        **({"is_lower_bound": True} if model.is_lower_bound else {}),
    }


def _model_from_json(data: dict[str, Any]) -> OpenAIModelCost:
    usage = Usage(**{name: data[name] for name in _TOKENS}, other_tokens=data.get("other_tokens") or NOTHING)
    return OpenAIModelCost(
        model=data["model"],
        requests=data["requests"],
        usage=usage,
        cost=_decimal(data["cost"]),
        is_lower_bound=data.get("is_lower_bound", False),
    )
