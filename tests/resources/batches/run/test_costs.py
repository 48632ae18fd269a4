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
from aikit.resources.batches.run.costs import costs_of
from aikit.resources.batches.run.run import answer_file
from aikit.types.batches import OpenAIBatchRequestCounts
from aikit.types.usage import Usage
from tests.resources.batches.run.test_plan import lines

PRICES = {name: {"input": 1000, "output": 1000} for name in ("m", "n")}
WAIT = {"poll_interval": 0.02}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """
    An input of two models.
    """
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines({}, {"body": {"model": "n"}}, {}))
    return path


def test_what_is_booked_is_what_would_be_counted(tmp_path: Path, path: Path) -> None:
    """
    With a ledger and without one a run costs the same, batch for batch.
    """
    with OpenAIClient(provider="local", home=tmp_path, prices=PRICES) as client:
        state = answer_file(client, path, tmp_path / "out.jsonl", wait=WAIT, home=tmp_path)
        booked = costs_of(client, state)
    with OpenAIClient(provider="local", home=tmp_path, prices=PRICES, ledger=False) as client:
        assert costs_of(client, state) == booked
    assert [cost.answered for cost in booked[0]] == [2, 1]
    assert all(cost.total for cost in booked[0])


def test_the_ledger_knows_when_the_files_are_gone(tmp_path: Path, path: Path) -> None:
    """
    Nothing is fetched for what was booked.
    """
    with OpenAIClient(provider="local", home=tmp_path, prices=PRICES) as client:
        state = answer_file(client, path, tmp_path / "out.jsonl", wait=WAIT, home=tmp_path)
        before = costs_of(client, state)
        for file in client.files.list().files:
            client.files.delete(file.id).throw()
        assert costs_of(client, state) == before
        assert before[1] == []


def test_corrections_are_part_of_what_is_booked(tmp_path: Path, path: Path) -> None:
    """
    What was booked as free before its provider told what came of it is counted again, and then told from the ledger.
    """
    with OpenAIClient(provider="local", home=tmp_path, prices=PRICES) as client:
        state = answer_file(client, path, tmp_path / "out.jsonl", wait=WAIT, home=tmp_path)
        before, events = costs_of(client, state), list(client.ledger.events())
        client.ledger.path.rename(tmp_path / "old.db")
        free: dict[str, Any] = {
            "usage": Usage(),
            "cost": Decimal(0),
            "models": (),
            "request_counts": OpenAIBatchRequestCounts(),
        }
        client.ledger.record(*(attrs.evolve(event, **free if event.kind == "ended" else {}) for event in events))
        assert costs_of(client, state) == before
        assert [event.kind for event in client.ledger.events()].count("corrected") == 2
        for file in client.files.list().files:
            client.files.delete(file.id).throw()
        assert costs_of(client, state) == before


def test_what_cannot_be_told_is_said(tmp_path: Path, path: Path) -> None:
    """
    A batch that nobody booked and nobody knows is a problem, and the others have their cost.
    """
    with OpenAIClient(provider="local", home=tmp_path, prices=PRICES) as client:
        state = answer_file(client, path, tmp_path / "out.jsonl", wait=WAIT, home=tmp_path)
        strange = attrs.evolve(state.parts[1], attempts=state.parts[1].attempts[:1]).with_last(batch_id="batch_x")
        costs, problems = costs_of(client, state.with_part(strange))
    assert len(costs) == 1
    assert [problem.is_not_found_error for problem in problems] == [True]
