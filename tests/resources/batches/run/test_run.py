"""
``batches.run``: a whole file in one call.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aikit import dispatch, jsonl, to_json
from aikit.client import OpenAIClient
from aikit.http.flow import Flow
from aikit.resources.batches.run.folder import RunFolder
from aikit.resources.batches.run.plan import plan
from aikit.resources.batches.run.results import OpenAIBatchRunResult
from aikit.testing import embedded_provider
from aikit.types.batch_runs import OpenAIBatchRunProgress
from aikit.types.batches import OpenAIBatch
from aikit.types.errors import OpenAIError
from tests.cli.batch_service import serving_batches
from tests.resources.batches.run.test_plan import lines

QUICK: dict[str, Any] = {"poll_interval": 0.02}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """
    An input of two models.
    """
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines({}, {"body": {"model": "n"}}, {}))
    return path


@pytest.fixture
def client(tmp_path: Path) -> Iterator[OpenAIClient]:
    """
    A client of the embedded provider.
    """
    with OpenAIClient(provider="local", home=tmp_path) as client:
        yield client


def ids(path: Path) -> list[str]:
    """
    Return the custom_ids of a file of rows.
    """
    return [json.loads(line)["custom_id"] for line in path.read_bytes().splitlines()]


def test_a_file_is_answered_in_one_call(client: OpenAIClient, tmp_path: Path, path: Path) -> None:
    """
    Split, answered and joined; called again, no batch is created, and the rows are written again.
    """
    output = tmp_path / "out.jsonl"
    run = client.batches.run(str(path), str(output), **QUICK).unwrap()
    assert (run.path, run.lines, dict(run.counts), run.is_all_ok) == (output, 3, {"ok": 3}, True)
    assert ids(output) == ["r-0", "r-1", "r-2"]
    assert tuple(batch.id for batch in run.batches) == run.batch_ids
    output.unlink()
    again = client.batches.run(path, output, **QUICK)
    assert again.unwrap() == run
    assert "cost nothing again" in again.notes[0]
    assert ids(output) == ["r-0", "r-1", "r-2"]
    assert len(client.batches.list().batches) == 2
    state = RunFolder.of(tmp_path).load(run.key)
    assert state is not None
    assert state.intact_results == (str(output),)


def test_what_was_begun_is_gone_on_with(tmp_path: Path, path: Path) -> None:
    """
    After a wait that was given up the same batches are waited for.
    """
    with embedded_provider(tmp_path) as provider, provider.client() as client:
        provider.fail_lines(delay=1_000.0)  # slow ones, so that the wait is given up before they have ended
        result = client.batches.run(path, tmp_path / "x", poll_interval=1e-5, max_wait=1e-6)
        assert [error.code for error in result.errors] == ["timeout"] * 2
        assert len(result.batch_ids) == 2
        provider.clock.run_at(100_000.0)
        run = client.batches.run(path, tmp_path / "x.csv", **QUICK).unwrap()
        assert {batch.id for batch in client.batches.list().batches} == set(run.batch_ids) == set(result.batch_ids)
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 4


def test_a_run_that_is_cancelled_goes_on_when_it_is_called_again(tmp_path: Path, path: Path) -> None:
    """
    Its batches stay at the provider, and none is created anew.
    """
    with embedded_provider(tmp_path) as provider, provider.client() as client:
        provider.fail_lines(delay=1_000.0)
        seen = threading.Event()

        def look(progress: OpenAIBatchRunProgress) -> None:
            if progress.phase == "waiting":
                seen.set()

        result = client.batches.run(path, tmp_path / "x", background=True, on_progress=look, **QUICK)
        assert seen.wait(20)
        assert result.cancel()
        assert result.wait(20)
        assert [error.code for error in result.errors] == ["cancelled"]
        provider.clock.run_at(100_000.0)
        assert client.batches.run(path, tmp_path / "x", **QUICK).unwrap().batch_ids == result.batch_ids
        assert len(client.batches.list().batches) == 2


def test_problems_and_rivals_are_told(client: OpenAIClient, tmp_path: Path, path: Path) -> None:
    """
    A bad line ends it before anything is sent, and so does another call that is at it.
    """
    key = client.batches.run(path, tmp_path / "x", **QUICK).unwrap().key
    with RunFolder.of(tmp_path).lock(key):
        result = client.batches.run(path, tmp_path / "x")
    assert [error.code for error in result.errors] == ["run_in_progress"]
    path.write_bytes(b"nonsense\n")
    result = client.batches.run(path, tmp_path / "x")
    assert [(error.code, error.line) for error in result.errors] == [("invalid_json_line", 1)]
    assert len(client.batches.list().batches) == 2


def test_rows_can_be_read_without_a_file(client: OpenAIClient, path: Path) -> None:
    """
    As often as wanted, in the order of the input, until the result is closed.
    """
    with client.batches.run(path, **QUICK) as result:
        assert [row.custom_id for row in result] == [row.custom_id for row in result] == ["r-0", "r-1", "r-2"]
        assert (len(result), result.path) == (3, None)
        assert result.write(path.with_name("x.csv")) == 3
    with pytest.raises(ValueError, match="closed"):
        next(iter(result))
    assert path.with_name("x.csv").read_text().startswith("line,custom_id,status")
    written = client.batches.run(path, path.with_name("x.jsonl"), **QUICK)
    with pytest.raises(ValueError, match=r"the rows were written to .*x\.jsonl; leave out output"):
        iter(written)


def test_the_rows_of_all_parts_hold_one_lock(
    client: OpenAIClient, tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A file that is held open for each part would be too many; nothing is left when the result is closed.
    """
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    with client.batches.run(path, **QUICK) as result:
        assert len(result.unwrap().batch_ids) == 2
        assert len(list(place.rglob(".lock"))) == 1
    assert not list(place.iterdir())


