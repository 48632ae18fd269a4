"""
The ledger: each event once, whoever books it.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest

from aikit.billing.ledger import Ledger
from aikit.storage.errors import StoreError
from aikit.storage.locks import take
from aikit.types.batches import OpenAIBatchRequestCounts
from aikit.types.costs import OpenAIModelCost
from aikit.types.events import OpenAIBatchEvent
from aikit.types.usage import Usage
from tests.stopwatch import Stopwatch

_EVENT = OpenAIBatchEvent(
    kind="ended",
    batch_id="batch_1",
    provider="openai",
    address="https://api.openai.com/v1",
    at=200,
    created_at=100,
    booked_at=300,
    status="completed",
    endpoint="/v1/chat/completions",
    input_file_id="file-1",
    request_counts=OpenAIBatchRequestCounts(3, 2, 1),
    usage=Usage(input_tokens=10, cached_tokens=1, output_tokens=5, reasoning_tokens=2),
    cost=Decimal("0.00000012345678901234567890"),
    is_lower_bound=True,
    models=(
        OpenAIModelCost(model="m", requests=2, usage=Usage(input_tokens=10), cost=Decimal("0.0")),
        OpenAIModelCost(model="n", requests=1),
    ),
    metadata={"note": "naïve"},
)

_CROWD = """
import sys
from pathlib import Path
from typing import Any
from aikit.billing.ledger import Ledger
from tests.billing.test_ledger import event_number
ledger = Ledger(Path(sys.argv[1]))
sys.stdin.readline()
print(sum(len(ledger.record(event_number(number))) for number in range(100)))
"""


def event_number(number: int) -> OpenAIBatchEvent:
    """
    Return one of many events.
    """
    return attrs.evolve(_EVENT, batch_id=f"batch_{number}")


def test_what_is_booked_is_read_as_it_was(tmp_path: Path) -> None:
    """
    Dollars keep every digit, and what is unknown stays unknown.
    """
    ledger = Ledger(tmp_path)
    created = attrs.evolve(_EVENT, kind="created", usage=None, cost=None, models=(), at=100)
    assert ledger.record(created, _EVENT) == (created, _EVENT)
    assert list(Ledger(tmp_path).events()) == [created, _EVENT]
    assert [model.cost for model in next(ledger.events(kind="ended")).models] == [Decimal("0.0"), None]


def test_dollars_stand_there_as_plain_numbers(tmp_path: Path) -> None:
    """
    Other programs read them without knowing about exponents.
    """
    ledger = Ledger(tmp_path)
    ledger.record(attrs.evolve(_EVENT, cost=Decimal("1.5E-9")))
    with closing(sqlite3.connect(ledger.path)) as other:
        assert other.execute("SELECT cost FROM events").fetchall() == [("0.0000000015",)]


def test_an_event_is_booked_once(tmp_path: Path) -> None:
    """
    Who comes second writes nothing, and is told so; another address or kind is another event.
    """
    ledger = Ledger(tmp_path)
    ledger.record(_EVENT)
    elsewhere = attrs.evolve(_EVENT, address="http://127.0.0.1/v1")
    assert ledger.record(attrs.evolve(_EVENT, status="expired"), elsewhere) == (elsewhere,)
    assert [event.status for event in ledger.events(batch_id="batch_1")] == ["completed", "completed"]


def test_of_many_processes_one_books_each_event(tmp_path: Path) -> None:
    """
    Four processes that begin at the same time on a new folder book a hundred events, a hundred in all.
    """
    command = [sys.executable, "-c", _CROWD, str(tmp_path / "home")]
    crowd = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
        for _ in range(4)
    ]
    for process in crowd:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    booked = [int(process.communicate(timeout=60)[0]) for process in crowd]
    assert sum(booked) == 100
    assert len(list(Ledger(tmp_path / "home").events())) == 100


def test_of_many_threads_one_books_an_event(tmp_path: Path) -> None:
    """
    A ledger serves many threads.
    """
    ledger, booked = Ledger(tmp_path), list[int]()
    threads = [threading.Thread(target=lambda: booked.append(len(ledger.record(_EVENT)))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(booked) == [0] * 15 + [1]


def test_looking_makes_nothing(tmp_path: Path) -> None:
    """
    Who only asks leaves no file behind.
    """
    ledger = Ledger(tmp_path / "home")
    assert not ledger.knows("created", "x", "batch_1")
    assert list(ledger.events()) == []
    assert not (tmp_path / "home").exists()


def test_more_events_than_a_page_are_read(tmp_path: Path) -> None:
    """
    Reading goes on page by page, in the order of booking.
    """
    ledger = Ledger(tmp_path)
    ledger.record(*map(event_number, range(1_101)))
    assert [event.batch_id for event in ledger.events()] == [f"batch_{number}" for number in range(1_101)]


def test_events_can_be_picked(tmp_path: Path) -> None:
    """
    By kind, by batch, and by when they came about.
    """
    ledger = Ledger(tmp_path)
    early = attrs.evolve(_EVENT, batch_id="batch_0", at=5)
    ledger.record(early, _EVENT)
    assert list(ledger.events(since=200)) == [_EVENT]
    assert list(ledger.events(batch_id="batch_0")) == [early]
    assert list(ledger.events(kind="created")) == []
    with pytest.raises(ValueError, match='"created" or "ended"'):
        ledger.events(kind="begun")


def test_a_ledger_that_others_write_to_is_not_waited_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    It gives up after its patience, sooner the next time, and works again when the other is done.
    """
    monkeypatch.setattr("aikit.billing.ledger._PATIENCE_S", 0.3)
    ledger = Ledger(tmp_path)
    ledger.record(_EVENT)
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(2):
            watch = Stopwatch()
            with pytest.raises(StoreError, match=r"ledger\.db") as caught:
                ledger.record(event_number(2))
            assert caught.value.code == "storage_busy"
            assert watch.stop() < 2
        other.execute("ROLLBACK")
    assert len(ledger.record(event_number(2))) == 1


