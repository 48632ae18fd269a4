"""
Many files: each has an outcome of its own, in the order given, and none stops the others.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient, OpenAIFileManyParameters, OpenAIFileManyProgress
from tests.files_server import FilesServer, files_server
from tests.stopwatch import Stopwatch


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Nobody waits between two tries.
    """
    monkeypatch.setattr("aikit.http.retry.RetryPolicy._backoff", lambda *_: 0.001)


@pytest.fixture
def server() -> Iterator[FilesServer]:
    """
    A server that refuses nothing yet.
    """
    with files_server() as running:
        yield running


@pytest.fixture
def client(server: FilesServer, tmp_path: Path) -> Iterator[OpenAIClient]:
    """
    A client of that server, with a home of its own.
    """
    with OpenAIClient("k", base_url=server.url, home=tmp_path / "home") as made:
        yield made


def folder_of(tmp_path: Path, count: int) -> Path:
    """
    Return a folder with *count* files, each of its own content.
    """
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:04d}.txt").write_text(f"content {number}")
    return folder


def statuses(result: Any) -> list[str]:
    """
    Return what became of each.
    """
    return [item.status for item in result.items]


def test_links_out_of_a_folder_are_told_and_followed_when_asked(client: OpenAIClient, tmp_path: Path) -> None:
    """
    A note counts those that were left out, also when the sizes were counted before; one link within is sent.
    """
    (tmp_path / "secret.txt").write_text("secret")
    folder = folder_of(tmp_path, 2)
    (folder / "in.txt").symlink_to("0000.txt")
    (folder / "out.txt").symlink_to("../secret.txt")
    result = client.files.create_many(folder, "user_data", {"on_progress": lambda _: None})
    assert (result.counts.uploaded, len(result.notes)) == (3, 1)
    assert "1 link out of a folder left out; follow_links=True" in result.notes[0]
    result = client.files.create_many(folder, "user_data", {"follow_links": True})
    assert (result.counts.uploaded, result.notes) == (4, ())


def test_every_file_of_a_folder_arrives_in_order(client: OpenAIClient, server: FilesServer, tmp_path: Path) -> None:
    """
    The results stand in the order of the names, each with its file, and the contents are whole.
    """
    folder = folder_of(tmp_path, 50)
    result = client.files.create_many(folder, "user_data")
    assert result.success
    assert [item.path for item in result.items] == sorted(map(str, folder.iterdir()))
    assert (result.counts.uploaded, result.counts.total, len(result.items)) == (50, 50, 50)
    for item in result.items:
        assert item.file is not None
        assert item.path is not None
        assert server.contents[item.file.id] == Path(item.path).read_bytes()
    assert result.counts.uploaded_bytes == sum(map(len, server.contents.values()))


def test_a_purpose_that_is_none_is_told_once(client: OpenAIClient, server: FilesServer, tmp_path: Path) -> None:
    """
    It is wrong with every file alike: nothing is sent, no manifest is made, and one error says what is meant.
    """
    folder, manifest = folder_of(tmp_path, 5), tmp_path / "manifest.jsonl"
    result = client.files.create_many(folder, "batch_output", {"manifest": manifest})
    (error,) = result.errors
    assert error.code == "invalid_purpose"
    assert "output only" in error.message
    assert result.ended_by is error
    assert (len(result.items), server.asked, manifest.exists()) == (0, [], False)


def test_failures_stop_nobody_else(client: OpenAIClient, server: FilesServer, tmp_path: Path) -> None:
    """
    A refused, a missing, an empty and a wrongly named file have errors of their own; the others are there.
    """
    folder = folder_of(tmp_path, 6)
    (folder / "0003.txt").write_text("")
    server.refusals["0001.txt"] = [400]
    paths = [folder, tmp_path / "missing.txt", tmp_path / "empty"]
    (tmp_path / "empty").mkdir()
    result = client.files.create_many(paths, "user_data")
    assert statuses(result) == ["uploaded", "failed", "uploaded", "failed", "uploaded", "uploaded", "failed", "failed"]
    assert [item.errors[0].code for item in result.items if not item.success] == [
        "refused", "empty_file", "file_not_found", "empty_folder",
    ]  # fmt: skip
    assert [item.was_sent for item in result.items if not item.success] == [True, False, False, False]
    assert not result.success
    assert len(result.errors) == 4
    assert str(folder / "0003.txt") in str({error.message for error in result.errors})


