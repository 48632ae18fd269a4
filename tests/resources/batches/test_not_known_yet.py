"""
What was just made, named or seen, and is not known for a moment: a 404 that passes, and files still being processed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient
from aikit.http.flow import Flow, Pause
from aikit.providers.openai import OpenAIProvider
from aikit.resources.batches.run.steps import _FILE_WAIT
from aikit.resources.files.parameters import OpenAIFileWaitParameters
from aikit.resources.files.wait import wait_until_processed
from aikit.resources.polling import LOOKS_S, ask_until_known
from aikit.types.errors import OpenAIError, Rejected
from tests.cli.batch_service import Service, serving_batches
from tests.resources.batches.run.test_plan import lines
from tests.resources.batches.test_wait import _answer, _flow, _told

_WAIT: dict[str, Any] = {"poll_interval": 0.02}


@pytest.fixture
def server() -> Iterator[Service]:
    """A server that answers each batch."""
    with serving_batches() as service:
        yield service


@pytest.fixture
def client(server: Service, tmp_path: Path) -> Iterator[OpenAIClient]:
    """A client of it that tries nothing again by itself."""
    with OpenAIClient("k", base_url=server.url, home=tmp_path, max_retries=0) as client:
        yield client


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An input of two lines."""
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines({}, {}))
    return path


def _posts(server: Service, what: str) -> int:
    return server.asked.count(("POST", f"/v1/{what}"))


@pytest.mark.parametrize("was_seen", [False, True])
def test_passing_404_of_a_batch_is_asked_again(was_seen: bool) -> None:  # noqa: FBT001  a column
    """
    Soon at first; an answer in between begins the time anew.
    """
    flow = _flow(poll_interval=10.0)
    step: Any = next(flow)
    if was_seen:
        flow.send(_answer(step))
        step = flow.send(10.0)
    for spent_s in (20.0, 20.1, 20.14):
        pause = _told(flow, flow.send(_answer(step, 404)), spent_s)
        assert 0 < pause.seconds <= 2.0
        step = flow.send(spent_s)
    flow.send(_answer(step))
    pause = _told(flow, flow.send(_answer(flow.send(21.0), 404)), 30.0)
    assert pause.seconds == 0.5


def test_404_of_a_batch_counts_in_the_end() -> None:
    """
    After the time of all looks, or of *max_wait*, the refusal is the answer, and what was known comes along.
    """
    for max_wait, last_s in ((1000.0, 5.16), (5.05, 5.05)):
        flow = _flow(max_wait=max_wait)
        flow.send(_answer(next(flow)))
        _told(flow, flow.send(_answer(flow.send(1.0), 404)), 5.0)
        step = flow.send(_answer(flow.send(5.02), 404))
        with pytest.raises(Rejected) as caught:
            _told(flow, step, last_s)
        assert ([error.status for error in caught.value.errors], caught.value.value.id) == ([404], "batch_1")


def test_batch_that_is_found_late_is_waited_for(server: Service, client: OpenAIClient, path: Path) -> None:
    """
    Batch, file, and the files of the answers are each unknown twice, and no call fails for that.
    """
    file = client.files.create(path, "batch").throw().file
    assert file is not None
    server.unknown = {"/files/file-1": 2, "/batches/": 2, "/files/file-out": 2}
    assert client.files.wait(file.id, **_WAIT).success
    batch = client.batches.create(file.id, "/v1/chat/completions").throw().batch
    assert batch is not None
    batch = client.batches.wait(batch.id, **_WAIT).throw().batch
    assert batch is not None
    with client.batches.results(batch).throw() as rows:
        assert dict(rows.counts)["ok"] == 2
    server.unknown = {"/files/file-out": 2}
    cost = client.batches.cost(batch).throw().cost
    assert cost is not None
    assert cost.answered == 2
    assert set(server.unknown.values()) == {0}


def test_answers_of_long_ago_are_gone_at_once(server: Service, client: OpenAIClient, path: Path) -> None:
    """
    A batch that ended more than an hour ago has named its files long since: a 404 is no matter of moments.
    """
    file = client.files.create(path, "batch").throw().file
    assert file is not None
    batch = client.batches.create(file.id, "/v1/chat/completions").throw().batch
    assert batch is not None
    client.batches.wait(batch.id, **_WAIT).throw()
    server.batches[batch.id]["completed_at"] -= 3700
    server.unknown = {"/files/file-out": 2}
    (error,) = client.batches.results(batch.id).errors
    assert (error.code, server.unknown) == ("file_gone", {"/files/file-out": 1})


