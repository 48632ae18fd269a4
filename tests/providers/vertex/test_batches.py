"""
Batches of Vertex AI: a job each, found again by its label when an answer was lost, and never paid twice.
"""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from aikit import OpenAIBatch, OpenAIClient
from aikit.providers.vertex.names import OUTPUT, FileName, read_file_id
from aikit.types.batches import INTENT_KEY
from tests.vertex_server import BUCKET, PROJECT, TOKEN, VertexServer

_CHAT: Final = "/v1/chat/completions"
_EMBEDDINGS: Final = "/v1/embeddings"


def _line(number: int, model: str = "gemini-2.5-flash", url: str = _CHAT, **body: Any) -> str:
    asked = {"input": "hi"} if url == _EMBEDDINGS else {"messages": [{"role": "user", "content": f"hi {number}"}]}
    return json.dumps(
        {"custom_id": f"c{number}", "method": "POST", "url": url, "body": {"model": model, **asked, **body}}
    )


def _input(client: OpenAIClient, *lines: str) -> str:
    content = "".join(f"{line}\n" for line in lines).encode()
    file = client.files.create(content, "batch", {"filename": "in.jsonl", "throw": True}).file
    assert file is not None
    return file.id


def _batch(client: OpenAIClient, file_id: str, endpoint: str = _CHAT, **parameters: Any) -> OpenAIBatch:
    batch = client.batches.create(file_id, endpoint, **{"throw": True, **parameters}).batch
    assert batch is not None
    return batch


def _add(server: VertexServer, count: int, **fields: Any) -> list[str]:
    """
    Have others create jobs; return the ids of their batches, the newest first.
    """
    job = {"displayName": "theirs", "model": "publishers/google/models/gemini-x", **fields}
    return [f"batch_{server.add(**job)}" for _ in range(count)][::-1]