@pytest.mark.parametrize("status", [429, 500, 503])
def test_each_file_is_tried_again(client: OpenAIClient, server: FilesServer, tmp_path: Path, status: int) -> None:
    """
    What a second try mends is no failure; what it does not is one of that file only.
    """
    folder = folder_of(tmp_path, 3)
    server.refusals = {"0000.txt": [status], "0001.txt": [status] * 9}
    result = client.files.create_many(folder, "user_data", {"max_retries": 1})
    assert statuses(result) == ["uploaded", "failed", "uploaded"]
    assert len(server.uploads) == 5


@pytest.mark.parametrize("at_a_time", [1, 5])
def test_no_more_than_asked_are_under_way(
    client: OpenAIClient, server: FilesServer, tmp_path: Path, at_a_time: int
) -> None:
    """
    At most *at_a_time* uploads reach the server at once, and where there is work, as many do.
    """
    server.delay_s = 0.02
    assert client.files.create_many(folder_of(tmp_path, 20), "user_data", {"at_a_time": at_a_time}).success
    assert server.most == at_a_time


def test_paths_are_taken_as_late_as_there_is_room(client: OpenAIClient, server: FilesServer, tmp_path: Path) -> None:
    """
    A generator is asked for a path when one can begin, not before.
    """
    folder = folder_of(tmp_path, 12)
    taken: list[int] = []

    def paths() -> Iterator[Path]:
        for path in sorted(folder.iterdir()):
            taken.append(len(server.contents))
            yield path

    assert client.files.create_many(paths(), "user_data", {"at_a_time": 2}).counts.uploaded == 12
    assert taken[-1] >= 10


def test_a_generator_that_raises_ends_the_call_and_keeps_what_was_done(client: OpenAIClient, tmp_path: Path) -> None:
    """
    What it gave before is uploaded; the result says what it raised.
    """
    folder = folder_of(tmp_path, 3)

    def paths() -> Iterator[Path]:
        yield from sorted(folder.iterdir())
        raise LookupError("no more")

    result = client.files.create_many(paths(), "user_data")
    assert statuses(result) == ["uploaded"] * 3
    assert result.errors[0].code == "unreadable_paths"
    assert "no more" in result.errors[0].message


def test_streams_and_bytes_may_be_among_the_paths(client: OpenAIClient, server: FilesServer) -> None:
    """
    They have no path, and one without a name that fits fails alone.
    """
    result = client.files.create_many([io.BytesIO(b"%PDF-1.7"), b"?"], "user_data")
    assert statuses(result) == ["uploaded", "failed"]
    assert [item.path for item in result.items] == [None, None]
    assert list(server.contents.values()) == [b"%PDF-1.7"]
    assert client.files.create_many(b"?", "user_data", {"filename": "a.txt"}).success


@pytest.mark.parametrize(
    ("paths", "options", "error"),
    [
        (7, {}, TypeError),
        ([7], {}, TypeError),
        ("", {}, ValueError),
        (["a\0"], {}, ValueError),
        (["a", "b"], {"filename": "c.txt"}, ValueError),
        (".", {"filename": "c.txt"}, ValueError),
        ("a", {"filename": "b/c.txt"}, ValueError),
        ("a", {"rate": 0}, ValueError),
        ("a", {"at_a_time": 0}, ValueError),
        ("a", {"manifest": 7}, TypeError),
        ("a", {"manifets": "x"}, TypeError),
    ],
)
def test_what_cannot_be_meant_raises_at_once(
    client: OpenAIClient, server: FilesServer, paths: Any, options: Any, error: type[Exception]
) -> None:
    """
    The caller's own mistakes are raised by the call, and nothing is sent.
    """
    with pytest.raises(error):
        client.files.create_many(paths, "user_data", options)
    assert server.asked == []


