"""
Housekeeping: what is stored is summed up, and only what fits everything that is asked goes.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from aikit import OpenAIClient, OpenAIFileHousekeepingProgress
from aikit.http.rate_limiter import RateLimiter
from aikit.resources.files.bulk_progress import PruneProgress
from aikit.resources.files.parameters import OpenAIFilePruneParameters
from aikit.resources.files.prune import Prune
from aikit.types.batches import BatchPage
from aikit.types.files import OpenAIFile
from tests.files_server import FilesServer, files_server

DAY = 86_400


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Nobody waits between two tries.
    """
    monkeypatch.setattr("aikit.http.retry.RetryPolicy._backoff", lambda *_: 0.001)


@pytest.fixture
def server() -> Iterator[FilesServer]:
    """
    A server with four files.
    """
    now = int(time.time())
    with files_server() as running:
        running.add("file-old", bytes=2_000_000, created_at=now - 40 * DAY, filename="tmp-1.txt")
        running.add("file-in", bytes=500, created_at=now - 20 * DAY, purpose="batch", filename="in.jsonl")
        running.add("file-soon", bytes=30, created_at=now - 2 * DAY, expires_at=now + DAY, filename="tmp-2.txt")
        running.add("file-new", bytes=None, created_at=now - 60, expires_at=now + 20 * DAY, purpose="batch")
        yield running


@pytest.fixture
def client(server: FilesServer, tmp_path: Path) -> Iterator[OpenAIClient]:
    """
    A client of that server, with a home of its own.
    """
    with OpenAIClient("k", base_url=server.url, home=tmp_path) as made:
        yield made


def test_usage_sums_up_what_is_stored(client: OpenAIClient) -> None:
    """
    By purpose, age and size, with what expires within a week; a size that nobody knows counts as none.
    """
    stored = client.files.usage().throw().stored
    assert stored is not None
    assert (stored.total.files, stored.total.bytes) == (4, 2_000_530)
    assert {name: (one.files, one.bytes) for name, one in stored.by_purpose.items()} == {
        "user_data": (2, 2_000_030),
        "batch": (2, 500),
    }
    assert {name: one.files for name, one in stored.by_age.items()} == {
        "under a day": 1,
        "1 to 7 days": 1,
        "7 to 30 days": 1,
        "30 to 90 days": 1,
        "over 90 days": 0,
    }
    assert [one.files for one in stored.by_size.values()] == [3, 1, 0, 0]
    assert (stored.expiring.files, stored.never_expiring.files) == (1, 2)
    assert stored.total.oldest == stored.by_age["30 to 90 days"].oldest


def test_usage_of_a_purpose_and_another_span(client: OpenAIClient) -> None:
    """
    *purpose* narrows it, *expiring_within* says what is soon.
    """
    stored = client.files.usage({"purpose": "batch", "expiring_within": 30 * DAY}).stored
    assert stored is not None
    assert (stored.total.files, stored.expiring.files) == (2, 1)


