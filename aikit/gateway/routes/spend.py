"""
What was spent, as LiteLLM's ``/spend/…`` and ``/global/spend…`` tell it; a key sees its own rows only.

An amount is ``null`` where no price is known, never 0: what lacks a price is not free.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

from starlette.responses import Response

from aikit.gateway.call import Call
from aikit.gateway.key_fields import token_of, when
from aikit.gateway.outgoing.objects import json_answer
from aikit.gateway.queries import moment_of, whole_of
from aikit.gateway.registry.rows import SpendRow, Total
from aikit.gateway.routing import Endpoint
from aikit.gateway.who import require_admin
from aikit.types.errors import OpenAIError

_PAGE: Final = 1000
_MOST_SUMMED: Final = 20_000

# https://docs.litellm.ai/docs/proxy/cost_tracking (read 2026-11-30)


async def logs(call: Call) -> Response:
    """
    List the newest rows that a request asks for; between two days, a sum for each day unless it wants the rows.
    """
    filters = await _filters(call)
    is_dated = filters["start"] is not None and filters["end"] is not None
    if is_dated and call.request.query_params.get("summarize", "true").lower() not in {"false", "0"}:
        return json_answer(await call.gateway.in_thread(_by_day, call, filters))
    rows = await call.gateway.look(call.gateway.registry.spend.logs, **filters, limit=_PAGE)
    return json_answer([_spend_object(row) for row in rows])


async def logs_paged(call: Call) -> Response:
    """
    List one page of the rows that a request asks for.
    """
    query = call.request.query_params
    page = whole_of(query, "page", default=1, most=1_000_000)
    size = whole_of(query, "page_size", default=50, most=100)
    filters = await _filters(call)
    spend = call.gateway.registry.spend
    total = await call.gateway.in_thread(spend.count, **filters)
    rows = await call.gateway.look(spend.logs, **filters, limit=size, offset=(page - 1) * size)
    data = [_spend_object(row) for row in rows]
    return json_answer(
        {"data": data, "total": total, "page": page, "page_size": size, "total_pages": -(-total // size)}
    )


async def all_spend(call: Call) -> Response:
    """
    Tell what all keys spent together.
    """
    require_admin(call.principal, call.request.url.path)
    total = await call.gateway.in_thread(call.gateway.registry.spend.total)
    return json_answer({"spend": _sum(total), "max_budget": None, "unpriced": total.unpriced})


async def by_key(call: Call) -> Response:
    """
    List the keys that spent most.
    """
    totals = await _totals(call, "key")
    keys = call.gateway.registry.keys
    named = [await call.gateway.in_thread(keys.find, total.name) if total.name else None for total in totals]
    return json_answer(
        [
            {
                "api_key": total.name,
                "key_alias": row.alias if row else None,
                "key_name": row.key_name if row else None,
                "total_spend": _sum(total),
            }
            for total, row in zip(totals, named, strict=True)
        ]
    )


async def by_model(call: Call) -> Response:
    """
    List the models that cost most.
    """
    return json_answer([{"model": each.name, "total_spend": _sum(each)} for each in await _totals(call, "model")])


async def by_tag(call: Call) -> Response:
    """
    List the tags that cost most.
    """
    totals = await _totals(call, "tag")
    wanted = {tag for tag in call.request.query_params.get("tags", "").split(",") if tag}
    per_tag = [
        {"name": each.name, "spend": _sum(each), "log_count": each.bookings}
        for each in totals
        if not wanted or each.name in wanted
    ]
    return json_answer({"spend_per_tag": per_tag})


async def tags(call: Call) -> Response:
    """
    List the tags that cost most, in the words of ``/spend/tags``.
    """
    return json_answer(
        [
            {"individual_request_tag": each.name, "log_count": each.bookings, "total_spend": _sum(each)}
            for each in await _totals(call, "tag")
        ]
    )


async def _filters(call: Call) -> dict[str, Any]:
    query, own = call.request.query_params, call.principal.token
    named = query.get("api_key")
    row = await call.gateway.in_thread(call.gateway.registry.keys.find, named) if named else None
    token = row.token if row is not None else token_of(named) if named else own
    if own is not None and token != own:
        message = "A key sees what it spent itself; leave api_key out, or use the master key."
        raise OpenAIError(message=message, status=403, type="auth_error", param="api_key")
    start, end = moment_of(query, "start_date"), moment_of(query, "end_date", is_end=True)
    return {
        "request_id": query.get("request_id"),
        "token": token,
        "user_id": query.get("user_id"),
        "start": start,
        "end": end,
    }


async def _totals(call: Call, by: Any) -> tuple[Total, ...]:
    require_admin(call.principal, call.request.url.path)
    query = call.request.query_params
    start, end = moment_of(query, "start_date"), moment_of(query, "end_date", is_end=True)
    limit = whole_of(query, "limit", default=100, most=_PAGE)
    totals: tuple[Total, ...] = await call.gateway.in_thread(
        call.gateway.registry.spend.totals, by, start=start, end=end, limit=limit
    )
    return totals


def _by_day(call: Call, filters: dict[str, Any]) -> list[dict[str, Any]]:
    """
    Return the sums of each day that has rows, in all and by user, model and key.
    """
    days: dict[str, dict[str, Any]] = {}
    until = min(filters["end"], call.gateway.clock())  # what is booked meanwhile would shift the pages
    for row in _all(call, {**filters, "end": until}):
        day = str(when(row.booked_at))[:10]
        sums = days.setdefault(day, {"startTime": day, "spend": None, "users": {}, "models": {}})
        cost = _amount(row.cost)
        _add(sums, "spend", cost)
        _add(sums, row.token or "master", cost)
        _add(sums["users"], row.end_user or row.user_id or "", cost)
        for model in row.models:
            _add(sums["models"], model.model, _amount(model.cost))
    return [days[day] for day in sorted(days)]


def _all(call: Call, filters: dict[str, Any]) -> Iterator[SpendRow]:
    offset, rows = 0, call.gateway.registry.spend.logs(**filters, limit=_PAGE)
    while rows:
        yield from rows
        offset += len(rows)
        if offset >= _MOST_SUMMED:
            message = (
                f"These days have more than {_MOST_SUMMED:,} rows; ask for fewer days, or pages of /spend/logs/v2."
            )
            raise OpenAIError(message=message, status=400, param="start_date", code="invalid_value")
        rows = call.gateway.registry.spend.logs(**filters, limit=_PAGE, offset=offset) if len(rows) == _PAGE else ()


def _add(sums: dict[str, Any], name: str, cost: float | None) -> None:
    known = sums.get(name)
    sums[name] = known if cost is None else cost + (known or 0)


def _amount(cost: Decimal | None) -> float | None:
    return None if cost is None else float(cost)


def _sum(total: Total) -> float | None:
    """
    Return a sum: nothing of no rows, and ``None`` of rows of which none has a price.
    """
    return 0.0 if total.cost is None and not total.unpriced else _amount(total.cost)


def _spend_object(row: SpendRow) -> dict[str, Any]:
    return {
        "request_id": row.request_id,
        "number": row.number,
        "batch_id": row.batch_id,
        "call_type": row.call_type,
        "api_key": row.token,
        "spend": _amount(row.cost),
        "is_lower_bound": row.is_lower_bound,
        "requests": row.requests,
        "prompt_tokens": row.prompt_tokens,
        "completion_tokens": row.completion_tokens,
        "total_tokens": row.prompt_tokens + row.completion_tokens,
        "startTime": when(row.started_at or row.booked_at),
        "endTime": when(row.ended_at or row.booked_at),
        "model": ",".join(_names(row)),
        "models": [_model_object(model) for model in row.models],
        "custom_llm_provider": row.provider,
        "model_group": row.deployment,
        "user": row.user_id,
        "end_user": row.end_user,
        "team_id": row.team_id,
        "request_tags": list(row.tags),
        "metadata": dict(row.metadata),
        "cache_hit": "False",
        "status": "success",
    }


def _names(row: SpendRow) -> Iterable[str]:
    return (model.model for model in row.models)


def _model_object(model: Any) -> dict[str, Any]:
    return {
        "model": model.model,
        "requests": model.requests,
        "prompt_tokens": model.prompt_tokens,
        "completion_tokens": model.completion_tokens,
        "spend": _amount(model.cost),
    }


ENDPOINTS: Final = (
    Endpoint("GET", "/spend/logs", logs, is_own=True),
    Endpoint("GET", "/spend/logs/v2", logs_paged, is_own=True),
    Endpoint("GET", "/spend/tags", tags, is_own=True),
    Endpoint("GET", "/global/spend", all_spend, is_own=True),
    Endpoint("GET", "/global/spend/keys", by_key, is_own=True),
    Endpoint("GET", "/global/spend/models", by_model, is_own=True),
    Endpoint("GET", "/global/spend/tags", by_tag, is_own=True),
)
