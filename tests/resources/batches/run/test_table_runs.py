"""
``batches.run`` of tables: a CSV file, or records, asked about row by row.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from aikit.billing.prices import Prices
from aikit.client import OpenAIClient
from aikit.jsonl import from_csv
from aikit.providers.local.provider import LocalProvider
from aikit.testing import embedded_provider
from aikit.types.batch_runs import OpenAIBatchRunProgress
from aikit.types.errors import Rejected
from aikit.validation.limits import limits_for

_ASKED: Final[dict[str, Any]] = {"prompt": "Say {review}", "model": "m", "poll_interval": 0.02}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[OpenAIClient]:
    """
    A client of the embedded provider.
    """
    with OpenAIClient(provider="local", home=tmp_path / "home") as client:
        yield client


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    """
    A table of three rows, one of which is empty.
    """
    path = tmp_path / "reviews.csv"
    path.write_text("id,review\n1,good\n2,\n3,bad\n")
    return path


def _rows(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file))
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_a_table_is_answered_row_by_row(client: OpenAIClient, tmp_path: Path, reviews: Path) -> None:
    """
    Paths may be text; each row is there, and what was not asked about is noted.
    """
    result = client.batches.run(str(reviews), str(tmp_path / "answers.csv"), **_ASKED)
    run = result.unwrap()
    assert (run.lines, dict(run.counts)) == (2, {"ok": 2})
    assert "1 row is skipped, with nothing under review" in result.notes
    found = _rows(tmp_path / "answers.csv")
    assert [(row["id"], row["review"], row["text"], row["status"]) for row in found] == [
        ("1", "good", "Say good", "ok"),
        ("2", "", "", "skipped"),
        ("3", "bad", "Say bad", "ok"),
    ]
    content = client.files.content(run.batches[0].input_file_id).content
    assert content is not None
    assert [json.loads(line)["custom_id"] for line in content.splitlines()] == ["row-2", "row-4"]
    file = client.files.retrieve(run.batches[0].input_file_id).file
    assert file is not None
    assert file.filename == "reviews.jsonl"


def test_cells_of_records_may_have_lines(client: OpenAIClient, tmp_path: Path) -> None:
    """
    Line ends of any kind, also in the name of a column, stay within their cell, and answers beside their row.
    """
    records = [
        {"review": "one\ntwo", "a\nb": 1},
        {"review": "one\rtwo", "a\nb": 2},
        {"review": "one\r\ntwo", "a\nb": 3},
    ]
    client.batches.run(records, tmp_path / "answers.csv", **_ASKED).unwrap()
    assert [(row["review"], row["a\nb"], row["text"]) for row in _rows(tmp_path / "answers.csv")] == [
        (record["review"], str(record["a\nb"]), f"Say {record['review']}") for record in records
    ]


def test_the_same_question_about_the_same_rows_is_one_run(client: OpenAIClient, tmp_path: Path, reviews: Path) -> None:
    """
    Also when other columns have changed, which are written as they are now; another prompt is another run.
    """
    first = client.batches.run(reviews, tmp_path / "a.csv", **_ASKED).unwrap()
    reviews.write_text("id;review;new\n7;good;x\n8;;y\n9;bad;z\n")
    again = client.batches.run(reviews, tmp_path / "b.jsonl", **_ASKED).unwrap()
    assert again.batch_ids == first.batch_ids
    assert [(row["id"], row["new"], row["text"]) for row in _rows(tmp_path / "b.jsonl")] == [
        ("7", "x", "Say good"),
        ("8", "y", None),
        ("9", "z", "Say bad"),
    ]
    for changed in ({"prompt": "Tell {review}"}, {"system": "Be short."}, {"model": "n"}, {"body": {"n": 1}}):
        other = client.batches.run(reviews, tmp_path / "c.csv", **(_ASKED | changed)).unwrap()
        assert other.batch_ids != first.batch_ids


def test_a_run_of_a_table_that_was_stopped_goes_on(tmp_path: Path, reviews: Path) -> None:
    """
    The batch that was created is waited for by the next call.
    """
    with embedded_provider(tmp_path / "home") as provider, provider.client() as client:
        provider.fail_lines(delay=1_000.0)  # slow ones
        result = client.batches.run(reviews, tmp_path / "x.csv", **_ASKED, max_wait=1e-6)
        assert [error.code for error in result.errors] == ["timeout"]
        provider.clock.run_at(100_000.0)
        run = client.batches.run(reviews, tmp_path / "x.csv", **_ASKED).unwrap()
        assert run.batch_ids == result.batch_ids
        assert [row["text"] for row in _rows(tmp_path / "x.csv")] == ["Say good", "", "Say bad"]


def test_records_are_answered_as_they_come(client: OpenAIClient, tmp_path: Path) -> None:
    """
    An iterable is taken once; its values are beside the answers.
    """
    records = ({"review": text, "stars": number} for number, text in enumerate(["good", "bad"]))
    client.batches.run(records, tmp_path / "answers.jsonl", **_ASKED).unwrap()
    assert [(row["stars"], row["text"]) for row in _rows(tmp_path / "answers.jsonl")] == [
        (0, "Say good"),
        (1, "Say bad"),
    ]


@pytest.mark.parametrize(
    ("name", "first"), [("x.tsv", "id,"), ("x", "id,"), ("x.CSV", "id,"), ("x.ndjson", "{"), ("x.JSONL", "{")]
)
def test_the_name_of_the_output_says_its_format(
    client: OpenAIClient, tmp_path: Path, reviews: Path, name: str, first: str
) -> None:
    """
    What is none of JSON is a table like the input.
    """
    client.batches.run(reviews, tmp_path / name, **_ASKED).unwrap()
    assert (tmp_path / name).read_text().startswith(first)


def test_a_workbook_is_refused_as_the_output(client: OpenAIClient, tmp_path: Path, reviews: Path) -> None:
    """
    It would be text that no spreadsheet opens.
    """
    with pytest.raises(ValueError, match="which is no text"):
        client.batches.run(reviews, tmp_path / "x.xlsx", **_ASKED)


def test_costs_of_the_rows_are_those_of_the_run(tmp_path: Path, reviews: Path) -> None:
    """
    To the last digit.
    """
    prices = {"m": {"input": "0.15", "output": "0.6"}}
    with OpenAIClient(provider="local", home=tmp_path / "home", prices=prices) as client:
        run = client.batches.run(reviews, tmp_path / "answers.csv", **_ASKED).unwrap()
    costs = [Decimal(row["cost"]) for row in _rows(tmp_path / "answers.csv") if row["cost"]]
    assert len(costs) == 2
    assert sum(costs) == run.cost.total != 0


def test_rows_that_fail_are_rows_and_can_be_sent_again(tmp_path: Path, reviews: Path) -> None:
    """
    With the reason, and with the answer afterwards.
    """
    with embedded_provider(tmp_path / "home") as provider, provider.client() as client:
        provider.fail_lines("row-4", status=500)
        run = client.batches.run(reviews, tmp_path / "x.csv", **_ASKED).unwrap()
        assert dict(run.counts) == {"ok": 1, "failed": 1}
        assert [row["status"] for row in _rows(tmp_path / "x.csv")] == ["ok", "skipped", "failed"]
        assert _rows(tmp_path / "x.csv")[2]["error"]
        provider.fail_lines("row-4", delay=0.0)
        client.batches.run(reviews, tmp_path / "x.csv", **_ASKED, resubmit=True).unwrap()
        assert [row["status"] for row in _rows(tmp_path / "x.csv")] == ["ok", "skipped", "ok"]


def test_a_table_of_several_batches_is_one(
    client: OpenAIClient, tmp_path: Path, reviews: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where one batch cannot take all of it, rows stay in their order.
    """
    small = attrs.evolve(limits_for("local"), batch_max_lines=1)
    monkeypatch.setattr(LocalProvider, "limits", property(lambda _: small))
    run = client.batches.run(reviews, tmp_path / "x.csv", **_ASKED).unwrap()
    assert len(run.batches) == 2
    assert [row["text"] for row in _rows(tmp_path / "x.csv")] == ["Say good", "", "Say bad"]


