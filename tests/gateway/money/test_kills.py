"""
A gateway that is killed at any moment of creating, running, polling and booking loses nothing, and doubles nothing.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aikit.gateway.registry.registry import Registry
from tests.gateway.batch_house import ADMIN, house, lines
from tests.gateway.upstream import Upstream, config_of, upstream

_LLAMA = """
  - model_name: llama
    litellm_params:
      model: hosted_vllm/llama
      api_base: {url}
    model_info:
      input_cost_per_token: 0.001
      output_cost_per_token: 0.002
"""
_PRICES = "      input_cost_per_token_batches: 0.001\n      output_cost_per_token_batches: 0.002\n"
_SEED = 20261130
_EACH = 2  # orders that each process has more than the one before
_LONGEST_S = 0.9
_PATIENCE_S = 600.0  # only a hang is to be found


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.foreign)])
def environ(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return what names a database of each kind."""
    if request.param == "sqlite":
        return {}
    return {"DATABASE_URL": request.getfixturevalue("postgres").database()}


@pytest.fixture
def provider() -> Iterator[Upstream]:
    """A provider whose batches are over when they were asked for twice."""
    asked: Counter[str] = Counter()
    with upstream() as running:

        def retrieved(batch_id: str) -> None:
            asked[batch_id] += 1
            if asked[batch_id] == 2:
                running.finish(batch_id)

        running.on_retrieve = retrieved
        running.acts_before = running.acts_after = lambda: time.sleep(0.02)
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("kills", [6, pytest.param(200, marks=pytest.mark.long)])
def test_nothing_is_lost_and_nothing_is_doubled(
    provider: Upstream, environ: dict[str, str], tmp_path: Path, kills: int
) -> None:
    """
    Each order has one batch, each batch of the provider has one row, and each row is booked once, at its cost.
    """
    text = config_of(provider, prices=_PRICES) + _LLAMA.format(url=provider.url)
    with house(tmp_path / "home", text, environ=environ) as home:
        accounts = {one.provider: one.name for one in home.gateway.settings.deployments}
        files = [home.file(lines(2, model="gpt-4o-mini"), account=accounts["openai"])]
        files.append(home.file(lines(2, model="llama"), account=accounts["hosted_vllm"]))
        url = home.gateway.settings.database_url
    program = [sys.executable, "-m", "tests.gateway.killed"]
    command = [*program, str(tmp_path / "home"), str(tmp_path / "home" / "config.yaml"), ",".join(files)]
    moments = random.Random(_SEED)  # noqa: S311  nothing secret
    for number in range(kills):
        _run_for(moments.uniform(0, _LONGEST_S), [*command, str(_EACH * (number + 1))], environ)
    registry = Registry.open(url)
    try:
        _run_until([*command, str(_EACH * kills)], environ, lambda: _is_settled(registry, _EACH * kills))
        _check(registry, provider, _EACH * kills)
    finally:
        registry.close()


def _run_for(seconds: float, command: list[str], environ: dict[str, str]) -> None:
    def is_enough() -> bool:
        ends_at.append(time.monotonic() + seconds)
        return time.monotonic() >= ends_at[0]

    ends_at: list[float] = []
    _run_until(command, environ, is_enough)


def _run_until(command: list[str], environ: dict[str, str], is_enough: Callable[[], bool]) -> None:
    """
    Start a gateway, and kill it as soon as it is enough.
    """
    process = subprocess.Popen(command, env={**os.environ, **environ}, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        ends_at = time.monotonic() + _PATIENCE_S
        while not is_enough():
            assert process.poll() is None
            assert time.monotonic() < ends_at
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
        process.stdout and process.stdout.close()


def _is_settled(registry: Registry, count: int) -> bool:
    rows = registry.batches.page(ADMIN, limit=1_000).rows
    return len(rows) >= count and all(row.is_booked for row in rows)


def _check(registry: Registry, provider: Upstream, count: int) -> None:
    rows = registry.batches.page(ADMIN, limit=1_000).rows
    assert len(rows) == count
    at_provider = [row.upstream_id for row in rows if row.deployment == "one"]
    assert sorted(map(str, at_provider)) == sorted(provider.batches)
    assert {row.status for row in rows} == {"completed"}
    spend = registry.spend.logs(limit=1_000)
    assert Counter(each.batch_id for each in spend) == Counter(row.id for row in rows)
    assert {str(each.cost) for each in spend} == {"0.04"}
    made = [row for row in registry.files.page(ADMIN, limit=10_000).rows if row.role == "output"]
    assert Counter(file.batch_id for file in made) == Counter(row.id for row in rows)
    assert {row.output_file_id for row in rows} == {file.id for file in made}
    assert registry.batches.open_estimates(None) == 0
