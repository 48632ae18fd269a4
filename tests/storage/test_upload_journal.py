"""
The journal of uploads in parts: what was noted is found again, by one at a time, for an hour.
"""

from __future__ import annotations

import io
import logging
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import attrs
import pytest

from aikit.storage.locks import take
from aikit.storage.upload_entry import SentPart, UploadKey, UploadRecord
from aikit.storage.upload_journal import Journal
from tests.stopwatch import Stopwatch

WANTED = UploadKey(
    account="a" * 64,
    purpose="user_data",
    filename="large.bin",
    options="{}",
    part_bytes=100,
    size_bytes=950,
    place="/data/large.bin",
)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """
    A journal in a home that is not there yet.
    """
    return Journal(tmp_path / "home")


def begun(journal: Journal, upload_id: str = "upload_1", **changes: Any) -> UploadRecord:
    """
    Note an upload with two parts.
    """
    entry = journal.begin(attrs.evolve(WANTED, **changes), upload_id, 1_790_000_000, journal.clock())
    entry.add(0, SentPart("part_a", "d0"))
    entry.add(3, SentPart("part_b", "d3"))
    return entry


def only(journal: Journal, **changes: Any) -> UploadRecord | None:
    """
    Claim the first that may be of what is wanted.
    """
    wanted = attrs.evolve(WANTED, **changes)
    return next((journal.claim(wanted, seen.upload_id) for seen in journal.find_interrupted(wanted)), None)


def test_what_was_noted_is_found_again(journal: Journal) -> None:
    """
    Another process, later, has the parts, their digests and how far it was.
    """
    entry = begun(journal)
    entry.end()
    entry.release()
    found = only(Journal(journal.home))
    assert found is not None
    assert (found.upload_id, found.created_at, found.size_bytes) == ("upload_1", 1_790_000_000, 950)
    assert (found.place, found.is_ending, found.is_kept) == ("/data/large.bin", True, True)
    assert found.parts == {0: SentPart("part_a", "d0"), 3: SentPart("part_b", "d3")}
    found.release()


def test_one_has_it_at_a_time(journal: Journal) -> None:
    """
    While somebody has it, others do not find it, in this process or another one.
    """
    entry = begun(journal)
    assert only(journal) is None
    program = (
        "import sys\nfrom pathlib import Path\nfrom tests.storage.test_upload_journal import Journal, only\n"
        "print(only(Journal(Path(sys.argv[1]))))"
    )
    argv = [sys.executable, "-c", program, str(journal.home)]
    assert subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30).stdout == "None\n"
    entry.release()
    found = only(journal)
    assert found is not None
    found.release()


def test_what_is_forgotten_is_not_found(journal: Journal) -> None:
    """
    After success nothing is left but which file it became.
    """
    entry = begun(journal)
    entry.forget("file-1")
    assert only(journal) is None
    assert journal.knows(WANTED.account, "file-1")
    assert not journal.knows(WANTED.account, "file-2")
    assert not journal.knows("b" * 64, "file-1")
    assert list((journal.home / "transfers").iterdir()) == []
    assert not entry.is_kept


@pytest.mark.parametrize(
    "changes",
    [{"account": "b"}, {"purpose": "vision"}, {"filename": "b"}, {"options": "[]"}, {"part_bytes": 99}],
)
def test_what_is_asked_otherwise_does_not_find_it(changes: dict[str, Any], journal: Journal) -> None:
    """
    Account, purpose, name, options and the size of parts must be the same.
    """
    begun(journal).release()
    assert only(journal, **changes) is None


def test_size_and_place_may_differ(journal: Journal) -> None:
    """
    That the file has changed is for those to see who can read it.
    """
    begun(journal).release()
    found = only(journal, size_bytes=1, place="/elsewhere")
    assert found is not None
    found.release()


