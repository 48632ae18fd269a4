"""
Batches that are completed before their provider names a file: what is paid is neither lost, nor free, nor paid again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIBatch, OpenAIClient
from aikit.resources.batches.rows.join import lacks_output
from tests.billing.account_server import AccountServer, account_server, ended_batch
from tests.billing.lines import answer, file_of, usage
from tests.stopwatch import Stopwatch

_PRICES = {"m": {"batch": {"input": "1", "output": "2"}}}
_SILENT: list[dict[str, Any]] = [
    {"request_counts": None},
    {"request_counts": {}},
    {"request_counts": {"total": 0, "completed": 0, "failed": 0}},
    {"request_counts": {"total": 2, "completed": 0, "failed": 0}},
    {"request_counts": {"total": 2, "completed": 0, "failed": 1}},
    {"request_counts": {"total": 2, "completed": 2, "failed": 0}},
    {"request_counts": None, "error_file_id": "file-err"},
    {"request_counts": None, "usage": {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}},
]


class _Late(dict[str, dict[str, Any]]):
    """
    Batches that are told without their files for some looks.
    """

    looks = 0
    silent: dict[str, Any] = _SILENT[0]

    def get(self, key: str, default: Any = None) -> Any:
        """Return what is told now."""
        batch = super().get(key, default)
        if batch is None or not self.looks:
            return batch
        self.looks -= 1
        now = {"completed_at": int(time.time())} if batch["status"] == "completed" else {}
        return batch | {"output_file_id": None, "error_file_id": None} | now | self.silent


@pytest.fixture
def late() -> _Late:
    """What the server has."""
    return _Late()


@pytest.fixture
def server(late: _Late) -> Iterator[AccountServer]:
    """A server with one batch of two answers."""
    with account_server() as running:
        running.batches = late
        late["batch_1"] = ended_batch(output_file_id="file-out")
        running.files["file-out"] = file_of(answer("m", usage(1_000_000, 0)), answer("m", usage(0, 1_000_000)))
        asked = {"method": "POST", "url": "/v1/chat/completions", "body": {"model": "m"}}
        running.files["file-in"] = file_of({"custom_id": "a", **asked}, {"custom_id": "b", **asked})
        yield running


def _client(server: AccountServer, home: Path) -> OpenAIClient:
    return OpenAIClient("sk-1", base_url=server.url, home=home, prices=_PRICES)


@pytest.mark.parametrize("silent", _SILENT)
def test_nothing_is_booked_and_nothing_resubmitted(
    server: AccountServer, late: _Late, tmp_path: Path, silent: dict[str, Any]
) -> None:
    """
    The cost is unknown and not 0, whatever the counts say; as soon as there is a file, all is there.
    """
    late.looks, late.silent = 1_000_000, silent
    with _client(server, tmp_path) as client:
        batch = client.batches.wait("batch_1", {"poll_interval": 0.01, "max_wait": 0.05}).throw().batch
        assert batch is not None
        for calls in (client.batches.cost, client.batches.resubmit):
            assert [error.code for error in calls("batch_1").errors] == ["output_missing"]
            assert [error.code for error in calls(batch).errors] == ["output_missing"]
        with client.batches.results("batch_1").throw() as results:
            assert results.counts["missing"] == 2
            assert "names no file" in results.problems[0].message
        assert list(client.ledger.events()) == []
        assert {method for method, _ in server.asked} == {"GET"}
        late.looks = 0
        cost = client.batches.cost(batch).throw().cost
        assert cost is not None
        assert (cost.total, cost.is_lower_bound) == (Decimal(3), False)
        assert [event.cost for event in client.ledger.events(kind="ended")] == [Decimal(3)]


@pytest.mark.parametrize("silent", _SILENT)
def test_it_is_asked_again_while_it_is_waited_for(
    server: AccountServer, late: _Late, tmp_path: Path, silent: dict[str, Any]
) -> None:
    """
    A few times in quick succession, however rarely it is asked else; then the end is booked as it is.
    """
    late.looks, late.silent = 2, silent
    watch = Stopwatch()
    with _client(server, tmp_path) as client:
        batch = client.batches.wait("batch_1", {"poll_interval": 0.2}).throw().batch
        assert batch is not None
        assert batch.output_file_id == "file-out"
        assert [event.cost for event in client.ledger.events(kind="ended")] == [Decimal(3)]
    assert watch.stop() < 5


def test_an_hour_between_questions_does_not_hold_up_the_end(server: AccountServer, late: _Late, tmp_path: Path) -> None:
    """
    Half a second is waited for the file at first.
    """
    late.looks = 1
    with _client(server, tmp_path) as client:
        assert client.batches.wait("batch_1", {"poll_interval": 3_600}).success
    assert late.looks == 0


@pytest.mark.parametrize(
    ("fields", "is_lacking"),
    [
        ({}, True),
        ({"error_file_id": "file-err"}, False),
        ({"output_file_id": "file-out"}, False),
        ({"request_counts": {"total": 2, "completed": 0, "failed": 2}}, False),
        ({"request_counts": {"total": 2, "completed": 1, "failed": 1}}, True),
        ({"request_counts": {"total": 2, "completed": 1, "failed": 1}, "error_file_id": "file-err"}, True),
        ({"status": "cancelled"}, False),
        ({"status": "expired"}, False),
        ({"status": "expired", "request_counts": {"total": 2, "completed": 1, "failed": 0}}, True),
        ({"status": "failed"}, False),
        ({"status": "in_progress"}, False),
    ],
)
def test_what_has_answers_without_a_file(fields: dict[str, Any], *, is_lacking: bool) -> None:
    """
    All that is completed and told of by no file; what failed as a whole, or was stopped at the start, has none.
    """
    status = fields.get("status", "completed")
    assert lacks_output(OpenAIBatch.from_wire(ended_batch(status=status, request_counts=None) | fields)) is is_lacking


def test_what_the_batch_tells_meanwhile_is_told_and_not_booked(
    server: AccountServer, late: _Late, tmp_path: Path
) -> None:
    """
    A usage that counts something is the cost so far as one asks for it.
    """
    told = {"input_tokens": 1_000_000, "output_tokens": 1_000_000, "total_tokens": 2_000_000}
    late.looks, late.silent = 1, {"request_counts": None, "usage": told, "model": "m"}
    with _client(server, tmp_path) as client:
        cost = client.batches.cost("batch_1").throw().cost
        assert cost is not None
        assert (cost.total, list(client.ledger.events())) == (Decimal(3), [])
        assert "no file is named yet" in cost.notes[0]


@pytest.mark.parametrize(
    "told",
    [
        {"status": "completed", "error_file_id": "file-err", "request_counts": {"total": 2, "failed": 1}},
        {"status": "expired", "in_progress_at": 5, "request_counts": None},
        {"status": "cancelled", "in_progress_at": 5, "error_file_id": "file-err", "request_counts": {}},
    ],
)
def test_ends_whose_answers_are_not_counted_cost_an_unknown_sum(
    server: AccountServer, late: _Late, tmp_path: Path, told: dict[str, Any]
) -> None:
    """
    An error file alone, or a batch that was stopped while it ran, does not say that nothing was answered.
    """
    late["batch_1"] = ended_batch(output_file_id=None) | told
    server.files["file-err"] = file_of({"custom_id": "a", "response": None, "error": {"code": "x", "message": "y"}})
    with _client(server, tmp_path) as client:
        for call in (client.batches.cost, client.batches.resubmit):
            assert [error.code for error in call("batch_1").errors] == ["output_missing"]
        assert list(client.ledger.events()) == []


@pytest.mark.parametrize(
    "told",
    [
        {"status": "completed", "error_file_id": "file-err", "request_counts": {"total": 2, "failed": 2}},
        {"status": "completed", "error_file_id": "file-err", "request_counts": None},
        {"status": "expired", "in_progress_at": 5, "request_counts": {"total": 2}},
        {"status": "cancelled", "request_counts": None},
        {"status": "failed", "request_counts": None},
    ],
)
def test_ends_without_an_answer_cost_nothing(
    server: AccountServer, late: _Late, tmp_path: Path, told: dict[str, Any]
) -> None:
    """
    Where all requests are counted and none was answered, or none was begun, that is the whole cost.
    """
    late["batch_1"] = ended_batch(output_file_id=None) | told
    server.files["file-err"] = file_of({"custom_id": "a", "response": None, "error": {"code": "x", "message": "y"}})
    with _client(server, tmp_path) as client:
        cost = client.batches.cost("batch_1").throw().cost
        assert cost is not None
        assert (cost.total, cost.is_lower_bound) == (Decimal(0), False)


@pytest.mark.parametrize("content", [b"", file_of(answer("m", usage(1_000_000, 0)))], ids=["empty", "short"])
@pytest.mark.parametrize("counts", [None, {"total": 2, "completed": 2, "failed": 0}], ids=["untold", "told"])
def test_what_a_file_lacks_just_after_the_end_is_not_resubmitted(
    server: AccountServer, late: _Late, tmp_path: Path, content: bytes, counts: Any
) -> None:
    """
    The rest may be on its way, and is paid for; two minutes later it is missing, and may be sent again.
    """
    late["batch_1"] |= {"completed_at": int(time.time()), "request_counts": counts}
    server.files["file-out"] = content
    with _client(server, tmp_path) as client:
        found = client.batches.resubmit("batch_1")
        assert [error.code for error in found.errors] == ["output_missing"]
        assert "has not all of them in its files" in found.errors[0].message
        assert {method for method, _ in server.asked} == {"GET"}
        late["batch_1"]["completed_at"] -= 130
        assert client.batches.resubmit("batch_1", parameters={"validate": False}).success


@pytest.mark.parametrize("field", ["finalizing_at", "created_at"])
def test_the_end_that_is_not_told_is_not_before_what_is(
    server: AccountServer, late: _Late, tmp_path: Path, field: str
) -> None:
    """
    A batch that has just begun has just ended: what its files lack may be on its way. Times may be milliseconds.
    """
    late["batch_1"] |= {"completed_at": None, field: int(time.time() * 1000)}
    server.files["file-out"] = file_of(answer("m", usage(1_000_000, 0)))
    with _client(server, tmp_path) as client:
        assert [error.code for error in client.batches.resubmit("batch_1").errors] == ["output_missing"]
        late["batch_1"][field] -= 130_000
        assert client.batches.resubmit("batch_1", parameters={"validate": False}).success


def test_files_without_a_line_of_a_batch_that_counts_nothing_tell_no_cost(
    server: AccountServer, late: _Late, tmp_path: Path
) -> None:
    """
    What it did is not known, whenever it is asked: neither free nor booked.
    """
    late["batch_1"]["request_counts"] = None
    server.files["file-out"] = b""
    with _client(server, tmp_path) as client:
        assert [error.code for error in client.batches.cost("batch_1").errors] == ["output_missing"]
        assert client.batches.retrieve("batch_1").success
        assert list(client.ledger.events()) == []
