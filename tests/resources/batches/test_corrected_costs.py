"""
Bookings that lacked prices or files, corrected by whichever call sees the batch next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest

from aikit import OpenAIBatchEvent, OpenAIClient
from aikit.billing.ledger import Ledger
from aikit.types.batches import OpenAIBatchRequestCounts
from aikit.types.usage import Usage
from tests.billing.account_server import AccountServer, account_server, ended_batch
from tests.billing.lines import answer, file_of, usage
from tests.systems import posix_only

_PRICES = {"m": {"batch": {"input": "1", "output": "2"}}}
_NONE = OpenAIBatchRequestCounts()
_CALLS: dict[str, Callable[[OpenAIClient], Any]] = {
    "retrieve": lambda client: client.batches.retrieve("batch_1"),
    "wait": lambda client: client.batches.wait("batch_1"),
    "results": lambda client: client.batches.results("batch_1"),
    "cost": lambda client: client.batches.cost("batch_1"),
}


@pytest.fixture
def server() -> Iterator[AccountServer]:
    """A server with one batch of two answers."""
    with account_server() as running:
        running.batches["batch_1"] = ended_batch(output_file_id="file-out")
        running.files["file-out"] = file_of(answer("m", usage(1_000_000, 0)), answer("m", usage(0, 1_000_000)))
        asked = {"method": "POST", "url": "/v1/chat/completions", "body": {"model": "m"}}
        running.files["file-in"] = file_of({"custom_id": "a", **asked}, {"custom_id": "b", **asked})
        yield running


def _client(server: AccountServer, home: Path, prices: Any = None, **more: Any) -> OpenAIClient:
    return OpenAIClient("sk-1", base_url=server.url, home=home, prices=prices, **more)


def _booked(home: Path) -> list[tuple[str, Decimal | None, bool]]:
    return [(event.kind, event.cost, event.is_lower_bound) for event in Ledger(home).events()]


@pytest.mark.parametrize("call", _CALLS)
def test_prices_that_come_later_correct_what_is_booked(server: AccountServer, tmp_path: Path, call: str) -> None:
    """
    Once, whichever call sees it first; hooks hear of it, and files are read no more after that.
    """
    heard: list[OpenAIBatchEvent] = []
    with _client(server, tmp_path) as client:
        client.batches.wait("batch_1").throw()
        assert client.batches.retrieve("batch_1").success
        assert server.contents == ["file-out"]
    with _client(server, tmp_path, _PRICES, hooks=[heard.append]) as client:
        for _ in range(2):
            result = _CALLS[call](client).throw()
            getattr(result, "close", lambda: None)()
        read = len(server.contents)
        client.batches.retrieve("batch_1").throw()
        assert len(server.contents) == read
    assert _booked(tmp_path) == [("created", None, False), ("ended", None, True), ("corrected", Decimal(3), False)]
    assert [(event.kind, event.cost) for event in heard] == [("corrected", Decimal(3))]


def test_prices_of_kinds_that_come_later_correct_what_is_booked(server: AccountServer, tmp_path: Path) -> None:
    """
    Tokens that were counted as text for want of a price of their own.
    """
    told = usage(1_000_000, 0) | {"prompt_tokens_details": {"audio_tokens": 1_000_000}}
    server.files["file-out"] = file_of(answer("m", told), answer("m", usage(1_000_000, 0)))
    with _client(server, tmp_path, _PRICES) as client:
        client.batches.wait("batch_1").throw()
    dear = {"m": {"batch": {"input": "1", "output": "2", "input_audio": "10"}}}
    with _client(server, tmp_path, dear) as client:
        client.batches.retrieve("batch_1").throw()
        read = len(server.contents)
        client.batches.retrieve("batch_1").throw()
        assert len(server.contents) == read
    assert [cost for _, cost, _ in _booked(tmp_path)][1:] == [Decimal(2), Decimal(9)]


@pytest.mark.parametrize("call", _CALLS)
def test_files_that_come_later_correct_what_is_booked(server: AccountServer, tmp_path: Path, call: str) -> None:
    """
    A file with answers that were paid, which had only some of them; until then what is booked is a lower bound.
    """
    server.batches["batch_1"]["request_counts"] = {"total": 2, "completed": 1, "failed": 0}
    first, second = (file_of(answer("m", usage(*tokens))) for tokens in ((1_000_000, 0), (0, 1_000_000)))
    server.files["file-out"] = first
    with _client(server, tmp_path, _PRICES) as client:
        client.batches.wait("batch_1").throw()
    server.files["file-out"] = first + second
    server.batches["batch_1"]["request_counts"] = {"total": 2, "completed": 2, "failed": 0}
    with _client(server, tmp_path, _PRICES) as client:
        _CALLS[call](client).throw()
    assert _booked(tmp_path)[1:] == [("ended", Decimal(1), True), ("corrected", Decimal(2), False)]


@posix_only
@pytest.mark.parametrize("call", _CALLS)
def test_an_end_that_was_booked_as_free_too_early_is_corrected(
    server: AccountServer, tmp_path: Path, call: str
) -> None:
    """
    By a program that took a batch without files for one without answers.
    """
    with _client(server, tmp_path, _PRICES) as client:
        client.batches.wait("batch_1").throw()
        early = [
            attrs.evolve(
                event, usage=event.usage and Usage(), cost=event.cost and Decimal(0), models=(), request_counts=_NONE
            )
            for event in client.ledger.events()
        ]
        client.ledger.path.rename(tmp_path / "old.db")
        client.ledger.record(*early)
        for _ in range(2):
            _CALLS[call](client).throw()
    assert _booked(tmp_path)[1:] == [("ended", Decimal(0), False), ("corrected", Decimal(3), False)]


def test_changed_prices_correct_nothing(server: AccountServer, tmp_path: Path) -> None:
    """
    What was booked is what it cost then; the cost that is told is that of now.
    """
    with _client(server, tmp_path, _PRICES) as client:
        client.batches.wait("batch_1").throw()
    with _client(server, tmp_path, {"m": {"batch": {"input": "7", "output": "7"}}}) as client:
        cost = client.batches.cost("batch_1").throw().cost
    assert cost is not None
    assert cost.total == Decimal(14)
    assert [cost for _, cost, _ in _booked(tmp_path)][1:] == [Decimal(3)]