def test_after_an_hour_it_is_gone(journal: Journal) -> None:
    """
    What is about to end is not found, and what has ended is swept up with the next one.
    """
    begun(journal).release()
    late = Journal(journal.home, clock=lambda: time.time() + 3_560)
    assert only(late) is None
    later = Journal(journal.home, clock=lambda: time.time() + 3_700)
    begun(later, "upload_2").release()
    with sqlite3.connect(journal.home / "transfers.db") as connection:
        assert connection.execute("SELECT upload_id FROM uploads").fetchall() == [("upload_2",)]
        assert connection.execute("SELECT COUNT(*) FROM parts").fetchone() == (2,)
    connection.close()


def test_the_newest_comes_first_and_all_come(journal: Journal) -> None:
    """
    Several that may be it are offered one after the other.
    """
    for number in range(3):
        begun(journal, f"upload_{number}").release()
    found = [entry.upload_id for entry in journal.find_interrupted(WANTED)]
    assert found == ["upload_2", "upload_1", "upload_0"]


def test_the_same_place_comes_before_newer_ones(journal: Journal) -> None:
    """
    Files of one name in several folders each find their own first, and hold no other meanwhile.
    """
    for place in ("/a/x.bin", None, "/b/x.bin"):
        begun(journal, f"upload of {place}", place=place).release()
    for place in ("/a/x.bin", None, "/b/x.bin"):
        entry = only(journal, place=place)
        assert entry is not None
        assert entry.upload_id == f"upload of {place}"
        entry.release()


def test_who_looks_keeps_nothing_from_others(journal: Journal) -> None:
    """
    What is only compared with a file is free; what was claimed meanwhile is not claimed twice, and has what was added.
    """
    begun(journal).release()
    (seen,) = journal.find_interrupted(WANTED)
    assert not seen.is_kept
    entry = Journal(journal.home).claim(WANTED, seen.upload_id)
    assert entry is not None
    assert journal.find_interrupted(WANTED) == []
    assert journal.claim(WANTED, seen.upload_id) is None
    entry.add(4, SentPart("part_c", "d4"))
    entry.release()
    again = journal.claim(WANTED, seen.upload_id)
    assert again is not None
    assert sorted(again.parts) == [0, 3, 4]
    again.forget()
    assert journal.claim(WANTED, seen.upload_id) is None
    assert list((journal.home / "transfers").iterdir()) == []


def test_all_who_look_at_once_find_it(journal: Journal) -> None:
    """
    Looking whether an upload is free never makes it look taken to another who looks, in this process or another.
    """
    begun(journal).release()
    start = threading.Barrier(4, timeout=10)

    def look(_: int) -> list[int]:
        start.wait()
        return [len(Journal(journal.home).find_interrupted(WANTED)) for _ in range(100)]

    with ThreadPoolExecutor(4) as pool:
        assert {count for counts in pool.map(look, range(4)) for count in counts} == {1}


def test_a_clock_that_jumps_forgets_nothing_that_somebody_is_at(journal: Journal) -> None:
    """
    What is long over by the clock and still going up stays noted; parts whose upload is gone do not stay.
    """
    entry, other = begun(journal), begun(journal, "upload_2")
    other.release()
    later = Journal(journal.home, clock=lambda: time.time() + 3_700)
    begun(later, "upload_3").forget()
    entry.add(5, SentPart("part_c", "d5"))
    entry.release()
    found = only(journal)
    assert found is not None
    assert (found.upload_id, sorted(found.parts)) == ("upload_1", [0, 3, 5])
    found.forget()
    begun(later, "upload_4").forget()
    with closing(sqlite3.connect(journal.home / "transfers.db")) as connection:
        assert connection.execute("SELECT COUNT(*) FROM parts").fetchone() == (0,)


def test_another_upload_at_its_end_is_a_rival_until_its_file_is_known(journal: Journal) -> None:
    """
    One that is still going up, has another size or is this very one is none.
    """
    mine, other, larger = begun(journal), begun(journal, "upload_2"), begun(journal, "upload_3", size_bytes=951)
    for entry in (mine, larger):
        entry.end()
    assert not journal.has_rivals(WANTED, "upload_1")
    other.end()
    assert journal.has_rivals(WANTED, "upload_1")
    other.release()
    assert journal.has_rivals(WANTED, "upload_1")
    found = journal.claim(WANTED, "upload_2")
    assert found is not None
    found.forget("file-2")
    assert not journal.has_rivals(WANTED, "upload_1")
    assert journal.knows(WANTED.account, "file-2")
    mine.release()
    larger.release()


