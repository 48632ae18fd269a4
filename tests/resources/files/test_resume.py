"""
Uploads in parts that were interrupted go on where they were: what is there is not sent again, and nothing is mixed up.
"""

from __future__ import annotations

import io
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from aikit import OpenAIClient, Progress
from aikit.http.slices import prefix_md5s
from aikit.storage import home_folder
from aikit.storage.upload_entry import UploadRecord
from aikit.storage.upload_journal import Journal
from aikit.validation.limits import limits_for
from tests.dispatch.test_tk_loop import HandRoot
from tests.scripted_server import Exchange
from tests.stopwatch import Stopwatch
from tests.upload_server import UploadServer, answer_lost, refused, say, slow, upload_server

PART: Final = 100_000
SIZE: Final = 950_000
LIMITS: Final = attrs.evolve(
    limits_for("openai"), file_max_bytes=150_000, upload_part_max_bytes=PART, upload_max_bytes=2_000_000
)


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What is large is small here, and nobody waits long.
    """
    monkeypatch.setattr("aikit.providers.openai.limits_for", lambda _: LIMITS)
    monkeypatch.setattr("aikit.http.retry.RetryPolicy._backoff", lambda *_: 0.001)
    monkeypatch.setattr("aikit.resources.files.resume._LOOKS_AFTER_S", (0.0, 0.01))


@pytest.fixture
def server() -> Iterator[UploadServer]:
    """
    A server whose seventh part request hangs up, and so do all after it until told otherwise.
    """
    with upload_server(**{f"part_{number}": hung_up for number in range(7, 100)}) as running:
        yield running


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """
    A file that goes in ten parts.
    """
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(SIZE))
    return path


def hung_up(exchange: Exchange, _: bytes) -> bool:
    """
    Hang up, as a network that is gone.
    """
    exchange.sock.close()
    return False


def created(server: UploadServer, file: Any, key: str = "k", **options: Any) -> Any:
    """
    Create the file at *server*; return the result.
    """
    with OpenAIClient(key, base_url=server.url) as client:
        return client.files.create(file, "user_data", **{"max_retries": 0, **options})


def mended(server: UploadServer) -> None:
    """
    Let nothing go wrong any more.
    """
    time.sleep(0.1)  # what was on its way arrives
    server.faults.clear()
    server.asked.clear()


def arrived_in(result: Any) -> int:
    """
    Return how many parts had arrived when the call was interrupted: of those under way nobody knows.
    """
    (note,) = result.notes
    count = int(note.partition(" of ")[0].replace(",", "")) // PART
    assert 1 <= count < 10
    return count


def stored(server: UploadServer) -> list[bytes]:
    """
    Return the contents of all files.
    """
    return list(server.files.values())


def test_only_what_is_missing_travels(server: UploadServer, path: Path) -> None:
    """
    After a lost network the same call sends the other parts, to the same upload, and says so.
    """
    first = created(server, path)
    assert first.errors[0].code == "connection_error"
    assert "stay at the provider for an hour" in first.notes[0]
    arrived = arrived_in(first)
    mended(server)
    second = created(server, path)
    assert second.errors == ()
    assert server.asked.count("parts") == 10 - arrived
    assert server.asked.count("uploads") == 0
    assert stored(server) == [path.read_bytes()]
    assert f"{arrived * PART:,} of 950,000 bytes were there" in second.notes[0]
    assert server.open_uploads == []


def test_progress_begins_where_it_was(server: UploadServer, path: Path) -> None:
    """
    What is there is checked, and then counts as sent.
    """
    arrived, seen = arrived_in(created(server, path)) * PART, list[Progress]()
    mended(server)
    created(server, path, on_progress=seen.append).throw()
    told = [progress.bytes for progress in seen if progress.phase == "uploading"]
    assert seen[0].phase == "checking"
    assert min(told) >= arrived
    assert told == sorted(told)
    assert told[-1] == SIZE


@pytest.mark.parametrize("kind", ["bytes", "stream"])
def test_what_is_no_file_on_disk_goes_on_too(kind: str, server: UploadServer, path: Path) -> None:
    """
    Bytes and streams are known again by their content.
    """
    content = path.read_bytes()

    def made() -> Any:
        return content if kind == "bytes" else io.BytesIO(content)

    arrived = arrived_in(created(server, made(), filename="large.bin"))
    mended(server)
    assert created(server, made(), filename="large.bin").success
    assert server.asked.count("parts") == 10 - arrived
    assert stored(server) == [content]


def test_what_an_older_version_noted_begins_anew(server: UploadServer, path: Path) -> None:
    """
    Its digests are of another kind: nothing is mixed up, and nobody is told that the file has changed.
    """
    created(server, path)
    mended(server)
    with closing(sqlite3.connect(home_folder() / "transfers.db")) as connection, connection:
        assert connection.execute("UPDATE parts SET digest = digest || digest").rowcount > 0
    result = created(server, path)
    assert (result.errors, result.notes) == ((), ())
    assert server.asked.count("parts") == 10
    assert stored(server) == [path.read_bytes()]


def test_a_part_hashed_after_the_file_changed_is_not_noted(server: UploadServer, path: Path) -> None:
    """
    What was sent and what was hashed are the same, also where the hash comes later than the part.
    """
    noted: list[int] = []

    def touched(*arguments: Any) -> Iterator[str]:
        for digest in prefix_md5s(*arguments):
            while server.asked.count("parts") < 4 and not noted:
                time.sleep(0.01)
            os.utime(path, ns=(1, 1))
            yield digest

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aikit.resources.files.multipart.prefix_md5s", touched)
        patch.setattr(UploadRecord, "add", lambda _, number, __: noted.append(number))
        mended(server)
        result = created(server, path)
    assert result.errors[0].code == "file_changed"
    assert noted == []


@pytest.mark.parametrize("size", [SIZE, SIZE + 1])
def test_a_file_that_changed_begins_anew_and_says_so(size: int, server: UploadServer, path: Path) -> None:
    """
    Parts of two versions never make a file, and the upload of what it was is given up.
    """
    created(server, path)
    mended(server)
    path.write_bytes(os.urandom(size))
    result = created(server, path)
    assert result.errors == ()
    assert "has changed since its upload was interrupted" in result.notes[0]
    assert server.asked.count("parts") == 10
    assert stored(server) == [path.read_bytes()]
    assert server.open_uploads == []


def test_what_changed_where_nothing_was_sent_yet_is_no_change(server: UploadServer, path: Path) -> None:
    """
    A change in a part that did not travel yet is no change of what has arrived.
    """
    arrived = arrived_in(created(server, path))
    mended(server)
    content = bytearray(path.read_bytes())
    content[-10:] = os.urandom(10)
    path.write_bytes(content)
    assert created(server, path).success
    assert server.asked.count("parts") == 10 - arrived
    assert stored(server) == [bytes(content)]


@pytest.mark.parametrize("other", ["key", "name", "expiry", "folder"])
def test_what_is_not_the_same_call_begins_anew(other: str, server: UploadServer, path: Path, tmp_path: Path) -> None:
    """
    Another key, name, expiry or file does not go on with it, and leaves it alone.
    """
    created(server, path)
    mended(server)
    again: dict[str, Any] = {"server": server, "file": path}
    if other == "key":
        again["key"] = "another"
    elif other == "name":
        again["filename"] = "another.bin"
    elif other == "expiry":
        again["expires_after"] = {"anchor": "created_at", "seconds": 3600}
    else:
        (tmp_path / "b").mkdir()
        again["file"] = tmp_path / "b" / path.name
        again["file"].write_bytes(os.urandom(SIZE))
    result = created(**again)
    assert (result.errors, result.notes) == ((), ())
    assert server.asked.count("parts") == 10
    assert len(server.open_uploads) == 1


def test_a_part_that_cannot_be_is_no_part(server: UploadServer, path: Path) -> None:
    """
    A journal that somebody has changed makes the file go up anew, and fails no call.
    """
    created(server, path)
    mended(server)
    with closing(sqlite3.connect(home_folder() / "transfers.db")) as connection, connection:
        assert connection.execute("UPDATE parts SET number = -number - 1").rowcount
    assert created(server, path).errors == ()
    assert stored(server) == [path.read_bytes()]


def test_an_upload_that_is_over_at_the_provider_begins_anew(server: UploadServer, path: Path) -> None:
    """
    What the provider has cancelled or forgotten is not gone on with, and that is said.
    """
    created(server, path)
    mended(server)
    server.uploads.clear()
    result = created(server, path)
    assert result.errors == ()
    assert "is over at the provider" in result.notes[-1]
    assert stored(server) == [path.read_bytes()]


def test_after_an_hour_it_begins_anew(server: UploadServer, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What has expired is not asked for.
    """
    created(server, path)
    mended(server)
    late = time.time() + 3_590
    monkeypatch.setattr("aikit.resources.session.Session.journal", Journal(home_of(), clock=lambda: late))
    assert created(server, path).success
    assert (server.asked.count("uploads"), server.asked.count("parts")) == (1, 10)