def test_run_goes_on_through_passing_404s(server: Service, client: OpenAIClient, path: Path, tmp_path: Path) -> None:
    """
    A run asks again for its batch and for the files of its answers.
    """
    server.unknown = {"/batches/": 3, "/files/file-out": 1}
    result = client.batches.run(path, tmp_path / "out.jsonl", **_WAIT)
    assert result.unwrap().counts == {"ok": 2}
    assert _posts(server, "batches") == 1


def test_run_waits_for_its_file(server: Service, client: OpenAIClient, path: Path, tmp_path: Path) -> None:
    """
    A file that is still processed is waited for before the batch is asked for.
    """
    server.processing = ["pending", "running", "pending"]
    result = client.batches.run(path, tmp_path / "out.jsonl", **_WAIT)
    assert result.unwrap().counts == {"ok": 2}
    assert (_posts(server, "files"), _posts(server, "batches")) == (1, 1)


def test_run_that_was_stopped_waits_on_for_the_same_file(
    server: Service, client: OpenAIClient, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The file was uploaded once, and is not uploaded anew by the next call.
    """
    server.processing = ["pending"] * 100
    monkeypatch.setitem(_FILE_WAIT, "max_wait", 0.1)
    with pytest.raises(OpenAIError, match="still 'pending'"):
        client.batches.run(path, tmp_path / "out.jsonl", **_WAIT).throw()
    monkeypatch.setitem(_FILE_WAIT, "max_wait", 10.0)
    server.processing = ["pending", "running"]
    result = client.batches.run(path, tmp_path / "out.jsonl", **_WAIT)
    assert result.unwrap().counts == {"ok": 2}
    assert (_posts(server, "files"), _posts(server, "batches")) == (1, 1)


def test_file_that_cannot_be_processed_ends_the_run(
    server: Service, client: OpenAIClient, path: Path, tmp_path: Path
) -> None:
    """
    No batch is asked for.
    """
    server.processing = ["pending", "error"]
    result = client.batches.run(path, tmp_path / "out.jsonl", **_WAIT)
    assert [error.code for error in result.errors] == ["processing_failed"]
    assert _posts(server, "batches") == 0


@pytest.mark.parametrize("status", ["uploaded", "ok", "whatever"])
def test_file_whose_status_says_nothing_is_not_waited_for(
    server: Service, client: OpenAIClient, path: Path, tmp_path: Path, status: str
) -> None:
    """
    There are servers that never say more of a file, and take it.
    """
    server.processing = [status]
    client.batches.run(path, tmp_path / "out.jsonl", **_WAIT).throw()
    assert ("GET", "/v1/files/file-1") not in server.asked


def test_resubmission_waits_for_its_file(server: Service, client: OpenAIClient, tmp_path: Path) -> None:
    """
    What is left of a batch goes up once, and its batch is made when the file is processed.
    """
    path = tmp_path / "some.jsonl"
    path.write_bytes(lines({}, {"custom_id": "bad"}))
    file = client.files.create(path, "batch").throw().file
    assert file is not None
    batch = client.batches.create(file.id, "/v1/chat/completions").throw().batch
    assert batch is not None
    client.batches.wait(batch.id, **_WAIT).throw()
    server.processing = ["pending", "pending"]
    assert client.batches.resubmit(batch.id).success
    assert (_posts(server, "files"), _posts(server, "batches")) == (2, 2)


def _asked_in_vain(flow: Flow[Any], status: int) -> list[float]:
    """
    Answer each question with *status*; return the pauses until that is the answer.
    """
    pauses: list[float] = []
    step: Any = next(flow)
    with suppress(OpenAIError):
        while isinstance(pause := flow.send(_answer(step, status)), Pause):
            pauses.append(pause.seconds)
            step = flow.send(sum(pauses))
    return pauses


def test_404s_of_files_count_in_the_end() -> None:
    """
    As long as all looks take, and no longer than *max_wait*; other refusals count at once.
    """
    provider = OpenAIProvider(base_url="https://api.example/v1")
    for max_wait, most_s in ((1800.0, 1.1), (0.05, 0.05)):
        options = OpenAIFileWaitParameters(poll_interval=0.02, max_wait=max_wait)
        assert 0.04 < sum(_asked_in_vain(wait_until_processed(provider, "file-1", options), 404)) <= most_s
        assert _asked_in_vain(wait_until_processed(provider, "file-1", options), 403) == []
    looks = _asked_in_vain(ask_until_known(provider, lambda: provider.retrieve_file("file-1")), 404)
    assert (looks, sum(LOOKS_S)) == ([0.01, 0.02, 0.03, 0.04, 0.05], 15.5)