def test_without_an_output_rows_are_written_later(client: OpenAIClient, tmp_path: Path, reviews: Path) -> None:
    """
    As often as needed, also when the table is gone.
    """
    with client.batches.run(reviews, **_ASKED) as result:
        assert [row.text for row in result] == ["Say good", "Say bad"]
        reviews.unlink()
        assert result.write(tmp_path / "x.csv") == 3
        assert result.write(tmp_path / "x.jsonl") == 3
    assert [row["review"] for row in _rows(tmp_path / "x.csv")] == ["good", "", "bad"]


def test_problems_of_a_table_are_told_before_anything_is_sent(
    client: OpenAIClient, tmp_path: Path, reviews: Path
) -> None:
    """
    All of them at once.
    """
    reviews.write_text("id,review\n1,a,b\n2,c,d\n")
    result = client.batches.run(reviews, tmp_path / "x.csv", **_ASKED)
    assert [(error.code, error.line) for error in result.errors] == [("invalid_csv", 2), ("invalid_csv", 3)]
    result = client.batches.run(reviews, tmp_path / "x.csv", **(_ASKED | {"prompt": "{revew}"}))
    assert [error.code for error in result.errors] == ["unknown_column"]
    assert "did you mean" in result.errors[0].message
    assert client.files.list().files == ()
    assert not (tmp_path / "x.csv").exists()