def test_progress_counts_files_and_bytes_up_to_all(client: OpenAIClient, server: FilesServer, tmp_path: Path) -> None:
    """
    It never goes backwards, knows the whole from the start, and ends with all of it.
    """
    server.delay_s = 0.05
    server.refusals["0002.txt"] = [400]
    folder = folder_of(tmp_path, 20)
    size = sum(path.stat().st_size for path in folder.iterdir())
    seen: list[OpenAIFileManyProgress] = []
    result = client.files.create_many(folder, "user_data", {"on_progress": seen.append, "at_a_time": 2})
    assert {(one.files_total, one.bytes_total) for one in seen} == {(20, size)}
    assert [one.files for one in seen] == sorted(one.files for one in seen)
    assert [one.bytes for one in seen] == sorted(one.bytes for one in seen)
    assert len(seen) > 2
    assert any(0 < len(one.under_way) <= 2 for one in seen)
    assert (seen[-1].files, seen[-1].failed, seen[-1].bytes, seen[-1].fraction) == (20, 1, size, 1.0)
    assert result.progress == seen[-1]


def test_a_running_call_tells_what_is_done(client: OpenAIClient, server: FilesServer, tmp_path: Path) -> None:
    """
    Items, counts and progress are there while it runs; callbacks come once, with the very result.
    """
    server.delay_s = 0.1
    ended: list[Any] = []
    options = OpenAIFileManyParameters(on_terminate=ended.append, at_a_time=2)
    result = client.files.create_many(folder_of(tmp_path, 8), "user_data", options)
    while not result.counts.uploaded:
        time.sleep(0.005)
    assert not result.terminated
    assert next(iter(result.items)).success
    with pytest.raises(IndexError):
        result.items[7]
    assert result.progress.files < 8
    assert result.wait(10)
    assert ended == [result]
    assert statuses(result) == ["uploaded"] * 8


@pytest.mark.parametrize("is_background", [True, False])
def test_cancelling_keeps_what_is_done_and_tells_the_rest(
    client: OpenAIClient, server: FilesServer, tmp_path: Path, *, is_background: bool
) -> None:
    """
    Within a second the call is over; what is stored is listed as such, everything else as cancelled.
    """
    server.delay_s = 0.05
    server.refusals["0000.txt"] = [400]
    folder = folder_of(tmp_path, 200)
    options: dict[str, Any] = {"at_a_time": 2, "background": is_background}

    def closed_after_five() -> None:
        while len(server.contents) < 5:
            time.sleep(0.005)
        client.close(cancel=True)

    if is_background:
        result = client.files.create_many(folder, "user_data", **options)
        while len(server.contents) < 5:
            time.sleep(0.005)
        result.cancel()
        watch = Stopwatch()
        result.wait(10)
        assert watch.stop() < 1
    else:
        threading.Thread(target=closed_after_five).start()
        result = client.files.create_many(folder, "user_data", **options)
    assert [error.code for error in result.errors] == ["cancelled", "refused"]
    assert len(result.items) == result.counts.total == 200
    assert 3 <= result.counts.uploaded <= len(server.contents)  # two may have arrived whose answers had not
    assert result.counts.cancelled == 199 - result.counts.uploaded
    assert {item.errors[0].code for item in result.items if item.status == "cancelled"} == {"cancelled"}


def test_a_result_can_be_pickled(client: OpenAIClient, tmp_path: Path) -> None:
    """
    With all that became of each file.
    """
    result = client.files.create_many([folder_of(tmp_path, 3), tmp_path / "missing"], "user_data")
    copy = pickle.loads(pickle.dumps(result))  # noqa: S301  our own
    assert [item.to_dict() for item in copy.items] == [item.to_dict() for item in result.items]
    assert copy.counts == result.counts


def test_printed_items_are_the_first_and_a_number(client: OpenAIClient, tmp_path: Path) -> None:
    """
    Not all of a hundred thousand, and nothing of how they are kept.
    """
    items = client.files.create_many(folder_of(tmp_path, 5), "user_data").items
    assert repr(items) == f"Items({items[:3]!r} and 2 more)"
    assert repr(client.files.create_many([], "user_data").items) == "Items([])"


