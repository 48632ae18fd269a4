"""
A run in one call.
"""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest

from aikit.client import OpenAIClient
from aikit.resources.batches.run.folder import RunFolder
from aikit.resources.batches.run.run import answer_file
from aikit.testing import embedded_provider
from aikit.types.errors import OpenAIError, Rejected
from tests.resources.batches.run.test_plan import lines

WAIT = {"poll_interval": 0.02}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """
    An input of two models.
    """
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines({}, {"body": {"model": "n"}}, {}))
    return path


def test_a_file_is_answered_in_one_call(tmp_path: Path, path: Path) -> None:
    """
    Split, answered and joined; called again, no batch is created, and the results are written again.
    """
    results = tmp_path / "out.jsonl"
    with OpenAIClient(provider="local", home=tmp_path) as client:
        state = answer_file(client, path, results, wait=WAIT, home=tmp_path)
        assert dict(state.counts) == {"ok": 3}
        assert [json.loads(line)["custom_id"] for line in results.read_bytes().splitlines()] == ["r-0", "r-1", "r-2"]
        results.unlink()
        again = answer_file(client, path, results, wait=WAIT, home=tmp_path)
        assert attrs.evolve(again, marks=state.marks) == state
        assert results.exists()
        assert len(client.batches.list().batches) == 2
    assert RunFolder.of(tmp_path).load(state.order.key) == again
    assert again.intact_results == (str(results),)


def test_what_was_begun_is_gone_on_with(tmp_path: Path, path: Path) -> None:
    """
    After a wait that was given up the same batches are waited for.
    """
    with embedded_provider(tmp_path) as provider, provider.client() as client:
        provider.fail_lines(delay=1_000.0)  # slow ones, so that the wait is given up before they have ended
        with pytest.raises(Rejected, match="raise max_wait"):
            answer_file(client, path, tmp_path / "x", wait={"poll_interval": 1e-5, "max_wait": 1e-6}, home=tmp_path)
        provider.clock.run_at(100_000.0)
        state = answer_file(client, path, tmp_path / "x.csv", wait=WAIT, home=tmp_path)
        assert {batch.id for batch in client.batches.list().batches} == set(state.batch_ids)
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 4


def test_problems_and_rivals_are_raised(tmp_path: Path, path: Path) -> None:
    """
    A bad line ends it before anything is sent, and so does another process that is at it.
    """
    with OpenAIClient(provider="local", home=tmp_path) as client:
        state = answer_file(client, path, tmp_path / "x", wait=WAIT, home=tmp_path)
        with RunFolder.of(tmp_path).lock(state.order.key), pytest.raises(OpenAIError, match="another process"):
            answer_file(client, path, tmp_path / "x", home=tmp_path)
        path.write_bytes(b"nonsense\n")
        with pytest.raises(Rejected, match="not parseable"):
            answer_file(client, path, tmp_path / "x", home=tmp_path)
        assert len(client.batches.list().batches) == 2
