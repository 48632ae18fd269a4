"""
Batches whose lines are answered by a server: over a real socket, from the client's arguments to the files.
"""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIBatch, OpenAIClient, OpenAIError
from tests.providers.local.embedded_batches import ENDPOINT, input_of
from tests.scripted_server import Exchange, answer, serving
from tests.stopwatch import Stopwatch

_KEY = "sk-of-the-upstream"
_BODY = {"id": "c", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}


def _ended(home: Path, url: str, count: int) -> tuple[OpenAIBatch, str]:
    """
    Run a batch of *count* lines against the server at *url*; return it and the content of its output file.
    """
    with OpenAIClient(_KEY, provider="local", home=home, base_url=url, concurrency=8, ledger=False) as client:
        file = client.files.create(input_of(count), "batch").throw().file
        assert file is not None
        created = client.batches.create(file.id, ENDPOINT).throw().batch
        assert created is not None
        batch = client.batches.wait(created.id, {"poll_interval": 0.05, "deadline": 60}).batch
        assert batch is not None
        output = batch.output_file_id
        return batch, client.files.content(output).throw().text or "" if output else ""


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key_is_one_error_of_the_batch(tmp_path: Path, status: int) -> None:
    """Not five thousand failed lines, and the server is asked a few times only."""
    refusal = {"error": {"message": f"no access for {_KEY}", "type": "auth", "code": "invalid_api_key"}}
    with serving(answer(status, json.dumps(refusal).encode())) as server:
        url = server.url
        batch, _ = _ended(tmp_path, url, 5_000)
        assert len(server.received) <= 8 + 2
    assert (batch.status, batch.request_counts.failed) == ("failed", 0)
    (error,) = batch.errors
    assert (error.code, error.line) == ("access_denied", None)
    assert error.message == (
        f"The server {url} answers every request with status {status}: no access for ***. "
        "Correct the API key, the account or the base_url, then create the batch again."
    )


def test_a_server_that_refuses_every_eighth_line_answers_all_soon(tmp_path: Path) -> None:
    """A refusal with Retry-After holds back its own line: all the others are done meanwhile."""
    count = itertools.count(1)
    fine, refusal = answer(200, json.dumps(_BODY).encode(), after_s=0.005), answer(429, b"", {"Retry-After": "1"})

    def step(exchange: Exchange) -> None:
        (fine if next(count) % 8 else refusal)(exchange)

    watch = Stopwatch()
    with serving(step) as server:
        batch, _ = _ended(tmp_path, server.url, 120)
    assert (batch.status, batch.request_counts.completed) == ("completed", 120)
    assert watch.stop() < 8  # one pause after the other would take seventeen seconds


def test_a_server_with_all_faults_answers_every_line(tmp_path: Path) -> None:
    """Refusals, failures and garbled answers are tried again; none of them is a line's answer in the end."""
    chance = random.Random(5)  # noqa: S311  the same faults in every run
    fine = answer(200, json.dumps(_BODY).encode())
    faults = (
        answer(429, b"", {"Retry-After": "1"}),
        answer(429),
        answer(500),
        answer(503),
        answer(200, b"<html>"),
        answer(200, b'{"error": {"message": "upstream", "code": 502}}'),
    )

    def step(exchange: Exchange) -> None:
        (chance.choice(faults) if chance.random() < 0.2 else fine)(exchange)

    with serving(step) as server:
        batch, output = _ended(tmp_path, server.url, 200)
    assert (batch.status, batch.request_counts.completed) == ("completed", 200)
    assert len(output.splitlines()) == 200


def test_lines_go_where_the_client_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the key, the headers and the body given; the key is nowhere on disk."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    home = tmp_path / "home"
    with (
        serving(answer(200, json.dumps(_BODY).encode())) as server,
        OpenAIClient(
            _KEY, provider="local", home=home, base_url=server.url, concurrency=2, custom_headers={"X-Team": "a"}
        ) as client,
    ):
        file = client.files.create(input_of(5), "batch").throw().file
        assert file is not None
        created = client.batches.create(file.id, ENDPOINT).throw().batch
        assert created is not None
        batch = client.batches.wait(created.id, {"poll_interval": 0.05}).throw().batch
        assert batch is not None
        assert batch.output_file_id is not None
        text = client.files.content(batch.output_file_id).throw().text
    assert (batch.status, batch.request_counts.completed) == ("completed", 5)
    assert {each.headers["authorization"] for each in server.received} == {f"Bearer {_KEY}"}
    assert {each.path for each in server.received} == {ENDPOINT}
    assert {each.headers["x-team"] for each in server.received} == {"a"}
    asked = sorted(json.loads(each.body)["messages"][0]["content"] for each in server.received)
    assert asked == [f"question {number}" for number in range(5)]
    assert {json.dumps(json.loads(line)["response"]["body"]) for line in (text or "").splitlines()} == {
        json.dumps(_BODY)
    }
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert _KEY.encode() not in kept


