"""
A table as the input of a run, and its rows beside their answers.
"""

from __future__ import annotations

import csv
import json
import os
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aikit.billing.price_overrides import user_prices
from aikit.billing.prices import Prices
from aikit.http.context import CallContext
from aikit.jsonl.questions import Question
from aikit.resources.batches.run.table import COLUMNS, TableInput, own_names
from aikit.types.batch_rows import OpenAIBatchRow
from aikit.types.errors import CancelledError, OpenAIError, Rejected

_PROMPT = "Say {review}"


def _table(value: Any, prompt: str = _PROMPT, **options: Any) -> TableInput:
    question = Question.of(prompt, model="m")
    if isinstance(value, Path):
        return TableInput(value, question, **options)
    return TableInput(None, question, value)


def _file(folder: Path, content: str | bytes) -> Path:
    path = folder / "in.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _prices(folder: Path, **own: Any) -> Prices:
    return Prices(own=user_prices("prices", own, Decimal("0.5")), path=folder / "prices.json")


def _answer(custom_id: str, text: str, **body: Any) -> OpenAIBatchRow:
    message = {"role": "assistant", "content": text}
    whole = {
        "model": "m",
        "choices": [{"message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    } | body
    line = {"custom_id": custom_id, "response": {"status_code": 200, "body": whole}, "error": None}
    return OpenAIBatchRow(line=1, custom_id=custom_id, status="ok", batch_id="b", output_line=json.dumps(line).encode())


def _answers(lines: Path) -> Iterator[OpenAIBatchRow]:
    for line in lines.read_bytes().splitlines():
        value = json.loads(line)
        yield _answer(value["custom_id"], value["body"]["messages"][-1]["content"].upper())


def _made(table: TableInput, folder: Path, context: CallContext | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    return table.make_lines(lambda: folder, context or CallContext())


def _written(table: TableInput, folder: Path, name: str = "out.csv", rows: Any = None, **prices: Any) -> bytes:
    lines = _made(table, folder / "own")
    table.write_rows(_answers(lines) if rows is None else rows, folder / name, _prices(folder, **prices))
    return (folder / name).read_bytes()


def test_rows_are_written_as_they_were_with_their_answers_beside(tmp_path: Path) -> None:
    """
    To the byte: quotation marks that need not be, spaces, line ends in cells and what looks like a formula.
    """
    rows = ['"1", good ,"a\r\nb"', "=2,,", "3,bad,x"]
    table = _table(_file(tmp_path, "\n".join(['id," review", note', *rows])))
    written = _written(table, tmp_path).decode()
    assert written == (
        'id," review", note,text,status,error,answer_note,input_tokens,output_tokens,cost\r\n'
        f"{rows[0]},SAY  GOOD ,ok,,,100,10,\r\n"
        f"{rows[1]},,skipped,,,,,\r\n"
        f"{rows[2]},SAY BAD,ok,,,100,10,\r\n"
    )


def test_a_spreadsheet_reads_the_copy_as_it_read_the_file(tmp_path: Path) -> None:
    """
    The delimiter stays; a file with a mark, or in an encoding of Windows', gets a mark in UTF-8.
    """
    for content in ("review;more\nä;1\n".encode("cp1252"), "review;more\nä;1\n".encode("utf-16")):
        written = _written(_table(_file(tmp_path, content)), tmp_path)
        assert written.decode() == (
            "\ufeffreview;more;text;status;error;note;input_tokens;output_tokens;cost\r\nä;1;SAY Ä;ok;;;100;10;\r\n"
        )


def test_answers_that_look_like_formulas_are_escaped(tmp_path: Path) -> None:
    """
    What the caller wrote is not; and a text with the delimiter in it is quoted.
    """
    table = _table(_file(tmp_path, "review\n=1+1\n"))
    written = _written(table, tmp_path, rows=[_answer("row-2", "=cmd(),x")]).decode().splitlines()[1]
    assert written == '=1+1,"\'=cmd(),x",ok,,,100,10,'


def test_what_an_answer_cost_is_beside_it(tmp_path: Path) -> None:
    """
    In dollars, by the prices of batches; nothing where no price is known.
    """
    path = _file(tmp_path, "review\na\nb\n")
    rows = [_answer("row-2", "x"), _answer("row-3", "y", model="other")]
    written = _written(_table(path), tmp_path, rows=rows, m={"input": 2, "output": 10})
    assert [row["cost"] for row in csv.DictReader(written.decode().splitlines())] == ["0.00015", "0.00015"]
    rows = [_answer("row-2", "x"), _answer("row-3", "y", model="other")]
    written = _written(_table(path), tmp_path, rows=rows)
    assert [row["cost"] for row in csv.DictReader(written.decode().splitlines())] == ["", ""]


def test_rows_that_were_not_answered_are_rows_all_the_same(tmp_path: Path) -> None:
    """
    With the status, and why.
    """
    fault = OpenAIError(message="the batch expired", code="batch_expired")
    rows = [
        OpenAIBatchRow(line=1, custom_id="row-2", status="expired", batch_id="b", fault=fault),
        _answer("row-3", "", choices=[{"message": {"content": "cut"}, "finish_reason": "length"}]),
    ]
    written = _written(_table(_file(tmp_path, "review\na\nb\n")), tmp_path, rows=rows).decode().splitlines()
    assert written[1:] == ["a,,expired,batch_expired: the batch expired,,,,", "b,cut,ok,,length,100,10,"]


def test_json_lines_have_the_same_columns(tmp_path: Path) -> None:
    """
    Cells of a file are text, numbers of answers are numbers; of columns with one name, the later ones get a number.
    """
    table = _table(_file(tmp_path, "id,review,id\n007,a,8\n"))
    written = _written(table, tmp_path, "out.jsonl", m={"input": 2, "output": 10})
    assert json.loads(written) == {
        "id": "007",
        "review": "a",
        "id_2": "8",
        "text": "SAY A",
        "status": "ok",
        "error": None,
        "note": None,
        "input_tokens": 100,
        "output_tokens": 10,
        "cost": 0.00015,
    }


def test_records_are_written_as_they_were(tmp_path: Path) -> None:
    """
    In JSON lines their values stay what they are, in CSV they are text.
    """
    records = [{"review": "a", "stars": 5, "tags": ["x", "y"]}, {"review": "ä", "more": None}]
    lines = [json.loads(line) for line in _written(_table(records), tmp_path, "out.jsonl").splitlines()]
    assert list(lines[0])[:5] == ["review", "stars", "tags", "more", "text"]
    assert [list(line.values())[:5] for line in lines] == [
        ["a", 5, ["x", "y"], None, "SAY A"],
        ["ä", None, None, None, "SAY Ä"],
    ]
    written = _written(_table(records), tmp_path).decode().splitlines()
    assert written[1:] == ['a,5,"[""x"", ""y""]",,SAY A,ok,,,100,10,', "ä,,,,SAY Ä,ok,,,100,10,"]


def test_lone_surrogates_in_answers_are_written_as_their_escapes(tmp_path: Path) -> None:
    """
    JSON can name them, and UTF-8 cannot carry them.
    """
    table, rows = _table([{"review": "a"}]), [_answer("row-1", "\ud800")]
    assert json.loads(_written(table, tmp_path, "out.jsonl", rows))["text"] == "\ud800"
    assert _written(_table([{"review": "a"}]), tmp_path, rows=rows).splitlines()[1].startswith(b"a,\\ud800,ok")


def test_lone_surrogates_are_told_before_anything_is_sent(tmp_path: Path) -> None:
    """
    UTF-8 cannot carry them.
    """
    with pytest.raises(Rejected, match="surrogate"):
        _made(_table([{"review": "\ud800"}]), tmp_path)


def test_records_may_be_the_lines_of_a_file(tmp_path: Path) -> None:
    """
    Any objects, one on a line.
    """
    path = tmp_path / "in.jsonl"
    path.write_text('{"review": "a", "stars": 5}\n{"review": "b"}\n')
    written = _written(_table(path), tmp_path).decode().splitlines()
    assert written[1:] == ["a,5,SAY A,ok,,,100,10,", "b,,SAY B,ok,,,100,10,"]


def test_names_that_are_taken_are_not_taken_again() -> None:
    """
    Not in another case either; what an earlier run wrote can be asked about again.
    """
    assert own_names(["id"]) == COLUMNS
    assert own_names(["Text", "answer_text", "cost"])[:3] == ("answer_text_2", "status", "error")
    assert len({*COLUMNS, *own_names(COLUMNS), *own_names([*COLUMNS, *own_names(COLUMNS)])}) == 3 * len(COLUMNS)


def test_the_same_table_and_question_give_the_same_lines(tmp_path: Path) -> None:
    """
    However the file is written, and whatever is in columns that are not asked about.
    """
    path = _file(tmp_path, "review,more\na,1\n")
    first = _made(_table(path), tmp_path / "a").read_bytes()
    _file(tmp_path, '\ufeffreview;more;new\r\n"a";2;3\r\n')
    assert _made(_table(path), tmp_path / "b").read_bytes() == first
    assert _made(_table(path, "Tell {review}"), tmp_path / "c").read_bytes() != first


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """
    No line of the others is sent.
    """
    with pytest.raises(Rejected) as caught:
        _made(_table(_file(tmp_path, "review\na\nb,c\nd,e\n")), tmp_path / "own")
    assert [error.line for error in caught.value.errors] == [3, 4]


def test_what_is_to_be_known_of_the_table_is_noted(tmp_path: Path) -> None:
    """
    How it was read, and how many rows are not asked about.
    """
    context = CallContext()
    _made(_table(_file(tmp_path, "review,é\na,1\n,2\n".encode("cp1252"))), tmp_path, context)
    assert [note.partition(",")[0].partition(":")[0] for note in context.notes] == [
        "in.csv is not UTF-8 and was read as Windows-1252; if its letters are wrong",
        "1 row is skipped",
    ]


def test_making_lines_can_be_cancelled(tmp_path: Path) -> None:
    """
    Records without end are left when the call is.
    """
    context = CallContext()

    def endless() -> Iterator[dict[str, str]]:
        while True:
            yield {"review": "a"}
            context.cancel()

    with pytest.raises(CancelledError):
        _made(_table(endless()), tmp_path, context)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX")
def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    """
    As the shell has them for the output of another program.
    """
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writing = threading.Thread(target=pipe.write_text, args=["review\na\n"])
    writing.start()
    assert _written(_table(pipe), tmp_path).startswith(b"review,text,")
    writing.join()
