"""
Cost, estimate, max_cost and the ledger as calls of a client.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aikit import OpenAIBatchEvent, OpenAIClient
from aikit.types.costs import OpenAIBatchCost
from aikit.types.usage import Usage
from tests.billing.account_server import SILENT, AccountServer, account_server, ended_batch
from tests.billing.lines import answer, file_of, never_asked, usage
from tests.stopwatch import Stopwatch
from tests.threads import Threads

_PRICES = {"gpt-4o-mini": {"batch": {"input": "1", "cached_input": "0.5", "output": "4"}}}
_QUICK: dict[str, Any] = {"poll_interval": 0.01}


@pytest.fixture
def server() -> Iterator[AccountServer]:
    """A server with one batch that has ended, of two answers and an error."""
    with account_server() as running:
        running.batches["batch_1"] = ended_batch(output_file_id="file-out", error_file_id="file-err")
        running.files["file-out"] = file_of(
            answer(told=usage(1_000_000, 500_000, 400_000, 7)), answer(told=usage(1_000_000, 0))
        )
        running.files["file-err"] = file_of(never_asked())
        yield running


def _client(server: AccountServer, home: Path, **options: Any) -> OpenAIClient:
    options.setdefault("prices", _PRICES)
    return OpenAIClient("sk-1", base_url=server.url, home=home, **options)


def _cost(client: OpenAIClient, batch: Any = "batch_1") -> OpenAIBatchCost:
    result = client.batches.cost(batch).throw()
    assert result.cost is not None
    return result.cost


def _ended(client: OpenAIClient) -> list[OpenAIBatchEvent]:
    return list(client.ledger.events(kind="ended"))


def test_cost_is_counted_from_both_files(server: AccountServer, tmp_path: Path) -> None:
    """
    Tokens, cached and reasoning ones too, and dollars, by model and in all; a dated name has the plain one's price.
    """
    cost = _cost(_client(server, tmp_path))
    assert cost.usage == Usage(input_tokens=2_000_000, cached_tokens=400_000, output_tokens=500_000, reasoning_tokens=7)
    assert cost.total == Decimal("1.6") + Decimal("0.2") + Decimal(2)
    assert (cost.answered, cost.failed, cost.is_lower_bound, cost.notes) == (2, 1, False, ())
    assert [model.model for model in cost.models] == ["gpt-4o-mini-2024-07-18"]


def test_unknown_price_is_unknown_and_the_total_a_lower_bound(server: AccountServer, tmp_path: Path) -> None:
    """
    A server that is not OpenAI's has no price list, and the notes say where to give a price.
    """
    server.files["file-err"] = file_of(answer("gpt-4o", usage(5)))
    cost = _cost(_client(server, tmp_path))
    assert (cost.total, cost.unpriced, cost.is_lower_bound) == (Decimal("3.8"), ("gpt-4o",), True)
    assert str(tmp_path / "prices.json") in cost.notes[0]
    nothing = _cost(_client(server, tmp_path, prices=None))
    assert (nothing.total, nothing.is_lower_bound) == (None, True)


def _asking(*models: str | None) -> bytes:
    return file_of(*({"custom_id": str(number), "body": {"model": model}} for number, model in enumerate(models)))


@pytest.mark.parametrize(
    ("asked", "told_model", "total"),
    [
        (b"\xef\xbb\xbf" + _asking("mine", "mine") + b"\n", None, Decimal(8)),
        (_asking("mine", "mine")[:-1], "base-2", Decimal(8)),
        (b"", "mine", Decimal(8)),
        (_asking("mine", "other"), None, None),
        (_asking("unpriced", "unpriced"), None, None),
        (_asking("mine", None), None, None),
        (_asking("mine") + b"garbage\n7\n" + _asking("mine"), None, Decimal(8)),
        (b"", None, None),
        (404, None, None),
        (500, None, None),
    ],
)
def test_a_deployments_price_serves_answers_that_name_another_model(
    server: AccountServer, tmp_path: Path, asked: bytes | int, told_model: str | None, total: Decimal | None
) -> None:
    """
    Where all lines ask one model that has a price, as the estimate took it; what is not known stays unknown.
    """
    server.files |= {"file-in": asked, "file-out": file_of(answer("base-2", usage(2_000_000, 1_000_000)))}
    server.batches["batch_1"] |= {"model": told_model, "input_file_id": "file-in"}
    prices = {"mine": {"batch": {"input": "1", "output": "6"}}}
    with _client(server, tmp_path, prices=prices, max_retries=0) as client:
        cost = _cost(client)
        assert (cost.total, cost.is_lower_bound) == (total, total is None)
        assert (cost.notes == ("answers of base-2 cost what mine costs, which was asked",)) is (total is not None)
        assert [event.cost for event in _ended(client)] == [total]


def test_a_price_of_the_answers_model_needs_no_input(server: AccountServer, tmp_path: Path) -> None:
    """
    The input is not fetched where all answers have a price, nor where the user has given none.
    """
    for prices in (_PRICES, None):
        _cost(_client(server, tmp_path, prices=prices))
    assert set(server.contents) == {"file-out", "file-err"}


def test_prices_file_is_read(server: AccountServer, tmp_path: Path) -> None:
    """
    ``prices.json`` in the home holds prices, also for models that nobody else knows.
    """
    (tmp_path / "prices.json").write_text(json.dumps({"models": _PRICES}))
    assert _cost(_client(server, tmp_path, prices=None)).total == Decimal("3.8")
    (tmp_path / "prices.json").write_text("{")
    (error,) = _client(server, tmp_path).batches.cost("batch_1").errors
    assert (error.code, "prices.json" in error.message) == ("unusable_prices", True)


def test_garbage_and_silence_are_told(server: AccountServer, tmp_path: Path) -> None:
    """
    Lines that cannot be read, and answers that tell no tokens, are counted, and make the total a lower bound.
    """
    server.files["file-out"] = file_of(answer(told=usage()), b"garbage\n", answer(), b'{"response": {"status_c')
    cost = _cost(_client(server, tmp_path))
    assert (cost.problem_count, [problem.line for problem in cost.problems], cost.untold) == (2, [2, 4], 1)
    assert cost.is_lower_bound
    assert len(cost.notes) == 3


@pytest.mark.parametrize(
    ("output", "counts", "missing", "total"),
    [
        (b"", {"total": 2, "completed": 2}, 2, None),
        (file_of(answer(told=usage(1_000_000, 0))), {"total": 3, "completed": 2, "failed": 1}, 1, Decimal(1)),
        (file_of(answer(told=usage(1_000_000, 0))), {"total": 2, "completed": 1}, 1, Decimal(1)),
        (file_of(answer(told=usage(1_000_000, 0))), {"total": 2, "completed": 1, "failed": 1}, 0, Decimal(1)),
        (file_of(answer(told=usage(1_000_000, 0))), {"total": 1, "completed": 0}, 0, Decimal(1)),
        (file_of(answer(told=usage(1_000_000, 0)), answer(status=500)), {"total": 2, "completed": 2}, 0, Decimal(1)),
        (file_of(answer()), {"total": 1, "completed": 1}, 0, None),
    ],
)
def test_answers_that_are_in_no_file_are_not_for_nothing(
    server: AccountServer, tmp_path: Path, output: bytes, counts: dict[str, int], missing: int, total: Decimal | None
) -> None:
    """
    What the provider counts and its files lack makes the total a lower bound; where no token is told, it is unknown.

    There are providers that count what failed as completed: an answer of whatever kind is enough. What is counted as
    neither may have been answered.
    """
    server.files["file-out"] = output
    server.batches["batch_1"] |= {"request_counts": counts, "error_file_id": None}
    cost = _cost(_client(server, tmp_path))
    assert (cost.missing, cost.total, cost.is_lower_bound) == (missing, total, bool(missing or cost.untold))
    assert len(cost.notes) == 2 * cost.is_lower_bound


def test_one_file_for_answers_and_errors_is_counted_once(server: AccountServer, tmp_path: Path) -> None:
    """
    Where a server names the same file for both, its answers cost once, and none is there twice.
    """
    server.files["file-out"] = file_of(answer(told=usage(1_000_000, 0)))
    server.files["file-in"] = file_of({"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {}})
    server.batches["batch_1"] |= {"error_file_id": "file-out", "request_counts": {"total": 1, "completed": 1}}
    client = _client(server, tmp_path)
    assert _cost(client).total == 1
    with client.batches.results("batch_1") as results:
        assert results.problems == ()


@pytest.mark.parametrize("cut", [1, 200, 500])
def test_a_broken_download_is_gone_on_with(server: AccountServer, tmp_path: Path, cut: int) -> None:
    """
    After a break the rest is asked for, and no line counts twice or half.
    """
    server.cuts["file-out"] = cut
    assert _cost(_client(server, tmp_path)).total == Decimal("3.8")
    assert server.contents == ["file-out", "file-out", "file-err"]


def test_a_batch_that_is_not_over_has_no_cost_yet(server: AccountServer, tmp_path: Path) -> None:
    """
    It is an error that says so.
    """
    server.batches["batch_1"]["status"] = "in_progress"
    (error,) = _client(server, tmp_path).batches.cost("batch_1").errors
    assert error.code == "batch_not_ended"


def test_when_the_files_are_gone_the_provider_is_asked(server: AccountServer, tmp_path: Path) -> None:
    """
    Where the batch itself tells its tokens and its model, that counts; where not, it is an error.
    """
    del server.files["file-out"]
    client = _client(server, tmp_path)
    (error,) = client.batches.cost("batch_1").errors
    assert error.is_not_found_error
    told = Usage(input_tokens=1_000_000, cached_tokens=0, output_tokens=0).to_wire()
    server.batches["batch_1"] |= {"usage": told, "model": "gpt-4o-mini"}
    cost = _cost(client)
    assert cost.total == Decimal(1)
    assert "files are gone" in cost.notes[0]


def test_an_error_file_that_is_not_there_hides_no_cost(
    server: AccountServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where nothing failed it is none; where lines did, the rest is counted when they had time to come, and that is told.
    """
    monkeypatch.setattr("aikit.resources.polling.LOOKS_S", (0.01,))
    del server.files["file-err"]
    client = _client(server, tmp_path)
    counts = {"total": 3, "completed": 2, "failed": 1}
    server.batches["batch_1"] |= {"request_counts": counts}
    assert client.batches.wait("batch_1", **_QUICK).success
    assert _ended(client) == []
    cost = _cost(client)
    assert (cost.total, cost.is_lower_bound, cost.problems[0].code) == (Decimal("3.8"), True, "file_gone")
    assert [event.cost for event in _ended(client)] == [Decimal("3.8")]
    whole = {"id": "batch_2", "request_counts": {"total": 2, "completed": 2, "failed": 0}}
    server.batches["batch_2"] = server.batches["batch_1"] | whole
    assert client.batches.wait("batch_2", **_QUICK).success
    assert [event.is_lower_bound for event in _ended(client)] == [True, False]
    nothing = {"total": 3, "completed": 0, "failed": 0}
    stopped = {"id": "batch_3", "status": "cancelled", "output_file_id": None, "request_counts": nothing}
    server.batches["batch_3"] = server.batches["batch_1"] | stopped
    assert _cost(client, "batch_3").total == Decimal(0)
    server.batches["batch_3"] |= {"request_counts": counts | {"completed": 0}}
    assert client.batches.cost("batch_3").errors[0].is_not_found_error