def test_usage_walks_all_pages(client: OpenAIClient, server: FilesServer) -> None:
    """
    However many there are.
    """
    for number in range(2_500):
        server.add(f"file-{number}")
    stored = client.files.usage().stored
    assert stored is not None
    assert stored.total.files == 2_504
    assert server.asked.count("GET files") == 3


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ({"older_than": 30 * DAY}, ["file-old"]),
        ({"purpose": "batch"}, ["file-new", "file-in"]),
        ({"name": "tmp-*"}, ["file-soon", "file-old"]),
        ({"name": "TMP-*"}, []),
        ({"name": "tmp-*", "older_than": DAY, "purpose": "user_data"}, ["file-soon", "file-old"]),
        ({"name": "tmp-*", "older_than": 3 * DAY}, ["file-old"]),
        ({"unused": True}, ["file-soon", "file-old"]),
        ({"unused": True, "older_than": 10}, ["file-new", "file-soon", "file-old"]),
    ],
)
def test_a_dry_run_lists_what_fits_everything_and_deletes_nothing(
    client: OpenAIClient, server: FilesServer, asked: dict[str, Any], ids: list[str]
) -> None:
    """
    It is the default; each file comes with a reason for each thing that was asked.
    """
    server.batches = [
        {"id": "batch_1", "endpoint": "/v1/chat/completions", "input_file_id": "file-in", "created_at": 1}
        | {"status": "completed", "completion_window": "24h", "object": "batch"}
    ]
    result = client.files.prune(**asked)
    assert result.success
    assert [item.file.id for item in result.items] == ids
    assert {len(item.reasons) for item in result.items} <= {len(asked)}
    assert {item.status for item in result.items} <= {"listed"}
    assert (result.counts.listed, result.counts.deleted) == (len(ids), 0)
    assert not [one for one in server.asked if one.startswith("DELETE")]


@pytest.mark.parametrize("asked", [{}, {"dry_run": False}])
def test_nothing_asked_deletes_nothing(client: OpenAIClient, server: FilesServer, asked: dict[str, Any]) -> None:
    """
    A prune that would take everything is the caller's mistake.
    """
    with pytest.raises(ValueError, match="nothing says which files"):
        client.files.prune(**asked)
    assert server.asked == []


def test_files_that_batches_name_are_used(client: OpenAIClient, server: FilesServer) -> None:
    """
    As input, output or errors of any batch that the provider lists.
    """
    server.batches = [
        {"id": "batch_1", "endpoint": "/v1/chat/completions", "input_file_id": "file-in", "created_at": 1}
        | {"status": "completed", "completion_window": "24h", "object": "batch"}
        | {"output_file_id": "file-old", "error_file_id": "file-soon"}
    ]
    assert [item.file.id for item in client.files.prune({"unused": True, "older_than": 1}).items] == ["file-new"]


def test_files_of_booked_batches_are_used(tmp_path: Path) -> None:
    """
    Also when the provider lists the batch no more: the ledger of this home has it.
    """
    from aikit import jsonl  # noqa: PLC0415  here only

    path = tmp_path / "in.jsonl"
    jsonl.write(path, [jsonl.chat_line("why?", model="m")])
    with OpenAIClient(provider="local", home=tmp_path / "home") as client:
        used = client.files.create(path, "batch").throw().file
        client.files.create(path, "batch").throw()
        assert used is not None
        client.batches.create(used.id, "/v1/chat/completions").throw()
        time.sleep(1.1)
        listed = client.files.prune({"unused": True, "older_than": 0.001, "purpose": "batch"})
        booked = [event.input_file_id for event in client.ledger.events(kind="created")]
    assert booked == [used.id]
    assert used.id not in {item.file.id for item in listed.items}
    assert listed.counts.listed == 1


def test_pruning_deletes_and_one_failure_stops_nobody(client: OpenAIClient, server: FilesServer) -> None:
    """
    What a second try mends is no failure, what is gone already is as it was to be, and the rest is told.
    """
    for number in range(30):
        server.add(f"file-{number}", filename="cache.bin")
    server.refusals = {"file-1": [500], "file-2": [403], "file-3": [404]}
    result = client.files.prune({"name": "cache.*", "dry_run": False})
    assert [item.file.id for item in result.items if item.status != "deleted"] == ["file-2"]
    assert (result.counts.deleted, result.counts.failed, result.counts.seen) == (29, 1, 34)
    assert [error.status for error in result.errors] == [403]
    assert sorted(server.files) == sorted(["file-2", "file-3", "file-old", "file-in", "file-soon", "file-new"])


def test_a_list_that_breaks_off_deletes_nothing(client: OpenAIClient, server: FilesServer) -> None:
    """
    Without the whole list of batches nobody knows what is unused.
    """
    server.batches = [{"id": 7}]
    result = client.files.prune({"unused": True, "dry_run": False})
    assert [error.code for error in result.errors] == ["invalid_response"]
    assert len(server.files) == 4


