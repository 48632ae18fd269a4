"""
A resource whose queue of tokens is full: batches wait for room, or are told clearly.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient, jsonl
from aikit.types.errors import OpenAIError
from tests.azure_server import Refusal, Resource
from tests.providers.azure.conftest import Make


def _lines(count: int = 3) -> bytes:
    made = (jsonl.chat_line(f"word {n}", model="mine", custom_id=f"q{n}") for n in range(count))
    return b"".join(json.dumps(line).encode() + b"\n" for line in made)


@pytest.mark.parametrize("options", [{}, {"intent": "once"}])
def test_a_batch_waits_for_room_in_the_queue(
    options: dict[str, Any], client: OpenAIClient, resource: Resource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Refused at once or by batches that fail, it is asked for until one begins, and that one is found by its intent.
    """
    monkeypatch.setattr("aikit.resources.batches.queue._FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr("aikit.resources.batches.queue._LOOK_S", 0.02)
    resource.looks, resource.no_room = 0, ["late", "at once", "late"]
    file = client.files.create(_lines(), "batch").throw().file
    assert file is not None
    result = client.batches.create(file.id, "/v1/chat/completions", **{"max_queue_wait": 60, **options}).throw()
    assert result.batch is not None
    assert result.batch.status == "completed"
    assert [batch["status"] for batch in resource.batches.values()] == ["failed", "failed", "completed"]
    assert sum("asked for again" in note for note in result.notes) == 3
    if options:
        again = client.batches.create(file.id, "/v1/chat/completions", **options).throw().batch
        assert again is not None
        assert again.id == result.batch.id
        assert len(resource.batches) == 3


def test_what_was_created_before_a_full_queue_refused_it_is_found(
    client: OpenAIClient, resource: Resource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It was created and its answer lost, it takes the room itself, and is listed late: there is no second one.
    """
    monkeypatch.setattr("aikit.resources.batches.queue._FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr("aikit.resources.batches.queue._LOOK_S", 0.02)
    monkeypatch.setattr("aikit.resources.polling.LOOKS_S", (0.02, 0.02))
    hidden: dict[str, Any] = {}
    resource.looks, begin = 0, Resource.begin

    def begin_late(self: Resource, order: dict[str, Any], *, is_dated: bool) -> Any:
        if not hidden:
            batch = begin(self, order, is_dated=is_dated)
            hidden[batch["id"]] = self.batches.pop(batch["id"])
            raise Refusal(500, "internalFailure", "Something broke.")
        self.batches.update(hidden)
        raise Refusal(400, "token_limit_exceeded", "The number of enqueued tokens has surpassed the configured limit.")

    monkeypatch.setattr(Resource, "begin", begin_late)
    file = client.files.create(_lines(), "batch").throw().file
    assert file is not None
    batch = client.batches.create(file.id, "/v1/chat/completions", {"max_queue_wait": 60}).throw().batch
    assert batch is not None
    assert list(resource.batches) == [batch.id]


def test_a_batch_that_found_no_room_and_runs_after_all_is_the_one(
    client: OpenAIClient, resource: Resource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It is looked at before another would be created beside it.
    """
    monkeypatch.setattr("aikit.resources.batches.queue._FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr("aikit.resources.batches.queue._LOOK_S", 0.02)
    resource.looks, resource.no_room, complete = 0, ["late"], Resource.complete

    def change_mind(self: Resource, batch_id: str) -> Any:
        told = dict(complete(self, batch_id))
        if told["status"] == "failed":
            self.batches[batch_id] |= {"status": "validating", "errors": None, "fate": ""}
        return told

    monkeypatch.setattr(Resource, "complete", change_mind)
    file = client.files.create(_lines(), "batch").throw().file
    assert file is not None
    batch = client.batches.create(file.id, "/v1/chat/completions", {"max_queue_wait": 60}).throw().batch
    assert batch is not None
    assert (batch.status, len(resource.batches)) == ("completed", 1)


def test_without_waiting_a_full_queue_is_told_clearly(client: OpenAIClient, resource: Resource) -> None:
    """
    By the creation or by waiting for the batch, with a mend; one with the same intent may be created then.
    """
    resource.looks, resource.no_room = 0, ["at once", "late"]
    file = client.files.create(_lines(), "batch").throw().file
    assert file is not None
    (error,) = client.batches.create(file.id, "/v1/chat/completions", {"intent": "i"}).errors
    assert error.code == "token_limit_exceeded"
    assert "max_queue_wait" in error.message
    batch = client.batches.create(file.id, "/v1/chat/completions", {"intent": "i"}).throw().batch
    assert batch is not None
    waited = client.batches.wait(batch.id, {"poll_interval": 0.02})
    assert [one.code for one in waited.errors] == ["batch_failed", "token_limit_exceeded"]
    assert "did not begin" in waited.errors[0].message
    third = client.batches.create(file.id, "/v1/chat/completions", {"intent": "i"}).throw().batch
    assert third is not None
    assert (third.status, len(resource.batches)) == ("validating", 2)


@pytest.mark.parametrize(
    ("no_room", "batches", "starts"),
    [
        (["", "at once", ""], 3, 1),
        (["", "at once", "at once", "", "at once"], 3, 1),
        (["late", "at once"], 4, 1),
        (["late", "at once", "at once"], 4, 1),
        (["", "at once", "", "at once"], 3, 2),  # nothing of it is under way any more
    ],
)
def test_a_run_comes_back_to_what_found_no_room(
    no_room: list[str], batches: int, starts: int, make: Make, resource: Resource, tmp_path: Path
) -> None:
    """
    When others of its batches are through; refused at once or late, each line has one answer.
    """
    resource.looks, resource.no_room = 0, no_room
    mixed = [line.replace(b'"mine"', b'"mine%d"' % n) for n, line in enumerate(_lines(3).splitlines(keepends=True))]
    (tmp_path / "in.jsonl").write_bytes(b"".join(mixed))
    client = make("v1")
    for _ in range(starts - 1):
        with pytest.raises(OpenAIError, match="surpassed the configured limit"):
            client.batches.run(tmp_path / "in.jsonl", tmp_path / "out.jsonl", poll_interval=0.02, throw=True)
    client.batches.run(tmp_path / "in.jsonl", tmp_path / "out.jsonl", poll_interval=0.02, throw=True)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(row["custom_id"], row["status"]) for row in rows] == [(f"q{n}", "ok") for n in range(3)]
    assert len(resource.batches) == batches


def test_a_run_without_any_room_says_so(make: Make, resource: Resource, tmp_path: Path) -> None:
    """
    Nothing of it is under way, so that it is not tried again and again.
    """
    resource.looks, resource.no_room = 0, ["at once"] * 9
    (tmp_path / "in.jsonl").write_bytes(_lines())
    with pytest.raises(OpenAIError, match="surpassed the configured limit"):
        make("v1").batches.run(tmp_path / "in.jsonl", tmp_path / "out.jsonl", throw=True)
    assert len(resource.no_room) == 8