def test_the_rate_is_kept_also_for_tries_again(client: OpenAIClient, server: FilesServer, tmp_path: Path) -> None:
    """
    At 600 a minute no six seconds have more than 60; here, scaled down, no tenth of a minute has more than its share.
    """
    server.refusals = {f"{number:04d}.txt": [500] for number in range(5)}
    folder = folder_of(tmp_path, 10)
    result = client.files.create_many(folder, "user_data", {"rate": 600, "at_a_time": 10})
    assert result.success
    assert len(server.uploads) == 15
    spent = client.files._limiters["create", server.url, 600]
    assert len(spent._slots) == 15


def test_turns_that_are_far_hold_no_thread(client: OpenAIClient, server: FilesServer, tmp_path: Path) -> None:
    """
    At two in a minute the second waits; cancelling does not.
    """
    result = client.files.create_many(folder_of(tmp_path, 4), "user_data", {"rate": 2, "background": True})
    while not result.counts.uploaded:
        time.sleep(0.005)
    assert client.files.list().success
    time.sleep(0.1)
    result.cancel()
    assert result.wait(20)
    assert sorted(statuses(result)) == ["cancelled", "cancelled", "cancelled", "uploaded"]  # whoever came first
    assert len(server.uploads) == 1


@pytest.mark.parametrize("rate", [60_000, None])
def test_a_provider_that_has_too_many_holds_back_all(
    client: OpenAIClient, server: FilesServer, tmp_path: Path, rate: int | None
) -> None:
    """
    Some are refused more often than there are tries; each time all wait as it was asked for, and every file arrives.
    """
    server.refusals, server.retry_after = (
        {f"{number:04d}.txt": [429] * (1 + number % 2 * 3) for number in range(4)},
        "0.2",
    )
    asked: dict[str, Any] = {"at_a_time": 4} if rate is None else {"at_a_time": 4, "rate": rate}
    result = client.files.create_many(folder_of(tmp_path, 4), "user_data", **asked)
    assert result.success
    assert len(server.uploads) == 14
    assert server.uploads[-1] - server.uploads[0] >= 4 * 0.2


@pytest.mark.parametrize("how", ["cancel", "deadline"])
def test_who_is_held_back_can_be_stopped(client: OpenAIClient, server: FilesServer, tmp_path: Path, how: str) -> None:
    """
    A minute that the provider asks for is none that the caller must wait.
    """
    server.refusals, server.retry_after = {f"{number:04d}.txt": [429] * 99 for number in range(9)}, "60"
    deadline = 0.6 if how == "deadline" else None
    options: dict[str, Any] = {"background": True, "deadline": deadline, "at_a_time": 2}
    result = client.files.create_many(folder_of(tmp_path, 9), "user_data", **options)
    while not server.uploads:
        time.sleep(0.005)
    time.sleep(0.1)
    watch = Stopwatch()
    if how == "cancel":
        result.cancel()
    assert result.wait(20)
    assert watch.stop() < 1.5
    assert set(statuses(result)) == {"cancelled"}
    assert len(server.uploads) <= 2


def manifest_lines(path: Path) -> list[dict[str, Any]]:
    """
    Return the lines of a manifest.
    """
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_manifest_notes_each_and_spares_what_is_done(
    client: OpenAIClient, server: FilesServer, tmp_path: Path
) -> None:
    """
    Given again, only what failed or has changed is sent; what was merely touched is not.
    """
    folder, manifest = folder_of(tmp_path, 5), tmp_path / "manifest.jsonl"
    server.refusals["0001.txt"] = [400]
    first = client.files.create_many(folder, "user_data", {"manifest": manifest})
    assert statuses(first).count("uploaded") == 4
    lines = {Path(line["path"]).name: line for line in manifest_lines(manifest)}
    assert lines["0001.txt"]["status"] == "failed"
    assert lines["0001.txt"]["errors"][0]["code"] == "refused"
    assert lines["0002.txt"]["file_id"] in server.contents
    assert {len(line["sha256"]) for line in lines.values()} == {64}
    (folder / "0002.txt").write_text("CONTENT 2")
    os.utime(folder / "0003.txt", (1, 1))
    again = client.files.create_many(folder, "user_data", {"manifest": manifest})
    assert statuses(again) == ["kept", "uploaded", "uploaded", "kept", "kept"]
    assert [again.items[number].file for number in (0, 3, 4)] == [first.items[number].file for number in (0, 3, 4)]
    assert client.files.create_many(folder, "user_data", {"manifest": manifest}).counts.kept == 5
    assert len(server.uploads) == 7