def home_of() -> Path:
    """
    Return the home of this test.
    """
    return Path(os.environ["AIKIT_HOME"])


def test_upload_goes_on_after_the_window_of_its_program_went(server: UploadServer, path: Path) -> None:
    """
    What has arrived by then is kept, as after Ctrl-C, though its client is closed without a word.
    """
    root = HandRoot()
    server.faults = dict.fromkeys(range(5, 100), slow)
    client = OpenAIClient("k", base_url=server.url)
    client.close_with(root)
    result = client.files.create(path, "user_data", {"background": True})
    deadline = time.monotonic() + 20
    while len(server.parts) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)
    root.destroy()
    assert result.wait(20)
    assert result.errors[0].code == "cancelled"
    client.close()
    mended(server)
    assert created(server, path).success
    assert server.asked.count("parts") < 10
    assert server.open_uploads == []


@pytest.mark.parametrize("keep", [False, True])
def test_an_explicit_cancel_gives_up_unless_told_to_keep(keep: bool, server: UploadServer, path: Path) -> None:  # noqa: FBT001  a parameter of pytest
    """
    Cancelled is cancelled; with *keep* the same call goes on.
    """
    server.faults = dict.fromkeys(range(5, 100), slow)
    with OpenAIClient("k", base_url=server.url) as client:
        result = client.files.create(path, "user_data", {"background": True})
        deadline = time.monotonic() + 20
        while len(server.parts) < 4 and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.1)
        assert result.cancel(keep=keep)
        assert result.wait(20)
    assert result.errors[0].code == "cancelled"
    assert len(server.open_uploads) == keep
    mended(server)
    assert created(server, path).success
    assert (server.asked.count("parts") < 10) == keep
    assert server.open_uploads == []