def test_a_ledger_that_another_program_holds_is_not_waited_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Neither one that stopped while it was making the table, nor one that lets nobody read, holds anything up.
    """
    monkeypatch.setattr("aikit.billing.ledger._PATIENCE_S", 0.3)
    lock = take(tmp_path / "ledger.lock")
    assert lock is not None
    with lock:
        _assert_gives_up(Ledger(tmp_path))
    Ledger(tmp_path).record(_EVENT)
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("DELETE FROM events")
        _assert_gives_up(Ledger(tmp_path))
    assert not Ledger(tmp_path).knows("ended", _EVENT.address, "batch_1")


def _assert_gives_up(ledger: Ledger) -> None:
    for call in (lambda: ledger.record(_EVENT), lambda: ledger.knows("ended", _EVENT.address, "batch_1")):
        watch = Stopwatch()
        ledger.path.touch()
        with pytest.raises(StoreError, match=r"ledger\.db") as caught:
            call()
        assert caught.value.code == "storage_busy"
        assert watch.stop() < 2


def test_a_new_ledger_is_begun_where_the_old_one_was_moved_away(tmp_path: Path) -> None:
    """
    Also by programs that had the old one open; nothing more goes into that.
    """
    ledger = Ledger(tmp_path)
    ledger.record(_EVENT)
    (tmp_path / "ledger.db").rename(tmp_path / "old.db")
    assert not ledger.knows("ended", _EVENT.address, "batch_1")
    assert ledger.record(_EVENT, event_number(2)) == (_EVENT, event_number(2))
    assert list(Ledger(tmp_path).events()) == [_EVENT, event_number(2)]


def test_a_damaged_ledger_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    """
    As the error says, and without starting the program again.
    """
    ledger = Ledger(tmp_path)
    ledger.record(_EVENT)
    ledger.close()
    ledger.path.write_bytes(b"no database at all " * 500)
    with pytest.raises(StoreError, match="move it away"):
        ledger.record(_EVENT)
    ledger.path.rename(tmp_path / "damaged.db")
    assert ledger.record(_EVENT) == (_EVENT,)
    assert list(ledger.events()) == [_EVENT]


def test_an_event_that_another_program_spoilt_is_said_to_be_so(tmp_path: Path) -> None:
    """
    The error names the event; others are booked and read all the same.
    """
    ledger = Ledger(tmp_path)
    ledger.record(_EVENT)
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as other:
        other.execute("UPDATE events SET models = 'spoilt'")
    with pytest.raises(StoreError, match=r"event 1 of the ledger .*ledger\.db cannot be read"):
        list(ledger.events())
    ledger.record(event_number(2))
    assert list(ledger.events(batch_id="batch_2")) == [event_number(2)]


def test_all_events_of_a_call_are_booked_or_none(tmp_path: Path) -> None:
    """
    When one cannot be written, the others are not there either.
    """
    ledger = Ledger(tmp_path)
    nothing: Any = object()
    bad = attrs.evolve(_EVENT, batch_id="batch_2", status=nothing)
    with pytest.raises(StoreError):
        ledger.record(_EVENT, bad)
    assert list(ledger.events()) == []


def test_a_folder_that_cannot_be_written_is_said_to_be_so(tmp_path: Path) -> None:
    """
    The error names the folder and what to do.
    """
    (tmp_path / "home").write_text("a file")
    with pytest.raises(StoreError, match=r"home.*AIKIT_HOME"):
        Ledger(tmp_path / "home").record(_EVENT)


def test_numbers_beyond_sqlites_are_kept_as_its_largest(tmp_path: Path) -> None:
    """
    A file may say anything; the event is booked all the same.
    """
    ledger = Ledger(tmp_path)
    ledger.record(attrs.evolve(_EVENT, usage=Usage(input_tokens=2**80)))
    assert next(ledger.events()).usage == Usage(input_tokens=2**63 - 1)


def test_lone_surrogates_are_booked_as_question_marks(tmp_path: Path) -> None:
    """
    JSON can name them and SQLite cannot keep them; the event is booked all the same.
    """
    ledger = Ledger(tmp_path)
    ledger.record(attrs.evolve(_EVENT, model="\ud800"))
    assert next(ledger.events()).model == "?"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("models", "[" * 5000),
        ("metadata", "[" * 5000),
        ("metadata", "[null]"),
        ("cost", "NaN"),
        ("address", b"\xff"),
        ("created_at", "soon"),
        ("total", 0.5),
    ],
)
def test_an_event_that_another_program_wrote_is_named(name: str, value: object, tmp_path: Path) -> None:
    """
    Nested too deeply to be read, of another type, or no number.
    """
    ledger = Ledger(tmp_path)
    ledger.record(_EVENT)
    ledger.close()
    with closing(sqlite3.connect(ledger.path)) as connection, connection:
        connection.execute(f"UPDATE events SET {name} = ?", (value,))  # noqa: S608  a column
    for read in (ledger.events, lambda: ledger.of_batch(_EVENT.address, _EVENT.batch_id)):
        with pytest.raises(StoreError, match="some other program wrote it"):
            list(read())


def test_names_in_a_damaged_file_that_are_no_text(tmp_path: Path) -> None:
    """
    What SQLite cannot even say is damage, too.
    """
    ledger = Ledger(tmp_path)
    ledger.record(_EVENT)
    ledger.close()
    with closing(sqlite3.connect(ledger.path)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET name = CAST(x'c6' AS TEXT), sql = 'none'")
    with pytest.raises(StoreError) as caught:
        list(ledger.events())
    assert caught.value.code == "storage_damaged"


def test_a_damaged_ledger_is_said_to_be_damaged(tmp_path: Path) -> None:
    """
    The error says which file to move away, not the whole home.
    """
    (tmp_path / "ledger.db").write_bytes(b"no database at all " * 500)
    with pytest.raises(StoreError, match=r"ledger\.db is damaged; move it away") as caught:
        Ledger(tmp_path).record(_EVENT)
    assert caught.value.code == "storage_damaged"
