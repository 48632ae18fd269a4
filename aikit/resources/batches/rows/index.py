"""
The index of a batch's files: for each line of the input, where it stands and where its answer does.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import attrs

from aikit.types.batch_rows import (
    LINE_MAX_BYTES,
    STATUSES,
    OpenAIBatchProblem,
    is_unreadable,
    read_line,
    status_of,
)
from aikit.types.interruptions import let_through
from aikit.types.wire import MOST

SHOWN_MAX: Final = 100
"""How many problems are told."""

_BOM: Final = b"\xef\xbb\xbf"
_BUFFER: Final = 256 * 1024
_SKIPPED: Final = 1024 * 1024
_SHORT: Final = 40  # bytes; a longer custom_id is found by its digest
_TOLD_BYTES: Final = 1024 * 1024
_SCHEMA: Final = (
    "PRAGMA journal_mode = OFF",  # what breaks is thrown away and made anew
    "PRAGMA synchronous = OFF",
    "PRAGMA cache_size = -8192",  # KiB
    # asked: number of the first line with the same custom_id
    "CREATE TABLE lines (number INTEGER PRIMARY KEY, start INTEGER, size INTEGER, custom_id BLOB, asked INTEGER)",
    "CREATE TABLE ids (key BLOB PRIMARY KEY, number INTEGER) WITHOUT ROWID",
    "CREATE TABLE answers (number INTEGER PRIMARY KEY, status TEXT, file INTEGER, start INTEGER, size INTEGER)",
    # the lines with one custom_id, and all answers with that
    "CREATE TABLE shared (asked INTEGER PRIMARY KEY, count INTEGER, is_same INTEGER)",
    "CREATE TABLE theirs (asked INTEGER, batch INTEGER, status TEXT, file INTEGER, start INTEGER, size INTEGER)",
)
_JOINED: Final = "FROM lines LEFT JOIN answers ON answers.number = lines.number"


_BEST_FIRST: Final = (
    "SELECT status, file, start, size FROM theirs WHERE asked = ? ORDER BY status = 'ok' DESC, batch DESC"
)
_OF_LAST_BATCH: Final = (
    "SELECT COUNT(*), MIN(status), MAX(status) FROM theirs WHERE asked = ? GROUP BY batch ORDER BY batch DESC LIMIT 1"
)


class Line(NamedTuple):
    """
    One line that is not blank.

    Attributes:
        number: 1-based; blank lines count.

        start: Where it begins, in bytes.

        size: Its bytes, with what ends it.

        content: The same without a byte order mark; ``None`` if it is too long.

        is_whole: Whether a newline ends it.
    """

    number: int
    start: int
    size: int
    content: bytes | None
    is_whole: bool


def lines_of(path: Path, max_bytes: int = LINE_MAX_BYTES) -> Iterator[Line]:
    """
    Yield the lines of the file at *path*.

    Raises:
        OSError: It cannot be read.
    """
    start = number = 0
    with path.open("rb", buffering=_BUFFER) as file:
        while content := file.readline(max_bytes + 1):
            number += 1
            size, is_whole = len(content), content.endswith(b"\n")
            is_too_long = size > max_bytes and not is_whole
            while not is_whole and is_too_long and (more := file.readline(_SKIPPED)):
                size, is_whole = size + len(more), more.endswith(b"\n")
            if number == 1 and content.startswith(_BOM):
                content, size, start = content[len(_BOM) :], size - len(_BOM), len(_BOM)
            if not content.isspace() and content:
                yield Line(number, start, size, None if is_too_long else content, is_whole)
            start += size


@attrs.frozen
class AnswerFile:
    """
    An output or error file on this machine.

    Attributes:
        kind: ``"output"`` or ``"error"``.
    """

    path: Path
    kind: str
    batch_id: str


class Entry(NamedTuple):
    """
    What the index knows of a line of the input.

    Attributes:
        number: 1-based line.

        status: ``None`` if no file tells.

        file: Which of the answer files tells; ``None`` likewise, as the answer's place, and where several lines have
            one custom_id and it is not known which answer is whose.

        first: The first line with its custom_id.

        sharers: How many lines have its custom_id, if there are several.
    """

    number: int
    start: int
    size: int
    custom_id: bytes | None
    status: str | None
    file: int | None
    answer_start: int | None
    answer_size: int | None
    first: int | None
    sharers: int | None


@attrs.define
class Index:
    """
    The index while it is made; memory does not grow with the files.

    Attributes:
        problems: What could not be joined as it stands, the first hundred.

        problem_count: All of them.
    """

    _connection: sqlite3.Connection
    _on_read: Callable[[int], None]
    problems: list[OpenAIBatchProblem] = attrs.field(factory=list)
    problem_count: int = 0
    _file: str = ""
    _batch_id: str = ""
    _read: int = 0
    _told: int = 0
    _has_shared: bool = False

    def add_input(self, path: Path, batch_id: str) -> None:
        """
        Take the lines that were asked; each gets a row.
        """
        self._file, self._batch_id = "input", batch_id
        for line in lines_of(path):
            self._tell(line.size)
            custom_id = self._custom_id(line)[0]
            key = None if custom_id is None else _bytes(custom_id)
            asked = None if key is None else self._first_with(key, line, path)
            values = (line.number, line.start, line.size, key, asked)
            self._connection.execute("INSERT INTO lines VALUES (?, ?, ?, ?, ?)", values)

    def add_answers(self, file: AnswerFile, number: int, first_of_batch: int) -> None:
        """
        Take the lines of an output or error file, the one with that *number*.

        Of the answers of one batch the first that is ok counts, or else the first. One of a later batch replaces that
        of an earlier one, unless it would replace what is ok by what is not.

        Args:
            file: The file.

            number: By which the index calls it.

            first_of_batch: Number of the first file of the same batch.
        """
        self._file, self._batch_id = file.kind, file.batch_id
        for line in lines_of(file.path):
            self._tell(line.size)
            custom_id, answer = self._custom_id(line)
            if custom_id is None:
                continue
            found = self._asked_with(_bytes(custom_id))
            if found is None:
                self._add(line, "unknown_custom_id", f"no line of the input has custom_id {custom_id[:100]!r}; ignored")
            else:
                response = answer.get("response")
                if isinstance(response, dict) and is_unreadable(response):
                    self._add(line, "invalid_response", "the body of the answer is no JSON object; its row has failed")
                self._note((found, status_of(answer), number, line.start, line.size), line, first_of_batch)

    def settle_shared(self) -> None:
        """
        Give lines with one custom_id the answers with that, as far as it is known whose they are.

        Lines that ask the same take them in turn, the good ones first. Of others each is what all of them are, if the
        last batch with answers has as many of them, all of one status; else it is missing.
        """
        if not self._has_shared:
            return
        run = self._connection.execute
        run("CREATE INDEX sharing ON lines (asked)")
        run("CREATE INDEX batches ON theirs (asked, batch)")
        for asked, count, is_same in run("SELECT asked, count, is_same FROM shared"):
            if is_same:
                lines = run("SELECT number FROM lines WHERE asked = ? ORDER BY number", (asked,))
                for line, answer in zip(lines, run(_BEST_FIRST, (asked,)), strict=False):
                    run("INSERT INTO answers VALUES (?, ?, ?, ?, ?)", line + answer)
            elif last := run(_OF_LAST_BATCH, (asked,)).fetchone():
                answers, status, other = last
                known = status if answers == count and status == other else "missing"
                run("INSERT INTO answers SELECT number, ?, NULL, NULL, NULL FROM lines WHERE asked = ?", (known, asked))

    def note_gone(self, kind: str, batch_id: str, message: str) -> None:
        """
        Take it that a whole file is not there any more.
        """
        self._file, self._batch_id = kind, batch_id
        self._add(None, "file_gone", message)

    def counts(self, without_answer: str) -> dict[str, int]:
        """
        Count the rows by status, those that no file tells of as *without_answer*.
        """
        counts = dict.fromkeys(STATUSES, 0)
        for status, count in self._connection.execute(f"SELECT status, COUNT(*) {_JOINED} GROUP BY status"):
            counts[status or without_answer] += count
        return counts

    def _custom_id(self, line: Line) -> tuple[str | None, dict[str, Any]]:
        """
        Return the line's custom_id and all it says; what cannot be read is a problem, and has none.
        """
        if line.content is None:
            self._add(line, "line_too_long", f"the line has more than {LINE_MAX_BYTES:,} bytes and was not read")
            return None, {}
        try:
            value = read_line(line.content)
        except ValueError as error:
            let_through(error)
            cut = "" if line.is_whole else "; it is the last one and has no newline, so the file may be cut off"
            self._add(line, "invalid_json_line", f"the line cannot be read: {error}{cut}")
            return None, {}
        custom_id = value.get("custom_id")
        if type(custom_id) is int and abs(custom_id) < MOST and self._file != "input":  # some servers make one of "1"
            custom_id = str(custom_id) if self._asked_with(str(custom_id).encode()) else None
        if not isinstance(custom_id, str):
            self._add(line, "missing_custom_id", "the line has no custom_id that is a string; nothing can be joined")
            return None, value
        return custom_id, value

    def _first_with(self, key: bytes, line: Line, path: Path) -> int:
        done = self._connection.execute("INSERT OR IGNORE INTO ids VALUES (?, ?)", (_short(key), line.number))
        first = line.number if done.rowcount else self._asked_with(key)
        if first is None or first == line.number:
            return line.number
        is_same = self._content_of(first, path) == (line.content or b"").strip()
        whose = "they ask the same, and take its answers in turn" if is_same else "no file tells which answer is whose"
        name = key[:100].decode("utf-8", "replace")
        self._add(line, "duplicate_custom_id", f"the custom_id {name!r} is that of line {first}, too: {whose}")
        change = "UPDATE shared SET count = count + 1, is_same = is_same AND ? WHERE asked = ?"
        if not self._connection.execute(change, (is_same, first)).rowcount:
            self._connection.execute("INSERT INTO shared VALUES (?, 2, ?)", (first, is_same))
        self._has_shared = True
        return first

    def _content_of(self, number: int, path: Path) -> bytes:
        found = self._connection.execute("SELECT start, size FROM lines WHERE number = ?", (number,)).fetchone()
        with path.open("rb") as file:
            file.seek(found[0])
            return file.read(found[1]).strip()

    def _asked_with(self, key: bytes) -> int | None:
        found = self._connection.execute("SELECT number FROM ids WHERE key = ?", (_short(key),)).fetchone()
        return found[0] if found else None

    def _note(self, answer: tuple[int, str, int, int, int], line: Line, first_of_batch: int) -> None:
        query = "SELECT 1 FROM shared WHERE asked = ?"
        if self._has_shared and self._connection.execute(query, answer[:1]).fetchone():
            values = (answer[0], first_of_batch, *answer[1:])
            self._connection.execute("INSERT INTO theirs VALUES (?, ?, ?, ?, ?, ?)", values)
            return
        done = self._connection.execute("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?)", answer)
        if done.rowcount:
            return
        query = "SELECT status, file FROM answers WHERE number = ?"
        status, file = self._connection.execute(query, answer[:1]).fetchone()
        is_later_batch, is_ok, was_ok = file < first_of_batch, answer[1] == "ok", status == "ok"
        if (is_later_batch and not was_ok) or (is_ok and (is_later_batch or not was_ok)):
            self._connection.execute("REPLACE INTO answers VALUES (?, ?, ?, ?, ?)", answer)
        if not is_later_batch:
            message = "the files have another answer with the same custom_id; the first that is ok counts"
            self._add(line, "duplicate_custom_id", message)

    def _add(self, line: Line | int | None, code: str, message: str) -> None:
        self.problem_count += 1
        if len(self.problems) < SHOWN_MAX:
            number = line.number if isinstance(line, Line) else line
            self.problems.append(OpenAIBatchProblem(self._file, number, code, message, self._batch_id))

    def _tell(self, size: int) -> None:
        self._read += size
        if self._read - self._told >= _TOLD_BYTES:
            self._told = self._read
            self._on_read(self._read)


def open_database(path: Path) -> sqlite3.Connection:
    """
    Open the database at *path*, for use by any thread, one at a time.
    """
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False)


def new_database(path: Path) -> sqlite3.Connection:
    """
    Make the empty database of an `Index`, in a transaction that the caller commits.
    """
    connection = open_database(path)
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.execute("BEGIN")
    return connection


def entries(path: Path) -> Generator[Entry]:
    """
    Yield what the index at *path* knows of each line of the input, in order.
    """
    columns = "lines.number, lines.start, lines.size, custom_id, status, file, answers.start, answers.size"
    with closing(open_database(path)) as connection:
        query = f"SELECT {columns}, NULL, NULL {_JOINED}"
        if connection.execute("SELECT 1 FROM shared").fetchone():
            query = f"SELECT {columns}, lines.asked, count {_JOINED} LEFT JOIN shared ON shared.asked = lines.asked"
        yield from map(Entry._make, connection.execute(f"{query} ORDER BY lines.number"))


def _bytes(custom_id: str) -> bytes:
    return custom_id.encode("utf-8", "surrogatepass")


def _short(key: bytes) -> bytes:
    return key if len(key) <= _SHORT else b"\0" + hashlib.blake2b(key, digest_size=_SHORT).digest()
