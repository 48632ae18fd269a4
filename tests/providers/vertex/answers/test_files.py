"""
Output and error files of batches, made of what jobs have written: from the upload of lines to the costs of answers.
"""

from __future__ import annotations

import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from aikit import OpenAIBatch, OpenAIClient
from aikit.providers.vertex.names import ERRORS, OUTPUT, FileName, read_file_id
from tests.fault_proxy import faulty
from tests.vertex_server import BUCKET, TOKEN, VertexServer

_CHAT: Final = "/v1/chat/completions"
_EMBEDDINGS: Final = "/v1/embeddings"
_GEMINI: Final = "gemini-2.5-flash"


def _line(custom_id: str, model: str, url: str = _CHAT, text: str = "hi") -> bytes:
    asked: dict[str, Any] = {"messages": [{"role": "user", "content": text}], "max_tokens": 100}
    body = {"model": model, **({"input": text} if url == _EMBEDDINGS else asked)}
    return json.dumps({"custom_id": custom_id, "method": "POST", "url": url, "body": body}).encode() + b"\n"


def _created(client: OpenAIClient, lines: list[bytes], url: str = _CHAT) -> OpenAIBatch:
    file = client.files.create(b"".join(lines), "batch", {"filename": "in.jsonl", "throw": True}).file
    assert file is not None
    batch = client.batches.create(file.id, url, {"throw": True}).batch
    assert batch is not None
    return batch


def _ended(client: OpenAIClient, lines: list[bytes], url: str = _CHAT) -> OpenAIBatch:
    batch = _created(client, lines, url)
    ended = client.batches.wait(batch.id, {"poll_interval": 0.001, "throw": True}).batch
    assert ended is not None
    return ended


def _lines(client: OpenAIClient, file_id: str | None) -> list[Any]:
    assert file_id is not None
    content = client.files.content(file_id, {"throw": True}).content
    assert content is not None
    return [json.loads(line) for line in content.splitlines()]


def _job(batch: OpenAIBatch) -> str:
    return batch.id.removeprefix("batch_")


def _told(vertex: VertexServer, batch: OpenAIBatch) -> dict[str, Any]:
    """
    Return the job, to change what the server says of it.
    """
    return vertex.jobs[_job(batch)]


def _shards(vertex: VertexServer, batch: OpenAIBatch) -> list[str]:
    folder = _told(vertex, batch)["outputInfo"]["gcsOutputDirectory"].removeprefix(f"gs://{BUCKET}/")
    return [name for name in vertex.storage.names(BUCKET) if name.startswith(folder)]


@pytest.mark.parametrize(
    ("model", "url", "tokens"),
    [
        (_GEMINI, _CHAT, (100, 1020)),
        ("claude-sonnet-4-5", _CHAT, (100, 20)),
        ("meta/llama-3.3-70b-instruct-maas", _CHAT, (100, 20)),
        ("gemini-embedding-001", _EMBEDDINGS, (7, 0)),
    ],
)
def test_each_line_gets_its_answer_or_its_failure(
    client: OpenAIClient, model: str, url: str, tokens: tuple[int, int]
) -> None:
    """
    Of whichever shape the rows are, and in whichever order: custom_ids, errors and tokens are those of the lines.
    """
    ids = ["0001", "x/y \u00fc", "1", "\u2028", "last"]
    batch = _ended(client, [_line(one, model, url, "trouble" if one == "1" else "hi") for one in ids], url)
    output, errors = _lines(client, batch.output_file_id), _lines(client, batch.error_file_id)
    assert sorted(line["custom_id"] for line in output) == sorted(set(ids) - {"1"})
    assert [line["custom_id"] for line in errors] == ["1"]
    with client.batches.results(batch, {"throw": True}) as rows:
        found, problems = list(rows), rows.problems
    assert problems == ()
    assert [(row.custom_id, row.status) for row in found] == [(one, "failed" if one == "1" else "ok") for one in ids]
    assert found[2].error is not None
    assert "valid role" in found[2].error.message
    usage = [row.usage for row in found if row.usage is not None]
    assert [(one.input_tokens, one.output_tokens) for one in usage] == [tokens] * 4