def test_records_without_a_question_are_told_as_that(client: OpenAIClient) -> None:
    """
    And not as lines that lack everything, one by one.
    """
    (error,) = client.batches.run({"review": str(number)} for number in range(5)).errors
    assert (error.code, error.line) == ("missing_required_parameter", 1)
    assert "give prompt" in error.message


def test_a_frame_is_told_how_its_rows_are_had(client: OpenAIClient) -> None:
    """
    It is iterated over by the names of its columns, which nobody means.
    """

    class DataFrame(list[str]):
        pass

    with pytest.raises(TypeError, match="to_dict"):
        client.batches.run(DataFrame(["review"]), **_ASKED)


@pytest.mark.parametrize("text", ["x" * 4_000_000, "日" * 1_000_000])
def test_a_row_that_is_too_long_is_refused_before_its_line_is_made(
    client: OpenAIClient, tmp_path: Path, reviews: Path, text: str
) -> None:
    """
    A long cell that is named many times is not multiplied in memory, nor in lines of one's own making.
    """
    reviews.write_text(f"id,review\n1,\n2,{text}\n", encoding="utf-8")
    prompt = "{review}" * 99
    for system in (None, prompt):
        asked = _ASKED | {"prompt": "{review}" if system else prompt, "system": system}
        (error,) = client.batches.run(reviews, tmp_path / "x.csv", **asked).errors
        assert error.message.startswith("row 3 makes a line of more than 67,108,864 bytes")
    with pytest.raises(Rejected, match="row 3 makes"):
        list(from_csv(reviews, prompt=prompt, model="m"))


def test_a_row_that_is_too_long_is_told_by_its_number(client: OpenAIClient, tmp_path: Path, reviews: Path) -> None:
    """
    That of its line among those that are sent means nothing to its owner.
    """
    reviews.write_text(f"id,review\n1,\n2,{'x' * 24_000_000}\n")
    result = client.batches.run(reviews, tmp_path / "x.csv", **(_ASKED | {"prompt": "{review}{review}{review}"}))
    (error,) = result.errors
    assert (error.code, error.line) == ("line_too_long", 3)
    assert error.message.startswith("row 3 makes a line of more than 67,108,864 bytes")