def test_cancelling_tells_what_is_still_there(client: OpenAIClient, server: FilesServer) -> None:
    """
    Deletions keep the rate that was asked for; those that had no turn yet are cancelled.
    """
    result = client.files.prune({"older_than": 1, "dry_run": False, "rate": 1, "background": True})
    while len(server.files) == 4:
        time.sleep(0.005)
    time.sleep(0.05)
    result.cancel()
    assert result.wait(20)
    assert (result.counts.deleted, result.counts.cancelled) == (1, 3)
    assert [error.code for error in result.errors] == ["cancelled"]


@pytest.mark.parametrize("background", [False, True])
def test_pruning_tells_how_far_it_has_come(client: OpenAIClient, server: FilesServer, *, background: bool) -> None:
    """
    First how many it has looked at, then how many of how many are gone; never less than before, and at last all.
    """
    for number in range(40):
        server.add(f"file-{number}", filename="cache.bin")
    server.refusals, server.about_s = {"file-7": [403]}, 0.02
    seen: list[OpenAIFileHousekeepingProgress] = []
    asked: dict[str, Any] = {"name": "cache.*", "dry_run": False, "at_a_time": 2, "on_progress": seen.append}
    result = client.files.prune(**{**asked, "background": background})
    assert result.wait(10)
    assert [one.phase for one in seen] == sorted((one.phase for one in seen), reverse=True)
    assert (seen[0].phase, seen[0].files, seen[0].files_total, seen[0].fraction) == ("listing", 44, None, None)
    deleting = [one for one in seen if one.phase == "deleting"]
    assert len(deleting) > 2
    assert {one.files_total for one in deleting} == {40}
    assert [one.files for one in deleting] == sorted(one.files for one in deleting)
    assert (seen[-1].files, seen[-1].failed, seen[-1].fraction) == (40, 1, 1.0)
    assert result.progress == seen[-1]
    assert pickle.loads(pickle.dumps(result)).progress == seen[-1]  # noqa: S301  our own


def test_reports_of_pruning_come_ten_times_a_second_at_most(client: OpenAIClient, server: FilesServer) -> None:
    """
    However fast the files go; the last report comes in any case.
    """
    for number in range(60):
        server.add(f"file-{number}", filename="cache.bin")
    seen: list[OpenAIFileHousekeepingProgress] = []
    began = time.monotonic()
    client.files.prune({"name": "cache.*", "dry_run": False, "on_progress": seen.append}).throw()
    assert len(seen) <= 2 + (time.monotonic() - began) / 0.1
    assert (seen[-1].files, seen[-1].files_total) == (60, 60)


@pytest.mark.parametrize("call", ["usage", "prune"])
def test_looking_tells_how_far_it_has_come(client: OpenAIClient, server: FilesServer, call: str) -> None:
    """
    A sum and a dry run only look, page by page, and end with all that there is.
    """
    for number in range(1_500):
        server.add(f"file-{number}")
    seen: list[OpenAIFileHousekeepingProgress] = []
    options = {"on_progress": seen.append} | ({"name": "a.*"} if call == "prune" else {})
    assert getattr(client.files, call)(options).success
    assert [(one.phase, one.files, one.files_total) for one in (seen[0], seen[-1])] == [
        ("listing", 1_000, None),
        ("listing", 1_504, 1_504),
    ]


def test_a_running_prune_tells_what_is_gone(client: OpenAIClient) -> None:
    """
    Counts and progress are there while it runs, though nobody asked to be told.
    """
    result = client.files.prune({"older_than": 1, "dry_run": False, "rate": 1, "background": True})
    while not result.counts.deleted:
        time.sleep(0.005)
    assert not result.terminated
    assert (result.progress.phase, result.progress.files, result.progress.files_total) == ("deleting", 1, 4)
    result.cancel()
    assert result.wait(20)
    assert (result.progress.files, result.counts.cancelled) == (4, 3)


