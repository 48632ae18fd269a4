"""
One row for each line of the input, in order, whatever the output and the error file hold.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aikit.billing.counting import CountingSink
from aikit.billing.usage_counter import UsageCounter
from aikit.http.context import CallContext
from aikit.resources.batches.rows.folder import Folder
from aikit.resources.batches.rows.index import SHOWN_MAX, lines_of
from aikit.resources.batches.rows.join import BatchRows, Gone, join, lacks_answers
from tests.resources.batches.rows.files import asked, batch, joined, joined_lineage, never_ran, told, written

_INPUT = asked("a") + asked("b") + asked("c")


def _statuses(rows: BatchRows) -> list[tuple[int, str | None, str]]:
    return [(row.line, row.custom_id, row.status) for row in rows]


def _problems(rows: BatchRows) -> list[tuple[str, int | None, str]]:
    return [(problem.file, problem.line, problem.code) for problem in rows.problems]


def test_rows_come_in_the_order_of_the_input() -> None:
    """
    Answers of both files find their lines by custom_id, and counts are by status.
    """
    with joined(_INPUT + asked("d"), told("d") + told("b", "no", 400), never_ran("a")) as rows:
        assert _statuses(rows) == [(1, "a", "expired"), (2, "b", "failed"), (3, "c", "missing"), (4, "d", "ok")]
        assert rows.counts == {"ok": 1, "failed": 1, "expired": 1, "cancelled": 0, "missing": 1}
        assert (rows.problems, rows.problem_count) == ((), 0)
        texts = [(row.text, row.error and row.error.message) for row in rows]
        assert texts[0::3] == [(None, "because of batch_expired"), ("yes", None)]
        assert texts[1] == (None, "no")


@pytest.mark.parametrize(("ago_s", "may_come"), [(5, True), (-5, True), (500, False), (-3_600, False)])
def test_missing_answers_may_come_for_two_minutes(ago_s: int, may_come: bool) -> None:  # noqa: FBT001  pytest calls it
    """
    Not for as long as the clock of this machine is behind the provider's.
    """
    of = batch(status="completed", completed_at=int(time.time()) - ago_s, output_file_id="f")
    assert lacks_answers(of, {"missing": 1}) == may_come


@pytest.mark.parametrize("status", ["expired", "cancelled"])
def test_end_of_the_batch_is_that_of_lines_of_which_nothing_tells(status: str) -> None:
    """
    Where the provider makes no error file; where it does, or answers must be somewhere, they are missing.
    """
    of = batch(status=status, output_file_id="f")
    with joined(_INPUT, told("a"), of=of) as rows:
        assert [row.status for row in rows] == ["ok", status, status]
        assert rows.counts[status] == 2
        assert {row.error.code for row in rows if row.error} == {f"batch_{status}"}
    with joined(_INPUT, told("a"), b"", of=attrs.evolve(of, error_file_id="e")) as rows:
        assert rows.counts["missing"] == 2
    counts = {"total": 3, "completed": 1, "failed": 0}
    with joined(_INPUT, of=batch(status=status, request_counts=counts)) as rows:
        assert rows.counts["missing"] == 3


def test_missing_line_says_so() -> None:
    """
    Its error names the batch and how that ended.
    """
    with joined(_INPUT, of=batch(status="cancelled", error_file_id="e")) as rows:
        (error,) = {str(row.error) for row in rows if row.line == 2}
    assert error == "line 2: neither file of batch batch_1, which is cancelled, has an answer to this line"


def test_failed_batch_ran_nothing() -> None:
    """
    Each line is failed: with its own error, the first if it has several, or with that of the batch.
    """
    errors = [
        {"code": "invalid_url", "message": "first", "param": "url", "line": 2},
        {"code": "invalid_request", "message": "second", "param": None, "line": 2},
    ]
    failed = batch(status="failed", errors={"object": "list", "data": errors})
    with joined(_INPUT, of=failed) as rows:
        found = [row.error for row in rows if row.status == "failed"]
        assert rows.counts["failed"] == 3
    assert [error and (error.message, error.code, error.param, error.line) for error in found] == [
        ("batch batch_1 failed before it was begun: first", "batch_failed", None, 1),
        ("first", "invalid_url", "url", 2),
        ("batch batch_1 failed before it was begun: first", "batch_failed", None, 3),
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"in_progress_at": 5},
        {"output_file_id": "file-out"},
        {"error_file_id": "file-err"},
        {"request_counts": {"total": 3, "completed": 1, "failed": 0}},
        {"request_counts": {"total": 3, "completed": 0, "failed": 1}},
    ],
)
def test_batch_that_failed_in_the_middle_was_begun(fields: dict[str, Any]) -> None:
    """
    Answers that are there count; the other lines are not told that nothing was begun.
    """
    errors = {"data": [{"code": "access_denied", "message": "the key was refused", "param": None, "line": None}]}
    with joined(_INPUT, told("a"), of=batch(status="failed", errors=errors, **fields)) as rows:
        assert [row.status for row in rows] == ["ok", "failed", "failed"]
        assert [row.error.message for row in rows if row.error] == [
            "batch batch_1 failed, and no file has an answer to this line: the key was refused"
        ] * 2


def test_failed_batch_without_a_word() -> None:
    """
    A provider that does not say why is quoted so; an error of the whole batch is that of each line.
    """
    with joined(_INPUT, of=batch(status="failed")) as rows:
        assert {row.error.message for row in rows if row.error} == {
            "batch batch_1 failed before it was begun, and the provider does not say why"
        }
    whole = {"data": [{"code": "token_limit_exceeded", "message": "too many", "param": None, "line": None}]}
    with joined(_INPUT, of=batch(status="failed", errors=whole)) as rows:
        assert all(str(row.error).endswith("begun: too many") for row in rows)


_BAD_OUTPUT = (
    told("x")  # unknown
    + told("a", "bad", 500)
    + b"\n  \n"
    + b"garbage\n"
    + told("a", "good")
    + told("a", "late")
    + b'{"custom_id": 5}\n[]\n'
    + told("b")[:-9]  # cut off
)


def test_nothing_is_lost_and_nothing_raises() -> None:
    """
    Unknown and repeated ids, garbage, a line without id and a cut one are problems with file and line.
    """
    with joined(_INPUT, _BAD_OUTPUT, b"") as rows:
        assert _statuses(rows) == [(1, "a", "ok"), (2, "b", "missing"), (3, "c", "missing")]
        assert [row.text for row in rows] == ["good", None, None]
        assert _problems(rows) == [
            ("output", 1, "unknown_custom_id"),
            ("output", 5, "invalid_json_line"),
            ("output", 6, "duplicate_custom_id"),
            ("output", 7, "duplicate_custom_id"),
            ("output", 8, "missing_custom_id"),
            ("output", 9, "invalid_json_line"),
            ("output", 10, "invalid_json_line"),
        ]
        assert "cut off" in rows.problems[-1].message
        assert {problem.batch_id for problem in rows.problems} == {"batch_1"}


def test_an_answer_whose_id_became_a_number_is_that_of_its_line() -> None:
    """
    It is paid for, and would be sent again if it were missing.
    """
    answer = told("1").replace(b'"custom_id": "1"', b'"custom_id": 1')
    with joined(asked("1") + asked("b"), answer + told("b")) as rows:
        assert _statuses(rows) == [(1, "1", "ok"), (2, "b", "ok")]
        assert _problems(rows) == []


def test_lines_of_the_input_that_cannot_be_joined_have_rows_too() -> None:
    """
    What is no JSON or has no id is missing; blank lines have no row, but a number.
    """
    inputs = b"\xef\xbb\xbf" + asked("a") + asked("a", "again") + b"\r\n" + b"garbage\n" + asked(5) + asked("")[:-1]
    with joined(inputs, told("a") + told("")) as rows:
        found = [(1, "a", "missing"), (2, "a", "missing"), (4, None, "missing"), (5, None, "missing"), (6, "", "ok")]
        assert _statuses(rows) == found
        assert [row.request and row.request["messages"][0]["content"] for row in rows] == ["?", "again", None, "?", "?"]
        assert _problems(rows) == [
            ("input", 2, "duplicate_custom_id"),
            ("input", 4, "invalid_json_line"),
            ("input", 5, "missing_custom_id"),
        ]
        assert "line 1" in rows.problems[0].message
        assert (rows.counts["ok"], rows.counts["missing"]) == (1, 4)


_SAME, _OTHER = asked("a"), asked("a", "something else")
_VAGUE = "duplicate_custom_id"


@pytest.mark.parametrize(
    ("inputs", "answers", "ends"),
    [
        (_SAME * 2, told("a", "1"), [("ok", "1", None), ("missing", None, "missing")]),
        (_SAME * 2, told("a", "1") + told("a", "2"), [("ok", "1", None), ("ok", "2", None)]),
        (_SAME * 2, told("a", "1", 500) + told("a", "2"), [("ok", "2", None), ("failed", None, "no")]),
        (_SAME + b"\n" + _SAME, told("a", "1") * 3, [("ok", "1", None)] * 2),
        (_SAME * 2, never_ran("a") * 2, [("expired", None, "batch_expired")] * 2),
        (_SAME * 2, b"", [("missing", None, "missing")] * 2),
        (_SAME + _OTHER, told("a"), [("missing", None, _VAGUE)] * 2),
        (_SAME + _OTHER, told("a") * 2, [("ok", None, None)] * 2),
        (_SAME + _OTHER, told("a") * 3, [("missing", None, _VAGUE)] * 2),
        (_SAME + _OTHER, told("a") + told("a", "1", 500), [("missing", None, _VAGUE)] * 2),
        (_SAME + _OTHER, told("a", "1", 500) * 2, [("failed", None, _VAGUE)] * 2),
        (_SAME + _OTHER, never_ran("a") * 2, [("expired", None, _VAGUE)] * 2),
        (_SAME + _OTHER, b"", [("missing", None, "missing")] * 2),
        (_SAME + _OTHER + _SAME, told("a") * 2, [("missing", None, _VAGUE)] * 3),
        (_SAME + _OTHER + _SAME, told("a") * 3, [("ok", None, None)] * 3),
    ],
)
def test_lines_with_one_custom_id_claim_nothing_that_is_not_known(
    inputs: bytes, answers: bytes, ends: list[tuple[str, str | None, str | None]]
) -> None:
    """
    Those that ask the same take the answers in turn; others have none, and are what all of them are, or missing.
    """
    with joined(asked("x") + inputs + asked("y"), told("y") + answers + told("x")) as rows:
        first, *found, last = rows
        assert (first.text, last.text) == ("yes", "yes")
        assert [(row.status, row.text, row.error and row.error.code) for row in found] == ends
        assert rows.counts["ok"] == 2 + sum(status == "ok" for status, _, _ in ends)
        for row, (status, text, code) in zip(found, ends, strict=True):
            said = row.note or (row.error.message if row.error else "")
            is_vague = code == _VAGUE or (status == "ok" and text is None)
            assert ("no file tells which answer is whose" in said) is is_vague
        assert {code for _, _, code in _problems(rows)} == {_VAGUE}
        with (rows.folder / "rest").open("wb") as file:
            assert rows.copy_input(("missing",), file) == sum(status == "missing" for status, _, _ in ends)


def test_lines_with_one_custom_id_are_joined_through_a_lineage() -> None:
    """
    What a later batch answered counts: of lines that ask the same for those left, of others for all of them.
    """
    first = (batch(id="first"), [("output", told("a", "1"))])
    with joined_lineage(_SAME * 2, [first, (batch(id="second"), [("output", told("a", "2"))])]) as rows:
        assert {(row.text, row.batch_id) for row in rows} == {("1", "first"), ("2", "second")}
    with joined_lineage(_SAME + _OTHER, [first, (batch(id="second"), [("output", told("a", "2") * 2)])]) as rows:
        assert [(row.status, row.text) for row in rows] == [("ok", None)] * 2


def test_empty_files_have_no_rows() -> None:
    """
    An input of 0 bytes is nothing, and its answers are unknown.
    """
    with joined(b"", told("a"), b"") as rows:
        assert (list(rows), set(rows.counts.values())) == ([], {0})
        assert _problems(rows) == [("output", 1, "unknown_custom_id")]


def test_problems_are_shown_up_to_a_hundred() -> None:
    """
    All are counted.
    """
    with joined(_INPUT, b"no\n" * 250) as rows:
        assert (len(rows.problems), rows.problem_count) == (SHOWN_MAX, 250)


def test_file_that_is_gone_is_a_problem_of_the_whole() -> None:
    """
    It has no line.
    """
    folder = Folder()
    gone = Gone(kind="error", batch_id="batch_1", message="gone")
    rows = join([batch()], folder, written(folder.path / "input", _INPUT), [gone], CallContext())
    assert _problems(rows) == [("error", None, "file_gone")]
    assert [row.status for row in rows] == ["missing"] * 3
    rows.close()


def test_long_and_odd_ids_are_told_apart() -> None:
    """
    Long ones by digest; lone surrogates, NUL and what looks like a digest are ids like others.
    """
    ids = ["x" * 41, "x" * 42, "y" * 100_000, "\ud800", "\0", "", "é", "e\u0301", "\0" + "0" * 40]
    with joined(
        b"".join(map(asked, ids)), b"".join(told(custom_id, repr(custom_id)) for custom_id in ids[::-1])
    ) as rows:
        assert [(row.custom_id, row.text) for row in rows] == [(custom_id, repr(custom_id)) for custom_id in ids]
        assert rows.problem_count == 0


_IDS = st.lists(st.text(max_size=8), unique=True, max_size=20)
_ENDS = st.sampled_from(("ok", "failed", "expired", "cancelled", "missing"))
_LINES: dict[str, Callable[[str], bytes]] = {
    "ok": told,
    "failed": lambda custom_id: told(custom_id, "no", 429),
    "expired": never_ran,
    "cancelled": lambda custom_id: never_ran(custom_id, "batch_cancelled"),
    "missing": lambda _: b"",
}


@given(st.data(), _IDS)
def test_any_order_and_any_loss_give_one_row_per_line(data: st.DataObject, ids: list[str]) -> None:
    """
    However answers are shuffled, spread over both files and lost, each line has its own end, in order, twice.
    """
    ends = {custom_id: data.draw(_ENDS) for custom_id in ids}
    files = [b"", b""]
    for custom_id in data.draw(st.permutations(ids)):
        files[data.draw(st.integers(0, 1))] += _LINES[ends[custom_id]](custom_id)
    with joined(b"".join(map(asked, ids)), files[0], files[1]) as rows:
        expected = [(line, custom_id, ends[custom_id]) for line, custom_id in enumerate(ids, start=1)]
        assert _statuses(rows) == expected
        assert _statuses(rows) == expected
        assert sum(rows.counts.values()) == len(ids)
        assert rows.problem_count == 0


_JUNK = st.sampled_from(
    (b"", b"\n", b"junk", told("a"), told("b", "no", 500), told("?"), never_ran("c"), b"{}", b"\xff")
)


@given(st.lists(_JUNK), st.lists(_JUNK), st.lists(_JUNK))
def test_no_content_raises_or_costs_a_row(inputs: list[bytes], output: list[bytes], error: list[bytes]) -> None:
    """
    Any mixture of junk in any file: as many rows as lines that are not blank, and counts that agree with them.
    """
    content = b"".join(inputs)
    lines = [number for number, line in enumerate(content.split(b"\n"), start=1) if line.strip()]
    with joined(content, b"".join(output), b"".join(error)) as rows:
        found = list(rows)
        assert [row.line for row in found] == lines
        assert [row.error is None for row in found] == [row.is_ok for row in found]
        counts: dict[str, int] = dict.fromkeys(rows.counts, 0)
        for row in found:
            counts[row.status] += 1
        assert rows.counts == counts


@pytest.mark.parametrize(
    ("first", "second", "end"),
    [
        ("ok", "failed", ("ok", "first")),
        ("failed", "ok", ("ok", "second")),
        ("ok", "ok", ("ok", "second")),
        ("failed", "expired", ("expired", "second")),
        ("expired", "missing", ("expired", "first")),
        ("missing", "failed", ("failed", "second")),
        ("missing", "missing", ("missing", "first")),
    ],
)
def test_newest_answer_of_a_lineage_counts(first: str, second: str, end: tuple[str, str]) -> None:
    """
    What is ok is not replaced by a later failure, anything else is replaced by what is newer.
    """
    members = [
        (batch(id="first"), [("output", _LINES[first]("a"))]),
        (batch(id="second"), [("error", _LINES[second]("a"))]),
    ]
    with joined_lineage(asked("a"), members) as rows:
        assert [(row.status, row.batch_id) for row in rows] == [end]
        assert rows.counts[end[0]] == 1
        assert rows.problem_count == 0
        assert rows.batch.id == "second"


def test_rest_of_the_input_is_copied_byte_for_byte() -> None:
    """
    White space, escapes and line ends stay; a last line without a newline gets one.
    """
    odd = b'  {"custom_id":"b",  "body": {"x": 1.50, "\\u0041": "\xc3\xa9"}}\r\n'
    inputs = asked("a") + odd + b"\n" + asked("c")[:-1]
    with joined(inputs, told("a")) as rows:
        place = rows.folder / "rest"
        with place.open("wb") as file:
            assert rows.copy_input(("missing",), file) == 2
        assert place.read_bytes() == odd + asked("c")
        with place.open("wb") as file:
            assert rows.copy_input(("expired",), file) == 0


@pytest.mark.parametrize("end", [b"\n", b""])
@pytest.mark.parametrize("beyond", [-1, 0, 1, 30])
def test_results_and_cost_read_lines_to_the_same_bound(
    beyond: int, end: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    An answer of just the longest size is read and counted, one of a byte more is neither.
    """
    line = told("b", "y" * 500)[:-1]
    longest = len(line) - beyond
    monkeypatch.setattr("aikit.resources.batches.rows.index.lines_of", partial(lines_of, max_bytes=longest))
    monkeypatch.setattr("aikit.resources.batches.rows.join.LINE_MAX_BYTES", longest)
    monkeypatch.setattr("aikit.billing.counting._MAX_LINE_BYTES", longest)
    monkeypatch.setattr("aikit.billing.counting._PIECE", 100)
    content = told("a") + line + end
    sink = CountingSink(make_counter=lambda: UsageCounter(lambda _: None))
    sink.begin(200, {})
    sink.write(memoryview(content))
    counter = sink.finish()
    with joined(_INPUT, content) as rows:
        assert [row.text is not None for row in rows] == [True, beyond <= 0, False]
        assert (rows.counts["ok"], rows.problem_count) == (counter.answered, counter.problem_count)
    assert counter.answered == (2 if beyond <= 0 else 1)


def test_line_that_is_too_long_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    It has a row without content, and is copied all the same; an answer of that length is a problem.
    """
    monkeypatch.setattr("aikit.resources.batches.rows.index.lines_of", partial(lines_of, max_bytes=1000))
    monkeypatch.setattr("aikit.resources.batches.rows.join.LINE_MAX_BYTES", 1000)
    long = asked("b", "x" * 3_000_000)
    with joined(asked("a") + long + asked("c"), told("c") + told("a", "y" * 1000)) as rows:
        assert _statuses(rows) == [(1, "a", "missing"), (2, None, "missing"), (3, "c", "ok")]
        assert [row.input_line == b"" for row in rows] == [False, True, False]
        assert _problems(rows) == [("input", 2, "line_too_long"), ("output", 2, "line_too_long")]
        with (rows.folder / "rest").open("wb") as file:
            rows.copy_input(("missing",), file)
        assert (rows.folder / "rest").read_bytes() == asked("a") + long