def test_rows_outlive_the_name_of_their_result(client: OpenAIClient, path: Path) -> None:
    """
    What is iterated over stays until its last row was read.
    """
    made = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [row.custom_id for row in client.batches.run(made[:1], **QUICK)] == ["r-0"]
    assert [row.custom_id for row in client.batches.run(made, **QUICK)] == ["r-0", "r-1", "r-2"]


def test_lines_in_memory_are_a_run_as_their_file_is(client: OpenAIClient, tmp_path: Path, path: Path) -> None:
    """
    The same lines, as mappings, text or an open file, are the same run, and go on where that was.
    """
    key = client.batches.run(path, tmp_path / "x", **QUICK).unwrap().key
    text = path.read_text().splitlines()
    with path.open("rb") as file:
        for given in (text, (line.encode() for line in text), file):
            assert client.batches.run(given, tmp_path / "y", **QUICK).unwrap().key == key
    assert ids(tmp_path / "y") == ["r-0", "r-1", "r-2"]
    assert len(client.batches.list().batches) == 2


def test_progress_tells_phases_parts_and_lines(client: OpenAIClient, tmp_path: Path, path: Path) -> None:
    """
    No line is done twice, each phase is told, and the result shows how far it has come while it runs.
    """
    told: list[OpenAIBatchRunProgress] = []
    done = threading.Event()
    result = client.batches.run(
        path, tmp_path / "x", on_progress=told.append, on_terminate=lambda _: done.set(), **QUICK
    )
    assert done.wait(20)
    assert result.success
    phases = list(dict.fromkeys(one.phase for one in told))
    assert phases[:2] == ["reading", "checking"]
    assert {"creating", "waiting", "joining"} <= set(phases)
    assert [one.done for one in told] == sorted(one.done for one in told)
    assert (result.progress.done, result.progress.total, result.progress.parts) == (3, 3, 2)
    assert all(0 <= (one.fraction or 0) <= 1 for one in told)
    assert json.loads(json.dumps(told[-1], default=to_json))["parts"] == 2