def test_a_torn_last_line_costs_one_file(client: OpenAIClient, server: FilesServer, tmp_path: Path) -> None:
    """
    What a kill left in the middle of a line is not read, and what comes after it stands on a line of its own.
    """
    folder, manifest = folder_of(tmp_path, 4), tmp_path / "manifest.jsonl"
    client.files.create_many(folder, "user_data", {"manifest": manifest, "at_a_time": 1})
    manifest.write_bytes(manifest.read_bytes()[:-20])
    assert client.files.create_many(folder, "user_data", {"manifest": manifest}).counts.kept == 3
    assert client.files.create_many(folder, "user_data", {"manifest": manifest}).counts.kept == 4
    assert len(server.uploads) == 5


@pytest.mark.parametrize("number", [30, 130])
@pytest.mark.parametrize("how", ["prune", "delete", "elsewhere", "marked"])
def test_what_the_provider_has_no_more_is_not_kept(
    how: str, number: int, client: OpenAIClient, server: FilesServer, tmp_path: Path
) -> None:
    """
    However a file was deleted, it is sent again and noted anew; many are looked for in the list, few one by one.
    """
    folder = folder_of(tmp_path, number)
    options: dict[str, Any] = {"manifest": tmp_path / "m.jsonl"}
    stored = client.files.create_many(folder, "user_data", **options)
    gone = [item.file.id for item in stored.items if item.file is not None and item.file.filename.startswith("000")]
    assert 0 < len(gone) < number
    if how == "prune":
        client.files.prune({"name": "000*", "dry_run": False}).throw()
    for file_id in gone:
        if how == "delete":
            client.files.delete(file_id).throw()
        elif how == "elsewhere":
            del server.files[file_id]
        elif how == "marked":
            server.files[file_id]["status"] = "deleted"
    server.asked.clear()
    again = client.files.create_many(folder, "user_data", **options)
    assert (again.errors, again.counts.kept, again.counts.uploaded) == ((), number - len(gone), len(gone))
    looks = [line for line in server.asked if line.startswith("GET files/")]
    assert len(looks) == (len(gone) if number > 100 else number)
    assert client.files.create_many(folder, "user_data", **options).counts.kept == number


