"""
Budgets: what may cost more than is left is refused before anything is created.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aikit.gateway.registry.keys import hash_of
from tests.gateway.batch_house import ENDPOINT, House, house, lines
from tests.gateway.upstream import Upstream, config_of, upstream

_PRICES = "      input_cost_per_token_batches: 0.001\n      output_cost_per_token_batches: 0.002\n"
_COST = 2 * (10 * 0.001 + 16 * 0.002)  # of two lines: 10 tokens in each, 16 out at most
_MODEL = "gpt-4o-mini"


@pytest.fixture
def one() -> Iterator[Upstream]:
    """A provider."""
    with upstream() as provider:
        yield provider


@pytest.fixture
def home(one: Upstream, tmp_path: Path) -> Iterator[House]:
    """A gateway before it, that knows its prices."""
    with house(tmp_path, config_of(one, prices=_PRICES), max_retries=0) as opened:
        yield opened


def _asked(one: Upstream) -> list[tuple[str, str]]:
    return [asked for asked in one.asked if asked != ("POST", "/v1/files")]


def test_what_costs_more_than_is_left_is_refused_with_both_amounts(home: House, one: Upstream) -> None:
    """
    With status 422, which no SDK tries again, and without a request to the provider.
    """
    client = home.key(max_budget=0.05, spend=Decimal("0.01"))
    answer = home.create(home.file(lines(model=_MODEL), client), client)
    assert (answer.status, answer.error["type"], answer.error["code"]) == (422, "budget_exceeded", "budget_exceeded")
    assert "$0.084" in answer.error["message"]
    assert "$0.04" in answer.error["message"]
    assert _asked(one) == []
    assert home.rows() == ()


def test_what_is_held_and_what_was_spent_count(home: House, one: Upstream) -> None:
    """
    One batch fits, a second one does not until the first one is booked at less than it was thought to cost.
    """
    client = home.key(max_budget=0.13)
    first, second = (home.file(lines(model=_MODEL), client) for _ in range(2))
    batch = home.create(first, client).json
    assert home.create(second, client).status == 422
    row = home.row(batch["id"])
    assert row.estimate == Decimal("0.084")
    one.finish(str(row.upstream_id))
    home.poll(lambda: home.row(row.id).is_booked)
    assert home.create(second, client).status == 200


def test_creations_at_once_do_not_overrun_a_budget(home: House) -> None:
    """
    Of twenty, as many are created as there is room for.
    """
    client = home.key(max_budget=3.5 * _COST)
    file_id = home.file(lines(model=_MODEL), client)
    order = json.dumps({"input_file_id": file_id, "endpoint": ENDPOINT, "completion_window": "24h"}).encode()

    async def run() -> list[Any]:
        return await asyncio.gather(*(client.asend("POST", "/v1/batches", body=[order]) for _ in range(20)))

    statuses = sorted(answer.status for answer in asyncio.run(run()))
    assert statuses == [200] * 3 + [422] * 17
    assert len(home.rows()) == 3


def test_a_refusal_of_the_provider_gives_back_what_was_held(home: House, one: Upstream) -> None:
    """
    Of budget and of the minute's limits, so that the next try has all of it.
    """
    client = home.key(max_budget=1.1 * _COST, rpm_limit=2)
    file_id = home.file(lines(model=_MODEL), client)
    home.gateway.limits.clock = iter(range(0, 100_000, 1)).__next__
    one.refuses = lambda method, path: 400 if (method, path) == ("POST", "/v1/batches") else None
    assert home.create(file_id, client).status == 400
    one.refuses = lambda *_: None
    assert home.gateway.registry.batches.open_estimates(hash_of(client.key or "")) == 0
    assert home.create(file_id, client).status == 200


def test_files_without_facts_are_read_once(home: House, one: Upstream) -> None:
    """
    For keys with a limit; the others' are not read at all.
    """
    unlimited, limited = home.key(), home.key(max_budget=1e-9)
    for client in (unlimited, limited, limited):
        home.create(home.file(lines(model=_MODEL), client, has_facts=False), client)
    assert len(one.contents()) == 2
    client = home.key(max_budget=1)
    file_id = home.file(lines(model=_MODEL), client, has_facts=False)
    assert [home.create(file_id, client).status for _ in range(3)] == [200] * 3
    assert len(one.contents()) == 3


def test_lines_of_a_batch_count_against_the_minute(home: House) -> None:
    """
    Whoever has more of them than it may send is told how many there are, and when to come again.
    """
    client = home.key(rpm_limit=1)
    answer = home.create(home.file(lines(2, model=_MODEL), client), client)
    assert answer.status == 429
    assert "batch rate limit exceeded" in answer.error["message"]
    assert "2 requests" in answer.error["message"]
    assert int(answer.headers["retry-after"]) > 0
    tokens = home.key(tpm_limit=19)
    assert home.create(home.file(lines(2, model=_MODEL), tokens), tokens).status == 429
    assert home.rows() == ()
