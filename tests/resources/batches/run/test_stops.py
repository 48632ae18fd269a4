"""
Runs that are stopped at every moment: by a cancel, a deadline, and the end of their client.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from aikit import OpenAIBatchEstimate
from aikit.client import OpenAIClient
from aikit.http.flow import Flow
from aikit.resources.batches.run.results import OpenAIBatchRunResult
from aikit.types.errors import OpenAIError
from tests.cli.batch_service import MOMENTS, Service, serving_batches
from tests.resources.batches.run.test_plan import lines

QUICK: dict[str, Any] = {"poll_interval": 0.02}
_MIXED: Final = lines({}, {"body": {"model": "n"}}, {}, {"body": {"model": "n"}})


def _cancel(result: OpenAIBatchRunResult, _: OpenAIClient) -> None:
    assert result.cancel()


def _close(result: OpenAIBatchRunResult, client: OpenAIClient) -> None:
    client.close(cancel=True)
    assert result.terminated


def _expire(result: OpenAIBatchRunResult, _: OpenAIClient) -> None:
    assert not result.terminated  # its deadline is near


_STOPS: Final = {"cancelled": _cancel, "closed": _close, "deadline_exceeded": _expire}


@pytest.fixture
def service() -> Iterator[Service]:
    """A server that answers each batch."""
    with serving_batches() as service:
        yield service


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An input of two models, which makes two batches."""
    path = tmp_path / "in.jsonl"
    path.write_bytes(_MIXED)
    return path


def _client(service: Service, home: Path) -> OpenAIClient:
    return OpenAIClient("k", base_url=service.url, home=home)


def _settled(service: Service) -> None:
    """
    Let the server act on what it was held at, as one does whose client has gone meanwhile.
    """
    service.go_on.set()
    ends_at = time.monotonic() + 20
    while service.is_held and time.monotonic() < ends_at:
        time.sleep(0.01)
    time.sleep(0.05)


@pytest.mark.parametrize("stop", _STOPS.values(), ids=_STOPS)
@pytest.mark.parametrize("passing", [0, 1])
@pytest.mark.parametrize("moment", MOMENTS)
def test_whenever_a_run_is_stopped_each_part_has_one_batch(
    service: Service,
    path: Path,
    moment: str,
    passing: int,
    stop: Callable[[OpenAIBatchRunResult, OpenAIClient], None],
) -> None:
    """
    While it uploads, creates, waits or fetches, at the first part or the second; called again, it ends with every line.
    """
    service.hold_at, service.passing = moment, passing
    client = _client(service, path.parent)
    deadline = 1.5 if stop is _expire else None
    result = client.batches.run(path, path.parent / "x", background=True, deadline=deadline, **QUICK)
    assert service.reached.wait(20)
    stop(result, client)
    assert result.wait(20)
    assert [error.code for error in result.errors] == ["deadline_exceeded" if stop is _expire else "cancelled"]
    _settled(service)
    client.close()
    with _client(service, path.parent) as again:
        run = again.batches.run(path, path.parent / "x", **QUICK).unwrap()
    assert dict(run.counts) == {"ok": 4}
    assert len(service.batches) == 2
    assert [json.loads(line)["custom_id"] for line in (path.parent / "x").read_bytes().splitlines()] == [
        f"r-{number}" for number in range(4)
    ]


@pytest.mark.parametrize("stop", _STOPS.values(), ids=_STOPS)
@pytest.mark.parametrize("hidden", [{"unlisted_s": 2.0}, {"keeps_metadata": False}], ids=["late", "no metadata"])
def test_a_batch_whose_creation_was_stopped_is_looked_for_as_long_as_it_may_be_hidden(
    service: Service,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hidden: dict[str, Any],
    stop: Callable[[OpenAIBatchRunResult, OpenAIClient], None],
) -> None:
    """
    The provider may list it late, or without what names it.
    """
    monkeypatch.setattr("aikit.resources.polling.LOOKS_S", (0.5,) * 10)
    for name, value in hidden.items():
        setattr(service, name, value)
    path.write_bytes(lines({}, {}))
    service.hold_at = "after creation"
    client = _client(service, path.parent)
    deadline = 1.0 if stop is _expire else None
    result = client.batches.run(path, path.parent / "x", background=True, deadline=deadline, **QUICK)
    assert service.reached.wait(20)
    stop(result, client)
    assert result.wait(20)
    assert all(error.message.endswith("; the same call again does so first") for error in result.errors)
    _settled(service)
    client.close()
    with _client(service, path.parent) as again:
        assert again.batches.run(path, path.parent / "x", **QUICK).success
    assert len(service.batches) == 1