def test_a_batch_is_booked_created_and_ended_once(server: AccountServer, tmp_path: Path) -> None:
    """
    However often it is looked at, by whichever call; its files are fetched for that once.
    """
    events: list[OpenAIBatchEvent] = []
    with _client(server, tmp_path, hooks=[events.append]) as client:
        for _ in range(2):
            client.batches.wait("batch_1", **_QUICK).throw()
            client.batches.retrieve("batch_1").throw()
        assert server.contents == ["file-out", "file-err"]
        _cost(client)
        created, ended = client.ledger.events()
    assert events == [created, ended]
    assert (created.kind, created.at, created.status, created.usage) == ("created", 1_763_700_000, "validating", None)
    assert (ended.kind, ended.at, ended.status) == ("ended", 1_763_700_600, "completed")
    assert (ended.cost, ended.is_lower_bound) == (Decimal("3.8"), False)
    assert ended.request_counts.completed == 2
    with _client(server, tmp_path, hooks=[events.append]) as again:
        again.batches.wait("batch_1", **_QUICK).throw()
    assert len(events) == 2


@pytest.mark.parametrize("status", ["failed", "expired", "cancelled"])
def test_every_end_is_booked(server: AccountServer, tmp_path: Path, status: str) -> None:
    """
    Also one that makes waiting an error.
    """
    server.batches["batch_1"] = ended_batch(status=status, request_counts={"total": 2, "completed": 0, "failed": 0})
    client = _client(server, tmp_path)
    assert client.batches.wait("batch_1", **_QUICK).errors[0].code == f"batch_{status}"
    (event,) = _ended(client)
    assert (event.status, event.cost, event.at) == (status, Decimal(0), 1_763_700_600)