@pytest.mark.parametrize("number", [3, 130])
def test_what_cannot_be_asked_for_counts_as_kept(
    number: int, client: OpenAIClient, server: FilesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A provider without a list, or that refuses to tell of a file, has not said that the file is gone.
    """
    folder = folder_of(tmp_path, number)
    options: dict[str, Any] = {"manifest": tmp_path / "m.jsonl", "max_retries": 0}
    client.files.create_many(folder, "user_data", **options).throw()
    server.refusals = {file_id: [503] for file_id in server.files}
    monkeypatch.setattr(FilesServer, "_page", lambda *_: "no list")
    again = client.files.create_many(folder, "user_data", **options)
    assert (again.errors, again.counts.kept) == ((), number)


def test_cancelling_while_the_list_is_read_ends_the_call(
    client: OpenAIClient, server: FilesServer, tmp_path: Path
) -> None:
    """
    All files are listed as cancelled, and none is sent.
    """
    folder = folder_of(tmp_path, 130)
    options: dict[str, Any] = {"manifest": tmp_path / "m.jsonl"}
    client.files.create_many(folder, "user_data", **options).throw()
    server.page_s = 1.0
    result = client.files.create_many(folder, "user_data", **{**options, "background": True})
    assert not result.wait(0.2)
    result.cancel()
    assert result.wait(20)
    assert (result.counts.cancelled, len(server.uploads)) == (130, 130)


def test_a_manifest_of_another_purpose_or_account_spares_nothing(
    client: OpenAIClient, server: FilesServer, tmp_path: Path
) -> None:
    """
    What is done for one purpose, or with one key, is to be done for another; and no key stands in the manifest.
    """
    folder, manifest = folder_of(tmp_path, 2), tmp_path / "manifest.jsonl"
    client.files.create_many(folder, "user_data", {"manifest": manifest})
    assert client.files.create_many(folder, "assistants", {"manifest": manifest}).counts.uploaded == 2
    with OpenAIClient("another-key", base_url=server.url) as other:
        assert other.files.create_many(folder, "user_data", {"manifest": manifest}).counts.uploaded == 2
    assert "another-key" not in manifest.read_text()
    assert client.files.create_many(folder, "user_data", {"manifest": manifest}).counts.kept == 2


@pytest.mark.parametrize("name", ["no/such/folder/m.jsonl", "."])
def test_an_unusable_manifest_is_told_and_nothing_is_sent(
    client: OpenAIClient, server: FilesServer, tmp_path: Path, name: str
) -> None:
    """
    The call ends with one error.
    """
    result = client.files.create_many(folder_of(tmp_path, 2), "user_data", {"manifest": tmp_path / name})
    assert [error.code for error in result.errors] == ["unusable_manifest"]
    assert (len(result.items), server.asked) == (0, [])


def test_one_call_at_a_time_writes_a_manifest(client: OpenAIClient, server: FilesServer, tmp_path: Path) -> None:
    """
    A second one is told so, and the first goes on.
    """
    server.delay_s = 0.2
    options: dict[str, Any] = {"manifest": tmp_path / "m.jsonl", "at_a_time": 1}
    folder = folder_of(tmp_path, 3)
    first = client.files.create_many(folder, "user_data", **{**options, "background": True})
    while not server.uploads:
        time.sleep(0.005)
    second = client.files.create_many(folder, "user_data", **options)
    assert [error.code for error in second.errors] == ["manifest_in_use"]
    assert first.wait(10)
    assert first.success


def test_identical_files_are_not_sent_again(client: OpenAIClient, server: FilesServer, tmp_path: Path) -> None:
    """
    Same name, purpose and content, still there: the provider's file is the result, and nothing is sent.
    """
    folder = folder_of(tmp_path, 3)
    first = client.files.create_many(folder, "user_data", {"skip_identical": True})
    again = client.files.create_many(folder, "user_data", {"skip_identical": True})
    assert statuses(first) == ["uploaded"] * 3
    assert statuses(again) == ["identical"] * 3
    assert [item.file for item in again.items] == [item.file for item in first.items]
    assert client.files.create_many(folder, "user_data").counts.uploaded == 3
    assert client.files.create_many(folder, "assistants", {"skip_identical": True}).counts.uploaded == 3
    assert len(server.uploads) == 9


@pytest.mark.parametrize("fate", ["deleted", "expiring", "error", "another purpose", "another size"])
def test_what_the_provider_no_longer_has_is_sent_again(
    client: OpenAIClient, server: FilesServer, tmp_path: Path, fate: str
) -> None:
    """
    A file that is gone, about to expire, not processed, for another purpose or of another size is no substitute.
    """
    folder = folder_of(tmp_path, 1)
    client.files.create_many(folder, "user_data", {"skip_identical": True})
    if fate == "deleted":
        del server.files["file-0"]
    elif fate == "expiring":
        server.files["file-0"]["expires_at"] = int(time.time()) + 60
    elif fate == "error":
        server.files["file-0"]["status"] = "error"
    elif fate == "another purpose":
        server.files["file-0"]["purpose"] = "assistants"
    else:
        server.files["file-0"]["bytes"] += 1
    assert statuses(client.files.create_many(folder, "user_data", {"skip_identical": True})) == ["uploaded"]
    assert statuses(client.files.create_many(folder, "user_data", {"skip_identical": True})) == ["identical"]


def test_files_in_parts_are_among_them(client: OpenAIClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A large file goes up in parts beside the small ones.
    """
    import attrs  # noqa: PLC0415  here only

    from aikit.validation.limits import limits_for  # noqa: PLC0415  likewise
    from tests.upload_server import upload_server  # noqa: PLC0415  likewise

    small = attrs.evolve(limits_for("openai"), file_max_bytes=1_000, upload_part_max_bytes=400, upload_max_bytes=9_000)
    monkeypatch.setattr("aikit.providers.openai.limits_for", lambda _: small)
    (tmp_path / "large.bin").write_bytes(bytes(range(256)) * 8)
    (tmp_path / "small.bin").write_bytes(b"x")
    with upload_server() as server, OpenAIClient("k", base_url=server.url) as other:
        paths = [tmp_path / "large.bin", tmp_path / "small.bin"]
        result = other.files.create_many(paths, "user_data", {"rate": 600})
        limiter = other.files._limiters["create", server.url, 600]
    assert len(limiter._slots) == 2  # one for each file, however many requests it takes
    assert statuses(result) == ["uploaded"] * 2
    assert result.items[0].file is not None
    assert server.files[result.items[0].file.id] == bytes(range(256)) * 8
    assert client is not other


def test_when_the_time_is_over_each_file_says_so(client: OpenAIClient, server: FilesServer, tmp_path: Path) -> None:
    """
    Those that were not begun tell the same reason as those that were under way.
    """
    server.delay_s = 3
    result = client.files.create_many(folder_of(tmp_path, 3), "user_data", {"deadline": 0.3, "at_a_time": 1})
    codes = [[error.code for error in item.errors] for item in result.items]
    assert [error.code for error in result.errors] == ["deadline_exceeded"]
    assert codes == [["deadline_exceeded"]] * 3


@pytest.mark.parametrize("key", ["path", "status", "size", "sha256", "file", "errors", "purpose", "account"])
@pytest.mark.parametrize("value", [[], {}, None, 5])
def test_a_damaged_line_of_a_manifest_fails_nothing(key: str, value: Any, client: OpenAIClient, tmp_path: Path) -> None:
    """
    What a line says that no line can say is not believed, and the file is sent again or kept.
    """
    folder, manifest = folder_of(tmp_path, 1), tmp_path / "manifest.jsonl"
    client.files.create_many(folder, "user_data", {"manifest": manifest}).throw()
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {key: value}) + "\n")
    for _ in range(2):
        assert client.files.create_many(folder, "user_data", {"manifest": manifest}).errors == ()