def test_a_cancel_from_a_report_loses_nothing(client: OpenAIClient, server: FilesServer) -> None:
    """
    What was deleted until then is told as it is, and the rest as cancelled.
    """
    for number in range(30):
        server.add(f"file-{number}", filename="cache.bin")
    server.about_s = 0.03
    reports: list[OpenAIFileHousekeepingProgress] = []

    def stop(progress: OpenAIFileHousekeepingProgress) -> None:
        reports.append(progress)
        if progress.phase == "deleting" and progress.files:
            result.cancel()

    asked: dict[str, Any] = {"name": "cache.*", "dry_run": False, "at_a_time": 1, "on_progress": stop}
    result = client.files.prune(**{**asked, "background": True})
    assert result.wait(10)
    assert result.counts.deleted == 34 - len(server.files)
    assert result.counts.deleted + result.counts.cancelled == 30
    assert [error.code for error in result.errors] == ["cancelled"]
    assert reports[-1].files != reports[-1].files_total


def test_a_provider_that_has_too_many_holds_back_all_deletions(client: OpenAIClient, server: FilesServer) -> None:
    """
    It is asked again when it said, more often than there are tries, and all that was to go goes.
    """
    for number in range(8):
        server.add(f"file-{number}", filename="cache.bin")
    server.refusals, server.retry_after = {"file-1": [429] * 5, "file-5": [429]}, "0.05"
    result = client.files.prune({"name": "cache.*", "dry_run": False, "at_a_time": 3})
    assert (result.errors, result.counts.deleted) == ((), 8)


def batch_of(file_id: str) -> dict[str, Any]:
    """
    Return a batch that reads that file.
    """
    known = {"id": f"batch_{file_id}", "endpoint": "/v1/chat/completions", "input_file_id": file_id, "created_at": 1}
    return known | {"status": "in_progress", "completion_window": "24h", "object": "batch"}