def test_looking_at_a_strangers_batch_fetches_nothing(server: AccountServer, tmp_path: Path) -> None:
    """
    Retrieving books the end of what was created here only.
    """
    client = _client(server, tmp_path)
    client.batches.retrieve("batch_1").throw()
    assert server.contents == []
    assert list(client.ledger.events()) == []


def test_retrieve_books_the_end_of_what_was_created_here(server: AccountServer, tmp_path: Path) -> None:
    """
    Creating is booked at once, and the end by whoever sees it first.
    """
    client = _client(server, tmp_path)
    created = client.batches.create("file-in", "/v1/chat/completions").throw().batch
    assert created is not None
    assert [event.kind for event in client.ledger.events(batch_id=created.id)] == ["created"]
    server.batches[created.id] = ended_batch(created.id, output_file_id="file-out")
    client.batches.retrieve(created.id).throw()
    assert [event.cost for event in _ended(client)] == [Decimal("3.8")]


def test_the_result_is_that_of_the_question(server: AccountServer, tmp_path: Path) -> None:
    """
    What is fetched for the ledger shows neither in the result nor as progress.
    """
    progress: list[Any] = []
    result = _client(server, tmp_path).batches.wait("batch_1", **_QUICK | {"on_progress": progress.append})
    assert server.contents
    assert result.request is not None
    assert result.request.url.endswith("/batches/batch_1")
    assert result.response is not None
    assert result.response.json()["id"] == "batch_1"
    assert {type(value).__name__ for value in progress} == {"OpenAIBatchProgress"}


