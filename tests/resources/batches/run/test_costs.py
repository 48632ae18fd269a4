"""
What the batches of a run cost, told from the ledger where it knows.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest

from aikit.client import OpenAIClient
from aikit.types.batch_runs import OpenAIBatchRun
from aikit.types.batches import OpenAIBatchRequestCounts
from aikit.types.usage import Usage
from tests.cli.batch_service import serving_batches
from tests.resources.batches.run.test_plan import lines
from tests.systems import posix_only

PRICES = {name: {"input": 1000, "output": 1000} for name in ("m", "n")}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """
    An input of two models.
    """
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines({}, {"body": {"model": "n"}}, {}))
    return path


def answered(client: OpenAIClient, path: Path) -> OpenAIBatchRun:
    """
    Return the run of *path*.
    """
    return client.batches.run(path, path.with_name("out.jsonl"), poll_interval=0.02).unwrap()


def deleted(client: OpenAIClient) -> None:
    """
    Delete all files.
    """
    for file in client.files.list().files:
        client.files.delete(file.id).throw()


def test_what_is_booked_is_what_would_be_counted(tmp_path: Path, path: Path) -> None:
    """
    With a ledger and without one a run costs the same, batch for batch, and all together.
    """
    with OpenAIClient(provider="local", home=tmp_path, prices=PRICES) as client:
        booked = answered(client, path)
    with OpenAIClient(provider="local", home=tmp_path, prices=PRICES, ledger=False) as client:
        assert answered(client, path).costs == booked.costs
    assert [cost.answered for cost in booked.costs] == [2, 1]
    assert all(cost.total for cost in booked.costs)
    assert booked.cost.total == sum(cost.total or 0 for cost in booked.costs)
    assert booked.cost.usage == sum((cost.usage for cost in booked.costs), Usage())
    assert [(model.model, model.requests) for model in booked.cost.models] == [("m", 2), ("n", 1)]


def test_the_ledger_knows_when_the_files_are_gone(tmp_path: Path, path: Path) -> None:
    """
    Nothing is fetched for what was booked.
    """
    with OpenAIClient(provider="local", home=tmp_path, prices=PRICES) as client:
        before = answered(client, path)
        deleted(client)
        assert answered(client, path).costs == before.costs


@posix_only
def test_corrections_are_part_of_what_is_booked(tmp_path: Path, path: Path) -> None:
    """
    What was booked as free before its provider told what came of it is counted again, and then told from the ledger.
    """
    with OpenAIClient(provider="local", home=tmp_path, prices=PRICES) as client:
        before, events = answered(client, path), list(client.ledger.events())
        client.ledger.path.rename(tmp_path / "old.db")
        free: dict[str, Any] = {
            "usage": Usage(),
            "cost": Decimal(0),
            "models": (),
            "request_counts": OpenAIBatchRequestCounts(),
        }
        client.ledger.record(*(attrs.evolve(event, **free if event.kind == "ended" else {}) for event in events))
        assert answered(client, path).costs == before.costs
        assert [event.kind for event in client.ledger.events()].count("corrected") == 2
        deleted(client)
        assert answered(client, path).costs == before.costs


def test_what_cannot_be_told_is_said(tmp_path: Path, path: Path) -> None:
    """
    Batches that are in no ledger and that nobody knows cost what nobody knows, which is not nothing.
    """
    with serving_batches() as service, OpenAIClient("k", base_url=service.url, home=tmp_path, ledger=False) as client:
        answered(client, path)
        service.batches.clear()
        result = client.batches.run(path, path.with_name("out.jsonl"))
    assert result.success
    assert (result.unwrap().cost.total, result.unwrap().cost.is_lower_bound) == (None, True)
    assert sum(note.startswith("the cost is unknown: ") for note in result.notes) == 2
