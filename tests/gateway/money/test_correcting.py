"""
Costs without a price, corrected when there is one.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import update

from aikit.gateway.registry.schema import BATCHES
from aikit.gateway.running import reload
from aikit.gateway.settings import GatewaySettings, read_settings
from tests.gateway.asgi import KEY
from tests.gateway.batch_house import House, house, lines
from tests.gateway.upstream import PRICES, Upstream, answers, config_of

_MODEL = "gpt-new"


def _booked(home: House, one: Upstream, count: int = 1) -> list[str]:
    """
    Have batches booked whose model has no price; return their ids.
    """
    client = home.key(alias="team")
    ids = []
    for _ in range(count):
        ids.append(home.create(home.file(lines(model=_MODEL), client), client).json["id"])
        upstream_id = str(home.row(ids[-1]).upstream_id)
        one.finish(upstream_id, output_file_id=f"file-out-{upstream_id}")
        one.files[f"file-out-{upstream_id}"] = answers(2, _MODEL)
    home.poll(lambda: all(home.row(each).is_booked for each in ids))
    assert {home.row(each).cost for each in ids} == {None}
    return ids


def _config(one: Upstream, prices: str = "") -> str:
    return config_of(one, prices=prices).replace("gpt-4o-mini", _MODEL)


def _booked_of_two(home: House, one: Upstream) -> str:
    """
    Have a batch booked that asks two models; return its id.
    """
    asked = lines(1, "gpt-4o-mini") + lines(1, _MODEL)
    batch_id = str(home.create(home.file(asked)).json["id"])
    upstream_id = str(home.row(batch_id).upstream_id)
    one.finish(upstream_id, output_file_id="file-out-two")
    one.files["file-out-two"] = answers(1, "gpt-4o-mini") + answers(1, _MODEL)
    home.poll(lambda: home.row(batch_id).is_booked)
    return batch_id


def _two_models(one: Upstream, prices: str, new: str) -> str:
    """
    Return a configuration with two models at one account, which have *prices* and *new* ones.
    """
    return config_of(one, prices=prices) + _config(one, new).removeprefix("model_list:\n")


def _require_corrected(home: House, batch_id: str) -> None:
    cost = 2 * Decimal("0.02")
    assert home.row(batch_id).cost == cost
    told = home.admin.get(f"/v1/batches/{batch_id}").json["aikit"]
    assert (told["cost"], told["cost_is_complete"], told["models"][_MODEL]["cost"]) == (0.04, True, 0.04)
    assert "warnings" not in told
    rows = [row for row in home.spend() if row.batch_id == batch_id]
    assert [(row.number, row.cost, row.prompt_tokens) for row in rows] == [(1, cost, 0), (0, None, 20)]
    key = home.gateway.registry.keys.find("team")
    assert key is not None
    assert key.spend == cost
    assert home.gateway.registry.spend.total().unpriced == 0


def test_a_price_that_comes_with_a_restart_is_booked(one: Upstream, tmp_path: Path) -> None:
    """
    Once: on the batch, in the books, and on the key; another start fetches nothing.
    """
    with house(tmp_path, _config(one)) as home:
        (batch_id,) = _booked(home, one)
    with house(tmp_path, _config(one, PRICES)) as home:
        home.poll(lambda: home.row(batch_id).cost is not None)
        _require_corrected(home, batch_id)
    fetched = len(one.contents())
    with house(tmp_path, _config(one, PRICES)) as home:
        _poll_a_while(home)
        _require_corrected(home, batch_id)
    assert len(one.contents()) == fetched == 2


def test_a_price_that_comes_while_it_runs_is_booked(
    one: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    With the configuration that is read anew.
    """
    monkeypatch.setattr("aikit.gateway.running._GRACE_S", 0.0)
    with house(tmp_path, _config(one)) as home:
        (batch_id,) = _booked(home, one)

        async def run() -> None:
            async with home.polling():
                await asyncio.sleep(0.3)
                assert home.row(batch_id).cost is None
                (tmp_path / "config.yaml").write_text(_config(one, PRICES))
                await asyncio.to_thread(reload, home.gateway, lambda: _read(tmp_path))
                await home.eventually(lambda: home.row(batch_id).cost is not None)

        asyncio.run(run())
        _require_corrected(home, batch_id)