def _stop_creation(client: OpenAIClient, service: Service, path: Path, **options: Any) -> None:
    """
    Stop a run of the file at *path* when the server has created a batch and not yet said so.
    """
    service.hold_at = "after creation"
    result = client.batches.run(path, path.parent / "x", background=True, **options, **QUICK)
    assert service.reached.wait(20)
    assert result.cancel()
    assert result.wait(20)
    _settled(service)


def _add_batches(service: Service, count: int) -> None:
    for _ in range(count):
        service.create({"input_file_id": "file-x", "endpoint": "/v1/chat/completions", "completion_window": "24h"})


@pytest.mark.parametrize(("newer", "codes"), [(250, []), (1000, ["creation_unknown"])])
def test_a_batch_whose_creation_was_stopped_is_looked_for_among_the_newest_thousand(
    service: Service, path: Path, monkeypatch: pytest.MonkeyPatch, newer: int, codes: list[str]
) -> None:
    """
    Where it may be further back, the run ends with an error that says what can be done, and none is created.
    """
    monkeypatch.setattr("aikit.resources.polling.LOOKS_S", (0.01,))
    service.keeps_metadata = False
    path.write_bytes(lines({}, {}))
    with _client(service, path.parent) as client:
        _stop_creation(client, service, path)
        _add_batches(service, newer)
        result = client.batches.run(path, path.parent / "x", **QUICK)
    assert [error.code for error in result.errors] == codes
    assert ("not among the newest 1,000" in str(result.errors)) == bool(codes)
    way_on = "; if it is there, batches.results() gives its answers; again=True starts over, and pays again"
    assert all(error.message.endswith(way_on) for error in result.errors)
    assert len(service.batches) == newer + 1


def test_answers_that_never_come_do_not_block_a_run_for_good(service: Service, path: Path) -> None:
    """
    A provider that names no file with them: each further call says how to start over.
    """
    service.silent_looks = 1_000_000
    path.write_bytes(lines({}, {}))
    with _client(service, path.parent) as client:
        for _ in range(2):
            (error,) = client.batches.run(path, path.parent / "x", max_wait=0.2, **QUICK).errors
    assert error.code in {"output_missing", "timeout"}
    assert error.message.endswith("again=True starts over, and pays again")


@pytest.mark.parametrize(("status", "codes"), [("in_progress", []), ("completed", ["created_twice"])])
def test_of_two_batches_of_a_creation_that_was_stopped_the_younger_is_cancelled(
    service: Service, path: Path, status: str, codes: list[str]
) -> None:
    """
    It is noted; one that was quicker is paid, which the call tells, and the next goes on with the older.
    """
    path.write_bytes(lines({}, {}))
    with _client(service, path.parent) as client:
        _stop_creation(client, service, path)
        second = service.create(dict(service.batches["batch_1"]))
        second["status"] = status
        result = client.batches.run(path, path.parent / "x", **QUICK)
        assert [error.code for error in result.errors] == codes
        assert any("batch_2 cancelled: batch_1 was" in note for note in result.notes) == (not codes)
        assert second["status"] == ("completed" if codes else "cancelled")
        run = client.batches.run(path, path.parent / "x", **QUICK).unwrap()
    assert run.batch_ids == ("batch_1",)
    assert len(service.batches) == 2


