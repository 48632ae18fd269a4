"""
``batches.resubmit``: the next batch has just the lines that came to nothing, and knows where they are from.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIBatchResubmitParameters, OpenAIClient
from tests.answering_server import AnsweringServer, answering_server
from tests.resources.batches.rows.files import asked, never_ran, told

_ODD = (
    b'{"custom_id":"b",  "method": "POST", "url":"/v1/chat/completions", "body": '
    b'{"model": "m", "temperature": 1.50, "messages": [{"role": "user", "content": "\\u00e9"}]}}\r\n'
)
_INPUT = asked("a") + _ODD + asked("c") + asked("d")[:-1]


@pytest.fixture
def server() -> Iterator[AnsweringServer]:
    """A provider with a batch: a is answered, b failed, c was cancelled, d is missing."""
    errors = told("b", "no", 500) + never_ran("c", "batch_cancelled")
    with answering_server(file_in=_INPUT, file_out=told("a"), file_err=errors) as server:
        server.add(
            status="cancelled",
            completion_window="7d",
            output_file_id="file-out",
            error_file_id="file-err",
            metadata={"job": "x", "aikit_intent": "old"},
        )
        yield server


@pytest.fixture
def client(server: AnsweringServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIClient]:
    """A client of it, whose temporary files are in a folder of their own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with OpenAIClient("k", base_url=server.url) as client:
        yield client
        assert list(tmp_path.iterdir()) == []


def test_rest_becomes_a_batch(server: AnsweringServer, client: OpenAIClient) -> None:
    """
    What failed or is missing is uploaded byte for byte; endpoint, window and metadata are the parent's.
    """
    made = client.batches.resubmit("batch_1").throw().batch
    assert made is not None
    (name,) = server.names
    assert server.files[name] == _ODD + asked("d")
    assert server.names[name] == "rest-of-batch_1.jsonl"
    assert (made.input_file_id, made.endpoint, made.completion_window) == (name, "/v1/chat/completions", "7d")
    assert len(made.metadata["aikit_intent"]) == 32
    assert {**made.metadata, "aikit_intent": ""} == {"job": "x", "aikit_parent": "batch_1", "aikit_intent": ""}


def test_caller_chooses_lines_window_and_metadata(server: AnsweringServer, client: OpenAIClient) -> None:
    """
    The caller's pairs win over the parent's, and a batch object is as good as its id.
    """
    parent = client.batches.retrieve("batch_1").batch
    assert parent is not None
    expiry = {"anchor": "created_at", "seconds": 3600}
    options = OpenAIBatchResubmitParameters(
        completion_window="24h", metadata={"job": "y", "try": "2"}, output_expires_after=expiry
    )
    made = client.batches.resubmit(parent, ["cancelled"], options).throw().batch
    assert made is not None
    assert server.files[made.input_file_id] == asked("c")
    assert made.completion_window == "24h"
    assert made.metadata.items() >= {"job": "y", "try": "2", "aikit_parent": "batch_1"}.items()
    assert server.batches[made.id]["output_expires_after"] == expiry


def test_lineage_closes_the_circle(server: AnsweringServer, client: OpenAIClient) -> None:
    """
    The child's answers and the parent's are one result.
    """
    made = client.batches.resubmit("batch_1").throw().batch
    assert made is not None
    server.files["file-2"] = told("d", "late") + told("b", "again", 500)
    server.batches[made.id] |= {"status": "completed", "output_file_id": "file-2"}
    with client.batches.results(made.id, {"with_lineage": True}) as result:
        assert [(row.custom_id, row.status, row.batch_id, row.text) for row in result] == [
            ("a", "ok", "batch_1", "yes"),
            ("b", "failed", made.id, None),
            ("c", "cancelled", "batch_1", None),
            ("d", "ok", made.id, "late"),
        ]
    grandchild = client.batches.resubmit(made.id).throw().batch
    assert grandchild is not None
    assert server.files[grandchild.input_file_id] == _ODD
    assert grandchild.metadata["aikit_parent"] == made.id


def test_nothing_to_resubmit_is_an_error(server: AnsweringServer, client: OpenAIClient) -> None:
    """
    It says what there is, and nothing is sent.
    """
    (error,) = client.batches.resubmit("batch_1", ("expired",)).errors
    assert (error.code, error.param) == ("nothing_to_resubmit", "only")
    assert "no line that is expired: it has 1 ok, 1 failed, 1 cancelled, 1 missing" in error.message
    assert not any(line.startswith("POST") for line in server.asked)


