"""
A batch of Vertex AI from its file to its cost.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from aikit import OpenAIClient
from tests.vertex_server import BUCKET, TOKEN, VertexServer

_CHAT: Final = "/v1/chat/completions"
_PRICES: Final = {
    "gemini-2.5-flash": {"batch": {"input": 0.15, "output": 1.25}},
    "gemini-embedding-001": {"batch": {"input": 0.075, "output": 0}},
    "claude-sonnet-4-5": {"batch": {"input": 1.5, "output": 7.5}},
    "llama-3.3-70b-instruct-maas": {"batch": {"input": 0.36, "output": 0.36}},
}


def _lines(model: str, count: int, url: str = _CHAT) -> list[str]:
    """
    Return lines, the second of which fails.
    """
    lines = []
    for number in range(count):
        words = "trouble" if number == 1 else f"hi {number}"
        body: dict[str, Any] = {"model": model}
        if url == _CHAT:
            body |= {"messages": [{"role": "user", "content": words}], "max_completion_tokens": 50}
        else:
            body["input"] = words
        lines.append(json.dumps({"custom_id": f"ü {number}", "method": "POST", "url": url, "body": body}))
    return lines


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize(
    ("model", "url", "text", "tokens", "price"),
    [
        ("gemini-2.5-flash", _CHAT, "yes, hi 0", (100, 1020), ("0.15", "1.25")),
        ("gemini-embedding-001", "/v1/embeddings", None, (7, 0), ("0.075", "0")),
        ("claude-sonnet-4-5", _CHAT, "yes", (100, 20), ("1.5", "7.5")),
        ("llama-3.3-70b-instruct-maas", _CHAT, "yes, ü 0", (100, 20), ("0.36", "0.36")),
    ],
)
def test_a_batch_goes_from_lines_to_rows_and_cost(
    vertex: VertexServer,
    tmp_path: Path,
    model: str,
    url: str,
    text: str | None,
    tokens: tuple[int, int],
    price: tuple[str, str],
    shards: int,
) -> None:
    """
    Rows come in the order of the lines, in whichever order and number of files Google wrote them; thoughts are paid.
    """
    vertex.shards = shards
    path = tmp_path / "in.jsonl"
    path.write_text("".join(f"{line}\n" for line in _lines(model, 5, url)), "utf-8")
    with OpenAIClient(TOKEN, provider="vertex", base_url=vertex.url, prices=_PRICES) as client:
        file = client.files.create(path, "batch", {"throw": True}).file
        assert file is not None
        batch = client.batches.create(file.id, url, {"throw": True}).batch
        assert batch is not None
        done = client.batches.wait(batch.id, {"poll_interval": 0.01, "throw": True}).batch
        assert done is not None
        with client.batches.results(batch.id, {"throw": True}) as result:
            rows = list(result)
        cost = client.batches.cost(batch.id, {"throw": True}).cost
    assert [(row.custom_id, row.status) for row in rows] == [
        (f"ü {number}", "failed" if number == 1 else "ok") for number in range(5)
    ]
    assert rows[0].text == text
    assert (done.request_counts.completed, done.request_counts.failed) == (4, 1)
    assert cost is not None
    assert (cost.usage.input_tokens, cost.usage.output_tokens) == (4 * tokens[0], 4 * tokens[1])
    assert cost.total == sum(Decimal(each) * 4 * count for each, count in zip(price, tokens, strict=True)) / 1_000_000


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("written", [None, 3, 4])
@pytest.mark.parametrize("status", ["cancelled", "expired"])
def test_a_batch_that_was_stopped_has_what_was_done(
    client: OpenAIClient, vertex: VertexServer, status: str, written: int | None, *, counts: bool
) -> None:
    """
    Whether Google says how much that is, or not; the other lines have not been done, and say so.
    """
    vertex.written, vertex.counts, vertex.expires, vertex.polls = written, counts, status == "expired", 2
    content = "".join(f"{line}\n" for line in _lines("gemini-2.5-flash", 5)).encode()
    file = client.files.create(content, "batch", {"filename": "in.jsonl", "throw": True}).file
    assert file is not None
    batch = client.batches.create(file.id, _CHAT, {"throw": True}).batch
    assert batch is not None
    if status == "cancelled":
        assert client.batches.cancel(batch.id).success
    ended = client.batches.wait(batch.id, {"poll_interval": 0.01})
    assert [error.code for error in ended.errors] == [f"batch_{status}"]
    with client.batches.results(batch.id, {"throw": True}) as result:
        told = [row.status for row in result]
    answered = ["failed", "ok", "ok", "ok"][-(written or 0) :] if written else []
    assert told == [status] * (5 - len(answered)) + answered


def test_a_job_of_another_program_is_read(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Its keys are the custom_ids where no file of these is beside its input.
    """
    line = {"key": "mine", "request": {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}}
    vertex.storage.store(BUCKET, "aikit/files/theirs.jsonl", json.dumps(line).encode())
    number = vertex.add(
        displayName="their job",
        model="publishers/google/models/gemini-2.5-flash",
        inputConfig={"instancesFormat": "jsonl", "gcsSource": {"uris": [f"gs://{BUCKET}/aikit/files/theirs.jsonl"]}},
        outputConfig={
            "predictionsFormat": "jsonl",
            "gcsDestination": {"outputUriPrefix": f"gs://{BUCKET}/aikit/outputs/theirs"},
        },
    )
    batch = client.batches.wait(f"batch_{number}", {"poll_interval": 0.01, "throw": True}).batch
    assert batch is not None
    assert batch.metadata == {"display_name": "their job"}
    content = client.files.content(batch.output_file_id or "", {"throw": True}).content or b""
    (row,) = map(json.loads, content.splitlines())
    assert row["custom_id"] == "mine"
    assert row["response"]["body"]["choices"][0]["message"]["content"] == "yes, hi"