def _statuses(home: Path, lines: list[str], **options: Any) -> tuple[list[str], list[OpenAIError]]:
    """
    Run a batch of *lines* on the embedded provider; return the statuses of its rows, and what was refused.
    """
    with OpenAIClient("", provider="local", home=home, ledger=False, **options) as client:
        content = "".join(f"{line}\n" for line in lines).encode()
        created = client.files.create(content, "batch")
        if created.file is None:
            return [], list(created.errors)
        batch = client.batches.create(created.file.id, ENDPOINT).throw().batch
        assert batch is not None
        ended = client.batches.wait(batch.id, {"poll_interval": 0.05, "deadline": 60})
        if not ended.success:
            return [], list(ended.errors)
        results = client.batches.results(batch.id).throw()
        return [row.status for row in results], []


@pytest.mark.parametrize("where", ["", "/v1", "/v4", "/openai/v1", "/api/paas/v4", "/v1beta", None])
def test_lines_written_for_other_providers_are_served(tmp_path: Path, where: str | None) -> None:
    """With their version of the path, or without url and method: by the built-in model, and by a server."""
    line: dict[str, Any] = {"custom_id": "a", "body": {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}}
    if where is not None:
        line |= {"method": "POST", "url": f"{where}/chat/completions"}
    assert _statuses(tmp_path / "built-in", [json.dumps(line)]) == (["ok"], [])
    with serving(answer(200, json.dumps(_BODY).encode())) as server:
        assert _statuses(tmp_path / "server", [json.dumps(line)], base_url=server.url) == (["ok"], [])
        assert server.received[0].path == ENDPOINT


@pytest.mark.parametrize("url", ["/v1/embeddings", "/v4/chat", "/chat/v1/completions", "/v4/x/chat/completions", 5])
def test_lines_that_cannot_be_served_are_refused(tmp_path: Path, url: Any) -> None:
    """Another endpoint, or none."""
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    found, errors = _statuses(tmp_path, [json.dumps({"custom_id": "a", "method": "POST", "url": url, "body": body})])
    assert found == []
    assert errors


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" * 400 + ".0", "NaN", "Infinity"])
def test_a_number_that_no_json_has_room_for_is_an_invalid_line(tmp_path: Path, number: str) -> None:
    """It would go out as Infinity, which is no JSON."""
    line = '{"custom_id": "a", "method": "POST", "url": "%s", "body": {"model": "m", "temperature": %s}}'
    found, errors = _statuses(tmp_path, [line % (ENDPOINT, number)])
    assert found == []
    assert (errors[0].code, errors[0].line) == ("invalid_json_line", 1)


def test_a_number_in_an_answer_that_is_too_large_becomes_null(tmp_path: Path) -> None:
    """What came cannot be mended, but stays JSON."""
    with serving(answer(200, json.dumps(_BODY).replace('"c"', "1e999").encode())) as server:
        _, output = _ended(tmp_path, server.url, 1)
    assert json.loads(output)["response"]["body"]["id"] is None


def test_moderations_of_the_built_in_model_are_free_afterwards_too(tmp_path: Path) -> None:
    """Their answers tell no tokens, and cost nothing all the same."""
    line = {"custom_id": "a", "method": "POST", "url": "/v1/moderations", "body": {"model": "m", "input": "Hi"}}
    with OpenAIClient("", provider="local", home=tmp_path, ledger=False) as client:
        file = client.files.create(json.dumps(line).encode(), "batch").throw().file
        assert file is not None
        batch = client.batches.create(file.id, "/v1/moderations").throw().batch
        assert batch is not None
        client.batches.wait(batch.id, {"poll_interval": 0.05}).throw()
        cost = client.batches.cost(batch.id).throw().cost
    assert cost is not None
    assert cost.total == 0
    assert not cost.is_lower_bound