def test_a_second_batch_of_the_same_file_is_told_where_metadata_is_dropped(service: Service, path: Path) -> None:
    """
    It is not cancelled, as it may be of another program, and not paid without a word.
    """
    service.keeps_metadata = False
    path.write_bytes(lines({}, {}))
    with _client(service, path.parent) as client:
        _stop_creation(client, service, path)
        service.create(dict(service.batches["batch_1"]))
        result = client.batches.run(path, path.parent / "x", **QUICK)
    assert result.unwrap().batch_ids == ("batch_1",)
    assert [note.partition(" and is paid")[0] for note in result.notes if "paid" in note] == [
        "batch_2 is of the same file as batch_1"
    ]
    assert "cancelled" not in service.batches["batch_2"]["status"]


def _ages(service: Service) -> None:
    """
    Let what has ended have ended long ago, so that what is missing is missing for good.
    """
    for batch in service.batches.values():
        batch |= {name: at - 7200 for name, at in batch.items() if name.endswith("_at")}


@pytest.mark.parametrize("keeps_metadata", [True, False])
def test_answers_of_all_batches_of_a_part_are_kept_when_lines_are_sent_again(
    service: Service, path: Path, *, keeps_metadata: bool
) -> None:
    """
    The run knows them, also where the provider drops which batch comes from which; each sends what is left.
    """
    service.keeps_metadata, service.ends = keeps_metadata, ["expired", "expired"]
    path.write_bytes(lines({}, {}, {}, {}))
    counts: list[dict[str, int]] = []
    asked: list[int] = []
    with _client(service, path.parent) as client:
        for again in (False, True, True):
            run = client.batches.run(path, path.parent / "x", resubmit=again, confirm=_asking(asked), **QUICK).unwrap()
            counts.append(dict(run.counts))
            _ages(service)
    assert counts == [{"ok": 2, "expired": 2}, {"ok": 3, "expired": 1}, {"ok": 4}]
    assert [batch["request_counts"]["total"] for batch in service.batches.values()] == [4, 2, 1]
    assert asked == [4, 2, 1]


@pytest.mark.parametrize("keeps_metadata", [True, False])
@pytest.mark.parametrize("is_created", [True, False])
def test_lines_that_are_sent_again_are_sent_once_whenever_that_is_stopped(
    service: Service, path: Path, monkeypatch: pytest.MonkeyPatch, *, is_created: bool, keeps_metadata: bool
) -> None:
    """
    Their batch is found by their file where metadata is dropped; one that was not created is made of the same file.
    """
    monkeypatch.setattr("aikit.resources.polling.LOOKS_S", (0.1,) * 3)
    service.keeps_metadata, service.ends = keeps_metadata, ["expired"]
    path.write_bytes(lines({}, {}, {}, {}))
    with _client(service, path.parent) as client:
        client.batches.run(path, path.parent / "x", **QUICK).unwrap()
        _stop_creation(client, service, path, resubmit=True)
        asked_of = service.batches["batch_2"]["input_file_id"]
        if not is_created:
            del service.batches["batch_2"]
        _ages(service)
        run = client.batches.run(path, path.parent / "x", **QUICK).unwrap()
    assert dict(run.counts) == {"ok": 4}
    assert [batch["input_file_id"] for batch in service.batches.values()] == ["file-1", asked_of]


def test_a_refused_batch_of_a_run_with_all_its_metadata_is_tried_again(service: Service, path: Path) -> None:
    """
    As many pairs as a run takes leave room for what a batch of the same lines has to name.
    """
    service.ends = ["failed"]
    path.write_bytes(lines({}, {}))
    metadata = {str(number): "x" for number in range(14)}
    with _client(service, path.parent) as client:
        options = {"metadata": metadata} | QUICK
        assert client.batches.run(path, path.parent / "x", **options).unwrap().batches[0].status == "failed"
        run = client.batches.run(path, path.parent / "x", resubmit=True, **options).unwrap()
    assert dict(run.counts) == {"ok": 2}
    assert len(service.batches["batch_2"]["metadata"]) == 16


def _asking(asked: list[int]) -> Callable[[OpenAIBatchEstimate], bool]:
    def confirm(estimate: OpenAIBatchEstimate) -> bool:
        asked.append(estimate.requests)
        return True

    return confirm


def test_a_client_that_is_closed_finishes_its_runs(service: Service, path: Path) -> None:
    """
    As all that is pending.
    """
    with _client(service, path.parent) as client:
        result = client.batches.run(path, path.parent / "x", background=True, **QUICK)
    assert result.terminated
    assert result.success