def test_the_cost_is_confirmed_before_anything_is_sent(client: OpenAIClient, tmp_path: Path, path: Path) -> None:
    """
    Who says no, or cannot answer, has sent nothing, and is asked again; who said yes is not.
    """
    asked: list[Any] = []

    def fail(_: object) -> bool:
        raise KeyError("x")

    for confirm in (asked.append, fail):
        result = client.batches.run(path, tmp_path / "x", confirm=confirm, **QUICK)
        assert [error.code for error in result.errors] == ["not_confirmed"]
        assert result.estimate is not None
    assert [estimate.requests for estimate in asked] == [3]
    assert client.files.list().files == ()
    assert not list((tmp_path / "runs").iterdir())
    assert client.batches.run(path, tmp_path / "x", confirm=lambda _: True, **QUICK).unwrap().estimate == asked[0]
    assert client.batches.run(path, tmp_path / "x", confirm=fail, **QUICK).success


def test_the_question_is_asked_where_callbacks_run(tmp_path: Path, path: Path) -> None:
    """
    A program with a window asks in the window's thread, and no thread waits for the answer.
    """
    threads: list[str] = []

    def confirm(_: object) -> bool:
        threads.append(threading.current_thread().name)
        return True

    with OpenAIClient(provider="local", home=tmp_path, dispatcher=dispatch.pumped(), max_workers=1) as client:
        result = client.batches.run(
            path,
            tmp_path / "x",
            confirm=confirm,
            background=True,
            **QUICK,
        )
        assert client.files.list(background=True).wait(20)  # the one worker is free meanwhile
        while not result.wait(0.01):
            client.pump()
        assert result.success
    assert threads == [threading.main_thread().name]


def test_a_client_that_is_closed_asks_before(tmp_path: Path, path: Path) -> None:
    """
    In the thread that closes it, which would else wait for itself; where callbacks are dropped, that is a no.
    """
    with OpenAIClient(provider="local", home=tmp_path, dispatcher=dispatch.pumped()) as client:
        result = client.batches.run(path, tmp_path / "x", confirm=lambda _: True, background=True, **QUICK)
    assert result.success
    gone = SimpleNamespace(deliver=lambda _: None)
    with OpenAIClient(provider="local", home=tmp_path, dispatcher=gone) as client:
        result = client.batches.run(path, tmp_path / "x", again=True, confirm=lambda _: True, background=True, **QUICK)
    assert [error.code for error in result.errors] == ["not_confirmed"]
    assert "callbacks are not run any more" in str(result.errors[0])


def test_what_may_cost_too_much_is_not_begun(tmp_path: Path, path: Path) -> None:
    """
    The estimate is compared with the bound before anything is sent.
    """
    prices = {name: {"input": 1, "output": 1_000_000, "max_output_tokens": 10} for name in ("m", "n")}
    with OpenAIClient(provider="local", home=tmp_path, prices=prices) as client:
        result = client.batches.run(path, tmp_path / "x", max_cost=1)
        assert [error.code for error in result.errors] == ["max_cost_exceeded"]
        assert result.estimate is not None
        assert client.batches.run(path, tmp_path / "x", max_cost=100, **QUICK).success


def test_lines_that_are_not_ok_are_sent_again_when_that_is_asked_for(client: OpenAIClient, tmp_path: Path) -> None:
    """
    Their batch is one more, what was ok stays, and all of it is in the cost.
    """
    path = tmp_path / "in.jsonl"
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "temperature": 9}
    path.write_bytes(lines({}, {"body": body}))
    first = client.batches.run(path, tmp_path / "x", **QUICK).unwrap()
    assert (dict(first.counts), sum(first.reasons.values()), first.is_all_ok) == ({"ok": 1, "failed": 1}, 1, False)
    again = client.batches.run(path, tmp_path / "x", resubmit=True, **QUICK)
    assert again.unwrap().batch_ids != first.batch_ids
    assert (again.counts, len(again.costs)) == (first.counts, 2)
    assert any(f"the lines not ok in {first.batch_ids[0]}" in note for note in again.notes)
    assert client.batches.run(path, tmp_path / "x", again=True, **QUICK).unwrap().batch_ids != again.batch_ids


