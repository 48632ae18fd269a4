"""
Answers that are about another object than was asked for, as caches and gateways mix them up: none is believed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from aikit import OpenAIClient
from tests.batch_server import BatchServer, batch_server, say
from tests.scripted_server import FILE, Exchange, answer, serving

_FILE: dict[str, Any] = json.loads(FILE)
_BATCH: dict[str, Any] = {
    "id": "batch_1",
    "endpoint": "/v1/responses",
    "input_file_id": "file-1",
    "completion_window": "24h",
    "status": "completed",
    "created_at": 1,
    "output_file_id": "file-2",
}
_UPLOAD = _FILE | {"id": "upload_1", "bytes": 3, "status": "completed", "file": _FILE}
_PART = {"id": "part_1", "created_at": 1, "upload_id": "upload_1"}
_CALLS: dict[str, tuple[dict[str, Any], Callable[[OpenAIClient, str], Any]]] = {
    "files.retrieve": (_FILE, lambda client, asked: client.files.retrieve(asked)),
    "files.delete": (_FILE | {"deleted": True}, lambda client, asked: client.files.delete(asked)),
    "files.wait": (_FILE, lambda client, asked: client.files.wait(asked)),
    "uploads.add_part": (_PART, lambda client, asked: client.uploads.add_part(asked, b"x")),
    "uploads.complete": (_UPLOAD, lambda client, asked: client.uploads.complete(asked, ["part_1"])),
    "uploads.cancel": (_UPLOAD, lambda client, asked: client.uploads.cancel(asked)),
    "batches.retrieve": (_BATCH, lambda client, asked: client.batches.retrieve(asked)),
    "batches.cancel": (_BATCH, lambda client, asked: client.batches.cancel(asked)),
    "batches.wait": (_BATCH, lambda client, asked: client.batches.wait(asked)),
    "batches.results": (_BATCH, lambda client, asked: client.batches.results(asked)),
    "batches.cost": (_BATCH, lambda client, asked: client.batches.cost(asked)),
}


@pytest.mark.parametrize("name", _CALLS)
def test_an_answer_about_another_object_is_not_believed(name: str) -> None:
    """The error says what was asked, what came, and, where something may have been done, that it is not known."""
    body, call = _CALLS[name]
    told = body.get("upload_id", body["id"])
    with serving(answer(200, json.dumps(body).encode())) as server, OpenAIClient("k", base_url=server.url) as client:
        result = call(client, "other_7")
    (error,) = result.errors
    assert (error.code, error.status) == ("mismatched_id", 200)
    assert f"about 'other_7' was answered with '{told}'" in error.message
    is_doubtful = name.endswith(("delete", "add_part", "complete", "cancel"))
    assert ("whether it was done is not known" in error.message) == is_doubtful


@pytest.mark.parametrize("name", _CALLS)
def test_an_id_that_a_gateway_rewrites_is_believed(name: str) -> None:
    """The same object under a path, with another prefix or case."""
    body, call = _CALLS[name]
    told = str(body.get("upload_id", body["id"]))
    with serving(answer(200, json.dumps(body).encode())) as server, OpenAIClient("k", base_url=server.url) as client:
        codes = [error.code for error in call(client, f"projects/p/{told.upper()}").errors]
    assert "mismatched_id" not in codes


def test_a_creation_that_is_answered_with_another_batch_is_looked_for() -> None:
    """What carries another intent, and has another input, is not taken for the batch that was asked for."""
    other = {**_BATCH, "metadata": {"aikit_intent": "another"}}

    def mixed_up(server: BatchServer, exchange: Exchange, order: dict[str, Any]) -> None:
        server.create(order)
        say(exchange, 200, other)

    with batch_server(mixed_up) as server, OpenAIClient("k", base_url=server.url) as client:
        batch = client.batches.create("file-9", "/v1/responses").throw().batch
    assert batch is not None
    assert (batch.id, batch.input_file_id, server.creations) == ("batch_0", "file-9", 1)
