"""
Taking over what LiteLLM knows: its virtual keys, which go on working, and sums of what they spent.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import attrs

from aikit.gateway.registry.errors import DuplicateError
from aikit.gateway.registry.keys import hash_of, masked
from aikit.gateway.registry.periods import seconds_of
from aikit.gateway.registry.registry import Registry
from aikit.gateway.registry.rows import KeyRow, ModelSpend, SpendRow

Row = Mapping[str, Any]

_HASH: Final = re.compile("[0-9a-f]{64}", re.ASCII)
_DASHBOARD: Final = "litellm-dashboard"
_ALL: Final = "all-proxy-models"
_ALL_OF_TEAM: Final = "all-team-models"
_ROUTES: Final = re.compile(r"(llm_api_routes|openai_routes|\*|/\*|(/v1|/v1/.*)|/(v1/)?(files|batches)(/.*|\*)?)")


@attrs.define(kw_only=True)
class Taken:
    """
    What was taken over.

    Attributes:
        added: How many keys.

        known: How many were there already; they are left as they are.

        left: Keys that were left out, each with the reason.

        notes: What is different of a key that was added.
    """

    added: int = 0
    known: int = 0
    left: list[str] = attrs.field(factory=list)
    notes: list[str] = attrs.field(factory=list)


def take_keys(registry: Registry, rows: Iterable[Row], *, is_trial: bool = False) -> Taken:
    """
    Store the keys of LiteLLM's table ``LiteLLM_VerificationToken``; those that are there already stay as they are.

    Args:
        registry: Where they are stored.

        rows: Of the table, each column by its name.

        is_trial: Only tell what would come of it.
    """
    taken = Taken()
    for row in rows:
        name = _name_of(row)
        try:
            key = key_of(row)
            if registry.keys.find(key.token) is not None:
                taken.known += 1
                continue
            if not is_trial:
                _store(registry, key, name, taken)
        except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
            taken.left.append(f"{name}: {error}")
            continue
        taken.added += 1
        taken.notes += [f"{name}: {note}" for note in _notes(row)]
    return taken


def _store(registry: Registry, key: KeyRow, name: str, taken: Taken) -> None:
    try:
        registry.keys.add(key)
    except DuplicateError:
        registry.keys.add(attrs.evolve(key, alias=None))
        taken.notes.append(f"{name}: another key has its alias, so it has none")


def key_of(row: Row) -> KeyRow:
    """
    Return the key of a row.

    Raises:
        ValueError: It is none that could be used here; the text says why.
    """
    token = str(row.get("token") or "")
    key_name = row.get("key_name")
    if token.startswith("sk-"):  # as long ago, before keys were hashed
        token, key_name = hash_of(token), masked(token)
    if not _HASH.fullmatch(token):
        raise ValueError("its token is no SHA-256")
    if row.get("team_id") == _DASHBOARD:
        raise ValueError("it is a session of LiteLLM's pages")
    if (routes := _texts(row.get("allowed_routes"))) and not any(_ROUTES.fullmatch(route) for route in routes):
        raise ValueError(f"it opens neither files nor batches, but {', '.join(routes)}")
    if (duration := row.get("budget_duration") or None) is not None:
        seconds_of(duration)
    return KeyRow(
        token=token,
        hash=token,
        key_name=str(key_name or "sk-..."),
        alias=row.get("key_alias") or None,
        user_id=row.get("user_id") or None,
        team_id=row.get("team_id") or None,
        models=_models(row),
        rpm_limit=_whole(row.get("rpm_limit")),
        tpm_limit=_whole(row.get("tpm_limit")),
        max_budget=_amount(row.get("max_budget")),
        spend=_amount(row.get("spend")) or Decimal(0),
        budget_duration=duration,
        budget_reset_at=_moment(row.get("budget_reset_at")) if duration else None,
        metadata=_metadata(row),
        expires_at=_moment(row.get("expires")),
        blocked=_is_true(row.get("blocked")) or _is_true(row.get("team_blocked")),
        created_at=_moment(row.get("created_at")) or 0.0,
    )


def take_spend(registry: Registry, rows: Iterable[Row]) -> int:
    """
    Store sums of LiteLLM's table ``LiteLLM_SpendLogs``, by key and model; return for how many keys.

    They show in logs and totals. Keys are not charged again: what they spent came with them. A second time changes
    nothing.
    """
    sums: dict[str | None, dict[str, ModelSpend]] = {}
    ends: dict[str | None, float] = {}
    for row in rows:
        token = str(row.get("api_key") or "")
        name = token if _HASH.fullmatch(token) else None
        model, models = str(row.get("model") or ""), sums.setdefault(name, {})
        models[model] = _more(models.get(model, ModelSpend(model=model, cost=Decimal(0))), row)
        ends[name] = max(ends.get(name, 0.0), _moment(row.get("endTime")) or 0.0)
    return sum(registry.spend.add(_sum_of(name, tuple(models.values()), ends[name])) for name, models in sums.items())


def _more(model: ModelSpend, row: Row) -> ModelSpend:
    return attrs.evolve(
        model,
        requests=model.requests + (_whole(row.get("requests")) or 1),
        prompt_tokens=model.prompt_tokens + (_whole(row.get("prompt_tokens")) or 0),
        completion_tokens=model.completion_tokens + (_whole(row.get("completion_tokens")) or 0),
        cost=(model.cost or Decimal(0)) + (_amount(row.get("spend")) or Decimal(0)),
    )


def _sum_of(token: str | None, models: tuple[ModelSpend, ...], ended_at: float) -> SpendRow:
    return SpendRow(
        request_id=f"litellm_{token or 'master_key'}",
        token=token,
        call_type="litellm_import",
        cost=sum((model.cost or Decimal(0) for model in models), Decimal(0)),
        requests=sum(model.requests for model in models),
        prompt_tokens=sum(model.prompt_tokens for model in models),
        completion_tokens=sum(model.completion_tokens for model in models),
        models=models,
        ended_at=ended_at,
        booked_at=ended_at,
    )


def _name_of(row: Row) -> str:
    return str(row.get("key_alias") or row.get("key_name") or f"token {str(row.get('token'))[:8]}…")


def _notes(row: Row) -> list[str]:
    notes = []
    if row.get("budget_id") and row.get("max_budget") in {None, ""}:
        notes.append("its budget is in LiteLLM's table of budgets, which is not here; it has none")
    if _ALL_OF_TEAM in _texts(row.get("models")) and row.get("team_models") is None:
        notes.append("it may use its team's models, which are not told here; so it may use none until it is updated")
    return notes


def _models(row: Row) -> tuple[str, ...]:
    """
    Return which models a key may use: a team's narrow what its key leaves open.
    """
    own, team = _texts(row.get("models")), row.get("team_models")
    if team is not None and (not own or _ALL_OF_TEAM in own):
        own = _texts(team)
    return () if _ALL in own else own


def _texts(value: Any) -> tuple[str, ...]:
    """
    Return the texts of an array: a list, one written in JSON, or one as PostgreSQL writes it.
    """
    if isinstance(value, str) and value.startswith("{") and value.endswith("}"):
        value = next(csv.reader([value[1:-1]], escapechar="\\", doublequote=False), [])
    elif isinstance(value, str) and value:
        value = json.loads(value)
    return tuple(str(item) for item in value or ())


def _object(value: Any) -> Mapping[str, Any]:
    found = json.loads(value) if isinstance(value, str) and value else value
    if found is not None and not isinstance(found, Mapping):
        raise ValueError("its metadata are no object")
    return dict(found or {})


def _metadata(row: Row) -> Mapping[str, Any]:
    at_once = _whole(row.get("max_parallel_requests"))
    return {**_object(row.get("metadata")), **({} if at_once is None else {"max_parallel_requests": at_once})}


def _amount(value: Any) -> Decimal | None:
    if value in {None, ""}:
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"an amount is {value!r}"[:80]) from None


def _whole(value: Any) -> int | None:
    return None if (amount := _amount(value)) is None else int(amount)


def _is_true(value: Any) -> bool:
    return value is True or str(value).lower() in {"t", "true", "1"}


def _moment(value: Any) -> float | None:
    """
    Return seconds since 1970; a time without a zone is of UTC, as Prisma stores it.
    """
    if value in {None, ""}:
        return None
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