def test_a_run_can_be_awaited(tmp_path: Path, path: Path) -> None:
    """
    Several at a time, on one worker, in one loop.
    """
    made = path.read_text().splitlines()

    async def run_all(client: OpenAIClient) -> list[OpenAIBatchRunResult]:
        runs = [client.batches.run(made[:count], background=True, **QUICK) for count in (1, 2, 3)]
        return [await one for one in runs]

    with OpenAIClient(provider="local", home=tmp_path, max_workers=1) as client:
        assert [len(result) for result in asyncio.run(run_all(client))] == [1, 2, 3]


def test_a_hundred_runs_wait_on_one_worker(tmp_path: Path) -> None:
    """
    None of them holds a thread while its batch is under way.
    """
    with serving_batches() as service:
        service.looks = 4
        with OpenAIClient("k", base_url=service.url, home=tmp_path, max_workers=2) as client:
            runs = [
                client.batches.run([lines({"custom_id": f"c{n}"})], background=True, poll_interval=0.1)
                for n in range(100)
            ]
            before = threading.active_count()
            for result in runs:
                assert result.wait(60)
                assert [row.custom_id for row in result] == [f"c{runs.index(result)}"]
                result.close()
        assert before < 60  # the server has a thread for each connection
    assert len(service.batches) == 100


async def _asked(_: object) -> bool:
    return True


