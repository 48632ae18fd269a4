"""
Batches of a foreign server: from the input file to the answers, and to every other end.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from aikit import OpenAIBatchProgress, OpenAIClient
from tests.foreign.aimock import Aimock
from tests.foreign.conftest import Manner
from tests.scripted_server import Exchange, Step, cut, rendered, reset, serving

pytestmark = pytest.mark.foreign

ENDPOINT = "/v1/chat/completions"
IDS = ("q1", "q2", "q3")
QUICK: dict[str, Any] = {"poll_interval": 0.12}


@pytest.fixture
def input_id(client: OpenAIClient) -> str:
    """Store three requests there and return the file's id."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    lines = [{"custom_id": name, "method": "POST", "url": ENDPOINT, "body": body} for name in IDS]
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    file = client.files.create(content, "batch").throw().file
    assert file is not None
    return file.id


def ending(outcome: str) -> dict[str, Any]:
    """Return the option that makes the server end a batch so."""
    return {"extra_headers": {"X-AIMock-Batch-Outcome": outcome}}


def late(exchange: Exchange) -> None:
    """Keep silent for longer than the caller has patience."""
    time.sleep(1.2)
    exchange.sock.close()


LOSSES: dict[str, Step] = {
    "hangs up": cut(),
    "resets": reset(),
    "hangs up within the answer": cut(rendered(200, b"{}" * 400)[:-700]),
    "cannot reach it": cut(rendered(502, b"<html>Bad Gateway</html>", {"Content-Type": "text/html"})),
    "answers for it": cut(rendered(200, b"<html>Welcome</html>", {"Content-Type": "text/html"})),
    "is too late": late,
}


@contextmanager
def losing(aimock: Aimock, ending: str, loss: Step) -> Iterator[OpenAIClient]:
    """
    Give a client of a proxy that passes everything on, but loses its first answer about a path with this *ending*.
    """
    losses = [loss]

    def passed_on(exchange: Exchange) -> None:
        asked = proxy.received[-1]
        headers = {"Authorization": asked.headers["authorization"], "Content-Type": "application/json"}
        address = aimock.address + asked.path
        answer = requests.request(asked.method, address, data=asked.body, headers=headers, timeout=10)
        is_lost = losses and asked.method == "POST" and asked.path.endswith(ending)
        (losses.pop() if is_lost else cut(rendered(answer.status_code, answer.content)))(exchange)

    with serving(passed_on) as proxy, OpenAIClient("sk-of-a-test", base_url=proxy.url, timeout=1.0) as client:
        yield client


def asked_of(aimock: Aimock) -> list[tuple[str, str]]:
    """Return method and path of what reached the Batches API."""
    return [(entry["method"], entry["path"]) for entry in aimock.journal("batches")]


def test_a_batch_lives_from_its_input_to_its_answers(
    client: OpenAIClient, aimock: Aimock, manner: Manner, input_id: str
) -> None:
    """Create, retrieve by waiting, list, and fetch an answer for each request."""
    seen: list[OpenAIBatchProgress] = []

    created = manner(client.batches.create, input_id, ENDPOINT, metadata={"run": "7"})
    ended = manner(client.batches.wait, created.batch.id, on_progress=seen.append, **QUICK)

    assert (created.errors, ended.errors) == ((), ())
    assert (created.batch.status, created.batch.metadata["run"]) == ("validating", "7")
    assert (ended.batch.status, ended.batch.input_file_id) == ("completed", input_id)
    assert (ended.batch.request_counts.total, ended.batch.request_counts.completed) == (3, 3)
    assert [(report.phase, report.done) for report in seen] == [("in_progress", 0), ("completed", 3)]
    lines = client.files.content(ended.batch.output_file_id).text.splitlines()
    assert [json.loads(line)["custom_id"] for line in lines] == list(IDS)
    assert client.batches.list().batches == (ended.batch,)
    assert [method for method, _ in asked_of(aimock)] == ["POST", "GET", "GET", "GET"]


@pytest.mark.parametrize("outcome", ["failed", "expired", "cancelled"])
def test_other_ends_are_told_with_the_batch(client: OpenAIClient, manner: Manner, input_id: str, outcome: str) -> None:
    """A batch that is made to fail, to expire or to be cancelled is no success, and is there to be looked at."""
    created = manner(client.batches.create, input_id, ENDPOINT, **ending(outcome))

    ended = manner(client.batches.wait, created.batch.id, **QUICK)

    assert not ended.success
    assert ended.errors[0].code == f"batch_{outcome}"
    assert [error.code for error in ended.errors[1:]] == (["mock_failure"] if outcome == "failed" else [])
    assert (ended.batch.status, ended.batch.is_ended) == (outcome, True)


