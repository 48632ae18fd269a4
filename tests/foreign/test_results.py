"""
Results of a foreign server's batches: a row for each line, however the batch ended, and what is left sent again.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIBatch, OpenAIClient
from aikit.jsonl import chat_line
from tests.foreign.aimock import Aimock

pytestmark = pytest.mark.foreign

ENDPOINT = "/v1/chat/completions"
IDS = ("q1", "q2", "q3")
QUICK: dict[str, Any] = {"poll_interval": 0.12}


@pytest.fixture
def input_id(client: OpenAIClient) -> str:
    """Store three requests there and return the file's id."""
    lines = [chat_line("hi", model="m", custom_id=name) for name in IDS]
    file = client.files.create("".join(json.dumps(line) + "\n" for line in lines).encode(), "batch").throw().file
    assert file is not None
    return file.id


def ended(client: OpenAIClient, input_id: str, outcome: str, **options: Any) -> OpenAIBatch:
    """Create a batch that is made to end so, and wait for that."""
    headers = {"X-AIMock-Batch-Outcome": outcome}
    created = client.batches.create(input_id, ENDPOINT, **{"extra_headers": headers, **options}).throw().batch
    assert created is not None
    batch = client.batches.wait(created.id, **QUICK).batch
    assert batch is not None
    assert batch.status == outcome
    return batch


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("completed", "ok"),
        ("failed", "failed"),
        ("expired", "expired"),
        ("cancelled", "cancelled"),
    ],
)
def test_every_line_has_a_row_however_the_batch_ended(
    client: OpenAIClient, input_id: str, tmp_path: Path, outcome: str, status: str
) -> None:
    """In the order of the input, the same in every form; what is not ok says why."""
    batch = ended(client, input_id, outcome)

    with client.batches.results(batch.id) as result:
        rows = list(result)
        assert result.write_csv(tmp_path / "rows.csv") == result.write_jsonl(tmp_path / "rows.jsonl") == 3

    assert result.problems == ()
    assert [row.custom_id for row in rows] == list(IDS)
    assert {row.status for row in rows} == {status}
    assert all(row.error is not None and row.error.message for row in rows if not row.is_ok)
    with (tmp_path / "rows.csv").open(newline="") as file:
        assert [record["status"] for record in csv.DictReader(file)] == [row.status for row in rows]
    lines = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [(line["custom_id"], line["status"]) for line in lines] == [(row.custom_id, row.status) for row in rows]


def test_what_is_left_of_a_batch_becomes_the_next(client: OpenAIClient, input_id: str) -> None:
    """All lines of a batch that failed are sent again, and the lineage has the answers."""
    parent = ended(client, input_id, "failed", metadata={"run": "7"})

    child = client.batches.resubmit(parent).throw().batch

    assert child is not None
    assert (child.metadata["run"], child.metadata["aikit_parent"]) == ("7", parent.id)
    over = client.batches.wait(child.id, **QUICK).batch
    assert over is not None
    with client.batches.results(over, {"with_lineage": True}) as result:
        assert [(row.custom_id, row.batch_id) for row in result] == [(name, child.id) for name in IDS]


def test_one_batch_for_one_intent(client: OpenAIClient, aimock: Aimock, input_id: str) -> None:
    """Who asks again has the batch that is there; the server was asked to create one only."""
    first = client.batches.create(input_id, ENDPOINT, {"intent": "nightly"}).throw().batch
    second = client.batches.create(input_id, ENDPOINT, {"intent": "nightly"}).throw().batch

    assert first is not None
    assert second is not None
    assert second.id == first.id
    assert [entry["method"] for entry in aimock.journal("batches")].count("POST") == 1
