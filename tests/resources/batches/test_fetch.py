"""
``batches.results``: the files of a batch are fetched and joined, or it is said why not.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import pickle
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from aikit import OpenAIBatchRowsParameters, OpenAIBatchRowsResult, OpenAIClient
from aikit.http.context import CallContext
from aikit.providers.openai import OpenAIProvider
from aikit.resources.batches.fetch import Answers, fetch_and_join
from aikit.types.batches import OpenAIBatch
from aikit.types.errors import OpenAIError
from aikit.types.usage import Usage
from tests.answering_server import AnsweringServer, answering_server
from tests.resources.batches.rows.files import WIRE, asked, batch, never_ran, told
from tests.resources.batches.run.flows import carried_out
from tests.systems import posix_only

_INPUT = asked("a") + asked("b") + asked("c")


@pytest.fixture
def server() -> Iterator[AnsweringServer]:
    """A provider with a batch: a is answered, b expired, c is missing."""
    with answering_server(file_in=_INPUT, file_out=told("a"), file_err=never_ran("b")) as server:
        server.add(status="expired", output_file_id="file-out", error_file_id="file-err")
        yield server


@pytest.fixture
def client(server: AnsweringServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIClient]:
    """A client of it, whose temporary files are in a folder of their own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("aikit.http.retry.RetryPolicy._backoff", lambda *_: 0.01)
    with OpenAIClient("k", base_url=server.url) as client:
        yield client


def _ends(result: OpenAIBatchRowsResult) -> list[tuple[str | None, str]]:
    return [(row.custom_id, row.status) for row in result]


_ENDS = [("a", "ok"), ("b", "expired"), ("c", "missing")]


def test_rows_are_joined_from_three_files(server: AnsweringServer, client: OpenAIClient, tmp_path: Path) -> None:
    """
    By id: the batch is asked for, then its files; the rows can be iterated again and again, and leave nothing behind.
    """
    with client.batches.results("batch_1") as result:
        assert result.success
        assert _ends(result) == _ends(result) == _ENDS
        assert result.counts == {"ok": 1, "failed": 0, "expired": 1, "cancelled": 0, "missing": 1}
        assert result.batch == OpenAIBatch.from_wire(server.batches["batch_1"])
        assert (result.problems, result.problem_count) == ((), 0)
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []
    assert server.asked == [
        "GET /v1/batches/batch_1",
        *(f"GET /v1/files/file-{name}/content" for name in ("in", "out", "err")),
    ]
    with pytest.raises(ValueError, match="closed"):
        iter(result)


def test_ledger_counts_what_was_fetched(server: AnsweringServer, client: OpenAIClient) -> None:
    """
    The end is booked with the usage of the answers, and nothing is fetched twice for that.
    """
    client.batches.results("batch_1").close()
    (event,) = client.ledger.events(kind="ended")
    assert (event.status, event.usage) == ("expired", Usage(input_tokens=1, output_tokens=2))
    assert len(server.asked) == len(set(server.asked)) == 4


def test_batch_that_is_known_to_be_over_is_not_asked_for(server: AnsweringServer, client: OpenAIClient) -> None:
    """
    One that was not over when it was asked for is.
    """
    ended = OpenAIBatch.from_wire(server.batches["batch_1"])
    assert _ends(client.batches.results(ended)) == _ENDS
    assert "GET /v1/batches/batch_1" not in server.asked
    assert _ends(client.batches.results(batch(status="in_progress"))) == _ENDS
    assert "GET /v1/batches/batch_1" in server.asked


@pytest.mark.parametrize("status", ["validating", "in_progress", "finalizing", "cancelling", "paused"])
def test_batch_that_is_not_over_has_no_results(server: AnsweringServer, client: OpenAIClient, status: str) -> None:
    """
    The error says to wait, and nothing is fetched.
    """
    server.add(status=status)
    result = client.batches.results("batch_1")
    assert [error.code for error in result.errors] == ["batch_not_ended"]
    assert "batches.wait()" in result.errors[0].message
    assert len(server.asked) == 1


