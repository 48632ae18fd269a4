"""
The Batches API as its callers see it, on scripted servers.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

import aikit
from aikit import (
    OpenAIBatch,
    OpenAIBatchListParameters,
    OpenAIBatchParameters,
    OpenAIClient,
    OpenAIParameters,
)
from tests.batch_server import batch_server
from tests.scripted_server import Step, answer, reset, serving
from tests.threads import Threads

WIRE: dict[str, Any] = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": "/v1/embeddings",
    "input_file_id": "file-1",
    "completion_window": "24h",
    "status": "completed",
    "created_at": 1,
    "request_counts": {"total": 1, "completed": 0, "failed": 1},
}
REFUSED = b'{"error": {"message": "no", "type": "invalid_request_error"}}'


def said(**fields: Any) -> Step:
    """
    Answer with the batch.
    """
    return answer(200, json.dumps(WIRE | fields).encode())


def test_everything_asked_for_is_sent() -> None:
    """
    Endpoint, window, metadata and expiry reach the provider, and its batch is the result's.
    """
    expiry = {"anchor": "created_at", "seconds": 3600}
    parameters = OpenAIBatchParameters(metadata={"run": "7"}, output_expires_after=expiry, completion_window="1h")
    with serving(said(status="validating")) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.batches.create("file-1", "/v1/chat/completions", parameters)
    assert result.success
    assert result.batch == OpenAIBatch.from_wire(WIRE | {"status": "validating"})
    (request,) = server.received
    sent = json.loads(request.body)
    assert len(sent["metadata"].pop("aikit_intent")) == 32
    assert (request.method, request.path, request.headers["content-type"]) == (
        "POST",
        "/v1/batches",
        "application/json",
    )
    assert sent == {
        "input_file_id": "file-1",
        "endpoint": "/v1/chat/completions",
        "completion_window": "1h",
        "metadata": {"run": "7"},
        "output_expires_after": expiry,
    }


def test_what_openai_would_refuse_is_not_sent() -> None:
    """
    All problems are told, with what was probably meant, as results also with a callback.
    """
    with OpenAIClient("k", base_url="https://api.openai.com/v1") as client:
        result = client.batches.create("file-1", "/chat/completions", {"completion_window": "1h", "background": True})
        assert result.wait(20)
    assert [(error.code, error.param) for error in result.errors] == [
        ("invalid_value", "endpoint"),
        ("invalid_value", "completion_window"),
    ]
    assert 'did you mean "/v1/chat/completions"?' in result.errors[0].message
    assert result.request is None


def test_check_can_be_skipped() -> None:
    """
    With validate=False the provider decides.
    """
    with OpenAIClient("k", base_url="https://api.openai.com/v1", max_retries=0, http_agent=_Nowhere()) as client:
        (error,) = client.batches.create("file-1", "/v1/brand/new", {"validate": False}).errors
    assert error.code != "invalid_value"


class _Nowhere:
    def send(self, *_: Any, **__: Any) -> Any:
        raise OSError("nobody is there")

    def close(self) -> None:
        """
        Do nothing.
        """


def test_other_servers_have_endpoints_of_their_own() -> None:
    """
    Nothing is known of what a compatible server takes, so nothing is refused.
    """
    with serving(said()) as server, OpenAIClient("k", base_url=server.url) as client:
        assert client.batches.create("file-1", "/v1/rerank", {"completion_window": "7d"}).success


@pytest.mark.parametrize("batch_id", ["", " ", "a b", "..", "../files", "a/../b", "a\nb", ".", "a\x00"])
def test_what_cannot_be_an_id_is_refused_before_sending(batch_id: str) -> None:
    """
    Empty ids, white space, control characters and dot segments never become part of a URL.
    """
    with OpenAIClient("k", base_url="http://127.0.0.1:1/v1") as client:
        for call in (client.batches.retrieve, client.batches.cancel, client.batches.wait):
            with pytest.raises(ValueError, match="batch_id"):
                call(batch_id)
        with pytest.raises(ValueError, match="input_file_id"):
            client.batches.create(batch_id, "/v1/embeddings")


@pytest.mark.parametrize("wrong", [5, None, b"x"])
def test_wrong_type_raises_also_with_a_callback(wrong: Any) -> None:
    """
    The caller's fault ends in the caller's thread, and no callback runs.
    """
    seen: list[object] = []
    options: dict[str, Any] = {"on_terminate": seen.append}
    with OpenAIClient("k", base_url="http://127.0.0.1:1/v1") as client:
        with pytest.raises(TypeError, match="input_file_id must be a string"):
            client.batches.create(wrong, "/v1/embeddings", **options)
        with pytest.raises(TypeError, match="endpoint must be a string"):
            client.batches.create("file-1", wrong, **options)
        with pytest.raises(TypeError, match="batch_id must be a string"):
            client.batches.wait(wrong, **options)
        with pytest.raises(ValueError, match="endpoint must not be empty"):
            client.batches.create("file-1", "", **options)
    assert seen == []


def test_pages_follow_each_other() -> None:
    """
    next_page() goes on with the same parameters; all_pages gives all in one result, newest first.
    """
    batches = [WIRE | {"id": f"batch_{number}"} for number in range(7)]
    ids = [batch["id"] for batch in batches[::-1]]
    with batch_server(batches=batches) as server, OpenAIClient("k", base_url=server.url) as client:
        page = client.batches.list({"limit": 3})
        seen = [batch.id for batch in page.batches]
        while page.has_more:
            page = page.next_page()
            seen += [batch.id for batch in page.batches]
        everything = client.batches.list(OpenAIBatchListParameters(limit=2, all_pages=True))
    assert seen == ids
    assert [batch.id for batch in everything.batches] == ids
    assert (everything.first_id, everything.last_id, everything.has_more) == (ids[0], ids[-1], False)


def test_pages_that_came_stay_when_a_later_one_fails() -> None:
    """
    What all_pages had fetched is in the result beside the error, and next_page() goes on from there.
    """
    first = {"object": "list", "data": [WIRE], "has_more": True}
    last = {"object": "list", "data": [WIRE | {"id": "batch_0"}], "has_more": False}
    steps = (answer(200, json.dumps(first).encode()), answer(404, REFUSED), answer(200, json.dumps(last).encode()))
    with serving(*steps) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.batches.list({"all_pages": True})
        rest = result.next_page()
    assert [error.status for error in result.errors] == [404]
    assert [batch.id for batch in (*result.batches, *rest.batches)] == ["batch_1", "batch_0"]
    assert [request.path for request in server.received[1:]] == ["/v1/batches?after=batch_1"] * 2


@pytest.mark.parametrize("headers", [{}, {"x-should-retry": "true"}])
def test_batch_that_is_over_is_cancelled_once(headers: dict[str, str]) -> None:
    """
    The conflict is the provider's last word: it is not asked again.
    """
    with serving(answer(409, REFUSED, headers)) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.batches.cancel("batch_1")
    assert [error.is_conflict_error for error in result.errors] == [True]
    assert (len(server.received), result.batch) == (1, None)


def test_program_that_goes_from_page_to_page_comes_to_an_end() -> None:
    """
    A server that gives the same page whatever is asked for is found out by its second page.
    """
    page = json.dumps({"object": "list", "data": [WIRE], "has_more": True}).encode()
    with serving(answer(200, page)) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.batches.list()
        while result.has_more:
            result = result.next_page()
    assert [error.code for error in result.errors] == ["invalid_response"]
    assert len(server.received) == 2


@pytest.mark.parametrize("status", [400, 409])
def test_lost_answer_of_cancelling_is_no_failure(status: int) -> None:
    """
    When the first attempt stopped the batch and its answer was lost, the refusal of the second is a success.
    """
    steps = (reset(), answer(status, REFUSED), said(status="cancelled"))
    with serving(*steps) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.batches.cancel("batch_1")
    assert result.success
    assert result.batch is not None
    assert result.batch.status == "cancelled"
    assert [request.method for request in server.received] == ["POST", "POST", "GET"]


def test_plain_parameters_fit_every_call() -> None:
    """
    OpenAIParameters are taken wherever a more special class is.
    """
    page = answer(200, b'{"object": "list", "data": [], "has_more": false}')
    options: Any = OpenAIParameters(timeout=5, max_retries=0)  # checkers ask for the class of the call
    with serving(said(), said(), said(), said(), page) as server, OpenAIClient("k", base_url=server.url) as client:
        assert client.batches.create("file-1", "/v1/embeddings", options).success
        assert client.batches.retrieve("batch_1", options).success
        assert client.batches.cancel("batch_1", options).success
        assert client.batches.wait("batch_1", options).success
        assert client.batches.list(options).success


def test_usage_of_a_batch_is_that_of_the_result() -> None:
    """
    What the provider counted is in the batch and, as with every answer, in the result.
    """
    usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    with serving(said(usage=usage)) as server, OpenAIClient("k", base_url=server.url) as client:
        result = client.batches.retrieve("batch_1")
    assert result.batch is not None
    assert result.batch.usage == result.usage == usage


def test_embedded_provider_runs_batches(tmp_path: Path) -> None:
    """
    It works on a batch in the background, from creation to its output file.
    """
    line = b'{"custom_id": "a", "method": "POST", "url": "/v1/embeddings", "body": {"model": "m", "input": "x"}}'
    with OpenAIClient(provider="local", home=tmp_path) as client:
        file = client.files.create(line, "batch").throw().file
        assert file is not None
        created = client.batches.create(file.id, "/v1/embeddings").throw().batch
        assert created is not None
        ended = client.batches.wait(created.id, {"poll_interval": 0.01}).throw().batch
    assert ended is not None
    assert (created.status, ended.status) == ("validating", "completed")
    assert attrs.astuple(ended.request_counts) == (1, 1, 0)


def test_clients_of_files_only_do_not_load_batches() -> None:
    """
    Neither making a client nor a call about files imports what only batches need.
    """
    program = (
        "import sys, aikit\n"
        "client = aikit.OpenAIClient('k', base_url='http://127.0.0.1:1/v1', max_retries=0)\n"
        "client.files.list()\n"
        "print(*[name for name in sys.modules if 'batch' in name])"
    )
    root = Path(aikit.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.split() == []


def test_many_batches_are_waited_for_with_few_threads() -> None:
    """
    Hundreds of waiting calls are parked: they hold no thread.
    """
    threads = Threads()
    with serving(said(status="in_progress")) as server, OpenAIClient("k", base_url=server.url) as client:
        results = [client.batches.wait("batch_1", {"background": True}) for _ in range(300)]
        assert len(threads.now()) <= 7
        client.close(cancel=True)
    assert {error.code for result in results for error in result.errors} == {"cancelled"}
