"""
Several gateways on one database: each batch is looked after by one at a time, and booked once.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.batch_house import ENDPOINT, House, house, lines
from tests.gateway.upstream import Upstream, config_of, upstream

_PRICES = "      input_cost_per_token_batches: 0.001\n      output_cost_per_token_batches: 0.002\n"
_COST = 0.084  # of two lines: 10 tokens in each, 16 out at most


@pytest.fixture
def one() -> Iterator[Upstream]:
    """A provider."""
    with upstream() as provider:
        yield provider


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.foreign)])
def homes(request: pytest.FixtureRequest, one: Upstream, tmp_path: Path) -> Iterator[list[House]]:
    """Three gateways before it, on one database."""
    url = f"sqlite:///{tmp_path / 'shared' / 'gateway.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").database()
    text = config_of(one, prices=_PRICES)
    with ExitStack() as stack:
        environ = {"DATABASE_URL": url}
        yield [
            stack.enter_context(house(tmp_path / name, text, environ=environ, max_retries=0, speed=20.0))
            for name in ("first", "second", "third")
        ]


def test_each_batch_is_counted_and_booked_once(homes: list[House], one: Upstream) -> None:
    """
    Also while all of them are asked for it, and whichever created it.
    """
    rows = []
    for number in range(15):
        home = homes[number % 3]
        rows.append(home.row(home.create(home.file(lines(model="gpt-4o-mini"))).json["id"]))

    async def run() -> list[Any]:
        async with homes[0].polling(), homes[1].polling(), homes[2].polling():
            await asyncio.sleep(0.2)
            for row in rows:
                one.finish(str(row.upstream_id))
            targets = [(home, f"/v1/batches/{row.id}") for home in homes for row in rows]
            answers = await asyncio.gather(*(home.admin.asend("GET", target) for home, target in targets))
            await House.eventually(lambda: all(homes[0].row(row.id).is_booked for row in rows))
            return list(answers)

    assert {answer.status for answer in asyncio.run(run())} == {200}
    assert Counter(spend.batch_id for spend in homes[0].spend()) == Counter(row.id for row in rows)
    assert max(Counter(one.contents()).values()) == 1
    made = {home.row(row.id).output_file_id for home in homes for row in rows}
    assert len(made) == 15


def test_a_budget_is_one_for_all_gateways(homes: list[House]) -> None:
    """
    Of creations at all of them at once, as many succeed as there is room for.
    """
    client = homes[0].key(max_budget=4.5 * _COST)
    file_id = homes[0].file(lines(model="gpt-4o-mini"), client)
    order = json.dumps({"input_file_id": file_id, "endpoint": ENDPOINT, "completion_window": "24h"}).encode()
    clients = [home.admin.with_key(client.key) for home in homes]

    async def run() -> list[Any]:
        return await asyncio.gather(
            *(clients[number % 3].asend("POST", "/v1/batches", body=[order]) for number in range(18))
        )

    assert Counter(answer.status for answer in asyncio.run(run())) == {200: 4, 422: 14}


def test_an_idempotency_key_is_one_for_all_gateways(homes: list[House], one: Upstream) -> None:
    """
    Who comes while the creation is under way is asked to come again, and then gets that batch.
    """
    file_id = homes[0].file(lines(model="gpt-4o-mini"))
    order = json.dumps({"input_file_id": file_id, "endpoint": ENDPOINT, "completion_window": "24h"}).encode()
    headers = {"idempotency-key": "same"}

    async def run() -> list[Any]:
        return await asyncio.gather(
            *(home.admin.asend("POST", "/v1/batches", body=[order], headers=headers) for home in homes * 3)
        )

    first = asyncio.run(run())
    assert {answer.status for answer in first} <= {200, 409}
    later = asyncio.run(run())
    ids = {answer.json["id"] for answer in (*first, *later) if answer.status == 200}
    assert [answer.status for answer in later] == [200] * 9
    assert len(ids) == len(one.batches) == 1