def test_files_that_are_named_later_are_fetched_too(
    server: AnsweringServer, client: OpenAIClient, tmp_path: Path
) -> None:
    """
    What was fetched of a batch before does not stand for them; what names the same files is not fetched again.
    """
    answers, ended = Answers(tmp_path), OpenAIBatch.from_wire(server.batches["batch_1"])

    def fetch(batch: OpenAIBatch) -> Any:
        return carried_out(client, lambda provider, _: answers.of(provider, batch))

    fetched = [fetch(batch) for batch in (attrs.evolve(ended, error_file_id=None), ended, ended)]
    assert [[file.kind for file in files] for files in fetched] == [["output"], *[["output", "error"]] * 2]
    assert len(server.asked) == 3


@pytest.mark.parametrize("absent", [{}, {"output_file_id": None, "error_file_id": None}, {"error_file_id": ""}])
@pytest.mark.parametrize("status", ["completed", "expired", "cancelled", "failed"])
def test_files_that_there_are_not_are_not_asked_for(
    server: AnsweringServer, client: OpenAIClient, absent: dict[str, Any], status: str
) -> None:
    """
    Null, absent and empty ids are the same, however the batch ended.
    """
    server.add(id="batch_2", status=status, **absent)
    result = client.batches.results("batch_2")
    assert result.counts["missing" if status == "completed" else status] == 3
    assert len(server.asked) == 2


def test_input_that_is_gone_can_be_given(server: AnsweringServer, client: OpenAIClient, tmp_path: Path) -> None:
    """
    The error says how; the caller's own file is read where it stands and is not removed.
    """
    del server.files["file-in"]
    (error,) = client.batches.results("batch_1").errors
    assert (error.code, error.param, error.status) == ("file_gone", "input_file", 404)
    assert "pass its path as input_file" in error.message
    place = tmp_path / "mine.jsonl"
    place.write_bytes(_INPUT)
    with client.batches.results("batch_1", {"input_file": place}) as result:
        assert _ends(result) == _ENDS
    assert list(tmp_path.iterdir()) == [place]


def test_input_that_is_not_there_is_an_error(client: OpenAIClient, tmp_path: Path) -> None:
    """
    As for uploads; nothing is left behind.
    """
    result = client.batches.results("batch_1", OpenAIBatchRowsParameters(input_file="nowhere.jsonl"))
    assert [error.code for error in result.errors] == ["file_not_found"]
    assert list(tmp_path.iterdir()) == []


def test_output_that_is_gone_is_an_error_and_the_error_file_a_problem(
    server: AnsweringServer, client: OpenAIClient
) -> None:
    """
    Without the output there are no results; without the error file there are some.
    """
    del server.files["file-err"]
    result = client.batches.results("batch_1")
    assert _ends(result) == [("a", "ok"), ("b", "missing"), ("c", "missing")]
    assert [(problem.file, problem.line, problem.code) for problem in result.problems] == [("error", None, "file_gone")]
    del server.files["file-out"]
    assert [error.code for error in client.batches.results("batch_1").errors] == ["file_gone"]


def test_output_that_there_must_be_is_a_problem(server: AnsweringServer, client: OpenAIClient) -> None:
    """
    Answers are counted, and no file with them is named: the rows are missing; a batch known so is asked for anew.
    """
    counts = {"total": 3, "completed": 1, "failed": 1}
    server.batches["batch_1"] |= {"output_file_id": None, "request_counts": counts}
    known = OpenAIBatch.from_wire(server.batches["batch_1"])
    result = client.batches.results(known)
    assert _ends(result) == [("a", "missing"), ("b", "expired"), ("c", "missing")]
    assert [(problem.file, problem.code) for problem in result.problems] == [("output", "file_gone")]
    assert "has 1 answers, and the provider names no file with them; ask again later" in result.problems[0].message
    server.batches["batch_1"] |= {"output_file_id": "file-out"}
    assert _ends(client.batches.results(known)) == _ENDS


