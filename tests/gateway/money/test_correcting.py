"""
Costs without a price, corrected when there is one.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

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
