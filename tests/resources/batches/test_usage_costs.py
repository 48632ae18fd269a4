"""
What usage in all its forms costs, from the answers through a client to the dollars.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIClient
from aikit.types.costs import OpenAIBatchCost
from aikit.types.usage import Usage
from tests.billing.account_server import AccountServer, account_server, ended_batch
from tests.billing.lines import answer, file_of, usage

_TEXT = {"input": 1.25, "cached_input": 0.2, "output": 2.5}
_XAI = {
    "prompt_tokens": 10120,
    "completion_tokens": 1499,
    "total_tokens": 14428,
    "prompt_tokens_details": {"cached_tokens": 128},
    "completion_tokens_details": {"reasoning_tokens": 2809},
}
_AUDIO = {
    "prompt_tokens": 1000,
    "completion_tokens": 500,
    "total_tokens": 1500,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 400},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 300},
}


@pytest.fixture
def server() -> Iterator[AccountServer]:
    """A server with one batch that has ended, of one answer."""
    with account_server() as running:
        counts = {"total": 1, "completed": 1, "failed": 0}
        running.batches["batch_1"] = ended_batch(output_file_id="file-out", request_counts=counts)
        asked = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m"}}
        running.files["file-in"] = file_of(asked)
        yield running


def _client(server: AccountServer, home: Path, **rates: Any) -> OpenAIClient:
    return OpenAIClient("sk-1", base_url=server.url, home=home, prices={"m": {"batch": rates or _TEXT}})


def _cost(server: AccountServer, home: Path, told: Any, **rates: Any) -> OpenAIBatchCost:
    server.files["file-out"] = file_of(answer("m", told))
    with _client(server, home, **rates) as client:
        cost = client.batches.cost("batch_1").throw().cost
    assert cost is not None
    return cost


@pytest.mark.parametrize(
    ("told", "rates", "total"),
    [
        (_XAI, _TEXT, "0.0232856"),
        ({"prompt_tokens": 21, "completion_tokens": 0, "total_tokens": 81}, _TEXT, "0.00017625"),
        ({"prompt_tokens": 21, "total_tokens": 81}, _TEXT, "0.00017625"),
        (
            {
                "prompt_tokens": 0,
                "completion_tokens": 0,
                "total_tokens": 300093,
                "input_tokens": 300000,
                "output_tokens": 93,
            },
            {"input": 1, "output": 2},
            "0.300186",
        ),
        (
            {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050, "prompt_cache_hit_tokens": 900},
            {"input": 1, "cached_input": 0.1, "output": 2},
            "0.00029",
        ),
        (
            {"prompt_tokens": 10.0, "completion_tokens": 2.0, "total_tokens": 12.0},
            {"input": 1, "output": 1},
            "0.000012",
        ),
        (
            {
                "input_tokens": 100,
                "output_tokens": 10,
                "cache_read_input_tokens": 900,
                "cache_creation_input_tokens": 50,
            },
            {"input": 1, "cached_input": 0.1, "output": 2, "cache_write": 1.25},
            "0.0002725",
        ),
        (_AUDIO, {"input": 1, "output": 2, "input_audio": 10, "output_audio": 20}, "0.011"),
    ],
)
def test_each_token_has_its_price(
    server: AccountServer, tmp_path: Path, told: dict[str, Any], rates: dict[str, Any], total: str
) -> None:
    """
    And the cost is complete.
    """
    cost = _cost(server, tmp_path, told, **rates)
    assert (cost.total, cost.is_lower_bound) == (Decimal(total), False)


def test_rows_ledger_csv_and_cost_agree(server: AccountServer, tmp_path: Path) -> None:
    """
    What is beyond prompt and completion is output wherever it is told; a note says so.
    """
    cost = _cost(server, tmp_path, _XAI)
    right = Usage(input_tokens=10120, cached_tokens=128, output_tokens=4308, reasoning_tokens=2809)
    assert cost.usage == right
    assert cost.notes == ("1 answers: total_tokens has more than prompt and completion: the rest is counted as output",)
    with _client(server, tmp_path) as client, client.batches.results("batch_1").throw() as results:
        assert [row.usage for row in results] == [right]
        results.write_csv(tmp_path / "rows.csv")
        assert [(event.usage, event.cost) for event in client.ledger.events(kind="ended")] == [(right, cost.total)]
    (row,) = csv.DictReader((tmp_path / "rows.csv").read_text("utf-8").splitlines())
    assert (row["input_tokens"], row["cached_tokens"], row["output_tokens"], row["reasoning_tokens"]) == (
        "10120",
        "128",
        "4308",
        "2809",
    )


def test_what_the_batch_tells_is_read_alike(server: AccountServer, tmp_path: Path) -> None:
    """
    Where its files are gone.
    """
    server.batches["batch_1"] |= {"usage": _XAI, "model": "m"}
    with _client(server, tmp_path) as client:
        cost = client.batches.cost("batch_1").throw().cost
    assert cost is not None
    assert cost.total == Decimal("0.0232856")


@pytest.mark.parametrize(
    ("told", "kind", "at_least"),
    [
        (_AUDIO, "input_audio", "0.0025"),
        (_AUDIO, "output_audio", "0.0025"),
        (
            {"prompt_tokens": 9, "total_tokens": 9, "prompt_tokens_details": {"image_tokens": 5}},
            "input_image",
            "0.00001125",
        ),
        ({"input_tokens": 1, "output_tokens": 1, "cache_creation_input_tokens": 8}, "cache_write", "0.00001375"),
    ],
)
def test_kinds_without_a_price_make_a_lower_bound(
    server: AccountServer, tmp_path: Path, told: dict[str, Any], kind: str, at_least: str
) -> None:
    """
    They are counted as text, the note names the kind, and the ledger keeps both.
    """
    cost = _cost(server, tmp_path, told)
    assert (cost.total, cost.is_lower_bound, cost.models[0].is_lower_bound) == (Decimal(at_least), True, True)
    assert any(f"{kind} tokens of m have no price of their own" in note for note in cost.notes)
    with _client(server, tmp_path) as client:
        (event,) = client.ledger.events(kind="ended")
    assert (event.models, event.usage, event.is_lower_bound) == (cost.models, cost.usage, True)


def test_a_note_asks_for_prices_only_that_can_be_given(server: AccountServer, tmp_path: Path) -> None:
    """
    Those of documents can; a kind that is new has none for now.
    """
    details = {"document_tokens": 2, "smell_tokens": 3}
    told = {"prompt_tokens": 9, "completion_tokens": 0, "total_tokens": 9, "prompt_tokens_details": details}
    cost = _cost(server, tmp_path, told, input=1, output=1)
    given, not_given = (note for note in cost.notes if "no price of their own" in note)
    assert 'give "input_document" in' in given
    assert "3 input_smell tokens" in not_given
    assert "give" not in not_given
    cost = _cost(
        server, tmp_path, told | {"prompt_tokens_details": {"document_tokens": 2}}, input=1, input_document=2, output=1
    )
    assert (cost.total, cost.is_lower_bound) == (Decimal("0.000011"), False)


def test_what_costs_nothing_costs_nothing_of_any_kind(server: AccountServer, tmp_path: Path) -> None:
    """
    Of a server of one's own.
    """
    cost = _cost(server, tmp_path, _AUDIO, input=0, output=0)
    assert (cost.total, cost.is_lower_bound) == (Decimal(0), False)


def test_tokens_that_may_be_dear_are_a_lower_bound(server: AccountServer, tmp_path: Path) -> None:
    """
    Where audio has a price and the answer does not say how much of it is audio.
    """
    told = {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}
    cost = _cost(server, tmp_path, told, input=1, output=1, output_audio=10)
    assert cost.is_lower_bound
    assert "do not tell which of their tokens" in cost.notes[0]
    told["completion_tokens_details"] = {"audio_tokens": 0}  # type: ignore[assignment]  # as the wire has it
    assert not _cost(server, tmp_path, told, input=1, output=1, output_audio=10).is_lower_bound


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, "do not tell their tokens"),
        ({"prompt_tokens": 21, "completion_tokens": None}, "the tokens of the answer are not told"),
        ({"prompt_tokens": -1, "completion_tokens": 5, "total_tokens": 4}, "is negative"),
        ({"prompt_tokens": 10.5, "completion_tokens": 5}, "no whole number"),
        ({"prompt_tokens": True, "completion_tokens": 5, "total_tokens": 6}, "no whole number"),
        ({"prompt_tokens": "ten", "completion_tokens": 5}, "no whole number"),
        ({"prompt_tokens": 10**17, "completion_tokens": 5}, "more than there can be"),
        ({"prompt_tokens": 9, "completion_tokens": 5, "input_tokens": 90, "output_tokens": 50}, "told twice"),
        ({"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": ["a"]}, "no object"),
        ({"input_tokens": 9, "output_tokens": 5, "total_tokens": 14, "image_tokens": 3}, "image_tokens may have"),
    ],
)
def test_what_is_unknown_never_looks_complete(
    server: AccountServer, tmp_path: Path, told: dict[str, Any], words: str
) -> None:
    """
    A note names the reason, and the ledger knows that it is a lower bound.
    """
    cost = _cost(server, tmp_path, told)
    assert cost.is_lower_bound
    assert any(words in note for note in cost.notes), cost.notes
    with _client(server, tmp_path) as client, client.batches.results("batch_1").throw() as results:
        assert [row.usage is None or row.usage.is_lower_bound for row in results] == [True]
        assert [event.is_lower_bound for event in client.ledger.events(kind="ended")] == [True]


def test_a_size_that_does_not_fit_says_what_was_not_done(server: AccountServer, tmp_path: Path) -> None:
    """
    Costs are not counted, results not there, and only downloads are not saved.
    """
    server.files["file-out"] = file_of(answer("m", usage()))
    size = len(file_of(answer("m", usage())))
    server.more_bytes = 1
    (tmp_path / "in.jsonl").write_bytes(b"")
    with _client(server, tmp_path) as client:
        calls: dict[str, Any] = {
            "nothing was counted": client.batches.cost("batch_1"),
            "there are no results": client.batches.results("batch_1", {"input_file": tmp_path / "in.jsonl"}),
            "nothing was saved": client.files.download("file-out", tmp_path / "out.jsonl"),
            "none of them is given": client.files.content("file-out"),
        }
    for words, result in calls.items():
        assert [error.code for error in result.errors] == ["size_mismatch"]
        assert f"{size} bytes came, but the file has {size + 1}; {words}, try again" in result.errors[0].message


def test_what_the_batch_tells_may_be_dear_too(server: AccountServer, tmp_path: Path) -> None:
    """
    Where its files are gone, and it does not say how much of its output is audio.
    """
    server.batches["batch_1"] |= {"usage": {"input_tokens": 10, "output_tokens": 10, "total_tokens": 20}, "model": "m"}
    with _client(server, tmp_path, input=1, output=1, output_audio=10) as client:
        cost = client.batches.cost("batch_1").throw().cost
    assert cost is not None
    assert cost.is_lower_bound


def test_a_contradiction_is_a_lower_bound(server: AccountServer, tmp_path: Path) -> None:
    """
    Both answers count; the one that contradicts itself is told.
    """
    server.batches["batch_1"]["request_counts"] = {"total": 2, "completed": 2, "failed": 0}
    server.files["file-out"] = file_of(
        answer("m", usage(10, 5)), answer("m", {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 9})
    )
    with _client(server, tmp_path) as client:
        cost = client.batches.cost("batch_1").throw().cost
    assert cost is not None
    assert (cost.usage.input_tokens, cost.is_lower_bound) == (20, True)
    assert cost.notes[0] == "1 answers: total_tokens contradicts the sum of the others"