def test_broken_downloads_go_on(server: AnsweringServer, client: OpenAIClient) -> None:
    """
    What is missing after a break is asked for.
    """
    server.cuts = 3
    assert _ends(client.batches.results("batch_1", {"max_retries": 2})) == _ENDS
    assert sum("from" in line for line in server.asked) == 3


@posix_only
def test_disk_without_room_is_an_error(
    server: AnsweringServer, client: OpenAIClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It says which folder it is and how to choose another, and nothing is left behind.
    """

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    server.files["file-out"] = told("a", "x" * 2_000_000)
    (error,) = client.batches.results("batch_1").errors
    assert error.code == "temporary_storage"
    assert "No space left on device; free some space on that disk, or set TMPDIR" in error.message
    assert list(tmp_path.iterdir()) == []


def test_failed_call_does_not_iterate_silently(client: OpenAIClient, tmp_path: Path) -> None:
    """
    Its first error is raised, also by what writes; counts are empty, and nothing is left behind.
    """
    with client.batches.results("batch_9") as result:
        assert not result.success
        for use in (iter, list, lambda it: it.write_jsonl(tmp_path / "x"), lambda it: it.write_csv(tmp_path / "x")):
            with pytest.raises(OpenAIError, match="No batch found"):
                use(result)
        assert (result.batch, result.counts, result.problems, result.problem_count) == (None, {}, (), 0)
    assert list(tmp_path.iterdir()) == []


def test_running_call_is_waited_for(client: OpenAIClient) -> None:
    """
    Iterating a result that is under way yields its rows; so does iterating in its callback, and awaiting it.
    """
    assert _ends(client.batches.results("batch_1", {"background": True})) == _ENDS
    seen: list[Any] = []
    client.batches.results("batch_1", {"on_terminate": lambda result: seen.append(_ends(result))}).wait(10)
    assert seen == [_ENDS]

    async def awaiting() -> Any:
        return _ends(await client.batches.results("batch_1", {"background": True}))

    assert asyncio.run(awaiting()) == _ENDS


def test_progress_is_told(client: OpenAIClient) -> None:
    """
    The last report is that everything is joined; who iterates there is told that it is too early.
    """
    seen: list[Any] = []
    results: list[OpenAIBatchRowsResult] = []
    early: list[BaseException] = []
    begun = threading.Event()

    def show(progress: Any) -> None:
        seen.append(progress)
        begun.wait(10)
        try:
            list(results[0])
        except RuntimeError as error:
            early.append(error)

    results.append(client.batches.results("batch_1", {"background": True, "on_progress": show}))
    begun.set()
    assert results[0].wait(10)
    assert (seen[-1].phase, seen[-1].fraction) == ("joining", 1.0)
    assert "under way" in str(early[0])


def test_files_go_with_the_result(client: OpenAIClient, tmp_path: Path) -> None:
    """
    Without close, too, and also when the rows are still iterated when the result is forgotten.
    """
    result = client.batches.results("batch_1")
    iterator = iter(result)
    assert next(iterator).custom_id == "a"
    del result
    gc.collect()
    assert [row.custom_id for row in iterator] == ["b", "c"]
    del iterator
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_closing_a_running_call_cancels_it(server: AnsweringServer, client: OpenAIClient, tmp_path: Path) -> None:
    """
    Leaving the block is not waiting for a large download.
    """
    server.files["file-in"] = asked("a", "x" * 50_000_000)
    with client.batches.results("batch_1", {"background": True}) as result:
        pass
    assert result.terminated
    del result
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_rows_are_written(client: OpenAIClient, tmp_path: Path) -> None:
    """
    One line for each, and the files appear where they were asked for; paths are checked.
    """
    with client.batches.results("batch_1") as result:
        assert result.write_jsonl(tmp_path / "rows.jsonl") == 3
        assert result.write_csv(str(tmp_path / "rows.csv")) == 3
        assert (tmp_path / "rows.jsonl").read_bytes().count(b"\n") == 3
        with pytest.raises(ValueError, match="empty"):
            result.write_jsonl("")
        with pytest.raises(TypeError, match="bytes"):
            result.write_csv(b"x")  # type: ignore[arg-type]  # wrong on purpose
        with pytest.raises(TypeError, match="escape_formulas"):
            result.write_csv("x", escape_formulas=0)  # type: ignore[arg-type]  # likewise
        with pytest.raises(OpenAIError, match="cannot be written"):
            result.write_csv(tmp_path)
        with pytest.raises(TypeError, match="write_jsonl"):
            pickle.dumps(result)


@pytest.mark.parametrize("wrong", [None, 5, b"batch_1"])
def test_wrong_type_is_refused_before_sending(client: OpenAIClient, wrong: Any) -> None:
    """
    In the caller's thread, also with a callback.
    """
    with pytest.raises(TypeError, match="batch must be a string"):
        client.batches.results(wrong, {"background": True})
    with pytest.raises(TypeError, match=r"input_file|path"):
        client.batches.results("batch_1", input_file=wrong or 7)  # type: ignore[arg-type]  # what is tried
    with pytest.raises(ValueError, match="cannot be an id"):
        client.batches.results("a b")


def _member(name: str, parent: str | None, **fields: Any) -> dict[str, Any]:
    metadata = {"aikit_parent": parent} if parent else {}
    return {"id": name, "output_file_id": f"file-{name}", "metadata": metadata, **fields}


def test_lineage_is_followed_to_its_root(server: AnsweringServer, client: OpenAIClient) -> None:
    """
    One row for each line of the root's input, with the newest answer, and the batch it came from.
    """
    server.files |= {"file-b1": told("b", "no", 500) + told("a", "later", 500), "file-b2": told("b", "yes")}
    server.add(**_member("b1", "batch_1", input_file_id="file-other"))
    server.add(**_member("b2", "b1", input_file_id="file-another"))
    with client.batches.results("b2", {"with_lineage": True}) as result:
        assert [(row.custom_id, row.status, row.batch_id) for row in result] == [
            ("a", "ok", "batch_1"),
            ("b", "ok", "b2"),
            ("c", "missing", "batch_1"),
        ]
        assert result.counts["ok"] == 2
        assert result.batch is not None
        assert result.batch.id == "b2"
        assert result.problem_count == 0


@pytest.mark.parametrize(
    ("parents", "said"),
    [
        ({"b1": "b1"}, "b1 names b1, which descends from it"),
        ({"b1": "b2", "b2": "b1"}, "b2 names b1, which descends from it"),
        ({"b1": "gone"}, "its ancestor gone does not exist any more"),
    ],
)
def test_broken_lineage_is_an_error(
    server: AnsweringServer, client: OpenAIClient, parents: dict[str, str], said: str
) -> None:
    """
    A circle and a missing parent are named, and nothing is fetched.
    """
    for name, parent in parents.items():
        server.add(**_member(name, parent))
    result = client.batches.results("b1", {"with_lineage": True})
    assert [error.code for error in result.errors] == ["lineage_broken"]
    assert said in result.errors[0].message
    assert not any("/files/" in line for line in server.asked)


def test_flow_asks_for_one_thing_after_the_other() -> None:
    """
    Bare: the input first; a failure there ends the flow and removes its folder.
    """
    provider = OpenAIProvider(base_url="https://api.example/v1")
    batch = OpenAIBatch.from_wire(WIRE | {"output_file_id": "file-out"})
    flow = fetch_and_join(provider, batch, None, CallContext())
    request = next(flow)
    assert not isinstance(request, float)
    assert request.url == "https://api.example/v1/files/file-in/content"  # type: ignore[union-attr]  # no pause
    folder = request.sink.path.parent  # type: ignore[union-attr]  # likewise
    assert folder.exists()
    flow.close()
    assert not folder.exists()