def test_without_a_price_nothing_is_fetched(one: Upstream, tmp_path: Path) -> None:
    """
    A start without the price asks no provider for answers.
    """
    with house(tmp_path, _config(one)) as home:
        (batch_id,) = _booked(home, one)
    fetched = len(one.contents())
    with house(tmp_path, _config(one)) as home:
        _poll_a_while(home)
        assert home.row(batch_id).cost is None
    assert len(one.contents()) == fetched


@pytest.mark.parametrize("later", [PRICES.replace("0.00", "0.05"), ""])
def test_a_price_that_was_known_counts_whatever_it_is_later(one: Upstream, tmp_path: Path, later: str) -> None:
    """
    Where another model of the batch has one now: its cost is added to what is booked.
    """
    with house(tmp_path, _two_models(one, PRICES, "")) as home:
        batch_id = _booked_of_two(home, one)
        assert home.row(batch_id).cost == Decimal("0.02")
    with house(tmp_path, _two_models(one, later, PRICES)) as home:
        home.poll(lambda: home.row(batch_id).cost != Decimal("0.02"))
        assert home.row(batch_id).cost == sum(row.cost or 0 for row in home.spend()) == Decimal("0.04")
        told = home.admin.get(f"/v1/batches/{batch_id}").json["aikit"]
        assert (told["cost"], told["cost_is_complete"]) == (0.04, True)
        assert {name: model["cost"] for name, model in told["models"].items()} == {"gpt-4o-mini": 0.02, _MODEL: 0.02}
        assert {total.cost for total in home.gateway.registry.spend.totals("model")} == {Decimal("0.02")}


def test_of_two_models_the_one_that_has_a_price_fetches_nothing(one: Upstream, tmp_path: Path) -> None:
    """
    Each start would fetch the answers for nothing.
    """
    with house(tmp_path, _two_models(one, PRICES, "")) as home:
        _booked_of_two(home, one)
    fetched = len(one.contents())
    with house(tmp_path, _two_models(one, PRICES, "")) as home:
        _poll_a_while(home)
    assert len(one.contents()) == fetched


def test_an_account_that_cannot_be_asked_is_asked_again(one: Upstream, tmp_path: Path) -> None:
    """
    Without another start; of its many batches, few are asked for meanwhile.
    """
    with house(tmp_path, _config(one)) as home:
        ids = _booked(home, one, 6)
    fetched = len(one.contents())
    one.refuses = lambda _, path: 403 if path.endswith("/content") else None
    with house(tmp_path, _config(one, PRICES), speed=3_000.0) as home:

        async def run() -> None:
            async with home.polling():
                await asyncio.sleep(0.5)
                assert len(one.contents()) == fetched + 3
                one.refuses = lambda *_: None
                await home.eventually(lambda: all(home.row(each).cost is not None for each in ids))

        asyncio.run(run())


def test_a_batch_that_cannot_be_looked_at_holds_up_no_other(one: Upstream, tmp_path: Path) -> None:
    """
    Such as one that an older version has booked.
    """
    with house(tmp_path, _config(one)) as home:
        broken, good = _booked(home, one, 2)
        with home.gateway.registry.database.writing() as connection:
            connection.execute(update(BATCHES).where(BATCHES.c.id == broken).values(body={"aikit": {"models": None}}))
    with house(tmp_path, _config(one, PRICES)) as home:
        home.poll(lambda: home.row(good).cost is not None)
        assert (home.row(broken).cost, home.row(broken).is_booked) == (None, True)


def test_answers_that_are_gone_leave_the_booking_as_it_is(one: Upstream, tmp_path: Path) -> None:
    """
    And hold up the correction of no other batch; fewer answers than were counted are not what it cost.
    """
    with house(tmp_path, _config(one)) as home:
        ids = _booked(home, one, 3)
        names = [f"file-out-{home.row(each).upstream_id}" for each in ids]
    del one.files[names[0]]
    one.files[names[1]] = answers(1, _MODEL)
    with house(tmp_path, _config(one, PRICES)) as home:
        home.poll(lambda: home.row(ids[2]).cost is not None)
        _poll_a_while(home)
        assert [home.row(each).cost for each in ids[:2]] == [None, None]
        assert len(home.spend()) == 4


def _read(home: Path) -> GatewaySettings:
    return read_settings(home / "config.yaml", {"LITELLM_MASTER_KEY": KEY}, home=home)


def _poll_a_while(home: House) -> None:
    async def run() -> None:
        async with home.polling():
            await asyncio.sleep(0.5)

    asyncio.run(run())