def test_batch_that_is_not_over_is_not_resubmitted(server: AnsweringServer, client: OpenAIClient) -> None:
    """
    Its lines may still be answered, and would be paid for twice.
    """
    server.add(status="in_progress")
    assert [error.code for error in client.batches.resubmit("batch_1").errors] == ["batch_not_ended"]


def test_answers_that_are_not_there_yet_are_not_paid_for_again(server: AnsweringServer, client: OpenAIClient) -> None:
    """
    A provider that counts answers and names no file with them is to be asked later, unless only others are wanted.
    """
    server.batches["batch_1"] |= {"output_file_id": None, "request_counts": {"total": 4, "completed": 1, "failed": 1}}
    assert [error.code for error in client.batches.resubmit("batch_1").errors] == ["output_missing"]
    assert client.batches.resubmit("batch_1", ("failed",)).success


def test_no_batch_is_made_of_lines_that_were_stored_short(server: AnsweringServer, client: OpenAIClient) -> None:
    """
    Where the provider tells another size than was sent, nothing is asked and paid for.
    """
    server.lost = 7
    assert [error.code for error in client.batches.resubmit("batch_1").errors] == ["size_mismatch"]
    assert list(server.batches) == ["batch_1"]


@pytest.mark.parametrize(("count", "is_room"), [(14, True), (15, False)])
def test_room_for_the_lineage_is_checked(
    server: AnsweringServer,
    client: OpenAIClient,
    count: int,
    is_room: bool,  # noqa: FBT001  a column
) -> None:
    """
    Of 16 pairs two are aikit's; nothing is uploaded where they do not fit.
    """
    own = {str(number): "" for number in range(count)}
    server.batches["batch_1"]["metadata"] = own | {"aikit_intent": "old"}
    result = client.batches.resubmit("batch_1")
    assert result.success is is_room
    if not is_room:
        assert [error.code for error in result.errors] == ["too_many_metadata"]
        assert "there is room for 14" in result.errors[0].message
        assert server.names == {}


def test_input_that_would_be_refused_is_not_uploaded(server: AnsweringServer, client: OpenAIClient) -> None:
    """
    A batch that failed on a line of its input would fail on it again; with validate=False the provider decides.
    """
    server.files["file-in"] = _INPUT + b"\ngarbage\n"
    result = client.batches.resubmit("batch_1")
    assert [(error.code, error.line) for error in result.errors] == [("invalid_json_line", 3)]
    assert client.batches.resubmit("batch_1", parameters={"validate": False}).success


def test_own_input_is_taken(
    server: AnsweringServer, client: OpenAIClient, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """
    Where the provider has it no more.
    """
    place = tmp_path_factory.mktemp("mine") / "input.jsonl"
    place.write_bytes(server.files.pop("file-in"))
    made = client.batches.resubmit("batch_1", parameters={"input_file": place}).throw().batch
    assert made is not None
    assert server.files[made.input_file_id] == _ODD + asked("d")


def test_intent_makes_it_once(server: AnsweringServer, client: OpenAIClient) -> None:
    """
    A program that starts again finds the child it made before, and fetches nothing for it.
    """
    first = client.batches.resubmit("batch_1", parameters={"intent": "rest of x"}).throw().batch
    before = len(server.asked)
    second = client.batches.resubmit("batch_1", parameters={"intent": "rest of x"}).throw().batch
    assert second == first
    assert [line.split("?")[0] for line in server.asked[before:]] == ["GET /v1/batches"]
    assert json.dumps(server.batches).count("rest of x") == 1


@pytest.mark.parametrize(
    ("only", "error", "said"),
    [
        ("failed", TypeError, "collection"),
        (None, TypeError, "collection"),
        ([5], TypeError, "5 is none"),
        ((), ValueError, "at least one of ok, failed, expired, cancelled, missing"),
        (["faild"], ValueError, "'faild'"),
    ],
)
def test_statuses_are_checked_before_sending(
    server: AnsweringServer, client: OpenAIClient, only: Any, error: type[Exception], said: str
) -> None:
    """
    In the caller's thread, also with a callback.
    """
    with pytest.raises(error, match=said):
        client.batches.resubmit("batch_1", only, {"background": True})
    assert server.asked == []