def test_what_a_row_cost_is_told_at_the_price_of_its_batch(
    client: OpenAIClient, tmp_path: Path, reviews: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    As in the ledger: prices that changed since are not those of a run whose rows are written again.
    """
    run = client.batches.run(reviews, tmp_path / "x.csv", **_ASKED).unwrap()
    asked: list[int | None] = []
    monkeypatch.setattr(Prices, "price_of", lambda _, __, at=None: asked.append(at))
    assert client.batches.run(reviews, tmp_path / "y.csv", **_ASKED).success
    assert set(asked) == {run.batches[0].created_at}


def test_reading_a_table_tells_its_progress(client: OpenAIClient, tmp_path: Path, reviews: Path) -> None:
    """
    In bytes of the file.
    """
    seen: list[OpenAIBatchRunProgress] = []
    client.batches.run(reviews, tmp_path / "x.csv", **_ASKED, background=True, on_progress=seen.append).wait(20)
    assert seen[0].phase == "making"
    assert seen[0].total_bytes == reviews.stat().st_size >= seen[0].bytes > 0


def test_a_changed_question_is_told_to_be_a_new_run(client: OpenAIClient, tmp_path: Path, reviews: Path) -> None:
    """
    As a changed table is.
    """
    client.batches.run(reviews, tmp_path / "x.csv", **_ASKED).unwrap()
    result = client.batches.run(reviews, tmp_path / "x.csv", **(_ASKED | {"prompt": "Tell {review}"}))
    assert any(note.startswith("the table or the question was changed since") for note in result.notes)
    assert not any("paid again" in note for note in result.notes)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ("id,review\n1,good\n2,\n3,bad\n4,new\n", "2 of the 3 requests"),
        ("id,review\n9,first\n1,good\n2,\n3,bad\n", "2 of the 3 requests"),
        ("id,review\n1,good\n2,mended\n3,worse\n4,good\n", "1 of the 4 requests"),
    ],
)
def test_rows_that_are_to_be_paid_again_are_told_before(
    client: OpenAIClient, tmp_path: Path, reviews: Path, changed: str, told: str
) -> None:
    """
    Wherever rows came in between, with where their answers are; those that nothing was sent of are not.
    """
    client.batches.run(reviews, tmp_path / "x.csv", **_ASKED).unwrap()
    reviews.write_text(changed)
    refused = client.batches.run(reviews, tmp_path / "y.csv", confirm=lambda _: False, **_ASKED)
    result = client.batches.run(reviews, tmp_path / "y.csv", **_ASKED)
    for notes in (refused.notes, result.notes):
        (note,) = (note for note in notes if "paid again" in note)
        assert note.startswith(f"{told} were sent by the run of ")
        assert f", too, whose results are in {tmp_path / 'x.csv'}, and are to be paid again" in note
    assert result.success


@pytest.mark.parametrize("is_file", [False, True])
def test_records_and_copies_that_were_sent_for_the_most_part_are_told_likewise(
    client: OpenAIClient, tmp_path: Path, reviews: Path, *, is_file: bool
) -> None:
    """
    They have no path by which an earlier run is known, or another one; a few requests alike are no news.
    """
    records = [{"review": f"r{number}"} for number in range(4)]
    client.batches.run(records, tmp_path / "x.csv", **_ASKED).unwrap()
    reviews.write_text("review\n" + "".join(f"{record['review']}\n" for record in records) + "new\n")
    given: Any = reviews if is_file else [*records, {"review": "new"}]
    (note,) = (note for note in client.batches.run(given, **_ASKED).notes if "paid again" in note)
    assert note.startswith("4 of the 5 requests were sent by the run of ")
    few = client.batches.run([records[0], {"review": "a"}, {"review": "b"}], **_ASKED)
    assert not any("paid again" in note for note in few.notes)


def test_of_a_long_input_its_first_requests_are_compared(
    client: OpenAIClient, tmp_path: Path, reviews: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Memory does not grow with it.
    """
    monkeypatch.setattr("aikit.resources.batches.run.repeated._MOST_LINES", 3)
    reviews.write_text("review\n" + "".join(f"{number}\n" for number in range(5)))
    client.batches.run(reviews, tmp_path / "x.csv", **_ASKED).unwrap()
    reviews.write_text(reviews.read_text() + "more\n")
    result = client.batches.run(reviews, tmp_path / "x.csv", **_ASKED)
    assert any(note.startswith("3 of the first 3 requests were sent by the run of") for note in result.notes)


def test_what_no_run_has_paid_is_not_told_to_be_paid_again(
    client: OpenAIClient, tmp_path: Path, reviews: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A run that was stopped before it sent anything is one that was changed, and no more.
    """
    with monkeypatch.context() as patch:
        patch.setattr(LocalProvider, "create_file", lambda *_: 1 / 0)
        assert client.batches.run(reviews, tmp_path / "x.csv", **_ASKED).errors
    reviews.write_text("id,review\n1,good\n2,new\n")
    result = client.batches.run(reviews, tmp_path / "x.csv", **_ASKED)
    assert any("was changed since" in note for note in result.notes)
    assert not any("paid again" in note for note in result.notes)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({}, ValueError, "reviews.csv is a table: give prompt"),
        ({"model": "m", "system": "x"}, ValueError, "system and model must come with prompt"),
        ({"prompt": "{review}"}, ValueError, "model must come with prompt"),
        ({"prompt": "hello", "model": "m"}, ValueError, "prompt names no column"),
        ({"prompt": "{review}", "model": "m", "body": []}, TypeError, "body must be a mapping"),
        (
            {"prompt": "{review}", "model": "m", "body": {5: 0}},
            TypeError,
            "body must have names of parameters as keys, not 5",
        ),
        ({"prompt": "{review}", "model": "m", "body": {"messages": []}}, ValueError, "body must not have messages"),
        ({"prompt": "{review}", "model": "m", "delimiter": ";;"}, ValueError, "delimiter must be one character"),
        ({"prompt": "{review}", "model": "m", "encoding": "utf-9"}, ValueError, "encoding 'utf-9' is unknown"),
        ({"prompt": "{review}", "modle": "m"}, TypeError, "did you mean"),
    ],
)
def test_wrong_options_raise(
    client: OpenAIClient, reviews: Path, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    """
    Before a run is begun.
    """
    with pytest.raises(error, match=words):
        client.batches.run(reviews, **options)