def test_a_run_in_a_callback_of_another_needs_no_second_worker(service: Service, path: Path) -> None:
    """
    It can be waited for there.
    """
    found: list[OpenAIBatchRunResult] = []
    with OpenAIClient("k", base_url=service.url, home=path.parent, max_workers=1) as client:

        def on(_: object) -> None:
            found.append(client.batches.run(path, path.parent / "y", background=True, **QUICK))
            assert found[0].wait(20)

        result = client.batches.run(_MIXED.splitlines()[:1], on_terminate=on, **QUICK)
        assert result.wait(20)
    assert [one.success for one in found] == [True]


def test_a_server_that_hangs_is_asked_again(service: Service, path: Path) -> None:
    """
    A look that is never answered ends with the time to wait, and not with the longest time-out.
    """
    service.hold_at = "waiting"
    with _client(service, path.parent) as client:
        result = client.batches.run(_MIXED.splitlines()[:1], max_wait=0.5, **QUICK)
        assert [error.code for error in result.errors][:1] == ["timeout"]
    service.go_on.set()


@pytest.mark.parametrize("is_killed", [False, True])
def test_rows_that_could_not_be_had_need_no_input_of_the_provider(
    service: Service, path: Path, monkeypatch: pytest.MonkeyPatch, *, is_killed: bool
) -> None:
    """
    Servers may give out no input files: the parts are kept, or made of the input again, also when all is finished.
    """
    service.unknown = {"/files/file-1/": 1_000_000, "/files/file-2/": 1_000_000}
    with _client(service, path.parent) as client:
        with monkeypatch.context() as patch:
            patch.setattr("aikit.resources.batches.run.run.join_all", _unreachable)
            assert client.batches.run(path, **QUICK).errors[0].code == "connection_error"
        (folder,) = (place for place in (path.parent / "runs").iterdir() if place.is_dir())
        assert len(list(folder.iterdir())) == 2
        if is_killed:
            shutil.rmtree(folder)
        for _ in range(2):
            with client.batches.run(path, **QUICK) as result:
                assert [row.custom_id for row in result] == ["r-0", "r-1", "r-2", "r-3"]
        assert not folder.exists()
    assert not [asked for asked in service.asked if "/files/file-1/" in asked[1] or "/files/file-2/" in asked[1]]


def test_parts_of_a_finished_run_are_not_left_where_sending_again_is_refused(service: Service, path: Path) -> None:
    """
    What was split to tell what it may cost goes when the bound refuses it; the rows can still be had.
    """
    service.ends = ["expired", "expired"]
    with _client(service, path.parent) as client:
        first = client.batches.run(path, path.parent / "x", **QUICK).unwrap()
        assert not first.is_all_ok
        refused = client.batches.run(path, path.parent / "x", resubmit=True, max_cost=1, **QUICK)
        assert [error.code for error in refused.errors] == ["unknown_cost"]
        assert {place.suffix for place in (path.parent / "runs").iterdir()} == {".json", ".marks"}
        assert client.batches.run(path, path.parent / "x", **QUICK).unwrap().counts == first.counts


def _unreachable(*_: object) -> Flow[None]:
    raise OpenAIError(message="no network", code="connection_error")


_LAST_LINES: Final = """
import sys
from aikit import OpenAIClient, dispatch, jsonl
client = OpenAIClient(provider="local", home=sys.argv[1], dispatcher=dispatch.pumped())
client.batches.run(
    [jsonl.chat_line("x", model="m")],
    sys.argv[2],
    confirm=lambda _: print("asked") is None,
    on_terminate=lambda result: print(dict(result.counts)),
)
"""


@pytest.mark.slow
def test_a_program_that_ends_is_asked_and_gets_its_rows(tmp_path: Path) -> None:
    """
    The last line of a script may be the run: nothing is left to pump but the end of the program.
    """
    argv = [sys.executable, "-c", _LAST_LINES, str(tmp_path), str(tmp_path / "x")]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.split("\n") == ["asked", "{'ok': 1}", ""]
    assert len((tmp_path / "x").read_bytes().splitlines()) == 1