def test_where_nothing_has_arrived_nothing_is_kept(path: Path) -> None:
    """
    An upload without parts is worth nothing, and is given up.
    """
    with upload_server(part_1=hung_up, part_2=hung_up, part_3=hung_up, part_4=hung_up) as server:
        result = created(server, path)
        assert (result.success, result.notes) == (False, ())
        assert server.open_uploads == []


def test_a_refusal_leaves_nothing_to_go_on_with(path: Path) -> None:
    """
    What was refused is given up, and begins anew.
    """
    with upload_server(part_5=refused) as server:
        assert created(server, path).errors[0].code == "no"
        assert server.open_uploads == []
        mended(server)
        result = created(server, path)
        assert (result.success, result.notes) == (True, ())


def test_two_calls_at_once_do_not_share_an_upload(server: UploadServer, path: Path) -> None:
    """
    One goes on with what is there, the other begins anew; each has its own file.
    """
    arrived = arrived_in(created(server, path))
    mended(server)
    with OpenAIClient("k", base_url=server.url) as client, OpenAIClient("k", base_url=server.url) as other:
        results = [one.files.create(path, "user_data", {"background": True}) for one in (client, other)]
        for result in results:
            assert result.wait(10)
    assert [result.errors for result in results] == [(), ()]
    assert len({result.file.id for result in results if result.file}) == 2
    assert stored(server) == [path.read_bytes()] * 2
    assert server.asked.count("parts") == 20 - arrived