def test_what_cannot_be_gone_on_with_is_not_noted(journal: Journal) -> None:
    """
    A part that nobody hashed is kept in mind only.
    """
    entry = journal.begin(WANTED, "upload_1", 1, journal.clock())
    entry.add(0, SentPart("part_a", ""))
    entry.release()
    found = only(journal)
    assert found is not None
    assert (len(entry.parts), len(found.parts)) == (1, 0)
    found.release()


@pytest.mark.parametrize("what", ["tables", "reading", "writing"])
def test_others_that_hold_it_for_long_hold_nobody_up(
    what: str, journal: Journal, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whoever makes the tables, or has the database for itself, is waited for, but not for ever.
    """
    monkeypatch.setattr("aikit.storage.upload_journal._PATIENCE_S", 0.1)
    begun(journal).forget()
    journal.close()
    hasty = Journal(journal.home)
    with ExitStack() as stack:
        if what == "tables":
            stack.enter_context(closing(take(journal.home / "transfers.lock") or io.BytesIO()))
        else:
            database = sqlite3.connect(journal.home / "transfers.db", isolation_level=None)
            connection = stack.enter_context(closing(database))
            connection.execute(f"PRAGMA locking_mode = {'EXCLUSIVE' if what == 'reading' else 'NORMAL'}").fetchall()
            connection.execute("BEGIN EXCLUSIVE")
        watch = Stopwatch()
        assert hasty.find_interrupted(WANTED) == []
        assert not hasty.begin(WANTED, "upload_1", 1, time.time()).is_kept
        assert watch.stop() < 2
    assert "in the journal" in caplog.text


def test_a_home_that_was_moved_away_is_made_anew(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    """
    One upload is not noted; the next one is, where others find it.
    """
    begun(journal).forget()
    journal.home.rename(journal.home.with_name("away"))
    assert not begun(journal).is_kept
    begun(journal).release()
    found = only(Journal(journal.home))
    assert found is not None
    found.release()
    assert "in the journal" in caplog.text


def test_what_sqlite_cannot_hold_fails_nobody(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    """
    A provider may say any number, and a path may be anything: that is logged.
    """
    assert not journal.begin(WANTED, "upload_1", 1 << 70, journal.clock()).is_kept
    assert not journal.begin(attrs.evolve(WANTED, place="\udce9"), "upload_2", 1, journal.clock()).is_kept
    assert caplog.text.count("could not be noted in the journal") == 2


def test_nothing_is_made_before_it_is_needed_and_then_for_the_owner_only(journal: Journal) -> None:
    """
    A client that has no large files leaves no trace, and who else is on the machine sees nothing.
    """
    assert not journal.home.exists()
    begun(journal).release()
    assert stat.S_IMODE((journal.home / "transfers").stat().st_mode) == 0o700


def test_a_damaged_file_is_logged_and_fails_nobody(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    """
    The upload goes on, and cannot be gone on with.
    """
    journal.home.mkdir()
    (journal.home / "transfers.db").write_bytes(b"no database at all" * 100)
    with caplog.at_level(logging.WARNING, "aikit"):
        entry = begun(journal)
        assert only(journal) is None
        assert not journal.knows("a", "b")
        entry.end()
        entry.forget("file-1")
    assert "in the journal" in caplog.text
    assert (entry.is_kept, len(entry.parts)) == (False, 2)


def test_a_part_that_cannot_be_noted_fails_nobody(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    """
    It is sent again some day, and that is all.
    """
    entry = begun(journal)
    with sqlite3.connect(journal.home / "transfers.db") as connection:
        connection.execute("DROP TABLE parts")
    connection.close()
    with caplog.at_level(logging.WARNING, "aikit"):
        entry.add(5, SentPart("part_c", "d5"))
    assert entry.parts[5].id == "part_c"
    assert "in the journal" in caplog.text
    entry.release()
