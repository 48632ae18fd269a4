"""
Batches of the embedded provider whose lines a foreign chat server answers: slow, refusing, garbling and hanging up.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from aikit import OpenAIClient
from aikit.testing import EmbeddedProvider, embedded_provider
from tests.foreign.aimock import Aimock

pytestmark = pytest.mark.foreign

ENDPOINT = "/v1/chat/completions"
LINES = 400
SAID = "Hello! How can I help you today?"
CHAOS = {
    "X-AIMock-Chaos-Latency": "10",
    "X-AIMock-Chaos-Drop": "0.1",
    "X-AIMock-Chaos-Disconnect": "0.1",
    "X-AIMock-Chaos-Ratelimit": "0.05",
    "X-AIMock-Chaos-Malformed": "0.05",
}
OPTIONS: dict[str, Any] = {"concurrency": 32, "api_key": "sk-of-a-test"}


@pytest.fixture
def talker(aimock: Aimock) -> Aimock:
    """Give the server, which knows what to say to a hello."""
    fixture = {"match": {"userMessage": "hello"}, "response": {"content": SAID}}
    requests.post(f"{aimock.address}/__aimock/fixtures", json={"fixtures": [fixture]}, timeout=10).raise_for_status()
    return aimock


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedProvider]:
    """Give an embedded provider whose pauses are short."""
    with embedded_provider(tmp_path / "home") as provider:
        provider.clock.run_at(200.0)
        yield provider


def ended(client: OpenAIClient, lines: int = LINES, word: str = "hello") -> Any:
    """Run a batch to its end."""
    lines_of_it = (
        {
            "custom_id": f"q{number}",
            "method": "POST",
            "url": ENDPOINT,
            "body": {"model": "m", "messages": [{"role": "user", "content": f"{word} {number}"}]},
        }
        for number in range(lines)
    )
    content = "".join(json.dumps(request) + "\n" for request in lines_of_it).encode()
    file = client.files.create(content, "batch").throw().file
    assert file is not None
    batch = client.batches.create(file.id, ENDPOINT).throw().batch
    assert batch is not None
    return client.batches.wait(batch.id, {"poll_interval": 0.1, "max_wait": 100}).batch


def rows(client: OpenAIClient, batch: Any) -> list[dict[str, Any]]:
    """Return the lines of both files."""
    ids = [file_id for file_id in (batch.output_file_id, batch.error_file_id) if file_id]
    return [json.loads(line) for file_id in ids for line in client.files.content(file_id).text.splitlines()]


def test_every_line_is_answered_by_the_foreign_server(talker: Aimock, embedded: EmbeddedProvider) -> None:
    """
    Its answers are in the output file as they came, each under its own custom_id.
    """
    client = embedded.client(base_url=talker.base_url, **OPTIONS)
    batch = ended(client)
    assert batch.status == "completed"
    assert (batch.request_counts.completed, batch.error_file_id) == (LINES, None)
    found = rows(client, batch)
    assert {row["custom_id"] for row in found} == {f"q{number}" for number in range(LINES)}
    assert {row["response"]["body"]["choices"][0]["message"]["content"] for row in found} == {SAID}


def test_no_line_is_lost_whatever_the_server_does(talker: Aimock, embedded: EmbeddedProvider) -> None:
    """
    Three in ten exchanges go wrong: what may pass is asked again, garbage too, and what fails all the same says why.
    """
    client = embedded.client(base_url=talker.base_url, custom_headers=CHAOS, **OPTIONS)
    batch = ended(client)
    assert batch.status == "completed"
    counts = batch.request_counts
    assert counts.completed + counts.failed == counts.total == LINES
    found = rows(client, batch)
    assert Counter(row["custom_id"] for row in found) == {f"q{number}": 1 for number in range(LINES)}
    failed = [row for row in found if row["error"] is not None or row["response"]["status_code"] != 200]
    assert len(failed) == counts.failed
    assert counts.failed < LINES / 5
    assert all(row["error"]["code"] and row["error"]["message"] for row in failed if row["error"])


def test_what_the_server_refuses_is_in_the_error_file(talker: Aimock, embedded: EmbeddedProvider) -> None:
    """
    It knows no answer to such a question, and says so in OpenAI's shape.
    """
    client = embedded.client(base_url=talker.base_url, **OPTIONS)
    batch = ended(client, 3, "unheard of")
    assert (batch.status, batch.output_file_id, batch.request_counts.failed) == ("completed", None, 3)
    for row in rows(client, batch):
        assert row["error"] is None
        assert 400 <= row["response"]["status_code"] < 500
        assert row["response"]["body"]["error"]["message"]
