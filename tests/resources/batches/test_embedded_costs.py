"""
What batches of the embedded provider cost, and where they are booked.
"""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIBatch, OpenAIClient
from tests.providers.local.embedded_batches import ENDPOINT, input_of
from tests.scripted_server import answer, serving

_QUICK: dict[str, Any] = {"poll_interval": 0.02}
_BODY = {"model": "m", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}


def _ended(home: Path | str, **options: Any) -> OpenAIBatch:
    with OpenAIClient(provider="local", home=home, **options) as client:
        file = client.files.create(input_of(2), "batch").throw().file
        assert file is not None
        created = client.batches.create(file.id, ENDPOINT).throw().batch
        assert created is not None
        batch = client.batches.wait(created.id, **_QUICK).throw().batch
        assert batch is not None
        return batch


def _total(home: Path, batch: OpenAIBatch | str, **options: Any) -> Decimal | None:
    with OpenAIClient(provider="local", home=home, **options) as client:
        cost = client.batches.cost(batch).throw().cost
        assert cost is not None
        return cost.total


def test_what_a_server_answered_is_free_for_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Whoever looks, set up for that server or for the built-in model: without a price it is unknown, with one it counts.
    """
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(answer(200, json.dumps(_BODY).encode())) as server:
        batch = _ended(tmp_path, base_url=server.url, ledger=False)
        assert _total(tmp_path, batch, base_url=server.url, ledger=False) is None
    assert _total(tmp_path, batch.id) is None
    assert _total(tmp_path, batch.id, prices={"m": {"input": 1, "output": 1}}) == Decimal("0.00001")
    with OpenAIClient(provider="local", home=tmp_path) as client:
        assert [event.cost for event in client.ledger.events(kind="ended")] == [None]


def test_what_the_built_in_model_answered_costs_nothing(tmp_path: Path) -> None:
    """
    Also for a client that is set up for a server.
    """
    batch = _ended(tmp_path, ledger=False)
    assert _total(tmp_path, batch.id, base_url="http://127.0.0.1:9/v1") == 0


def test_a_home_has_one_address_however_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Relative, through a link, or in full: a batch is booked once.
    """
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "link").symlink_to(home)
    monkeypatch.chdir(tmp_path)
    batch = _ended("home")
    for name in (tmp_path / "link", home):
        assert _total(name, batch.id) == 0
    with OpenAIClient(provider="local", home=home) as client:
        events = list(client.ledger.events())
    assert [event.kind for event in events] == ["created", "ended"]
    assert {event.address for event in events} == {os.path.realpath(home)}
