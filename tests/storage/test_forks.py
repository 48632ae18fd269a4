"""
Tests of children made by fork while other threads of their parent are in a database.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aikit.storage import forks
from aikit.storage.database import Database
from aikit.storage.locks import locked
from tests.interrupting import interrupt_often, needs_signals
from tests.stopwatch import Stopwatch

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="fork is POSIX"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),  # what it warns of is what is tested
]


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Make a database with one table."""
    database = Database(tmp_path / "a.db", (("CREATE TABLE a (b)",),), 1.0)
    database.migrate()
    return database


def write(database: Database) -> None:
    """Write one row."""
    with database.writing() as connection:
        connection.execute("INSERT INTO a VALUES (1)")


def forked(act: Callable[[], None]) -> int:
    """Do *act* in a child; return its exit code."""
    child = os.fork()
    if not child:
        try:
            act()
        except BaseException:  # noqa: BLE001  the child must not go on with the parent's tests
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def during(act: Callable[[threading.Event], None]) -> threading.Thread:
    """Begin *act* in a thread; return when it says so."""
    is_begun = threading.Event()
    thread = threading.Thread(target=act, args=(is_begun,))
    thread.start()
    assert is_begun.wait(10)
    return thread


def test_a_child_can_write_though_a_thread_was_writing(database: Database) -> None:
    """The fork waits for the end of the transaction, whose lock the child would have inherited."""

    def take_a_while(is_begun: threading.Event) -> None:
        with database.writing() as connection:
            is_begun.set()
            time.sleep(0.3)
            connection.execute("INSERT INTO a VALUES (1)")

    thread = during(take_a_while)
    assert forked(lambda: write(database)) == 0
    thread.join()
    with database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM a").fetchone() == (2,)


def test_who_waits_to_write_holds_up_no_fork(database: Database) -> None:
    """There may be a minute of that."""
    other = Database(database.path, ())

    def wait_for_it(is_begun: threading.Event) -> None:
        is_begun.set()
        database.busy_s = 30.0
        write(database)

    with other.writing():
        thread = during(wait_for_it)
        watch = Stopwatch()
        assert forked(lambda: None) == 0
        assert watch.stop() < 1.0
    thread.join()


def test_a_fork_does_not_wait_for_ever(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that stays in a transaction does not keep its program from forking; nor does one's own."""
    monkeypatch.setattr(forks, "_LONGEST_S", 0.2)
    is_over = threading.Event()

    def stay(is_begun: threading.Event) -> None:
        with database.reading():
            is_begun.set()
            is_over.wait(10)

    thread = during(stay)
    watch = Stopwatch()
    assert forked(lambda: None) == 0
    assert watch.stop() < 5
    assert watch.wall_s > 0.1
    is_over.set()
    thread.join()
    monkeypatch.setattr(forks, "_LONGEST_S", 60.0)
    with database.reading():
        assert forked(lambda: None) == 0


def test_a_lock_ends_with_its_block_in_the_parent(tmp_path: Path) -> None:
    """A child that was made inside has the file open, and not the lock."""
    with locked(tmp_path / "lock"):
        child = os.fork()
        if not child:
            time.sleep(20)
            os._exit(0)
    try:
        with locked(tmp_path / "lock"):
            assert os.waitpid(child, os.WNOHANG) == (0, 0)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


@needs_signals
def test_ctrl_c_at_the_door_of_a_database_leaves_no_lock_held() -> None:
    """
    Whenever it comes, other threads get into their databases afterwards, and forks wait for no thread.
    """
    entered = threading.Event()

    def work() -> None:
        with forks.unforked(), forks.forks_let_through():
            pass

    def entering() -> None:
        work()
        entered.set()

    interrupt_often(work)
    threading.Thread(target=entering, daemon=True).start()
    assert entered.wait(20)
    gc.collect()
    assert forks._inside == {}