def test_a_batch_is_cancelled(client: OpenAIClient, manner: Manner, input_id: str) -> None:
    """Cancelling answers at once, and waiting then tells that it was cancelled."""
    batch = manner(client.batches.create, input_id, ENDPOINT).batch

    cancelled = manner(client.batches.cancel, batch.id)
    ended = manner(client.batches.wait, batch.id, **QUICK)

    assert (cancelled.errors, cancelled.batch.status) == ((), "cancelling")
    assert [error.code for error in ended.errors] == ["batch_cancelled"]
    assert [error.status for error in client.batches.cancel(batch.id).errors] == [400]


def test_pages_of_batches_follow_each_other(client: OpenAIClient, input_id: str) -> None:
    """The newest come first, page after page, or all in one result."""
    ids = [client.batches.create(input_id, ENDPOINT).throw().batch.id for _ in range(5)][::-1]  # type: ignore[union-attr]  # it succeeded

    page = client.batches.list({"limit": 2})
    seen = [batch.id for batch in page.batches]
    while page.has_more:
        page = page.next_page()
        seen += [batch.id for batch in page.batches]

    assert seen == ids
    assert [batch.id for batch in client.batches.list({"limit": 2, "all_pages": True}).batches] == ids


def test_what_the_server_does_not_know_is_its_404(client: OpenAIClient, manner: Manner) -> None:
    """An unknown batch is an error of each call about it, also of waiting."""
    for call in (client.batches.retrieve, client.batches.cancel, client.batches.wait):
        result = manner(call, "batch_unknown")
        assert [error.is_not_found_error for error in result.errors] == [True]


def test_an_endpoint_is_left_to_the_server(client: OpenAIClient, manner: Manner, input_id: str) -> None:
    """What another server takes is not known here: its refusal is the error, told once."""
    result = manner(client.batches.create, input_id, "/v1/rerank")

    assert [error.status for error in result.errors] == [400]
    assert "/v1/rerank" in result.errors[0].message


def test_a_server_that_hangs_up_on_everything_is_asked_once(
    client: OpenAIClient, aimock: Aimock, manner: Manner, input_id: str
) -> None:
    """Where neither creating nor looking is answered, nothing is created twice, and the error says what to do."""
    result = manner(
        client.batches.create, input_id, ENDPOINT, extra_headers={"x-aimock-chaos-disconnect": "1"}, max_retries=1
    )

    assert [error.code for error in result.errors] == ["connection_error"]
    assert "batches.list()" in result.errors[0].message
    assert [path for method, path in asked_of(aimock) if method == "POST"] == ["/v1/batches"]


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_a_lost_answer_leaves_one_batch_and_the_caller_has_it(
    client: OpenAIClient, aimock: Aimock, manner: Manner, input_id: str, loss: Step
) -> None:
    """When what is between loses the answer after the server acted, the batch is found, and it is the only one."""
    with losing(aimock, "/batches", loss) as victim:
        result = manner(victim.batches.create, input_id, ENDPOINT, metadata={"run": "7"})

    assert result.errors == ()
    assert client.batches.list().batches == (result.batch,)
    assert result.batch.metadata["run"] == "7"
    assert [method for method, _ in asked_of(aimock)].count("POST") == 1


def test_a_lost_answer_of_cancelling_is_no_failure(client: OpenAIClient, aimock: Aimock, input_id: str) -> None:
    """Whoever lost the first answer asks again, and hears that the batch is stopping."""
    batch = client.batches.create(input_id, ENDPOINT).throw().batch
    assert batch is not None

    with losing(aimock, "/cancel", cut()) as victim:
        result = victim.batches.cancel(batch.id)

    assert result.errors == ()
    assert result.batch is not None
    assert result.batch.status == "cancelling"
    assert [path.endswith("/cancel") for _, path in asked_of(aimock)] == [False, True, True]


def test_a_wait_outlives_a_server_that_is_away(aimock: Aimock, input_id: str) -> None:
    """The first answers are lost on the way, and the batch is seen to its end all the same."""

    def passed_on(exchange: Exchange) -> None:
        answer = requests.get(aimock.address + proxy.received[-1].path, timeout=10)
        exchange.sock.sendall(rendered(answer.status_code, answer.content))

    with (
        OpenAIClient("k", base_url=aimock.base_url) as direct,
        serving(reset(), LOSSES["cannot reach it"], cut(), passed_on) as proxy,
    ):
        batch = direct.batches.create(input_id, ENDPOINT, **ending("expired")).throw().batch
        assert batch is not None
        with OpenAIClient("k", base_url=proxy.url) as client:
            ended = client.batches.wait(batch.id, **QUICK)

    assert [error.code for error in ended.errors] == ["batch_expired"]
    assert len(proxy.received) == 5