def test_a_batch_made_while_files_are_listed_uses_its_file(
    client: OpenAIClient, server: FilesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Batches are asked for after the files: what is listed is unused then, in a dry run too.
    """
    plain = FilesServer._page

    def page(self: FilesServer, query: Any) -> Any:
        self.batches = [batch_of("file-old")]
        return plain(self, query)

    monkeypatch.setattr(FilesServer, "_page", page)
    asked: dict[str, Any] = {"unused": True, "older_than": 1, "name": "*"}
    listed = [item.file.id for item in client.files.prune(**asked).items]
    server.batches = []
    assert "file-old" not in listed
    assert [item.file.id for item in client.files.prune(**{**asked, "dry_run": False}).items] == listed
    assert list(server.files) == ["file-old"]


@pytest.mark.parametrize("found", ["in_use", "invalid_response"])
def test_a_batch_made_while_files_are_deleted_uses_its_file(
    client: OpenAIClient, server: FilesServer, monkeypatch: pytest.MonkeyPatch, found: str
) -> None:
    """
    The newest batches are looked at again and again; when that fails, nothing more is deleted.
    """
    plain = FilesServer._about

    def about(self: FilesServer, method: str, file_id: str) -> Any:
        self.batches = [batch_of("file-0") if found == "in_use" else {"id": 7}, *self.batches]
        return plain(self, method, file_id)

    monkeypatch.setattr(FilesServer, "_about", about)
    monkeypatch.setattr("aikit.resources.files.prune._LOOK_EVERY", 2)
    for number in range(5):
        server.add(f"file-{number}", filename="cache.bin", created_at=1)
    asked: dict[str, Any] = {"unused": True, "older_than": 1, "name": "cache.*", "dry_run": False, "at_a_time": 1}
    result = client.files.prune(**asked)
    expected = {
        "in_use": ["deleted", "deleted", "deleted", "deleted", "failed"],
        "invalid_response": ["deleted", "deleted", "cancelled", "cancelled", "cancelled"],
    }
    assert [item.status for item in result.items] == expected[found]
    assert result.errors[0].code == found
    assert "file-0" in server.files
    assert (result.ended_by is None) == (found == "in_use")


def prune_of(provider: Any, **options: Any) -> Prune:
    """
    Return a prune at second 10,000,000 that has not begun.
    """
    return Prune(
        provider=provider,
        options=OpenAIFilePruneParameters(**options),
        now=10_000_000,
        ledger=MagicMock,
        at_a_time=1,
        progress=PruneProgress(),
        limiter=RateLimiter(1),
    )


@pytest.mark.parametrize(
    ("options", "age_s", "is_selected"),
    [
        ({"older_than": 600}, 600, False),
        ({"older_than": 600}, 601, True),
        ({"unused": True}, 3_599, False),
        ({"unused": True}, 3_600, True),
    ],
)
def test_ages_are_judged_to_the_second(options: dict[str, Any], age_s: int, *, is_selected: bool) -> None:
    """
    Older than N seconds begins after the Nth; the hour in which unused files are spared ends with its last second.
    """
    file = OpenAIFile(id="file-1", bytes=1, created_at=10_000_000 - age_s, filename="a", purpose="user_data")
    assert bool(prune_of(None, **options)._reasons(file)) == is_selected


def test_a_second_look_at_batches_ends_at_those_known() -> None:
    """
    While files are deleted only the batches made since are listed, not all pages again.
    """
    asked: list[Any] = []
    pages = {
        None: (["batch_2", "batch_1"], True),
        "batch_1": (["batch_0"], False),
        "new": (["batch_3", "batch_2"], True),
    }

    class Provider:
        first: str | None = None

        def list_batches(self, query: dict[str, Any]) -> Any:
            yield from ()
            asked.append(query.get("after"))
            ids, has_more = pages[query.get("after", self.first)]
            batches = [batch_of(f"file-{batch_id}") | {"id": batch_id} for batch_id in ids]
            return BatchPage.from_wire({"data": batches, "has_more": has_more, "last_id": ids[-1]})

        def account(self) -> Any:
            return MagicMock()

    provider = Provider()
    prune = prune_of(provider, unused=True)
    assert list(prune._look_at_batches()) == []
    assert asked == [None, "batch_1"]
    provider.first = "new"
    assert list(prune._look_at_batches()) == []
    assert asked == [None, "batch_1", None]
    assert prune._used == {f"file-batch_{number}" for number in range(4)}


def test_a_hundred_errors_of_deletions_are_told(client: OpenAIClient, server: FilesServer) -> None:
    """
    Errors of files beyond a hundred stand in their items only.
    """
    for number in range(103):
        server.add(f"file-{number}", filename="cache.bin", created_at=1)
        server.refusals[f"file-{number}"] = [403]
    result = client.files.prune({"name": "cache.*", "dry_run": False})
    assert (len(result.errors), result.counts.failed) == (100, 103)


@pytest.mark.parametrize(("expires_in_s", "is_soon"), [(600, True), (601, False)])
def test_what_expires_within_the_span_is_judged_to_the_second(
    client: OpenAIClient, server: FilesServer, monkeypatch: pytest.MonkeyPatch, expires_in_s: int, *, is_soon: bool
) -> None:
    """
    A file that expires just when the span ends is counted as expiring soon.
    """
    now = int(time.time())
    monkeypatch.setattr("aikit.resources.files.prune.time.time", lambda: now)
    server.files.clear()
    server.add("file-1", created_at=now - 60, expires_at=now + expires_in_s)
    stored = client.files.usage({"expiring_within": 600}).throw().stored
    assert stored is not None
    assert stored.expiring.files == int(is_soon)