def test_an_input_that_changes_when_it_is_split_leaves_nothing(
    client: OpenAIClient, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The parts that were made of it are removed.
    """

    def plan_and_change(*arguments: Any, **options: Any) -> Any:
        parts = plan(*arguments, **options)
        path.write_bytes(path.read_bytes() + b"\n")
        return parts

    monkeypatch.setattr("aikit.resources.batches.run.run.plan", plan_and_change)
    assert [error.code for error in client.batches.run(path).errors] == ["input_changed"]
    assert [one.name for one in (client.home / "runs").iterdir() if one.is_dir()] == []


def test_what_cannot_be_meant_is_refused_at_once(client: OpenAIClient, path: Path) -> None:
    """
    Nothing is read, and nothing sent.
    """
    for output, error in ((b"x", TypeError), ("", ValueError), (path, ValueError)):
        with pytest.raises(error, match="output"):
            client.batches.run(path, output)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(TypeError, match="did you mean"):
        client.batches.run(path, max_costs=3)  # type: ignore[call-arg]  # likewise
    with pytest.raises(TypeError, match="confirm is an async function"):
        client.batches.run(path, confirm=_asked)
    assert not path.with_name("runs").exists()


def test_the_place_of_the_rows_is_tried_first(client: OpenAIClient, tmp_path: Path, path: Path) -> None:
    """
    Where they cannot be written in the end, nothing is paid.
    """
    result = client.batches.run(path, tmp_path / "none" / "x.jsonl")
    assert [error.code for error in result.errors] == ["unwritable_file"]
    assert client.files.list().files == ()


def test_a_run_is_told_as_json_and_can_be_pickled(client: OpenAIClient, tmp_path: Path, path: Path) -> None:
    """
    With a file of rows; rows in temporary files are of this process only.
    """
    result = client.batches.run(path, tmp_path / "x", **QUICK)
    told = json.loads(json.dumps(result, default=to_json))
    assert (told["path"], told["counts"], told["lines"]) == (str(tmp_path / "x"), {"ok": 3}, 3)
    assert pickle.loads(pickle.dumps(result)).unwrap() == result.unwrap()  # noqa: S301  made here
    with client.batches.run(path, **QUICK) as rows, pytest.raises(TypeError, match="files of this process"):
        pickle.dumps(rows)


def test_nothing_is_left_of_lines_that_were_written_for_a_run(
    client: OpenAIClient, tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Not after a success, not after an error, and not when the rows are closed.
    """
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    text = path.read_text().splitlines()
    client.batches.run(text, tmp_path / "x", **QUICK).throw()
    assert client.batches.run(["nonsense"], tmp_path / "x").errors
    with client.batches.run(text, **QUICK) as result:
        assert list((tmp_path / "temporary").iterdir())
        assert len(result) == 3
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize("options", [{}, {"prompt": "Say {a}", "model": "m"}], ids=["lines", "records"])
def test_what_an_iterable_raises_is_told_as_its_own(
    client: OpenAIClient, tmp_path: Path, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """
    Nothing is sent of what came before; what a function of `jsonl` raises is a problem of its line.
    """

    def broken() -> Iterator[Any]:
        yield {"a": "b"} if options else jsonl.chat_line("x", model="m")
        raise ZeroDivisionError("mine")

    result = client.batches.run(broken(), tmp_path / "x", **options)
    assert [error.code for error in result.errors] == ["unreadable_lines"]
    assert "ZeroDivisionError: mine; nothing was sent" in str(result.errors[0])
    assert "the iterable of lines raised" in caplog.text
    assert client.files.list().files == ()


def test_a_line_that_cannot_be_made_is_a_problem_of_that_line(client: OpenAIClient, tmp_path: Path) -> None:
    """
    As when it is written to a file.
    """
    result = client.batches.run((jsonl.chat_line(text, model="m") for text in ("a", "\ud800")), tmp_path / "x")
    assert [error.line for error in result.errors] == [2]


def test_forty_batches_of_one_run_are_waited_for_by_a_few_threads(tmp_path: Path) -> None:
    """
    Also by a call that its program waits for.
    """
    threads: list[int] = []
    with serving_batches() as service, OpenAIClient("k", base_url=service.url, home=tmp_path) as client:
        service.looks = 3
        made = [lines({"custom_id": f"c{n}", "body": {"model": f"m{n}"}}) for n in range(40)]

        def look(progress: OpenAIBatchRunProgress) -> None:
            names = [thread.name for thread in threading.enumerate()]
            threads.append(sum(name.startswith("aikit") for name in names))
            assert progress.parts in {0, 40}

        run = client.batches.run(made, tmp_path / "x", on_progress=look, poll_interval=0.1).unwrap()
        assert (dict(run.counts), len(run.batches)) == ({"ok": 40}, 40)
    assert max(threads) <= 10
    assert ids(tmp_path / "x") == [f"c{n}" for n in range(40)]


def test_a_run_whose_batch_is_unknown_says_what_can_be_done(tmp_path: Path) -> None:
    """
    With the key of another project the provider knows nothing of it, under way or finished.
    """
    with serving_batches(looks=1_000_000) as service, OpenAIClient("k", base_url=service.url, home=tmp_path) as client:
        service.hold_at = "waiting"
        rows = [{"word": "one"}]
        asked: dict[str, Any] = {"prompt": "Say {word}", "model": "m", "poll_interval": 0.02}
        client.batches.run(rows, deadline=0.5, **asked)
        service.go_on.set()
        made = dict(service.batches)
        service.batches.clear()
        under_way = client.batches.run(rows, max_wait=0.1, **asked)
        service.batches |= made
        service.looks = 1
        assert client.batches.run(rows, **asked).success
        service.batches.clear()
        finished = client.batches.run(rows, **asked)
    for result in (under_way, finished):
        assert result.errors[0].is_not_found_error
        assert "key is of another account or project" in result.errors[0].message
        assert result.errors[0].message.endswith("; again=True starts over, and pays again")


@pytest.mark.parametrize("is_asked", [False, True])
def test_a_file_that_is_gone_before_its_batch_is_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_asked: bool
) -> None:
    """
    Providers delete files after some time; where the batch failed for that, the lines come from this machine.
    """
    with OpenAIClient(provider="local", home=tmp_path) as client:

        def run() -> OpenAIBatchRunResult:
            return client.batches.run([{"word": "one"}], prompt="Say {word}", model="m", **QUICK)

        with monkeypatch.context() as patch:
            patch.setattr(client.provider.__class__, "create_batch", _refused)
            assert [error.code for error in run().errors] == ["insufficient_quota"]
        (file,) = client.files.list()
        state = next(iter(RunFolder.of(tmp_path)._all()))
        if is_asked:
            RunFolder.of(tmp_path).save(state.with_part(state.parts[0].with_last(asked_at=1.0)))
        assert client.files.delete(file.id).success
        if is_asked:
            assert dict(run().counts) == {"failed": 1}
        assert dict(run().counts) == {"ok": 1}


def _refused(*_: object) -> Flow[OpenAIBatch]:
    raise OpenAIError(message="no", code="insufficient_quota", status=403)