def test_an_iterable_that_asks_its_thread_to_end_holds_nobody_up(client: OpenAIClient, tmp_path: Path) -> None:
    """
    What it gave before is told, and the call ends with an error.
    """
    folder = folder_of(tmp_path, 3)

    def paths() -> Iterator[Path]:
        yield folder / "0000.txt"
        yield folder / "none.txt"
        raise SystemExit("bye")

    result = client.files.create_many(paths(), "user_data", {"background": True, "at_a_time": 1})
    assert result.wait(10)
    assert [error.message for error in result.errors] == ["SystemExit: bye"]
    assert statuses(result) == ["uploaded", "failed"]
    with pytest.raises(SystemExit):
        client.files.create_many(paths(), "user_data")


def test_a_manifest_among_the_files_is_none_of_them(client: OpenAIClient, server: FilesServer, tmp_path: Path) -> None:
    """
    A folder may hold the manifest of its own files; nobody sends what is just being written.
    """
    folder = folder_of(tmp_path, 3)
    for kept in (0, 3):
        seen: list[OpenAIFileManyProgress] = []
        asked: dict[str, Any] = {"manifest": folder / "done.jsonl", "on_progress": seen.append}
        result = client.files.create_many(folder, "user_data", **asked)
        result.wait(10)
        assert (result.errors, result.counts.kept, result.counts.total) == ((), kept, 3)
        assert {one.files_total for one in seen} == {3}
    assert len(server.uploads) == 3


