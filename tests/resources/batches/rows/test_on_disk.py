"""
Rows are files: read by many, gone in time, and told of when they are not what they were.
"""

from __future__ import annotations

import errno
import gc
import json
import os
import pickle
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from aikit.http.context import CallContext
from aikit.resources.batches.rows.folder import Folder
from aikit.resources.batches.rows.index import AnswerFile
from aikit.resources.batches.rows.join import join
from aikit.types.errors import CancelledError, OpenAIError
from tests.resources.batches.rows.files import asked, batch, joined, told, written

_INPUT = asked("a") + asked("b") + asked("c")


def test_changed_input_is_noticed() -> None:
    """
    The caller's own file is read where it stands, so it must be what it was.
    """
    with joined(_INPUT, told("a")) as rows:
        (rows.folder / "input").write_bytes(_INPUT + asked("d"))
        with pytest.raises(OpenAIError, match=r"is not what it was .* call batches.results\(\) again"):
            next(iter(rows))
        (rows.folder / "input").unlink()
        with pytest.raises(OpenAIError, match="is gone"):
            next(iter(rows))


def test_changed_input_of_the_same_size_is_noticed(tmp_path: Path) -> None:
    """
    Other lines of just as many bytes are told by the time of the change.
    """
    path = written(tmp_path / "in.jsonl", _INPUT)
    rows = join([batch()], Folder(), path, [], CallContext())
    path.write_bytes(_INPUT.replace(b'"a"', b'"x"'))
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000_000))
    with pytest.raises(OpenAIError, match="is not what it was when it was joined"):
        list(rows)
    rows.close()


def test_an_input_is_not_called_changed_where_too_many_files_are_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    It is as it was, and whoever raises the limit can read it.
    """

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with joined(_INPUT, told("a")) as rows:
        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", refuse)
            with pytest.raises(OpenAIError, match="raise the limit of open files") as caught:
                list(rows)
        assert caught.value.code == "temporary_storage"
        assert list(rows)


def test_files_that_somebody_removed_are_an_error() -> None:
    """
    Not an end of the rows.
    """
    with joined(_INPUT, told("a")) as rows:
        (rows.folder / "output0").unlink()
        with pytest.raises(OpenAIError, match="temporary folder") as caught:
            list(rows)
    assert caught.value.code == "temporary_storage"


def test_close_waits_for_those_who_read() -> None:
    """
    An iteration that is under way ends as if nothing had happened, then the files go; a new one is refused.
    """
    with joined(_INPUT, told("b")) as rows:
        iterator = iter(rows)
        assert next(iterator).line == 1
        rows.close()
        assert rows.folder.exists()
        assert [row.line for row in iterator] == [2, 3]
        assert not rows.folder.exists()
        with pytest.raises(ValueError, match="the results are closed; make the call again that gave them"):
            iter(rows)


def test_iteration_that_is_given_up_lets_go() -> None:
    """
    Whoever breaks off no longer keeps the files.
    """
    with joined(_INPUT) as rows:
        for _ in rows:
            break
        gc.collect()
        rows.close()
        assert not rows.folder.exists()


def test_files_go_with_the_last_who_holds_the_rows() -> None:
    """
    Without close, too; an iteration holds them.
    """
    folder = Folder()
    path = folder.path
    iterator = iter(join([batch()], folder, written(path / "input", _INPUT), [], CallContext()))
    del folder
    gc.collect()
    assert [row.line for row in iterator] == [1, 2, 3]
    del iterator
    gc.collect()
    assert not path.exists()


def test_rows_are_read_by_many_threads_at_once() -> None:
    """
    Each iteration has a reader of its own.
    """
    ids = [str(number) for number in range(500)]
    seen: list[list[str | None]] = []
    with joined(b"".join(map(asked, ids)), b"".join(map(told, ids))) as rows:
        threads = [threading.Thread(target=lambda: seen.append([row.custom_id for row in rows])) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        nested = [(outer.line, inner.line) for outer in rows if outer.line < 3 for inner in rows if inner.line < 3]
    assert seen == [ids] * 4
    assert nested == [(1, 1), (1, 2), (2, 1), (2, 2)]


def test_joining_is_cancelled() -> None:
    """
    Also in the middle of a large file.
    """
    context = CallContext(on_progress=lambda _: context.cancel(), clock=iter(range(1000)).__next__)
    folder = Folder()
    inputs = written(folder.path / "input", asked("a", "x" * 3_000_000) * 3)
    with pytest.raises(CancelledError):
        join([batch()], folder, inputs, [], context)
    folder.close()
    assert not folder.path.exists()


def test_full_disk_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    It names the folder and how to choose another.
    """

    def full(*_: Any) -> Any:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("aikit.resources.batches.rows.join.new_database", full)
    folder = Folder()
    files = [AnswerFile(folder.path / "input", "output", "b")]
    with pytest.raises(OpenAIError, match="disk is full; free some space on that disk, or set TMPDIR") as caught:
        join([batch()], folder, written(folder.path / "input", _INPUT), files, CallContext())
    assert caught.value.code == "temporary_storage"
    folder.close()


def test_rows_cannot_be_pickled() -> None:
    """
    They are files here; whoever tries is told what to do.
    """
    with joined(_INPUT) as rows, pytest.raises(TypeError, match="write_jsonl"):
        pickle.dumps(rows)


def test_input_lines_are_as_they_were_sent() -> None:
    """
    A row has the raw lines of both files, without what ends them.
    """
    with joined(_INPUT, told("b")) as rows:
        row = list(rows)[1]
    assert row.input_line == asked("b").rstrip()
    assert json.loads(row.output_line) == json.loads(told("b"))