@pytest.mark.parametrize("trouble", [404, 500])
def test_trouble_with_the_files_only_delays_the_booking(
    server: AccountServer, tmp_path: Path, trouble: int, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The call succeeds, the log says what to do, nothing is tried twice, and the next look books it.
    """
    content, server.files["file-out"] = server.files["file-out"], trouble
    client = _client(server, tmp_path)
    with caplog.at_level(logging.WARNING, "aikit"):
        assert client.batches.wait("batch_1", **_QUICK).success
    assert "looked at again" in caplog.text
    assert (server.contents, _ended(client)) == (["file-out"], [])
    server.files["file-out"] = content
    assert client.batches.wait("batch_1", **_QUICK).success
    assert [event.cost for event in _ended(client)] == [Decimal("3.8")]


def test_silence_about_the_files_is_not_waited_out(
    server: AccountServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The answer that the caller waits for is there; what is aside has twenty seconds, here less.
    """
    monkeypatch.setattr("aikit.resources.call._SHORT_S", 0.1)
    server.files["file-out"] = SILENT
    watch = Stopwatch()
    assert _client(server, tmp_path).batches.wait("batch_1", **_QUICK).success
    assert watch.stop() < 0.45
    assert server.contents == ["file-out"]


def test_trouble_with_the_ledger_only_delays_the_booking(
    server: AccountServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    A home that cannot be written changes no answer, and is logged.
    """
    home = tmp_path / "home"
    home.write_text("a file where a folder should be")
    client = _client(server, home)
    assert client.batches.create("file-in", "/v1/chat/completions").success
    assert client.batches.wait("batch_1", **_QUICK).success
    assert _cost(client).total == Decimal("3.8")
    assert caplog.text.count("is not in the ledger") == 3
    home.unlink()
    assert client.batches.wait("batch_1", **_QUICK).success
    assert len(_ended(client)) == 1


def test_completed_without_its_file_is_booked_later(server: AccountServer, tmp_path: Path) -> None:
    """
    Providers may say that a batch is complete a moment before they say where its answers are.
    """
    server.batches["batch_1"]["output_file_id"] = None
    client = _client(server, tmp_path)
    assert client.batches.wait("batch_1", **_QUICK | {"max_wait": 0.1}).success
    assert _ended(client) == []
    (error,) = client.batches.cost("batch_1").errors
    assert error.code == "output_missing"


def test_without_a_ledger_nothing_is_kept(server: AccountServer, tmp_path: Path) -> None:
    """
    No file is made, and none is fetched.
    """
    client = _client(server, tmp_path, ledger=False)
    client.batches.create("file-in", "/v1/chat/completions").throw()
    client.batches.wait("batch_1", **_QUICK).throw()
    assert _cost(client).total == Decimal("3.8")
    assert list(tmp_path.iterdir()) == []
    assert server.contents == ["file-out", "file-err"]


def test_a_hook_that_raises_changes_nothing(
    server: AccountServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    It is logged, the others are called, and the event stays booked.
    """
    seen: list[OpenAIBatchEvent] = []

    def bad(event: OpenAIBatchEvent) -> None:
        raise RuntimeError(event.batch_id)

    client = _client(server, tmp_path, hooks=[bad, seen.append])
    assert client.batches.wait("batch_1", **_QUICK).success
    assert [event.kind for event in seen] == ["created", "ended"]
    assert "hook" in caplog.text
    assert len(_ended(client)) == 1


def test_many_batches_waited_for_at_once_are_all_booked(server: AccountServer, tmp_path: Path) -> None:
    """
    Three hundred waits on few threads: each batch has its two events, and one hook call for each.
    """
    ids = [f"batch_{number}" for number in range(300)]
    for batch_id in ids:
        server.batches[batch_id] = ended_batch(batch_id, output_file_id="file-out")
    seen: list[OpenAIBatchEvent] = []
    threads = Threads()
    with _client(server, tmp_path, hooks=[seen.append]) as client:
        waits = [client.batches.wait(batch_id, **_QUICK | {"background": True}) for batch_id in ids]
        assert len(threads.now()) <= 7 + 17  # the pool's and the timer's; the server has one each
    assert all(wait.success for wait in waits)
    assert sorted(event.batch_id for event in seen if event.kind == "ended") == sorted(ids)
    assert len(seen) == 600


def test_results_book_the_end(server: AccountServer, tmp_path: Path) -> None:
    """
    Who fetches the rows has seen that the batch has ended.
    """
    server.files["file-in"] = file_of({"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {}})
    client = _client(server, tmp_path)
    with client.batches.results("batch_1").throw():
        assert len(_ended(client)) == 1


def _input(count: int = 2, **body: Any) -> bytes:
    asked = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Say hello."}], **body}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": asked}
    return file_of(*[line] * count)


def test_an_estimate_has_a_low_and_a_high_end(server: AccountServer, tmp_path: Path) -> None:
    """
    From a path, from bytes and from an uploaded file alike: input by its texts, output from nothing to the bound.
    """
    content = _input(max_tokens=100)
    (tmp_path / "input.jsonl").write_bytes(content)
    server.files["file-abc"] = content
    client = _client(server, tmp_path)
    estimates = [client.batches.estimate(file).throw().estimate for file in (tmp_path / "input.jsonl", content)]
    estimates.append(client.batches.estimate("file-abc").throw().estimate)
    assert estimates[0] == estimates[1] == estimates[2]
    estimate = estimates[0]
    assert estimate is not None
    assert (estimate.requests, estimate.output_tokens_low, estimate.output_tokens_high) == (2, 0, 200)
    assert 0 < estimate.input_tokens_low <= estimate.input_tokens_high
    assert estimate.cost_high == (estimate.input_tokens_high + 4 * 200) / Decimal(1_000_000)
    assert estimate.cost_low is not None
    assert 0 < estimate.cost_low < estimate.cost_high


def test_prices_of_a_call_win_over_those_of_the_client(server: AccountServer, tmp_path: Path) -> None:
    """
    Of several accounts of one client each may have its own; models that the call does not name keep theirs.
    """
    client = _client(server, tmp_path)
    dearer: dict[str, Any] = {"prices": {"gpt-4o-mini": {"batch": {"input": 10, "cached_input": 5, "output": 40}}}}
    plain, own = (client.batches.cost("batch_1", **options).throw().cost for options in ({}, dearer))
    assert plain is not None
    assert own is not None
    assert plain.total is not None
    assert own.total == 10 * plain.total
    assert client.batches.cost("batch_1", {"prices": {"other": {"input": 1, "output": 1}}}).cost == plain
    low, high = (client.batches.estimate(_input(max_tokens=1), **options).throw().estimate for options in ({}, dearer))
    assert low is not None
    assert high is not None
    assert low.cost_high is not None
    assert high.cost_high == 10 * low.cost_high
    with pytest.raises(ValueError, match="prices"):
        client.batches.cost("batch_1", {"prices": {"gpt-4o-mini": {}}})
    assert client.batches.prices().price_of("gpt-4o-mini-2024-07-18") == client.batches.prices().own["gpt-4o-mini"]
    price = client.batches.prices(**dearer).price_of("gpt-4o-mini")
    assert price is not None
    assert (price.batch.output, client.batches.prices().price_of("other")) == (Decimal(40), None)


def test_a_name_without_dot_and_slash_is_an_id_unless_there_is_such_a_file(
    server: AccountServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Servers have ids of their own making; what looks like a path and is not there is said not to be there.
    """
    monkeypatch.chdir(tmp_path)
    server.files["bGl0ZWxsbTo"] = _input(3, max_tokens=1)
    client = _client(server, tmp_path)
    estimates = [client.batches.estimate("bGl0ZWxsbTo").throw().estimate]
    (tmp_path / "bGl0ZWxsbTo").write_bytes(_input(1, max_tokens=1))
    estimates.append(client.batches.estimate("bGl0ZWxsbTo").throw().estimate)
    assert [estimate and estimate.requests for estimate in estimates] == [3, 1]
    (error,) = client.batches.estimate("missing.jsonl").errors
    assert (error.code, error.status) == ("file_not_found", None)


def test_a_batch_that_may_cost_too_much_is_not_created(server: AccountServer, tmp_path: Path) -> None:
    """
    The error says how much it may cost and what to do; what is affordable is created.
    """
    server.files["file-in"] = _input(max_tokens=1_000)
    client = _client(server, tmp_path)
    order = ("file-in", "/v1/chat/completions")
    (error,) = client.batches.create(*order, {"max_cost": "0.001"}).errors
    assert (error.code, error.param) == ("max_cost_exceeded", "max_cost")
    assert "raise max_cost" in error.message
    assert [method for method, _ in server.asked] == ["GET"]
    assert client.batches.create(*order, {"max_cost": 0.001, "max_cost_of": "low"}).success
    assert client.batches.create(*order, {"max_cost": 1}).success


@pytest.mark.parametrize(
    ("body", "what_to_do"),
    [
        ({}, "max_completion_tokens"),
        ({"model": "my-model", "max_tokens": 1}, "prices.json"),
        ({"messages": [{"content": [{"type": "file", "file": {"file_id": "f"}}]}], "max_tokens": 1}, "max_cost_of"),
    ],
)
def test_what_may_cost_anything_is_not_created(
    server: AccountServer, tmp_path: Path, body: dict[str, Any], what_to_do: str
) -> None:
    """
    No bound of the answers, no price, a file in the prompt: nothing is created under any bound, and what to do is said.
    """
    server.files["file-in"] = _input(**body)
    result = _client(server, tmp_path).batches.create("file-in", "/v1/chat/completions", {"max_cost": 1_000_000})
    (error,) = result.errors
    assert (error.code, what_to_do in error.message) == ("unknown_cost", True)
    assert [method for method, _ in server.asked] == ["GET"]


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"prices": []}, TypeError, "prices"),
        ({"prices": {"m": {"input": -1}}}, ValueError, "from 0"),
        ({"prices": {"m": {"inptu": 1}}}, ValueError, 'inptu; known are .*; did you mean "input"'),
        ({"hooks": "print"}, TypeError, "hooks"),
        ({"hooks": [1]}, TypeError, "callables"),
        ({"ledger": 1}, TypeError, "ledger"),
        ({"hooks": [print], "ledger": False}, ValueError, "need the ledger"),
    ],
)
def test_wrong_arguments_of_a_client_are_refused(options: dict[str, Any], kind: type[Exception], words: str) -> None:
    """
    Prices, ledger and hooks are checked when the client is made.
    """
    with pytest.raises(kind, match=words):
        OpenAIClient("sk-1", **options)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"max_cost": -1}, ValueError),
        ({"max_cost": "much"}, ValueError),
        ({"max_cost": float("nan")}, ValueError),
        ({"max_cost": True}, TypeError),
        ({"max_cost_of": "middle"}, ValueError),
    ],
)
def test_wrong_bounds_are_refused(options: dict[str, Any], kind: type[Exception]) -> None:
    """
    In the caller's thread, before anything is sent.
    """
    client = OpenAIClient("sk-1", base_url="http://127.0.0.1:1/v1")
    with pytest.raises(kind, match="max_cost"):
        client.batches.create("file-in", "/v1/chat/completions", **options)