def test_a_manifest_that_cannot_be_written_ends_the_call_and_says_so(
    client: OpenAIClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It is told apart from what became of the files, each of which is listed, also those that were not begun.
    """
    from aikit.storage.manifest import Manifest  # noqa: PLC0415  here only

    def full(*_: Any) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Manifest, "_append", full)
    asked: dict[str, Any] = {"manifest": tmp_path / "m.jsonl", "at_a_time": 1}
    result = client.files.create_many(folder_of(tmp_path, 4), "user_data", **asked)
    assert result.ended_by is not None
    assert (result.ended_by.code, result.errors) == ("insufficient_storage", (result.ended_by,))
    assert sorted(statuses(result)) == ["cancelled", "cancelled", "cancelled", "uploaded"]  # whoever came first


def test_no_more_than_so_many_are_listed_when_it_is_cancelled(
    client: OpenAIClient, server: FilesServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    And a note says that there are more.
    """
    monkeypatch.setattr("aikit.resources.files.bulk_upload._TOLD_MAX", 3)
    server.delay_s = 0.2
    result = client.files.create_many(folder_of(tmp_path, 9), "user_data", {"at_a_time": 1, "background": True})
    while not server.uploads:
        time.sleep(0.005)
    result.cancel()
    assert result.wait(10)
    assert len(result.items) == 4
    assert "only the first 3 are listed" in result.notes[0]


def test_what_nobody_can_tell_is_not_forgotten(client: OpenAIClient, server: FilesServer, tmp_path: Path) -> None:
    """
    While the provider does not answer whether it has a file, that is sent, or fails; and later it is known again.
    """
    folder = folder_of(tmp_path, 1)
    asked: dict[str, Any] = {"skip_identical": True, "max_retries": 0}
    client.files.create_many(folder, "user_data", **asked).throw()
    server.refusals = {"file-0": [503], "0000.txt": [503]}
    assert statuses(client.files.create_many(folder, "user_data", **asked)) == ["failed"]
    assert statuses(client.files.create_many(folder, "user_data", **asked)) == ["identical"]


def test_at_the_end_all_is_done(client: OpenAIClient, tmp_path: Path) -> None:
    """
    Files that vanish or come while it runs keep the last report from nothing: it tells what there was.
    """
    folder, seen = folder_of(tmp_path, 3), list[OpenAIFileManyProgress]()

    def meddle(progress: OpenAIFileManyProgress) -> None:
        if not seen:
            (folder / "0002.txt").write_text("longer than it was before")
            (folder / "0001.txt").unlink()
        seen.append(progress)

    result = client.files.create_many(folder, "user_data", {"on_progress": meddle, "at_a_time": 1})
    result.wait(10)
    assert (seen[-1].files, seen[-1].files_total, seen[-1].fraction) == (3, 3, 1.0)
    assert seen[-1].bytes == seen[-1].bytes_total == result.counts.uploaded_bytes


def test_hashing_a_large_file_is_seen(client: OpenAIClient, tmp_path: Path) -> None:
    """
    Where a manifest needs the digest, the file is told as being checked before anything of it is sent.
    """
    large, seen = tmp_path / "large.bin", list[OpenAIFileManyProgress]()
    large.write_bytes(bytes(3_000_000))
    asked: dict[str, Any] = {"manifest": tmp_path / "m.jsonl", "on_progress": seen.append}
    assert client.files.create_many(large, "user_data", **asked).wait(10)
    assert seen[0].under_way[0].phase == "checking"
    assert 0 < seen[0].under_way[0].bytes <= 3_000_000
    assert seen[0].bytes == 0


def test_a_hundred_errors_are_told_and_all_items(client: OpenAIClient, tmp_path: Path) -> None:
    """
    Errors of files beyond a hundred stand in their items only.
    """
    result = client.files.create_many([tmp_path / f"missing-{number}" for number in range(103)], "user_data")
    assert (len(result.errors), len(result.items), result.counts.failed) == (100, 103, 103)
    assert all(item.errors for item in result.items)


def test_a_manifest_has_no_lines_of_cancelled_files(client: OpenAIClient, server: FilesServer, tmp_path: Path) -> None:
    """
    What a cancelled call did not send is not noted: the next one finds only outcomes in the manifest.
    """
    server.delay_s = 0.2
    asked: dict[str, Any] = {"at_a_time": 2, "background": True, "manifest": tmp_path / "m.jsonl"}
    result = client.files.create_many(folder_of(tmp_path, 9), "user_data", **asked)
    while not server.contents:
        time.sleep(0.005)
    result.cancel()
    assert result.wait(10)
    noted = [json.loads(line)["status"] for line in (tmp_path / "m.jsonl").read_text("utf-8").splitlines()]
    assert result.counts.cancelled > 0
    assert noted == ["uploaded"] * result.counts.uploaded
