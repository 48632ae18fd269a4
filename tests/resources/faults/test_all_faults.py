"""
Whatever goes wrong, in whatever order of calls: nothing is lost, doubled, short or wrong.
"""

from __future__ import annotations

import collections
import logging
import os
import random
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from aikit import OpenAIClient
from aikit.validation.limits import limits_for
from tests.resources.faults.calls import SMALL_BYTES, Calls
from tests.resources.faults.server import TIMEOUT_S, FaultyServer, faulty_server
from tests.resources.faults.truth import PRICES

_RUNS: Final = int(os.environ.get("AIKIT_FAULT_RUNS", "20"))
_FIRST: Final = int(os.environ.get("AIKIT_FAULT_FIRST", "0"))
_CALLS_EACH: Final = 20
_LIMITS: Final = attrs.evolve(
    limits_for("openai"), file_max_bytes=SMALL_BYTES, upload_part_max_bytes=15_000, upload_max_bytes=2_000_000
)


@pytest.fixture(autouse=True)
def small_and_quick(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """
    What is large is small here, and nobody waits long.
    """
    monkeypatch.setattr("aikit.providers.openai.limits_for", lambda _: _LIMITS)
    monkeypatch.setattr("aikit.http.retry.RetryPolicy._backoff", lambda *_: 0.001)
    monkeypatch.setattr("aikit.resources.polling.LOOKS_S", (0.001,) * 5)
    monkeypatch.setattr("aikit.resources.files.resume._LOOKS_AFTER_S", (0.0, 0.001, 0.001, 0.001))
    caplog.set_level(logging.CRITICAL)


def test_whatever_goes_wrong_nothing_is_lost_doubled_short_or_wrong(tmp_path: Path) -> None:
    """
    Each call is compared with the truth when it is over, and over a sound network everything is there in the end.
    """
    came_to: collections.Counter[bool] = collections.Counter()
    for seed in range(_FIRST, _FIRST + _RUNS):
        folder = tmp_path / f"{seed}"
        folder.mkdir()
        with faulty_server(seed, chance=(0.05, 0.2, 0.4)[seed % 3]) as server:
            try:
                came_to.update(is_success for _, is_success in _run(server, folder, seed))
            except Exception as error:
                error.add_note(f"seed {seed}; the faults were {dict(server.happened)}")
                raise
    assert came_to[True] > came_to[False] > 0


def _run(server: FaultyServer, folder: Path, seed: int) -> list[tuple[str, bool]]:
    dice = random.Random(f"calls {seed}")  # noqa: S311  the same calls for the same seed
    options: dict[str, Any] = {"max_retries": dice.choice((0, 2, 5)), "prices": PRICES, "home": folder / "home"}
    with OpenAIClient("k", base_url=server.url, timeout=TIMEOUT_S, **options) as client:
        calls = Calls(server, client, folder, dice)
        try:
            calls.make(_CALLS_EACH)
        except Exception as error:
            error.add_note(f"in {calls.done[-1][0]}")
            raise
        server.chance = 0.0
        server.truth.unknown.clear()
        for file_id in calls.kept:
            content = client.files.content(file_id)
            assert content.errors == ()
            assert content.content in server.truth.versions[file_id]
        for batch_id in calls.batches:
            booked = [event for event in client.ledger.events(batch_id=batch_id) if event.kind != "created"]
            if booked and not booked[-1].is_lower_bound:
                assert sum((event.cost or Decimal(0) for event in booked), Decimal(0)) == server.truth.cost(batch_id)
    return calls.done
