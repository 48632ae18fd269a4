"""
What was spent, as LiteLLM's addresses tell it.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aikit.gateway.app import make_app
from aikit.gateway.registry.keys import hash_of, masked
from aikit.gateway.registry.rows import BatchRow, KeyRow, ModelSpend, SpendRow
from aikit.gateway.state import Gateway
from tests.gateway.asgi import Asgi
from tests.gateway.gateways import opened

DAY = 1_600_000_000.0
"""2020-09-13, 12:26:40 in UTC."""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """
    A gateway with two keys.
    """
    with opened(tmp_path) as opened_gateway:
        yield opened_gateway


@pytest.fixture
def admin(gateway: Gateway) -> Asgi:
    """
    A client with the master key.
    """
    return Asgi(make_app(gateway))


@pytest.fixture
def keys(gateway: Gateway) -> dict[str, dict[str, Any]]:
    """
    Two keys, each with a batch that was booked; a third batch of the first key has no price.
    """
    made = {}
    for name in "ab":
        key = f"sk-of-{name}-0123456789"
        row = KeyRow(token=hash_of(key), hash=hash_of(key), key_name=masked(key), alias=name, user_id=f"u-{name}")
        gateway.registry.keys.add(row)
        made[name] = {"key": key, "token": row.token, "key_name": row.key_name}
    book(gateway, "batch_a", made["a"]["token"], "0.25", tags=("night", "eval"), booked_at=DAY)
    book(gateway, "batch_b", made["b"]["token"], "1.5", tags=("night",), booked_at=DAY + 86_400)
    book(gateway, "batch_c", made["a"]["token"], None, booked_at=DAY + 86_400)
    return made


def book(gateway: Gateway, batch: str, token: str, cost: str | None, **values: Any) -> None:
    """
    Book the end of a batch.
    """
    amount = None if cost is None else Decimal(cost)
    row = BatchRow(
        id=batch,
        deployment="local",
        upstream_id=None,
        owner=token,
        input_file_id="file-x",
        endpoint="/v1/chat/completions",
        created_at=int(DAY),
        status="completed",
    )
    gateway.registry.batches.add(row)
    key = gateway.registry.keys.find(token)
    assert isinstance(key, KeyRow)
    spend = SpendRow(
        request_id=f"{batch}_batch_cost",
        batch_id=batch,
        token=token,
        user_id=key.user_id,
        provider="openai",
        deployment="local",
        cost=amount,
        prompt_tokens=10,
        completion_tokens=5,
        requests=2,
        models=(ModelSpend(model="gpt-4o", requests=2, prompt_tokens=10, completion_tokens=5, cost=amount),),
        **values,
    )
    assert gateway.registry.batches.book(batch, spend)


def test_a_row_is_found_by_its_request(admin: Asgi, keys: dict[str, Any]) -> None:
    """
    LiteLLM's fields, with the models and the batch.
    """
    (row,) = admin.get("/spend/logs?request_id=batch_a_batch_cost").json
    assert (row["spend"], row["total_tokens"], row["model"]) == (0.25, 15, "gpt-4o")
    assert (row["api_key"], row["user"], row["request_tags"]) == (keys["a"]["token"], "u-a", ["night", "eval"])
    assert (row["call_type"], row["custom_llm_provider"]) == ("aretrieve_batch", "openai")
    assert row["startTime"].startswith("2020-09-13T12:26:40")
    assert row["models"] == [
        {"model": "gpt-4o", "requests": 2, "prompt_tokens": 10, "completion_tokens": 5, "spend": 0.25}
    ]


def test_an_unknown_price_is_null(admin: Asgi, keys: dict[str, Any]) -> None:
    """
    What lacks a price is not free, in rows and in sums.
    """
    (row,) = admin.get("/spend/logs?request_id=batch_c_batch_cost").json
    assert row["spend"] is None
    assert admin.get("/global/spend").json == {"spend": 1.75, "max_budget": None, "unpriced": 1}
    assert keys


def test_nothing_spent_is_zero(admin: Asgi) -> None:
    """
    Without any row the sum is 0, and every list empty.
    """
    assert admin.get("/global/spend").json == {"spend": 0.0, "max_budget": None, "unpriced": 0}
    assert admin.get("/spend/logs").json == []
    assert admin.get("/spend/tags").json == []
    assert admin.get("/global/spend/tags").json == {"spend_per_tag": []}


def test_rows_are_filtered(admin: Asgi, keys: dict[str, Any]) -> None:
    """
    By key, hash, alias or user.
    """
    for name in (keys["a"]["key"], keys["a"]["token"], "a"):
        rows = admin.get(f"/spend/logs?api_key={name}").json
        assert {row["batch_id"] for row in rows} == {"batch_a", "batch_c"}
    assert [row["batch_id"] for row in admin.get("/spend/logs?user_id=u-b").json] == ["batch_b"]
    assert admin.get("/spend/logs?api_key=sk-of-nobody-at-all").json == []
    assert admin.get("/spend/logs?user_id=%00").json == []


def test_a_key_sees_what_it_spent_itself(admin: Asgi, keys: dict[str, Any]) -> None:
    """
    Its own rows and no others, whatever it asks for.
    """
    tenant = admin.with_key(keys["b"]["key"])
    assert [row["batch_id"] for row in tenant.get("/spend/logs").json] == ["batch_b"]
    assert tenant.get("/spend/logs?request_id=batch_a_batch_cost").json == []
    assert tenant.get("/spend/logs?user_id=u-a").json == []
    assert tenant.get("/spend/logs/v2").json["total"] == 1
    days = tenant.get("/spend/logs?start_date=2020-01-01&end_date=2021-01-01").json
    assert [day["spend"] for day in days] == [1.5]
    foreign = [tenant.get(f"/spend/logs?api_key={name}") for name in (keys["a"]["token"], "a", "sk-of-nobody-at-all")]
    assert {(answer.status, answer.body) for answer in foreign} == {(403, foreign[0].body)}


@pytest.mark.parametrize("target", ["/spend/tags", "/global/spend", "/global/spend/keys", "/global/spend/tags"])
def test_sums_of_all_are_for_the_master_key(admin: Asgi, keys: dict[str, Any], target: str) -> None:
    """
    A key is refused as LiteLLM refuses it.
    """
    answer = admin.with_key(keys["a"]["key"]).get(target)
    assert (answer.status, answer.error["type"]) == (401, "auth_error")
    assert "Only proxy admin" in answer.error["message"]


def test_days_are_summed(admin: Asgi, keys: dict[str, Any]) -> None:
    """
    Between two days each day has a sum, by user, model and key; the last day counts whole.
    """
    days = admin.get("/spend/logs?start_date=2020-09-13&end_date=2020-09-14").json
    assert [day["startTime"] for day in days] == ["2020-09-13", "2020-09-14"]
    first, last = days
    assert (first["spend"], first["users"], first["models"]) == (0.25, {"u-a": 0.25}, {"gpt-4o": 0.25})
    assert (last["spend"], last["users"]) == (1.5, {"u-b": 1.5, "u-a": None})
    assert first[keys["a"]["token"]] == 0.25
    rows = admin.get("/spend/logs?start_date=2020-09-13&end_date=2020-09-13&summarize=false").json
    assert [row["batch_id"] for row in rows] == ["batch_a"]


def test_days_with_very_many_rows_are_refused(
    admin: Asgi, keys: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Sums are over pages of rows, up to a bound.
    """
    target = "/spend/logs?start_date=2020-09-13&end_date=2020-09-14"
    whole = admin.get(target).json
    monkeypatch.setattr("aikit.gateway.routes.spend._PAGE", 1)
    assert admin.get(target).json == whole
    monkeypatch.setattr("aikit.gateway.routes.spend._MOST_SUMMED", 3)
    answer = admin.get(target)
    assert (answer.status, answer.error["param"]) == (400, "start_date")
    assert keys