def test_a_batch_is_a_job_of_its_own(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Its lines lie beside its file, its answers in a folder that no other job writes to.
    """
    file_id = _input(client, _line(1), _line(2))
    batches = [_batch(client, file_id, metadata={"a": "ü"}) for _ in range(2)]
    assert [batch.status for batch in batches] == ["validating"] * 2
    assert {(batch.input_file_id, batch.model, batch.request_counts.total) for batch in batches} == {
        (file_id, "gemini-2.5-flash", 2)
    }
    assert batches[0].metadata == {"a": "ü", INTENT_KEY: batches[0].metadata[INTENT_KEY]}
    jobs = list(vertex.jobs.values())
    assert {job["model"] for job in jobs} == {"publishers/google/models/gemini-2.5-flash"}
    assert len({job["outputConfig"]["gcsDestination"]["outputUriPrefix"] for job in jobs}) == 2
    (requests,) = {job["inputConfig"]["gcsSource"]["uris"][0] for job in jobs}
    name = requests.removeprefix(f"gs://{BUCKET}/")
    assert vertex.storage.buckets[BUCKET][name]["metadata"]["lines"] == "2"
    ids = vertex.storage.contents[BUCKET, name.replace(".jsonl", ".ids.jsonl")]
    assert ids.split() == [b'"c1"', b'"c2"']


def test_a_batch_is_waited_for(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Counts and times come with its end, and so do the files with what came of it.
    """
    vertex.polls = 3
    batch = _batch(client, _input(client, _line(1), _line(2, user="trouble"), _line(3)))
    done = client.batches.wait(batch.id, {"poll_interval": 0.01, "throw": True}).batch
    assert done is not None
    counts = done.request_counts
    assert (done.status, counts.total, counts.completed, counts.failed) == ("completed", 3, 3, 0)
    assert done.output_file_id == FileName(OUTPUT, batch.id.removeprefix("batch_")).id
    assert done.created_at <= (done.in_progress_at or 0) <= (done.completed_at or 0)


def test_embeddings_have_their_endpoint(client: OpenAIClient) -> None:
    """
    The labels keep it.
    """
    file_id = _input(client, _line(1, "gemini-embedding-001", _EMBEDDINGS))
    batch = _batch(client, file_id, _EMBEDDINGS)
    found = client.batches.retrieve(batch.id, {"throw": True}).batch
    assert found is not None
    assert (batch.endpoint, found.endpoint) == (_EMBEDDINGS, _EMBEDDINGS)


def test_a_file_that_another_program_stored_is_translated_first(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Once: the next batch of it takes what is there.
    """
    vertex.storage.store(BUCKET, "aikit/files/in/theirs.jsonl", f"{_line(1)}\n{_line(2)}".encode())
    (file,) = client.files.list({"throw": True}).files
    assert _batch(client, file.id).request_counts.total == 2
    vertex.start_anew()
    assert _batch(client, file.id).input_file_id == file.id
    assert [step.split()[0] for step in vertex.asked] == ["GET", "GET", "GET", "GET", "POST"]


@pytest.mark.parametrize("gone", ["ids", "requests"])
def test_no_job_is_created_whose_answers_would_be_nobodys(
    client: OpenAIClient, vertex: VertexServer, gone: str
) -> None:
    """
    What a rule of the bucket has deleted of the translated lines is made again before, and the answers find theirs.
    """
    file_id = _input(client, _line(1), _line(2))
    name = f"aikit/{getattr(read_file_id(file_id), gone)}"
    del vertex.storage.buckets[BUCKET][name], vertex.storage.contents[BUCKET, name]
    batch = client.batches.wait(_batch(client, file_id).id, {"poll_interval": 0.01, "throw": True}).batch
    assert batch is not None
    with client.batches.results(batch, {"throw": True}) as rows:
        assert [(row.custom_id, row.status) for row in rows] == [("c1", "ok"), ("c2", "ok")]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["{"], "invalid_json_line"),
        ([_line(1), _line(2, "gemini-x")], "mismatched_model"),
        ([_line(1, "gpt-4o")], "unsupported"),
        ([_line(1, logit_bias={"5": 1})], "unsupported"),
    ],
)
def test_lines_that_would_fail_create_no_job(
    client: OpenAIClient, vertex: VertexServer, lines: list[str], code: str
) -> None:
    """
    The line is named, and nothing of the file is left on this machine.
    """
    vertex.storage.store(BUCKET, "aikit/files/theirs.jsonl", "\n".join(lines).encode())
    (file,) = client.files.list({"throw": True}).files
    error, *_ = client.batches.create(file.id, _CHAT).errors
    assert (error.code, error.line) == (code, len(lines))
    assert vertex.jobs == {}
    assert vertex.storage.names(BUCKET) == ["aikit/files/theirs.jsonl"]


def test_a_batch_is_for_the_endpoint_of_its_lines(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Another one is refused before the job is asked for.
    """
    (error,) = client.batches.create(_input(client, _line(1)), _EMBEDDINGS).errors
    assert (error.code, error.param, vertex.jobs) == ("invalid_url", "endpoint", {})


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"output_expires_after": {"anchor": "created_at", "seconds": 3600}}, "unsupported"),
        ({"validate": False, "endpoint": "/v1/responses"}, "unsupported"),
        ({"metadata": {f"k{n}": "x" * 512 for n in range(5)}}, "too_many_metadata"),
        ({"completion_window": "1h"}, "invalid_value"),
    ],
)
def test_what_vertex_cannot_do_is_said_before_anything_is_sent(
    client: OpenAIClient, vertex: VertexServer, parameters: dict[str, Any], code: str
) -> None:
    """
    Another life of the output, other endpoints, more metadata than labels hold, another window.
    """
    endpoint = parameters.pop("endpoint", _CHAT)
    (error,) = client.batches.create(FileName("f", "a").id, endpoint, **parameters).errors
    assert (error.code, vertex.received) == (code, [])


