"""
Batches of the Gemini API: one model each, rows in OpenAI's format, found again when an answer was lost.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIBatch, OpenAIClient
from aikit.providers.gemini.batches import batch_from_wire
from aikit.types.batches import INTENT_KEY
from tests.gemini_server import KEY, GeminiServer

_ABOUT: dict[str, Any] = {
    "displayName": '{"aikit_intent":"i","aikit_input":"file-in","a":"b"}',
    "createTime": "2026-11-30T08:00:00.123456789Z",
    "endTime": "2026-11-30T09:00:00Z",
    "model": "models/gemini-2.5-flash",
}


def _line(number: int, model: str | None = "gemini-2.5-flash", url: str = "/v1/chat/completions") -> str:
    body = {"messages": [{"role": "user", "content": f"hi {number}"}], "input": "hi"}
    body |= {"model": model} if model else {}
    return json.dumps({"custom_id": f"c{number}", "method": "POST", "url": url, "body": body})


def _input(client: OpenAIClient, *lines: str, **parameters: Any) -> str:
    content = "".join(f"{line}\n" for line in lines).encode()
    file = client.files.create(content, "batch", **{"filename": "in.jsonl", "throw": True, **parameters}).file
    assert file is not None
    return file.id


def _batch(**changes: Any) -> OpenAIBatch:
    told = {name: changes.pop(name) for name in ("done", "error", "response") if name in changes}
    return batch_from_wire({"name": "batches/b1", "metadata": _ABOUT | changes, **told})


def test_a_batch_runs_from_lines_to_rows(client: OpenAIClient, gemini: GeminiServer, tmp_path: Path) -> None:
    """
    Its model is that of the lines, its rows are OpenAI's, and who asks sees counts, times and the caller's metadata.
    """
    file_id = _input(client, _line(1), _line(2), _line(3).replace("hi 3", "trouble"))
    made = client.batches.create(file_id, "/v1/chat/completions", {"metadata": {"a": "ü"}, "throw": True}).batch
    assert made is not None
    assert gemini.asked[-1] == "POST /v1beta/models/gemini-2.5-flash:batchGenerateContent"
    assert (made.status, made.input_file_id, made.model) == ("validating", file_id, "gemini-2.5-flash")
    assert made.metadata == {INTENT_KEY: made.metadata[INTENT_KEY], "a": "ü"}
    done = client.batches.wait(made.id, {"poll_interval": 0.01, "throw": True}).batch
    assert done is not None
    counts = done.request_counts
    assert (done.status, counts.total, counts.completed, counts.failed) == ("completed", 3, 2, 1)
    assert (done.output_file_id, done.error_file_id) == ("file-batch-b0x", None)
    assert done.completed_at is not None
    assert done.completed_at >= done.created_at
    content = "".join(f"{line}\n" for line in (_line(1), _line(2), _line(3))).encode()
    path = tmp_path / "in.jsonl"
    path.write_bytes(content)
    rows = list(client.batches.results(made.id, {"throw": True, "input_file": path}))
    assert {row.custom_id: row.status for row in rows} == {"c1": "ok", "c2": "ok", "c3": "failed"}
    assert [row.text for row in rows][:2] == ["yes, c1", "yes, c2"]


def test_results_say_that_the_input_must_be_given(client: OpenAIClient) -> None:
    """
    Google gives out no uploads, so that only the caller's own file has the lines that were asked.
    """
    file_id = _input(client, _line(1))
    made = client.batches.create(file_id, "/v1/chat/completions", {"throw": True}).batch
    assert made is not None
    client.batches.wait(made.id, {"poll_interval": 0.01, "throw": True})
    for result in (client.batches.results(made.id), client.batches.resubmit(made.id)):
        (error,) = result.errors
        assert (error.status, error.code, error.param) == (400, "INVALID_ARGUMENT", "input_file")
        assert "cannot be downloaded; if you have it on this machine, pass its path as input_file" in error.message


def test_embeddings_have_a_method_of_their_own(client: OpenAIClient, gemini: GeminiServer) -> None:
    """
    Which endpoint a batch is for is told by what Google says that it is.
    """
    file_id = _input(client, _line(1, "gemini-embedding-001", "/v1/embeddings"))
    batch = client.batches.create(file_id, "/v1/embeddings", {"throw": True}).batch
    assert batch is not None
    assert gemini.asked[-1] == "POST /v1beta/models/gemini-embedding-001:asyncBatchEmbedContent"
    assert client.batches.retrieve(batch.id, {"throw": True}).batch.endpoint == "/v1/embeddings"  # type: ignore[union-attr]  # it is there


@pytest.mark.parametrize("has_ranges", [True, False])
@pytest.mark.parametrize("size", [10, 70_000, 3_000_000])
def test_the_model_of_a_file_of_others_is_read_from_its_first_line(
    client: OpenAIClient, gemini: GeminiServer, size: int, *, has_ranges: bool
) -> None:
    """
    Where the provider gives the file out; no more of it comes than is needed.
    """
    gemini.gives_uploads, gemini.has_ranges = True, has_ranges
    first = _line(1, "models/gemini-x").replace("hi 1", "x" * size)
    gemini.store("files/foreign", f"\n{first}\n{_line(2)}".encode(), mimeType="application/jsonl")
    assert client.batches.create("file-foreign", "/v1/chat/completions", {"throw": True}).success
    assert gemini.asked[-1] == "POST /v1beta/models/gemini-x:batchGenerateContent"


@pytest.mark.parametrize("content", [b"", b"{", _line(1, None).encode(), b"[1]\n", b"\xff\n"])
@pytest.mark.parametrize("is_given", [True, False])
def test_a_batch_without_a_known_model_is_not_created(
    client: OpenAIClient, gemini: GeminiServer, content: bytes, *, is_given: bool
) -> None:
    """
    The error says what to do, and nothing is paid.
    """
    gemini.gives_uploads = is_given
    gemini.store("files/foreign", content, mimeType="application/jsonl")
    (error,) = client.batches.create("file-foreign", "/v1/chat/completions").errors
    assert error.code == "unsupported"
    assert "files.create" in error.message
    assert gemini.batches == {}


@pytest.mark.parametrize("model", ["../x", "a/b", "models/", "a:b", "a?key=1", "a%2fb", "tunedModels/a"])
def test_odd_models_become_part_of_no_address(client: OpenAIClient, gemini: GeminiServer, model: str) -> None:
    """
    A line cannot lead the key to another method.
    """
    file_id = _input(client, _line(1, model))
    before = len(gemini.received)
    (error,) = client.batches.create(file_id, "/v1/chat/completions").errors
    assert (error.code, error.param) == ("invalid_value", "body.model")
    assert all(one.method == "GET" for one in gemini.received[before:])


def test_lines_of_several_models_are_refused_before_they_are_sent(client: OpenAIClient, gemini: GeminiServer) -> None:
    """
    A batch is of one model; who turns the check off gets that of the first line for all.
    """
    content = f"{_line(1)}\n{_line(2, 'gemini-x')}\n".encode()
    errors = client.files.create(content, "batch", {"filename": "in.jsonl"}).errors
    assert [(error.code, error.line) for error in errors] == [("mismatched_model", 2)]
    assert gemini.received == []


@pytest.mark.parametrize("lost", [1, 2])
def test_a_lost_answer_is_found_and_not_paid_twice(client: OpenAIClient, gemini: GeminiServer, lost: int) -> None:
    """
    The display name carries the intent, by which the batch is found in the list.
    """
    gemini.loses_batches, gemini.page_size = lost, 2
    file_id = _input(client, _line(1))
    for number in range(5):
        gemini.batches[f"batches/other{number}"] = {"name": f"batches/other{number}", "metadata": _ABOUT}
    batch = client.batches.create(file_id, "/v1/chat/completions", {"throw": True}).batch
    assert batch is not None
    assert [name for name in gemini.batches if "other" not in name] == ["batches/b5x"]
    assert batch.id == "batch_b5x"


def test_one_intent_has_one_batch(client: OpenAIClient, gemini: GeminiServer) -> None:
    """
    Asked for again, also from elsewhere, it is the same one.
    """
    file_id = _input(client, _line(1))
    with OpenAIClient(KEY, provider="gemini", base_url=f"{gemini.url}/v1beta/openai") as other:
        made = [one.batches.create(file_id, "/v1/chat/completions", {"intent": "x"}).batch for one in (client, other)]
    assert [batch and batch.id for batch in made] == ["batch_b0x", "batch_b0x"]
    assert len(gemini.batches) == 1


def test_metadata_that_has_no_room_is_refused(client: OpenAIClient, gemini: GeminiServer) -> None:
    """
    A display name that is cut would lose the intent; nothing is sent.
    """
    parameters: list[dict[str, Any]] = [{"metadata": {"a": "x" * 500}}, {"intent": "x" * 500}]
    for number, code in enumerate(("too_many_metadata", "unsupported")):
        (error,) = client.batches.create("file-a", "/v1/chat/completions", **parameters[number]).errors
        assert error.code == code
    assert all(one.method == "GET" and one.path.startswith("/v1beta/batches?") for one in gemini.received)


@pytest.mark.parametrize(
    "parameters",
    [
        {"output_expires_after": {"anchor": "created_at", "seconds": 3600}},
        {"validate": False, "endpoint": "/v1/responses"},
    ],
)
def test_what_gemini_cannot_do_is_said_before_anything_is_sent(
    client: OpenAIClient, gemini: GeminiServer, parameters: dict[str, Any]
) -> None:
    """
    Other endpoints, and another life of the output.
    """
    endpoint = parameters.pop("endpoint", "/v1/chat/completions")
    (error,) = client.batches.create("file-a", endpoint, **parameters).errors
    assert (error.code, gemini.received) == ("unsupported", [])


def test_a_batch_is_cancelled(client: OpenAIClient, gemini: GeminiServer) -> None:
    """
    Google says nothing of it, so it is asked for.
    """
    gemini.asks = 99
    batch = client.batches.create(_input(client, _line(1)), "/v1/chat/completions", {"throw": True}).batch
    assert batch is not None
    result = client.batches.cancel(batch.id)
    assert result.batch is not None
    assert (result.batch.status, gemini.asked[-2:]) == (
        "cancelled",
        ["POST /v1beta/batches/b0x:cancel", "GET /v1beta/batches/b0x"],
    )


def test_lists_go_on_by_googles_tokens_or_by_any_id(client: OpenAIClient, gemini: GeminiServer) -> None:
    """
    Each page is one request; after a batch that the caller names, the list is looked through.
    """
    for number in range(7):
        gemini.batches[f"batches/n{number}"] = {"name": f"batches/n{number}", "metadata": _ABOUT}
    ids = [f"batch_n{number}" for number in reversed(range(7))]
    pages = client.batches.list({"limit": 3, "all_pages": True, "throw": True})
    assert [batch.id for batch in pages.batches] == ids
    assert len(gemini.received) == 3
    for number, after in enumerate(ids, 1):
        result = client.batches.list({"limit": 3, "after": after, "all_pages": True, "throw": True})
        assert [batch.id for batch in result.batches] == ids[number:], after
    (error,) = client.batches.list({"after": "batch_gone"}).errors
    assert error.code == "invalid_value"


@pytest.mark.parametrize(
    ("state", "status", "time"),
    [
        ("BATCH_STATE_UNSPECIFIED", "validating", None),
        ("BATCH_STATE_PENDING", "validating", None),
        ("BATCH_STATE_RUNNING", "in_progress", None),
        ("BATCH_STATE_SUCCEEDED", "completed", "completed_at"),
        ("JOB_STATE_SUCCEEDED", "completed", "completed_at"),
        ("BATCH_STATE_FAILED", "failed", "failed_at"),
        ("BATCH_STATE_CANCELLED", "cancelled", "cancelled_at"),
        ("BATCH_STATE_EXPIRED", "expired", "expired_at"),
        ("BATCH_STATE_WAITING", "waiting", None),
        (None, "validating", None),
    ],
)
def test_states_are_statuses(state: str | None, status: str, time: str | None) -> None:
    """
    The end has its time; a state that is not known is not over.
    """
    batch = _batch(state=state)
    assert batch.status == status
    assert batch.created_at == 1796025600
    assert (time is None) or getattr(batch, time) == 1796029200
    assert batch.is_ended is (time is not None)
    assert (batch.metadata, batch.input_file_id) == ({INTENT_KEY: "i", "a": "b"}, "file-in")


@pytest.mark.parametrize(("code", "status"), [(1, "cancelled"), (13, "failed")])
def test_an_error_of_the_operation_ends_the_batch(code: int, status: str) -> None:
    """
    It says why, also where the state was left as it was.
    """
    batch = _batch(state="BATCH_STATE_RUNNING", done=True, error={"code": code, "message": "no quota"})
    assert (batch.status, [error.message for error in batch.errors]) == (status, ["no quota"])


def test_batches_of_others_are_read(client: OpenAIClient, gemini: GeminiServer) -> None:
    """
    What another program named stands in the metadata; what is missing is none.
    """
    gemini.batches["batches/x"] = {
        "name": "batches/x",
        "metadata": {"displayName": "mine", "createTime": "2026-11-30T08:00:00Z"},
        "response": {"responsesFile": "files/batch-x"},
        "done": True,
    }
    gemini.asks = 99
    batch = client.batches.retrieve("batches/x", {"throw": True}).batch
    assert batch is not None
    assert (batch.id, batch.metadata, batch.output_file_id) == ("batch_x", {"display_name": "mine"}, "file-batch-x")


@pytest.mark.parametrize(
    "batch_id", ["x", "batch_", "batch_a/b", "batches/a:cancel", "batch_%2e", "files/a", "batch_?"]
)
def test_odd_ids_are_refused_before_a_request(client: OpenAIClient, gemini: GeminiServer, batch_id: str) -> None:
    """
    What cannot be the name of a batch becomes part of no address, and neither does an input's.
    """
    for call in (client.batches.retrieve, client.batches.cancel):
        assert [error.code for error in call(batch_id).errors] == ["invalid_id"]
    made = client.batches.create(batch_id.replace("files/a", "b"), "/v1/chat/completions")
    assert [error.code for error in made.errors] == ["invalid_id"]
    assert gemini.received == []


def test_what_was_thought_is_paid_as_output(client: OpenAIClient, gemini: GeminiServer) -> None:
    """
    Gemini's completion has no thoughts in it; the total tells them, and the price of a batch is half of the list's.
    """
    batch = client.batches.create(_input(client, _line(1), _line(2)), "/v1/chat/completions", {"throw": True}).batch
    assert batch is not None
    prices = {"gemini-2.5-flash": {"batch": {"input": 0.15, "output": 1.25}}}
    with OpenAIClient(KEY, provider="gemini", base_url=gemini.url, prices=prices) as payer:
        payer.batches.wait(batch.id, {"poll_interval": 0.01, "throw": True})
        cost = payer.batches.cost(batch.id, {"throw": True}).cost
    assert cost is not None
    assert (cost.usage.input_tokens, cost.usage.output_tokens) == (200, 2 * 1020)
    assert cost.total == (Decimal("0.15") * 200 + Decimal("1.25") * 2040) / 1_000_000