def test_rows_are_paged(admin: Asgi, keys: dict[str, Any]) -> None:
    """
    Pages together have each row once.
    """
    pages = [admin.get(f"/spend/logs/v2?page={page}&page_size=2").json for page in (1, 2, 3)]
    assert [row["batch_id"] for page in pages for row in page["data"]] == ["batch_c", "batch_b", "batch_a"]
    assert {(page["total"], page["total_pages"], page["page_size"]) for page in pages} == {(3, 2, 2)}
    assert keys


def test_sums_are_by_key_model_and_tag(admin: Asgi, keys: dict[str, Any]) -> None:
    """
    The costliest first, in LiteLLM's shapes.
    """
    by_key = admin.get("/global/spend/keys?limit=1").json
    assert by_key == [
        {"api_key": keys["b"]["token"], "key_alias": "b", "key_name": keys["b"]["key_name"], "total_spend": 1.5}
    ]
    assert admin.get("/global/spend/models").json == [{"model": "gpt-4o", "total_spend": 1.75}]
    per_tag = admin.get("/global/spend/tags").json["spend_per_tag"]
    assert per_tag == [
        {"name": "night", "spend": 1.75, "log_count": 2},
        {"name": "eval", "spend": 0.25, "log_count": 1},
    ]
    assert admin.get("/global/spend/tags?tags=eval").json["spend_per_tag"] == per_tag[1:]
    tags = admin.get("/spend/tags?start_date=2020-09-14").json
    assert tags == [{"individual_request_tag": "night", "log_count": 1, "total_spend": 1.5}]


@pytest.mark.parametrize(
    "query",
    [
        "start_date=yesterday",
        "end_date=2026-13-01",
        "start_date=9999999999",
        "end_date=9999-12-31",
        "start_date=" + "9" * 10_000,
        "page=0",
        "page=x",
        "page_size=101",
        "page_size=",
        "page=%D9%A3",
    ],
)
def test_parameters_that_are_none_are_refused(admin: Asgi, query: str) -> None:
    """
    A moment that is none and a number out of bounds are a 400 that names the parameter.
    """
    answer = admin.get(f"/spend/logs/v2?{query}")
    assert answer.status == 400, answer.body
    assert answer.error["param"] == query.partition("=")[0]


def test_moments_may_have_times(admin: Asgi, keys: dict[str, Any]) -> None:
    """
    A time with or without a zone bounds rows to the second.
    """
    assert admin.get("/spend/logs/v2?start_date=2020-09-13 12:26:40&end_date=2020-09-13 12:26:41").json["total"] == 1
    assert admin.get("/spend/logs/v2?end_date=2020-09-13T12:26:40Z").json["total"] == 0
    assert admin.get("/spend/logs/v2?end_date=2020-09-13T14:26:41%2B02:00").json["total"] == 1
    assert keys