def test_the_cost_of_a_batch_has_what_was_thought(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    It is output, and is most of it.
    """
    batch = _ended(client, [_line("a", _GEMINI), _line("b", _GEMINI)])
    prices = {_GEMINI: {"batch": {"input": "0.15", "output": "1.25"}}}
    with OpenAIClient(TOKEN, provider="vertex", base_url=vertex.url, prices=prices) as other:
        cost = other.batches.cost(batch.id, {"throw": True}).cost
    assert cost is not None
    assert cost.total == 2 * (100 * Decimal("0.15") + 1020 * Decimal("1.25")) / 1_000_000
    assert not cost.is_lower_bound


def test_an_output_file_is_described_without_its_size(client: OpenAIClient) -> None:
    """
    It is made when it is asked for; in a folder it is saved under its own name.
    """
    batch = _ended(client, [_line("a", _GEMINI), _line("b", _GEMINI, text="trouble")])
    for file_id, end in ((batch.output_file_id, "output"), (batch.error_file_id, "error")):
        assert file_id is not None
        file = client.files.retrieve(file_id, {"throw": True}).file
        assert file is not None
        assert (file.id, file.purpose, file.status, file.bytes) == (file_id, "batch_output", "processed", None)
        assert (file.filename, file.created_at) == (f"{batch.id}_{end}.jsonl", batch.completed_at)


def test_a_download_through_breaks_is_the_same(
    client: OpenAIClient, vertex: VertexServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whatever happens to connections, what is saved is what comes without; it is one of several objects, too.
    """
    vertex.shards = 3
    chance = random.Random(1)  # noqa: S311  the same texts in every run is what is wanted
    texts = ["".join(chance.choices("abc ü\n", k=chance.randint(1, 9_000))) for _ in range(200)]
    batch = _ended(client, [_line(f"c{number}", _GEMINI, text=text) for number, text in enumerate(texts)])
    assert batch.output_file_id is not None
    whole = client.files.content(batch.output_file_id, {"throw": True}).content
    assert whole is not None
    assert whole.count(b"\n") == 200
    assert len(_shards(vertex, batch)) == 4
    happened: set[str] = set()
    for seed in range(6):
        with faulty(vertex.url, seed=seed, chance=0.5, stall_s=0.01) as proxy:
            url, place = proxy.url.removesuffix("/v1"), tmp_path / f"{seed}"
            monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
            with OpenAIClient(TOKEN, provider="vertex", base_url=url, timeout=5, max_retries=60) as other:
                other.files.download(batch.output_file_id, place, {"throw": True})
                with other.files.stream(batch.output_file_id, {"background": bool(seed % 2)}) as stream:
                    assert b"".join(stream) == whole
            assert place.read_bytes() == whole
            happened |= {fault for fault, _ in proxy.happened}
    assert happened == {"cut", "stall", "delay", "refuse", "lose", "halve"}


def test_answers_are_translated_while_they_are_read(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    A stream gives lines before all of them are made, waits for its reader, and ends early; a range is cut out of it.
    """
    vertex.shards = 3
    lines = [_line(f"c{number}", _GEMINI, text="x" * 20_000) for number in range(200)]
    batch = _ended(client, lines)
    assert batch.output_file_id is not None
    whole = client.files.content(batch.output_file_id, {"throw": True}).content
    for background in (False, True):
        with client.files.stream(batch.output_file_id, {"background": background}) as stream:
            first = next(iter(stream))
            assert not stream.terminated
        assert whole.startswith(first)
        with client.files.stream(batch.output_file_id, {"start": 7, "end": 900_000, "background": background}) as part:
            assert b"".join(part) == whole[7:900_000]


def test_the_custom_ids_outlive_the_input(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Its file may be deleted while the answers are wanted; what is left of it goes with these.
    """
    batch = _ended(client, [_line("a", _GEMINI), _line("b", _GEMINI)])
    assert batch.output_file_id is not None
    client.files.delete(batch.input_file_id, {"throw": True})
    assert {line["custom_id"] for line in _lines(client, batch.output_file_id)} == {"a", "b"}
    deleted = client.files.delete(batch.output_file_id, {"throw": True}).deleted
    assert deleted is not None
    assert (deleted.id, deleted.deleted) == (batch.output_file_id, True)
    assert vertex.storage.names(BUCKET) == []
    for call in (client.files.retrieve, client.files.delete, client.files.content):
        (error,) = call(batch.output_file_id).errors
        assert (error.status, error.message) == (404, f"No such File object: {batch.output_file_id}")


def test_the_custom_ids_stay_as_long_as_another_batch_has_them(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Its answers are paid, too, and would be nobody's.
    """
    first = _ended(client, [_line("a", _GEMINI)])
    second = client.batches.create(first.input_file_id, _CHAT, {"throw": True}).batch
    assert second is not None
    assert first.output_file_id is not None
    client.files.delete(first.input_file_id, {"throw": True})
    client.files.delete(first.output_file_id, {"throw": True})
    assert f"aikit/{read_file_id(first.input_file_id).ids}" in vertex.storage.names(BUCKET)


def test_an_output_is_deleted_without_its_input(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Another batch may be created of the same file, or have been.
    """
    first = _ended(client, [_line("a", _GEMINI)])
    again = client.batches.create(first.input_file_id, _CHAT, {"throw": True}).batch
    assert again is not None
    assert first.output_file_id is not None
    client.files.delete(first.output_file_id, {"throw": True})
    assert not _shards(vertex, first)
    ended = client.batches.wait(again.id, {"poll_interval": 0.001, "throw": True}).batch
    assert ended is not None
    assert [line["custom_id"] for line in _lines(client, ended.output_file_id)] == ["a"]


def test_the_errors_alone_cannot_be_deleted(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    They are in the same objects as the answers, and nothing is asked.
    """
    batch = _ended(client, [_line("a", _GEMINI), _line("b", _GEMINI, text="trouble")])
    assert batch.error_file_id is not None
    vertex.start_anew()
    (error,) = client.files.delete(batch.error_file_id).errors
    assert error.code == "unsupported"
    assert vertex.received == []


@pytest.mark.parametrize("kind", [OUTPUT, ERRORS])
@pytest.mark.parametrize("call", ["retrieve", "content"])
def test_files_that_a_job_does_not_have_are_unknown(
    client: OpenAIClient, vertex: VertexServer, kind: str, call: str
) -> None:
    """
    Of a job that is not there, that is not over, that failed before its first row, or that wrote to another place.
    """
    vertex.polls = 1_000
    running = _created(client, [_line("a", _GEMINI)])
    vertex.polls, vertex.fails_with = 1, (3, "Failed to import data.")
    failed = _created(client, [_line("a", _GEMINI)])
    assert not client.batches.wait(failed.id, {"poll_interval": 0.001}).success
    vertex.fails_with = None
    elsewhere = _ended(client, [_line("a", _GEMINI), _line("b", _GEMINI, text="trouble")])
    vertex.storage.buckets["other"] = {}
    vertex.storage.store("other", "aikit/outputs/x/predictions.jsonl", b"{}")
    vertex.storage.store(BUCKET, "aikit-evil/x/predictions.jsonl", b"{}")
    vertex.polls = 1_000
    places = ("gs://other/aikit/outputs/x", f"gs://{BUCKET}/aikit-evil/x", f"gs://{BUCKET}/aikit/../aikit-evil/x")
    about = {name: value for name, value in _told(vertex, elsewhere).items() if name != "name"}
    told = [vertex.add(**about | {"outputInfo": {"gcsOutputDirectory": place}}) for place in places]
    jobs = [_job(running), _job(failed), "123", *told]
    for job in jobs:
        vertex.start_anew()
        file_id = FileName(kind, job).id
        (error,) = getattr(client.files, call)(file_id).errors
        assert (error.status, error.message) == (404, f"No such File object: {file_id}")
        assert not any("evil" in one.path or "/b/other" in one.path for one in vertex.received)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "file_gone"),
        (b'"a"\n', "file_changed"),
        (b'"b"\n"a"\n', "file_changed"),
        (b'"a"\n"c"\n', "file_changed"),
    ],
)
def test_answers_without_their_custom_ids_are_not_guessed(
    client: OpenAIClient, vertex: VertexServer, content: bytes | None, code: str
) -> None:
    """
    Rows have numbers only; what these were is told by one object, which is gone, or of another input.
    """
    batch = _ended(client, [_line("a", _GEMINI), _line("b", _GEMINI)])
    assert batch.output_file_id is not None
    name = f"aikit/{read_file_id(batch.input_file_id).ids}"
    if content is None:
        del vertex.storage.buckets[BUCKET][name]
    else:
        vertex.storage.store(BUCKET, name, content)
    (error,) = client.files.content(batch.output_file_id).errors
    assert error.code == code


@pytest.mark.parametrize(("state", "status"), [("CANCELLED", "cancelled"), ("EXPIRED", "expired")])
def test_lines_that_were_not_answered_before_the_end_are_told(
    client: OpenAIClient, vertex: VertexServer, state: str, status: str
) -> None:
    """
    Rows that a job has written before it was stopped are kept; the others are in the error file, where there is one.
    """
    batch = _ended(client, [_line("a", _GEMINI), _line("b", _GEMINI), _line("c", _GEMINI, text="trouble")])
    *_, name = (one for one in _shards(vertex, batch) if one.endswith(".jsonl"))
    rows = vertex.storage.contents[BUCKET, name].splitlines(keepends=True)
    vertex.storage.store(BUCKET, name, b"".join(row for row in rows if b'"r-2"' not in row))
    stats = {"successfulCount": "1", "failedCount": "1", "incompleteCount": "1"}
    _told(vertex, batch).update(state=f"JOB_STATE_{state}", completionStats=stats)
    with client.batches.results(batch.id, {"throw": True}) as found:
        told = {row.custom_id: row.status for row in found}
    assert told == {"a": "ok", "b": status, "c": "failed"}


def test_batches_of_other_programs_have_output_files(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Their rows keep their own keys; their objects must be where ours may be read.
    """
    row = {"response": {"candidates": [{"content": {"parts": [{"text": "yo"}]}, "finishReason": "STOP"}]}, "status": ""}
    rows = [{**row, "key": "their-1"}, {**row, "requestId": "their-2"}]
    vertex.storage.store(
        BUCKET, "aikit/theirs/predictions.jsonl", b"".join(json.dumps(one).encode() + b"\n" for one in rows)
    )
    job = {
        "model": f"publishers/google/models/{_GEMINI}",
        "state": "JOB_STATE_SUCCEEDED",
        "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": ["gs://theirs/in.jsonl"]}},
        "completionStats": {"successfulCount": "2"},
        "outputInfo": {"gcsOutputDirectory": f"gs://{BUCKET}/aikit/theirs"},
        "endTime": "2026-11-01T18:13:16Z",
    }
    batch = client.batches.retrieve(f"batch_{vertex.add(**job)}", {"throw": True}).batch
    assert batch is not None
    output = _lines(client, batch.output_file_id)
    assert [line["custom_id"] for line in output] == ["their-1", "their-2"]
    assert output[0]["response"]["body"]["model"] == _GEMINI


def test_an_object_that_was_changed_while_it_was_read_is_not_believed(
    client: OpenAIClient, vertex: VertexServer
) -> None:
    """
    It has another size than was told of it.
    """
    batch = _ended(client, [_line("a", _GEMINI)])
    assert batch.output_file_id is not None
    *_, name = (one for one in _shards(vertex, batch) if one.endswith(".jsonl"))
    vertex.storage.contents[BUCKET, name] += b"{}\n"
    (error,) = client.files.content(batch.output_file_id, {"max_retries": 1}).errors
    assert error.code == "size_mismatch"


def _rows(vertex: VertexServer, batch: OpenAIBatch, keep: int) -> None:
    """
    Leave the first rows of a job.
    """
    *_, name = (one for one in _shards(vertex, batch) if one.endswith(".jsonl"))
    rows = vertex.storage.contents[BUCKET, name].splitlines(keepends=True)
    vertex.storage.store(BUCKET, name, b"".join(rows[:keep]))


def _ends(client: OpenAIClient, batch: OpenAIBatch) -> tuple[dict[str | None, str], int]:
    """
    Return the status of each row, and the tokens of all that were paid.
    """
    with client.batches.results(batch.id, {"throw": True}) as found:
        told = {row.custom_id: row.status for row in found}
    cost = client.batches.cost(batch.id, {"throw": True}).cost
    assert cost is not None
    return told, cost.usage.input_tokens


@pytest.mark.parametrize(("state", "rest"), [("CANCELLED", "cancelled"), ("EXPIRED", "expired"), ("FAILED", "failed")])
@pytest.mark.parametrize("changes", [{}, {"completionStats": {"successfulCount": "0", "incompleteCount": "-1"}}])
def test_rows_of_a_job_that_came_to_no_good_end_are_read_and_paid(
    client: OpenAIClient, vertex: VertexServer, state: str, rest: str, changes: dict[str, Any]
) -> None:
    """
    Also where Google does not count them, and only the others are sent again.
    """
    batch = _ended(client, [_line(one, _GEMINI) for one in "abc"])
    _rows(vertex, batch, 2)
    job = _told(vertex, batch)
    del job["completionStats"]
    job |= {"state": f"JOB_STATE_{state}", **changes}
    if state != "FAILED":
        del job["outputInfo"]
    assert _ends(client, batch) == ({"a": rest, "b": "ok", "c": "ok"}, 200)
    again = client.batches.resubmit(batch.id, (rest,), {"throw": True}).batch
    assert again is not None
    assert again.request_counts.total == 1


@pytest.mark.parametrize("state", ["CANCELLED", "FAILED"])
def test_a_job_that_ended_before_its_first_row_has_none(client: OpenAIClient, vertex: VertexServer, state: str) -> None:
    """
    That is no file that is gone.
    """
    batch = _ended(client, [_line("a", _GEMINI)])
    job = _told(vertex, batch)
    for name in _shards(vertex, batch):
        del vertex.storage.buckets[BUCKET][name]
    del job["completionStats"]
    job["state"] = f"JOB_STATE_{state}"
    if state == "CANCELLED":
        del job["outputInfo"]
    assert _ends(client, batch) == ({"a": state.lower()}, 0)


@pytest.mark.parametrize("stats", [{"successfulCount": "3"}, {"failedCount": "3"}])
def test_rows_are_given_though_none_of_their_kind_is_counted(
    client: OpenAIClient, vertex: VertexServer, stats: dict[str, str]
) -> None:
    """
    What Google counts as failed may have an answer and its price, and the other way round: then one file has both.
    """
    batch = _ended(client, [_line("a", _GEMINI), _line("b", _GEMINI, text="trouble"), _line("c", _GEMINI)])
    _told(vertex, batch)["completionStats"] = stats
    assert _ends(client, batch) == ({"a": "ok", "b": "failed", "c": "ok"}, 200)


def test_failures_of_open_models_have_their_words_and_custom_ids(client: OpenAIClient, vertex: VertexServer) -> None:
    """
    Where Google tells them as it does those of its own models.
    """
    batch = _ended(client, [_line("r-2", "meta/llama-3.3-70b-instruct-maas"), _line("b", "meta/llama-x")][:1])
    *_, name = (one for one in _shards(vertex, batch) if one.endswith(".jsonl"))
    failed = {"custom_id": "r-2", "status": 'Bad Request: {"error": {"code": 400, "message": "No."}}', "response": {}}
    vertex.storage.store(BUCKET, name, json.dumps(failed).encode())
    with client.batches.results(batch.id, {"throw": True}) as found:
        (row,) = found
    assert row.error is not None
    assert (row.custom_id, row.status, row.error.message) == ("r-2", "failed", "No.")