def test_an_output_is_no_input(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Its lines are no requests.
    """
    (error,) = client.batches.create(FileName(OUTPUT, "7").id, _CHAT).errors
    assert (error.code, vertex.received) == ("unsupported", [])


def test_a_file_that_there_is_not_is_told(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Also one that was deleted with what was made of it.
    """
    file_id = _input(client, _line(1))
    _batch(client, file_id)
    assert client.files.delete(file_id).success
    (error,) = client.batches.create(file_id, _CHAT).errors
    assert (error.status, len(vertex.jobs)) == (404, 1)


@pytest.mark.parametrize("lost", [1, 2])
def test_a_lost_answer_is_found_and_not_paid_twice(client: OpenAIClient, vertex: VertexServer, lost: int) -> None:
    """
    The labels carry the intent, by which the batch is found in the list.
    """
    file_id = _input(client, _line(1))
    _add(vertex, 5)
    vertex.loses_jobs, vertex.page_size = lost, 2
    batch = _batch(client, file_id)
    assert len(vertex.jobs) == 6
    assert batch.id == f"batch_{list(vertex.jobs)[-1]}"


def test_one_intent_has_one_batch_wherever_it_is_in_the_list(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    It is asked for by its label: of a thousand newer jobs the list would tell first.
    """
    file_id = _input(client, _line(1))
    first = _batch(client, file_id, intent="x")
    _add(vertex, 1_100)
    with OpenAIClient(TOKEN, provider="vertex", base_url=vertex.url, ledger=False) as other:
        assert _batch(other, file_id, intent="x").id == first.id
    assert len(vertex.jobs) == 1_101


def _without(name: str, page: Any) -> Any:
    jobs = page.get("batchPredictionJobs", [])
    return {**page, "batchPredictionJobs": [{key: job[key] for key in job if key != name} for job in jobs]}


def test_a_job_that_is_listed_without_labels_is_not_taken_for_another(
    client: OpenAIClient, vertex: VertexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It has the same input and a name of ours: it may be the one whose creation was not answered.
    """
    list_jobs = VertexServer._page
    monkeypatch.setattr(VertexServer, "_page", lambda self, path: _without("labels", list_jobs(self, path)))
    file_id = _input(client, _line(1))
    vertex.loses_jobs = 1
    monkeypatch.setattr("aikit.providers.vertex.batches.filter_for", lambda _: "labels.unknown=x")
    (error,) = client.batches.create(file_id, _CHAT).errors
    assert error.is_ambiguous
    assert "may exist all the same" in error.message
    assert len(vertex.jobs) == 1


def test_empty_pages_of_the_list_do_not_hide_the_batch_of_an_intent(
    client: OpenAIClient, vertex: VertexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Google says that there is more; what is behind it counts.
    """
    file_id = _input(client, _line(1))
    first = _batch(client, file_id, intent="x")
    _add(vertex, 1_100)
    list_jobs = VertexServer._page

    def page(self: VertexServer, path: str) -> Any:
        return list_jobs(self, path) if "pageToken" in path else {"nextPageToken": "0"}

    monkeypatch.setattr(VertexServer, "_page", page)
    assert _batch(client, file_id, intent="x").id == first.id
    assert len(vertex.jobs) == 1_101


def test_no_job_is_created_beside_one_of_the_same_intent_that_cannot_be_read(
    client: OpenAIClient, vertex: VertexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Its label says whose it is.
    """
    file_id = _input(client, _line(1))
    _batch(client, file_id, intent="x")
    _add(vertex, 1_100)
    list_jobs = VertexServer._page
    monkeypatch.setattr(
        VertexServer,
        "_page",
        lambda self, path: (
            _without("createTime", _without("updateTime", list_jobs(self, path)))
            if "filter" in path
            else list_jobs(self, path)
        ),
    )
    (error,) = client.batches.create(file_id, _CHAT, {"intent": "x", "max_retries": 0}).errors
    assert (error.code, len(vertex.jobs)) == ("invalid_response", 1_101)


def test_a_server_that_heeds_no_filter_gives_no_other_batch_for_that_of_an_intent(
    client: OpenAIClient, vertex: VertexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A batch of an intent has it in its labels.
    """
    file_id = _input(client, _line(1))
    others = [_batch(client, file_id, intent="y").id, *_add(vertex, 1)]
    monkeypatch.setattr("tests.vertex_server.parse_qs", lambda _: {})
    assert _batch(client, file_id, intent="x").id not in others


@pytest.mark.parametrize("status", [403, 500])
def test_trouble_before_the_job_is_asked_for_is_not_looked_after(
    client: OpenAIClient, vertex: VertexServer, status: int
) -> None:
    """
    Nothing can have been created, so the error is told at once.
    """
    file_id = _input(client, _line(1))
    vertex.start_anew()
    vertex.refuses_lists = status
    (error,) = client.batches.create(file_id, _CHAT, {"max_retries": 0}).errors
    assert (error.status, error.is_ambiguous) == (status, False)
    assert len(vertex.received) == 1


def test_a_model_that_is_not_offered_is_googles_to_tell(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Its words are kept.
    """
    (error,) = client.batches.create(_input(client, _line(1, "gemini-unknown")), _CHAT).errors
    assert (error.status, error.code) == (404, "NOT_FOUND")
    assert "does not exist" in error.message
    assert vertex.jobs == {}


@pytest.mark.parametrize(("is_late", "end"), [(False, "cancelled"), (True, "completed")])
def test_a_batch_is_cancelled_unless_it_is_done_first(
    client: OpenAIClient, vertex: VertexServer, end: str, *, is_late: bool
) -> None:
    """
    Google says nothing of it, so it is asked for; a job that is being cancelled may succeed all the same.
    """
    batch = _batch(client, _input(client, _line(1)))
    vertex.cancels_late = is_late
    result = client.batches.cancel(batch.id)
    assert result.batch is not None
    assert (result.batch.status, result.batch.errors) == (end, ())
    (error,) = client.batches.cancel(batch.id).errors
    assert (error.status, error.code) == (400, "FAILED_PRECONDITION")


def test_a_lost_answer_to_cancelling_is_no_failure(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Asked again, Google refuses to stop what it has stopped.
    """
    batch = _batch(client, _input(client, _line(1)))
    vertex.loses_cancels = 1
    vertex.start_anew()
    result = client.batches.cancel(batch.id, {"throw": True})
    assert result.batch is not None
    assert result.batch.status == "cancelled"
    assert [step.split()[0] for step in vertex.asked] == ["POST", "POST", "GET"]


def test_a_failed_job_says_why_and_what_to_do(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Whose service account lacks what is said by its name.
    """
    vertex.fails_with = (7, "Permission denied on the bucket.")
    batch = _batch(client, _input(client, _line(1)))
    result = client.batches.wait(batch.id, {"poll_interval": 0.01})
    failed, why = result.errors
    assert (failed.code, why.code) == ("batch_failed", "PERMISSION_DENIED")
    assert "service-424242@gcp-sa-aiplatform" in why.message


def test_lists_go_on_by_googles_tokens_or_by_any_id(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Each page is one request; after a batch that the caller names, the list is looked through.
    """
    ids = _add(vertex, 7)
    pages = client.batches.list({"limit": 3, "all_pages": True, "throw": True})
    assert [batch.id for batch in pages.batches] == ids
    assert len(vertex.received) == 3
    for number, after in enumerate(ids, 1):
        result = client.batches.list({"limit": 3, "after": after, "all_pages": True, "throw": True})
        assert [batch.id for batch in result.batches] == ids[number:], after
    (error,) = client.batches.list({"after": "batch_9"}).errors
    assert error.code == "invalid_value"


def test_an_empty_list_has_no_page(client: OpenAIClient) -> None:
    """
    Google leaves out what is empty.
    """
    result = client.batches.list({"throw": True})
    assert (result.batches, result.has_more) == ((), False)


def test_jobs_that_cannot_be_read_are_left_out(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    One without times, for example; the others are listed.
    """
    ids = _add(vertex, 2)
    job = vertex.jobs[ids[0].removeprefix("batch_")]
    del job["createTime"], job["updateTime"]
    result = client.batches.list({"throw": True})
    assert [batch.id for batch in result.batches] == ids[1:]


@pytest.mark.parametrize("batch_id", ["batch_0", "batch_x", "batch_1%2f2", "batch_", "7", "batch_" + "1" * 30])
def test_odd_ids_name_nothing(client: OpenAIClient, vertex: VertexServer, batch_id: str) -> None:
    """
    Nothing is asked: it would be another address.
    """
    for call in (client.batches.retrieve, client.batches.cancel):
        (error,) = call(batch_id).errors
        assert error.status == 404
    assert vertex.received == []


def test_an_answer_about_another_job_is_told(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Whatever mixes up answers on the way.
    """
    (batch_id,) = _add(vertex, 1)
    vertex.jobs["5"] = vertex.jobs[batch_id.removeprefix("batch_")] | {"state": "JOB_STATE_EXPIRED"}
    (error,) = client.batches.retrieve("batch_5").errors
    assert error.code == "mismatched_id"


def test_all_that_is_asked_of_the_api_is_signed_and_about_the_project(
    client: OpenAIClient, vertex: VertexServer
) -> None:
    """
    The token goes in a header, and in no address.
    """
    batch = _batch(client, _input(client, _line(1)))
    assert client.batches.cancel(batch.id).success
    assert client.batches.list().success
    asked = [one for one in vertex.received if "/storage/" not in one.path]
    assert len(asked) == 5
    for one in asked:
        assert one.path.startswith(f"/v1/projects/{PROJECT}/")
        assert one.headers["authorization"] == f"Bearer {TOKEN}"
    assert all(TOKEN not in one.path for one in vertex.received)


def test_a_file_that_was_replaced_since_its_lines_were_translated_is_told(
    client: OpenAIClient, vertex: VertexServer
) -> None:
    """
    A batch of it would ask the old lines; translating it anew would take the custom_ids from the batch of then.
    """
    name = "aikit/files/daily.jsonl"
    vertex.storage.store(BUCKET, name, _line(1).encode())
    (file,) = client.files.list({"throw": True}).files
    batch = _batch(client, file.id)
    vertex.storage.store(BUCKET, name, _line(2).encode())
    (error,) = client.batches.create(file.id, _CHAT).errors
    assert error.code == "file_changed"
    assert f"gs://{BUCKET}/{name}" in error.message
    assert list(vertex.jobs) == [batch.id.removeprefix("batch_")]