def test_trouble_with_the_journal_fails_no_upload(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Where nothing can be noted, that is logged, and the file arrives.
    """
    (home_of().parent / "file").write_text("in the way")
    monkeypatch.setenv("AIKIT_HOME", str(home_of().parent / "file"))
    with upload_server() as server, caplog.at_level(logging.WARNING, "aikit"):
        assert created(server, path).success
        assert server.open_uploads == []
    assert "in the journal" in caplog.text


@pytest.mark.parametrize("times", [1, 3])
def test_a_lost_answer_to_completion_is_no_error_where_the_file_is_there(times: int, path: Path) -> None:
    """
    The provider makes it once and refuses then: the file is found among the newest, and there are not two.
    """
    with upload_server() as server:
        server.at_completion = [answer_lost] * times
        result = created(server, path, max_retries=2)
        assert result.errors == ()
        assert result.file is not None
        assert server.files == {result.file.id: path.read_bytes()}
        assert server.open_uploads == []


def test_a_completion_that_names_no_file_is_looked_after(path: Path) -> None:
    """
    A provider that says "completed" without saying what it became has the file all the same.
    """
    with upload_server() as running:

        def nameless(exchange: Exchange, _: bytes) -> bool:
            say(exchange, 200, {**running.uploads["upload_0"], "status": "completed"})
            return True

        running.at_completion = [nameless]
        result = created(running, path)
        assert result.errors == ()
        assert list(running.files) == [result.file.id]


def test_a_file_of_another_call_is_not_taken_for_the_lost_one(path: Path) -> None:
    """
    The same name and size is not enough, if it is known whose it is.
    """
    with upload_server() as server:
        first = created(server, path).file
        path.write_bytes(os.urandom(SIZE))
        server.at_completion = [hung_up] * 3
        result = created(server, path, max_retries=2)
        assert result.file is None
        assert result.errors
        assert list(server.files) == [first.id]


def test_a_process_that_died_at_completion_finds_its_file(path: Path) -> None:
    """
    All parts are there, the file was made, and nobody was told: the same call returns that file.
    """
    with upload_server() as server:
        server.at_completion, server.can_list = [answer_lost], False
        assert created(server, path).errors[0].code == "connection_error"
        server.can_list = True
        mended(server)
        result = created(server, path)
        assert result.errors == ()
        assert server.asked.count("parts") == 0
        assert result.file is not None
        assert server.files == {result.file.id: path.read_bytes()}


@pytest.mark.parametrize("is_background", [False, True])
def test_cancelling_while_the_upload_is_announced_leaves_none_open(is_background: bool, path: Path) -> None:  # noqa: FBT001  a parameter of pytest
    """
    The answer that names it is waited for a moment, so that it can be given up.
    """
    with upload_server() as server:
        server.announce_s = 0.5
        client = OpenAIClient("k", base_url=server.url)
        if is_background:
            result = client.files.create(path, "user_data", {"background": True})
            wait_for_first(server)
            result.cancel()
        else:
            threading.Thread(target=close_after, args=(client, server, 0.05)).start()
            result = client.files.create(path, "user_data")
        watch = Stopwatch()
        assert result.wait(20)
        assert watch.stop() < 1
        assert result.errors[0].code == "cancelled"
        assert (len(server.uploads), server.open_uploads) == (1, [])
        client.close()


def wait_for_first(server: UploadServer) -> None:
    """
    Return when the first request has come.
    """
    deadline = time.monotonic() + 20
    while not server.asked and time.monotonic() < deadline:
        time.sleep(0.005)


def close_after(client: OpenAIClient, server: UploadServer, seconds: float) -> None:
    """
    Close the client so long after its first request.
    """
    wait_for_first(server)
    time.sleep(seconds)
    client.close(cancel=True)


@pytest.mark.parametrize("is_background", [False, True])
def test_cancelling_at_any_moment_leaves_none_open(is_background: bool, path: Path) -> None:  # noqa: FBT001  a parameter of pytest
    """
    From the announcement to the completion: the call is over at once, and the file is there or given up, not both.
    """
    for moment_s in (0.0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.24, 0.28, 0.32, 0.36):
        with upload_server() as server:
            server.announce_s = server.part_s = server.complete_s = 0.06
            client = OpenAIClient("k", base_url=server.url)
            watch = Stopwatch()
            if is_background:
                result = client.files.create(path, "user_data", {"background": True})
                time.sleep(moment_s)
                result.cancel()
                assert result.wait(20)
            else:
                threading.Thread(target=close_after, args=(client, server, moment_s)).start()
                result = client.files.create(path, "user_data")
            assert watch.stop() < moment_s + 1.2
            deadline = time.monotonic() + 20
            while server.open_uploads and time.monotonic() < deadline:
                time.sleep(0.01)
            assert server.open_uploads == []
            assert len(server.files) == result.success
            client.close()


def test_a_provider_that_does_not_answer_a_cancel_holds_nobody_up(path: Path) -> None:
    """
    A cancelled call is over within a second or so, whatever the provider says to it.
    """
    with upload_server(**{f"part_{number}": slow for number in range(1, 20)}) as server:
        server.answers_cancels = False
        with OpenAIClient("k", base_url=server.url) as client:
            result = client.files.create(path, "user_data", {"background": True})
            time.sleep(0.3)
            watch = Stopwatch()
            result.cancel()
            assert result.wait(20)
            assert watch.stop() < 1.5


def test_without_checksum_nothing_is_hashed_and_nothing_kept(server: UploadServer, path: Path) -> None:
    """
    No MD5 goes to the provider, and what fails is given up.
    """
    assert created(server, path, checksum=False).errors[0].code == "connection_error"
    assert server.open_uploads == []
    mended(server)
    result = created(server, path, checksum=False)
    assert (result.success, result.notes) == (True, ())
    assert [list(order) for order in server.orders] == [["part_ids"]]


def test_the_first_failure_stops_the_hash_too(tmp_path: Path) -> None:
    """
    A file that takes seconds to hash does not hold up the news that it was refused.
    """
    path = tmp_path / "sparse.bin"
    with path.open("wb") as file:
        file.truncate(4 << 30)
    limits = attrs.evolve(LIMITS, upload_max_bytes=8 << 30)
    with pytest.MonkeyPatch.context() as patched, upload_server(part_1=refused) as server:
        patched.setattr("aikit.providers.openai.limits_for", lambda _: limits)
        watch = Stopwatch()
        result = created(server, path)
        assert watch.stop() < 2
        assert result.errors[0].code == "no"
        assert server.open_uploads == []


def test_too_many_requests_leave_the_upload_to_be_resumed(server: UploadServer, path: Path) -> None:
    """
    A part that is refused with 429 is a matter of time: the same call later sends only the missing parts.
    """

    def throttled(exchange: Exchange, _: bytes) -> bool:
        say(exchange, 429, {"error": {"message": "Too many requests."}})
        return False

    server.faults = dict.fromkeys(range(5, 100), throttled)
    first = created(server, path)
    assert first.errors[0].status == 429
    arrived = arrived_in(first)
    mended(server)
    second = created(server, path)
    assert second.errors == ()
    assert server.asked.count("parts") == 10 - arrived
    assert server.asked.count("uploads") == 0
