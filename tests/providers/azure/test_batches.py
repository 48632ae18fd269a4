"""
Batches of a resource on this machine, whichever surface is asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient, jsonl
from aikit.http.flow import Flow, Pause, Work
from aikit.http.headers import Headers
from aikit.http.messages import Request, Response
from aikit.providers.azure.provider import AzureProvider
from aikit.providers.azure.quota import queue_of
from aikit.providers.azure.reading import as_openai_batch
from aikit.providers.config import ProviderSettings
from aikit.types.batches import BatchOrder, OpenAIBatch, OpenAIBatchRequestCounts
from aikit.types.errors import CancelledError, OpenAIError
from tests.azure_server import Resource
from tests.providers.azure.conftest import Make

_HOST = "https://res.openai.azure.com"
_FILE: dict[str, Any] = {"id": "file-1", "bytes": 3, "created_at": 1, "filename": "a.jsonl", "purpose": "batch"}
_BATCH: dict[str, Any] = {"id": "batch_1", "status": "validating", "created_at": 1, "input_file_id": "file-1"}
_LOOK = "_FIRST_PAUSE_S"


def _lines(count: int = 3, url: str = "/v1/chat/completions") -> bytes:
    lines = (jsonl.chat_line(f"word {n}", model="mine", custom_id=f"q{n}") | {"url": url} for n in range(count))
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _provider(version: str = "") -> AzureProvider:
    return AzureProvider.from_settings(ProviderSettings(kind="azure", api_key="k", base_url=_HOST + version))


def _order(**values: Any) -> BatchOrder:
    return BatchOrder(**{"input_file_id": "file-1", "endpoint": "/v1/chat/completions", "intent": "i", **values})


def _reply(request: Any, body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    assert isinstance(request, Request)
    return Response(status=status, body=json.dumps(body).encode(), headers=Headers(headers), request=request)


def _sent(flow: Flow[Any], *files: dict[str, Any]) -> Request:
    """Answer looks at the input file until the batch is asked for, and return that request."""
    step, answers = next(flow), iter(files or ({"status": "processed"},))
    while isinstance(step, Pause) or (isinstance(step, Request) and step.method == "GET"):
        step = flow.send(None if isinstance(step, Pause) else _reply(step, _FILE | next(answers)))
    assert isinstance(step, Request)
    return step


def _body(request: Request) -> Any:
    assert request.body is not None
    return json.loads(request.body.open().read(10_000))


@pytest.mark.parametrize("url", ["/v1/chat/completions", "/chat/completions"])
def test_a_batch_lives_from_its_input_to_its_answers(client: OpenAIClient, resource: Resource, url: str) -> None:
    """
    Its file is waited for; capitals, ISO times, an empty error file and lines without ids are read like OpenAI's.
    """
    resource.looks = 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"aikit.providers.azure.provider.{_LOOK}", 0.01)
        file = client.files.create(_lines(url=url), "batch").throw().file
        assert file is not None
        created = client.batches.create(file.id, url, {"metadata": {"run": "7"}})
    assert (created.errors, created.notes) == ((), ("7 of at most 5,000,000 tokens are enqueued for the deployment",))
    batch = created.batch
    assert batch is not None
    assert (batch.status, batch.input_file_id, batch.completion_window) == ("validating", file.id, "24h")
    assert batch.metadata["run"] == "7"
    assert batch.created_at > 1_700_000_000
    assert (batch.request_counts, batch.output_file_id) == (OpenAIBatchRequestCounts(), None)
    ended = client.batches.wait(batch.id, {"poll_interval": 0.02}).throw().batch
    assert ended is not None
    with client.batches.results(ended) as results:
        rows = list(results)
    assert [(row.custom_id, row.status, row.text) for row in rows] == [(f"q{n}", "ok", f"WORD {n}") for n in range(3)]
    assert [one.id for one in client.batches.list().batches] == [batch.id]


def test_a_batch_is_found_by_its_intent_and_not_made_twice(client: OpenAIClient, resource: Resource) -> None:
    """
    The pairs of metadata are kept on either surface.
    """
    resource.looks = 0
    file = client.files.create(_lines(), "batch").throw().file
    assert file is not None
    ids = [client.batches.create(file.id, "/v1/chat/completions", {"intent": "x"}).throw().batch for _ in range(2)]
    assert ids[0] == ids[1]
    assert len(resource.batches) == 1
    assert ids[0] is not None
    cancelled = client.batches.cancel(ids[0].id).throw().batch
    assert cancelled is not None
    assert cancelled.status == "cancelling"


def test_what_is_left_of_a_batch_is_sent_again_though_its_endpoint_is_not_told(make: Make, resource: Resource) -> None:
    """
    The dated surface may leave it out, and reads the lines to know it.
    """
    resource.looks = 0
    client = make("dated")
    file = client.files.create(_lines(), "batch").throw().file
    assert file is not None
    batch = client.batches.create(file.id, "/v1/chat/completions").throw().batch
    assert batch is not None
    ended = client.batches.wait(batch.id, {"poll_interval": 0.02}).throw().batch
    assert ended is not None
    assert ended.endpoint == ""
    again = client.batches.resubmit(ended.id, ["ok"]).throw().batch
    assert again is not None
    assert resource.asked[-1][2]["endpoint"] == "/chat/completions"


def test_a_run_goes_through_on_either_surface(client: OpenAIClient, resource: Resource, tmp_path: Path) -> None:
    """
    Split, uploaded, waited for and joined by one call.
    """
    resource.looks = 0
    (tmp_path / "in.jsonl").write_bytes(_lines(5))
    client.batches.run(tmp_path / "in.jsonl", tmp_path / "out.jsonl", throw=True)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["custom_id"] for row in rows] == [f"q{n}" for n in range(5)]


@pytest.mark.parametrize(
    ("version", "given", "sent"),
    [
        ("?api-version=2024-10-21", "/v1/chat/completions", "/chat/completions"),
        ("?api-version=2024-10-21", "/chat/completions", "/chat/completions"),
        ("?api-version=2024-10-21", "/v1/responses", "/responses"),
        ("?api-version=2024-10-21", "", "/chat/completions"),
        ("", "/v1/chat/completions", "/v1/chat/completions"),
        ("", "/chat/completions", "/chat/completions"),
    ],
)
def test_an_endpoint_is_called_as_the_surface_calls_it(version: str, given: str, sent: str) -> None:
    """
    Either spelling is taken from a caller.
    """
    request = _sent(_provider(version).create_batch(_order(endpoint=given)))
    assert (_body(request)["endpoint"], request.is_idempotent) == (sent, False)
    assert _body(request)["metadata"] == {"aikit_intent": "i"}


def test_a_batch_is_asked_for_when_its_file_is_processed() -> None:
    """
    With growing pauses, however the status is written; once.
    """
    flow, pauses = _provider().create_batch(_order()), []
    step = next(flow)
    for status in ("pending", "Running", "running", "processed"):
        assert isinstance(step, Request)
        assert step.url == f"{_HOST}/openai/v1/files/file-1"
        step = flow.send(_reply(step, _FILE | {"status": status, "bytes": None}))
        if isinstance(step, Pause):
            pauses.append(step.seconds)
            step = flow.send(1.0)
    assert pauses == [1.0, 1.5, 2.25]
    assert isinstance(step, Request)
    assert (step.method, step.url) == ("POST", f"{_HOST}/openai/v1/batches")


@pytest.mark.parametrize("status", ["uploaded", "processed", None, "deleted"])
def test_a_file_that_is_not_on_its_way_is_not_waited_for(status: str | None) -> None:
    """
    Whatever else is wrong with it is the provider's to say.
    """
    flow = _provider().create_batch(_order())
    request = next(flow)
    step = flow.send(_reply(request, _FILE | {"status": status}))
    assert isinstance(step, Request)
    assert step.method == "POST"


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_file_that_cannot_be_looked_at_stops_no_batch(status: int) -> None:
    """
    A key may be allowed to create, and not to read files.
    """
    flow = _provider().create_batch(_order())
    request = next(flow)
    step = flow.send(_reply(request, {"error": {"code": "x", "message": "no"}}, status))
    assert isinstance(step, Request)
    assert step.method == "POST"


def test_a_file_that_failed_makes_no_batch() -> None:
    """
    Its reason is told, and nothing is sent.
    """
    flow = _provider().create_batch(_order())
    request = next(flow)
    with pytest.raises(OpenAIError, match=r"could not process a\.jsonl: line 3 is bad") as caught:
        flow.send(_reply(request, _FILE | {"status": "error", "status_details": "line 3 is bad"}))
    assert caught.value.code == "processing_failed"


def test_a_file_is_not_waited_for_without_end() -> None:
    """
    After half an hour the call gives up; it never asked for the batch.
    """
    with pytest.raises(OpenAIError, match="still 'pending' after") as caught:
        list(_pauses(_provider().create_batch(_order()), _FILE | {"status": "pending"}))
    assert caught.value.code == "timeout"
    assert float(caught.value.message.split("after ")[1].split(" s")[0]) == pytest.approx(1_805, abs=5)


def _pauses(flow: Flow[Any], file: dict[str, Any]) -> Iterator[float]:
    """Walk over the pauses of a flow whose questions are all answered with *file*."""
    step = next(flow)
    while True:
        assert isinstance(step, Pause) or (isinstance(step, Request) and step.method == "GET")
        if isinstance(step, Pause):
            yield step.seconds
        step = flow.send(_reply(step, file) if isinstance(step, Request) else 1.0)


def test_waiting_for_a_file_ends_with_its_call(make: Make, resource: Resource) -> None:
    """
    Cancelled, there is no batch.
    """
    resource.looks = 10_000
    client = make("v1")
    file = client.files.create(_lines(), "batch").throw().file
    assert file is not None
    result = client.batches.create(file.id, "/v1/chat/completions", {"background": True})
    assert not result.wait(0.3)
    result.cancel()
    assert result.wait(20)
    assert [error.code for error in result.errors] == ["cancelled"]
    assert not [method for method, path, _ in resource.asked if method == "POST" and "batches" in path]


def test_a_batch_that_was_created_is_told_though_the_call_is_cancelled_then() -> None:
    """
    The note about the queue is not worth a batch.
    """
    flow = _provider().create_batch(_order())
    headers = {"deployment-enqueued-tokens": "7", "deployment-maximum-enqueued-tokens": "9"}
    step = flow.send(_reply(_sent(flow), _BATCH, headers=headers))
    assert isinstance(step, Work)
    with pytest.raises(StopIteration) as stop:
        flow.throw(CancelledError())
    assert stop.value.value.id == "batch_1"


def test_a_full_queue_says_what_to_do() -> None:
    """
    Some regions refuse at once.
    """
    flow = _provider().create_batch(_order())
    body = {"error": {"code": "token_limit_exceeded", "message": "Too many."}}
    with pytest.raises(OpenAIError, match="create the batch when others have ended") as caught:
        flow.send(_reply(_sent(flow), body, 400))
    assert (caught.value.code, caught.value.status) == ("token_limit_exceeded", 400)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("Validating", "validating"),
        ("InProgress", "in_progress"),
        ("In Progress", "in_progress"),
        ("in_progress", "in_progress"),
        ("canceled", "cancelled"),
        ("Canceling", "cancelling"),
        ("Cancelled", "cancelled"),
        ("Completed", "completed"),
        ("resting", "resting"),
    ],
)
def test_statuses_have_one_spelling(said: str, status: str) -> None:
    """
    An unknown one stays what it is.
    """
    assert OpenAIBatch.from_wire(as_openai_batch(_BATCH | {"status": said})).status == status


@pytest.mark.parametrize(
    "errors", [{"data": {"code": "x", "message": "Bad."}}, {"data": [{"code": "x", "message": "Bad."}]}]
)
def test_what_is_missing_or_null_is_read_leniently(errors: dict[str, Any]) -> None:
    """
    The answers that its users have seen, and those of its specification.
    """
    wire = _BATCH | {
        "created_at": "2024-07-19T17:13:57.2491382+00:00",
        "expires_at": "2024-07-20T17:13:57.1918498+00:00",
        "endpoint": None,
        "request_counts": {"total": 10, "completed": None, "failed": None},
        "output_file_id": "",
        "error_file_id": "",
        "metadata": None,
        "errors": {"object": "list", **errors},
        "status": "failed",
    }
    batch = OpenAIBatch.from_wire(as_openai_batch(wire))
    assert (batch.created_at, batch.expires_at) == (1_721_409_237, 1_721_495_637)
    assert batch.request_counts == OpenAIBatchRequestCounts(10, 0, 0)
    assert (batch.output_file_id, batch.error_file_id, batch.endpoint, batch.metadata) == (None, None, "", {})
    assert [(error.code, error.message) for error in batch.errors] == [("x", "Bad.")]


def test_a_batch_on_blob_storage_can_be_looked_at() -> None:
    """
    Its addresses stand for files, and are kept as they came, too.
    """
    blobs = {"input_blob": "https://a/in.jsonl", "output_blob": "https://a/g/results.jsonl", "error_blob": ""}
    batch = OpenAIBatch.from_wire(as_openai_batch(_BATCH | {"input_file_id": None, **blobs}))
    assert (batch.input_file_id, batch.output_file_id, dict(batch.extra)) == (
        "https://a/in.jsonl",
        blobs["output_blob"],
        blobs,
    )


@pytest.mark.parametrize("odd", [None, [], "x", {"id": 1}])
def test_nonsense_stays_nonsense(odd: Any) -> None:
    """
    Leniency makes no batch of it.
    """
    with pytest.raises(OpenAIError):
        OpenAIBatch.from_wire(as_openai_batch(odd))


@pytest.mark.parametrize("told", ["9" * 5_000, "²", "", "-", "7;8"])
def test_words_about_the_queue_that_are_no_number_lose_no_batch(told: str) -> None:
    """
    The batch is there and costs, whatever else its answer tells.
    """
    assert queue_of(Headers({"deployment-enqueued-tokens": told, "deployment-maximum-enqueued-tokens": "9"})) is None
