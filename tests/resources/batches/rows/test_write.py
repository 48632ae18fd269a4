"""
Rows as JSON lines and as CSV: one for each, in order, and nothing lost or run.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aikit.resources.batches import BatchesAPI
from aikit.resources.batches.results import OpenAIBatchRowsResult
from aikit.resources.batches.rows.write import COLUMNS, write_csv, write_jsonl
from aikit.types.batch_rows import STATUSES, OpenAIBatchRow, status_of
from aikit.types.errors import OpenAIError
from tests.resources.batches.rows.files import asked, joined, never_ran, told

_INPUT = asked("a") + asked("b") + asked("c") + asked("d\n")
_OUTPUT = told("d\n", 'he said "yes",\nthen =1+1') + told("b", "no", 400)


def _records(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_lines_are_the_providers_own(tmp_path: Path) -> None:
    """
    Each has what the provider sent, byte for byte, and at its end line, status and batch.
    """
    output = b' {"custom_id":"b", "x": 1.50, "status": "odd", "response": {"status_code": 200, "body": {}}} \r\n'
    with joined(_INPUT, output, never_ran("a")) as rows:
        assert write_jsonl(rows, tmp_path / "rows.jsonl") == 4
    first, second, third, fourth = (tmp_path / "rows.jsonl").read_bytes().splitlines()
    assert second == output.strip()[:-1] + b', "line": 2, "status": "ok", "batch_id": "batch_1"}'
    assert json.loads(first) == json.loads(never_ran("a")) | {"line": 1, "status": "expired", "batch_id": "batch_1"}
    missing = {"id": None, "custom_id": "c", "response": None, "status": "missing", "line": 3, "batch_id": "batch_1"}
    assert {**json.loads(third), "error": None} == missing | {"error": None}
    assert json.loads(third)["error"]["code"] == "missing"
    assert json.loads(fourth)["custom_id"] == "d\n"


def test_what_was_written_can_be_read_as_an_output_again(tmp_path: Path) -> None:
    """
    Joined anew with the same input, it gives the same answers; what had none is a failure then.
    """
    with joined(_INPUT, _OUTPUT, never_ran("a")) as rows:
        write_jsonl(rows, tmp_path / "rows.jsonl")
        before = [(row.custom_id, row.status, row.body, row.error and row.error.code) for row in rows]
    with joined(_INPUT, (tmp_path / "rows.jsonl").read_bytes()) as rows:
        after = [(row.custom_id, row.status, row.body, row.error and row.error.code) for row in rows]
        assert rows.problem_count == 0
    assert after == [(*row[:1], "failed" if row[1] == "missing" else row[1], *row[2:]) for row in before]


_ANSWERS = st.lists(st.tuples(st.text(), st.sampled_from((200, 400))), max_size=5)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)  # the file is written anew each time
@given(_ANSWERS)
def test_json_lines_come_back(tmp_path: Path, answers: list[tuple[str, int]]) -> None:
    """
    Whatever was said, each line is one line, and says the same.
    """
    inputs = b"".join(asked(str(number)) for number in range(len(answers)))
    output = b"".join(told(str(number), *answer) for number, answer in enumerate(answers))
    with joined(inputs, output) as rows:
        write_jsonl(rows, tmp_path / "rows.jsonl")
        bodies = [row.body for row in rows]
    lines = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text("utf-8").split("\n")[:-1]]
    assert [line["response"]["body"] for line in lines] == bodies
    assert [line["status"] for line in lines] == [status_of(line) for line in lines]


def test_records_have_what_the_rows_have(tmp_path: Path) -> None:
    """
    Under the headings that are documented; what there is not is empty.
    """
    with joined(_INPUT, _OUTPUT) as rows:
        assert write_csv(rows, tmp_path / "rows.csv", escape_formulas=True) == 4
    records = _records(tmp_path / "rows.csv")
    assert tuple(records[0]) == COLUMNS
    assert [(record["line"], record["status"]) for record in records] == [
        ("1", "missing"),
        ("2", "failed"),
        ("3", "missing"),
        ("4", "ok"),
    ]
    assert (records[1]["status_code"], records[1]["error_code"], records[1]["error_message"]) == ("400", "no", "no")
    assert records[3] == {
        "line": "4",
        "custom_id": "d\n",
        "status": "ok",
        "status_code": "200",
        "model": "m",
        "text": 'he said "yes",\nthen =1+1',
        "note": "",
        "error_code": "",
        "error_message": "",
        "input_tokens": "1",
        "cached_tokens": "0",
        "output_tokens": "2",
        "reasoning_tokens": "0",
        "request_id": "req_1",
        "batch_id": "batch_1",
    }


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ('=HYPERLINK("http://x")', '\'=HYPERLINK("http://x")'),
        ("+1-2", "'+1-2"),
        ("-a", "'-a"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\n=1", "'\n=1"),
        ("\uff1d1", "'\uff1d1"),
        ("'tis", "''tis"),
        ("-5", "-5"),
        ("+1.5e3", "+1.5e3"),
        ("a=1", "a=1"),
        ("", ""),
    ],
)
def test_no_cell_is_a_formula(tmp_path: Path, text: str, cell: str) -> None:
    """
    What a spreadsheet would run gets an apostrophe, numbers stay numbers, and it can be switched off.
    """
    with joined(asked("=x"), told("=x", text)) as rows:
        write_csv(rows, tmp_path / "rows.csv", escape_formulas=True)
        assert [(record["custom_id"], record["text"]) for record in _records(tmp_path / "rows.csv")] == [("'=x", cell)]
        write_csv(rows, tmp_path / "rows.csv", escape_formulas=False)
        assert [(record["custom_id"], record["text"]) for record in _records(tmp_path / "rows.csv")] == [("=x", text)]


def test_an_answer_that_may_be_another_lines_is_no_lines(tmp_path: Path) -> None:
    """
    Lines with one custom_id that ask different things: the cell of the text is empty, and that of the note says why.
    """
    with joined(asked("a") + asked("a", "else"), told("a", "1") + told("a", "2")) as rows:
        write_csv(rows, tmp_path / "rows.csv", escape_formulas=True)
        write_jsonl(rows, tmp_path / "rows.jsonl")
    told_by = [(record["status"], record["text"], record["note"][:30]) for record in _records(tmp_path / "rows.csv")]
    assert told_by == [("ok", "", "2 lines have this custom_id, l")] * 2
    lines = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [(line["status"], line["response"], line["error"]["code"]) for line in lines] == [
        ("ok", None, "duplicate_custom_id")
    ] * 2


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)  # the file is written anew each time
@given(st.text())
def test_text_comes_back(tmp_path: Path, text: str) -> None:
    """
    With one leading apostrophe taken off, every text is what it was.
    """
    with joined(asked("a"), told("a", text)) as rows:
        write_csv(rows, tmp_path / "rows.csv", escape_formulas=True)
    assert [record["text"].removeprefix("'") for record in _records(tmp_path / "rows.csv")] == [text]


def test_lone_surrogates_are_escaped(tmp_path: Path) -> None:
    """
    JSON can name what UTF-8 cannot carry.
    """
    with joined(asked("a"), told("a", "x\ud800")) as rows:
        write_csv(rows, tmp_path / "rows.csv", escape_formulas=True)
    assert [record["text"] for record in _records(tmp_path / "rows.csv")] == ["x\\ud800"]


@pytest.mark.parametrize("write", [write_jsonl, lambda rows, path: write_csv(rows, path, escape_formulas=True)])
def test_broken_writing_leaves_what_was_there(tmp_path: Path, write: Any) -> None:
    """
    A file is replaced by a whole one or not at all, and nothing is left beside it.
    """

    def rows_that_break() -> Any:
        with joined(_INPUT, _OUTPUT) as rows:
            yield from rows
            raise OpenAIError(message="broken")

    (tmp_path / "rows").write_text("before")
    with pytest.raises(OpenAIError, match="broken"):
        write(rows_that_break(), tmp_path / "rows")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("rows", "before")]


@pytest.mark.parametrize("write", [write_jsonl, lambda rows, path: write_csv(rows, path, escape_formulas=True)])
def test_full_disk_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Any) -> None:
    """
    It is told once, as an error about the file.
    """

    def full(*_: Any) -> None:
        raise OpenAIError(message="full", code="unwritable_file")

    monkeypatch.setattr("aikit.http.sinks.FileSink.write", full)
    with joined(_INPUT, _OUTPUT) as rows, pytest.raises(OpenAIError, match="full"):
        write(rows, tmp_path / "rows")
    assert list(tmp_path.iterdir()) == []


def _words(text: str | None, before: str, after: str) -> set[str]:
    """
    Return the words of *text* between *before* and *after*, without punctuation.
    """
    return set(re.findall(r"\w+", (text or "").partition(before)[2].partition(after)[0]))


def test_every_status_is_documented() -> None:
    """
    The page, rows, their counts and resubmitting name each of the five, and no other; the counts are of these.
    """
    page = (Path(__file__).parents[4] / "aikit" / "docs" / "batch-results.md").read_text("utf-8")
    assert _words(page, "- A row is ", " (no file") == {*STATUSES, "or"}
    assert set(STATUSES) <= _words(OpenAIBatchRow.__doc__, "status: ", "batch_id:")
    assert _words(BatchesAPI.resubmit.__doc__, "only: Which lines: ", "\n") == set(STATUSES)
    counts = OpenAIBatchRowsResult.counts.__doc__
    assert _words(counts, "all of ", ";") == {*STATUSES, "and"}
    with joined(_INPUT, _OUTPUT) as rows:
        assert tuple(rows.counts) == STATUSES
        assert {row.status for row in rows} == {status for status, count in rows.counts.items() if count}


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="needs POSIX")
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_what_stdout_is_redirected_to_is_not_replaced(kind: str, tmp_path: Path) -> None:
    """
    A name of an open file, such as ``/dev/stdout``, is refused: rows written there would replace what is in it.
    """
    path = tmp_path / "a"
    with path.open("wb") as file, joined(_INPUT, _OUTPUT) as rows:
        file.write(b"before")
        file.flush()
        place = Path(f"/dev/fd/{file.fileno()}")
        with pytest.raises(OpenAIError) as caught:
            write_jsonl(rows, place) if kind == "jsonl" else write_csv(rows, place, escape_formulas=True)
    assert (caught.value.code, path.read_bytes()) == ("not_a_regular_file", b"before")
