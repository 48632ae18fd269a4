"""
The poller: every batch is looked after and booked once, whatever becomes of the others.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aikit.gateway.registry.batches import Batches
from aikit.gateway.registry.keys import hash_of
from aikit.gateway.registry.rows import BatchRow
from tests.gateway.batch_house import ENDPOINT, House, house, lines
from tests.gateway.upstream import PRICES, Upstream, answers, config_of, upstream

_COST = Decimal("0.02")  # of one answer: 10 tokens in, 5 out


def test_the_end_is_booked_without_anybody_asking(home: House, one: Upstream) -> None:
    """
    With the cost by the prices of the account, on the batch, in the books and on the key; the output is fetched once.
    """
    client = home.key(max_budget=10, alias="team")
    row = home.created(client)
    one.finish(str(row.upstream_id))
    home.poll(lambda: home.row(row.id).is_booked)
    batch = client.get(f"/v1/batches/{row.id}").json
    assert (batch["status"], batch["aikit"]["cost"], batch["aikit"]["cost_is_complete"]) == ("completed", 0.04, True)
    assert batch["aikit"]["models"]["gpt-4o-mini"]["requests"] == 2
    assert "warnings" not in batch["aikit"]
    assert (batch["usage"]["input_tokens"], batch["usage"]["output_tokens"]) == (20, 10)
    (spend,) = home.spend()
    assert (spend.cost, spend.token, spend.requests, spend.deployment) == (
        2 * _COST,
        hash_of(client.key or ""),
        2,
        "one",
    )
    assert (spend.request_id, spend.prompt_tokens, spend.completion_tokens) == (f"{row.id}_batch_cost", 20, 10)
    key = home.gateway.registry.keys.find("team")
    assert key is not None
    assert key.spend == 2 * _COST
    assert one.contents() == [f"file-out-{row.upstream_id}"]
    assert home.gateway.registry.batches.open_estimates(hash_of(client.key or "")) == 0


def test_fifty_readers_at_once_book_it_once(home: House, one: Upstream) -> None:
    """
    All are answered, and the output is fetched once.
    """
    row = home.created()

    async def run() -> list[Any]:
        async with home.polling():
            await asyncio.sleep(0.2)
            one.finish(str(row.upstream_id))
            return await asyncio.gather(*(home.admin.asend("GET", f"/v1/batches/{row.id}") for _ in range(50)))

    answers = asyncio.run(run())
    assert {answer.status for answer in answers} == {200}
    home.poll(lambda: home.row(row.id).is_booked)
    assert len(home.spend()) == 1
    assert len(one.contents()) == 1


def test_an_unknown_price_is_null_and_a_warning(one: Upstream, tmp_path: Path) -> None:
    """
    Never 0; tokens are told, and nothing of where the gateway keeps its prices.
    """
    with house(tmp_path, config_of(one)) as home:
        row = home.created()
        one.finish(str(row.upstream_id), output_file_id="file-made-up")
        one.files["file-made-up"] = answers(2, "some-new-model")
        home.poll(lambda: home.row(row.id).is_booked)
        told = home.admin.get(f"/v1/batches/{row.id}").json["aikit"]
        assert (told["cost"], told["cost_is_complete"]) == (None, False)
        assert told["models"]["some-new-model"]["cost"] is None
        assert "some-new-model" in " ".join(told["warnings"])
        assert str(tmp_path) not in str(told)
        (spend,) = home.spend()
        assert (spend.cost, spend.is_lower_bound, spend.prompt_tokens) == (None, True, 20)


@pytest.mark.parametrize(
    ("status", "counts", "cost"),
    [
        ("completed", (2, 0, 2), 0),
        ("failed", (0, 0, 0), 0),
        ("expired", (2, 1, 1), _COST),
        ("cancelled", (2, 1, 1), _COST),
        ("cancelled", (2, 0, 0), 0),
        ("completed", (2, 2, 0), 2 * _COST),
    ],
)
def test_every_end_is_booked(
    home: House, one: Upstream, status: str, counts: tuple[int, int, int], cost: Decimal
) -> None:
    """
    Rows that were answered are paid for, whatever became of the others; where all failed it costs nothing.
    """
    row = home.created()
    told = dict(zip(("total", "completed", "failed"), counts, strict=True))
    one.finish(str(row.upstream_id), status, request_counts=told)
    home.poll(lambda: home.row(row.id).is_booked)
    batch = home.admin.get(f"/v1/batches/{row.id}").json
    assert (batch["status"], batch["request_counts"]) == (status, told)
    assert home.row(row.id).cost == cost
    assert (batch["output_file_id"] is None) == (not counts[1])
    assert (batch["error_file_id"] is None) == (not counts[2])


def test_why_a_batch_failed_is_told_with_the_gateways_ids(home: House, one: Upstream) -> None:
    """
    The provider names its own ids in its words.
    """
    row = home.created()
    upstream_file = one.batches[str(row.upstream_id)]["input_file_id"]
    problem = {"code": "x", "line": 3, "message": f"File {upstream_file} of {row.upstream_id} is bad", "param": None}
    counts = {"total": 0, "completed": 0, "failed": 0}
    one.finish(str(row.upstream_id), "failed", errors={"object": "list", "data": [problem]}, request_counts=counts)
    home.poll(lambda: home.row(row.id).is_booked)
    (error,) = home.admin.get(f"/v1/batches/{row.id}").json["errors"]["data"]
    assert error == {**problem, "message": f"File {row.input_file_id} of {row.id} is bad"}


def test_output_that_is_named_late_is_waited_for(home: House, one: Upstream) -> None:
    """
    A batch that is completed and has no file yet is not booked at 0.
    """
    row = home.created()
    one.finish(str(row.upstream_id), output_file_id=None)
    del one.batches[str(row.upstream_id)]["output_file_id"]
    home.poll(lambda: home.row(row.id).status == "completed")
    home.poll(lambda: len(one.asked) > 20)
    assert not home.row(row.id).is_booked
    one.finish(str(row.upstream_id))
    home.poll(lambda: home.row(row.id).is_booked)
    assert home.row(row.id).cost == 2 * _COST
    assert home.admin.get(f"/v1/batches/{row.id}").json["output_file_id"] is not None


def test_a_provider_that_fails_stops_no_other(one: Upstream, tmp_path: Path) -> None:
    """
    Its batches wait, for longer from time to time, and are booked when it is there again.
    """
    with upstream() as two, house(tmp_path, config_of(one, two, prices=PRICES), max_retries=0, speed=20.0) as home:
        broken = [home.created() for _ in range(20)]
        file_id = home.file(lines(model="gpt-4o"), account="two")
        good = home.row(home.create(file_id).json["id"])
        for row in broken:
            one.finish(str(row.upstream_id))
        two.finish(str(good.upstream_id))
        one.refuses = lambda *_: 503
        before = len(one.asked)
        home.poll(lambda: home.row(good.id).is_booked)
        home.poll(lambda: len(one.asked) > before + 3)
        assert len(one.asked) < before + 15  # one asks for all of them
        one.refuses = lambda *_: None
        home.poll(lambda: all(home.row(row.id).is_booked for row in broken))
        assert len(home.spend()) == 21


def test_one_batch_that_cannot_be_read_stops_no_other(home: House, one: Upstream) -> None:
    """
    Nonsense, a 404, and an output that is gone: all others are booked.
    """
    rows = [home.created() for _ in range(4)]
    one.batches[str(rows[0].upstream_id)] = {"object": "nonsense"}
    del one.batches[str(rows[1].upstream_id)]
    one.finish(str(rows[2].upstream_id))
    one.files.clear()
    one.finish(str(rows[3].upstream_id))
    home.poll(lambda: home.row(rows[3].id).is_booked)
    assert [home.row(row.id).is_booked for row in rows[:3]] == [False, False, False]


def test_a_batch_that_its_provider_forgot_is_given_up(home: House, one: Upstream) -> None:
    """
    After days it counts as expired, at a cost that is not known, and its estimate is held no more.
    """
    row = home.created()
    one.batches.clear()
    home.gateway.clock = lambda: row.created_at + 3 * 86_400.0
    home.poll(lambda: home.row(row.id).is_booked)
    batch = home.admin.get(f"/v1/batches/{row.id}").json
    assert (batch["status"], batch["aikit"]["cost"], batch["aikit"]["cost_is_complete"]) == ("expired", None, False)
    assert home.spend()[0].cost is None


def test_a_creation_without_answer_is_found_by_its_mark(home: House, one: Upstream) -> None:
    """
    As after a kill between the provider's answer and its being noted: it is the key's batch, and the only one.
    """
    client = home.key()
    row = _noted(home, client)
    order = {"input_file_id": "file-up1", "endpoint": ENDPOINT, "completion_window": "24h"}
    made = one._create({**order, "metadata": {"aikit_intent": row.intent}})
    assert client.get(f"/v1/batches/{row.id}").status == 404
    home.poll(home.rows)
    assert client.get(f"/v1/batches/{row.id}").json["status"] == "in_progress"
    assert home.row(row.id).upstream_id == made["id"]
    assert len(one.batches) == 1


def test_a_creation_that_never_was_is_forgotten(home: House, one: Upstream) -> None:
    """
    After some minutes, not before; what was held for it is free again.
    """
    client = home.key()
    _noted(home, client)
    home.gateway.poller.unsettled_s = 1e9
    home.poll(lambda: len(one.asked) > 5)
    assert home.gateway.registry.batches.open_estimates(hash_of(client.key or "")) == 5
    home.gateway.poller.unsettled_s = 0.0
    home.poll(lambda: home.gateway.registry.batches.open_estimates(hash_of(client.key or "")) == 0)
    assert one.batches == {}
    assert home.rows() == ()


def _noted(home: House, client: Any) -> BatchRow:
    row = BatchRow(
        id="batch_unsettled",
        deployment="one",
        upstream_id=None,
        owner=hash_of(client.key or ""),
        input_file_id=home.file(lines(), client),
        endpoint=ENDPOINT,
        created_at=int(home.gateway.clock()),
        status="validating",
        intent="mark",
        estimate=Decimal(5),
        next_poll_at=0.0,
    )
    return home.gateway.registry.batches.hold(row).row


def test_a_batch_that_its_provider_fails_at_holds_up_no_other(home: House, one: Upstream) -> None:
    """
    Answers that cannot be fetched are a failure of the provider each time, and all others are booked in between.
    """
    rows = [home.created() for _ in range(5)]
    for row in rows:
        one.finish(str(row.upstream_id))
    broken = f"/v1/files/file-out-{rows[0].upstream_id}/content"
    one.refuses = lambda _, path: 500 if path == broken else None
    home.poll(lambda: all(home.row(row.id).is_booked for row in rows[1:]))
    assert not home.row(rows[0].id).is_booked


def test_an_account_that_is_configured_no_more_is_waited_for(one: Upstream, tmp_path: Path) -> None:
    """
    What it has is told from the registry, and after days it is booked at an unknown cost.
    """
    with house(tmp_path, config_of(one, prices=PRICES)) as home:
        over, row = home.created(), home.created()
        one.finish(str(over.upstream_id))
        home.poll(lambda: home.row(over.id).is_booked)
    with upstream() as two, house(tmp_path, config_of(one, two).replace(": one", ": renamed")) as home:
        assert home.admin.get(f"/v1/batches/{over.id}").json["aikit"]["cost"] == 0.04
        assert home.admin.get(f"/v1/batches/{row.id}").status == 503
        assert len(home.admin.get("/v1/batches").json["data"]) == 2
        home.gateway.clock = lambda: row.created_at + 3 * 86_400.0
        home.poll(lambda: home.row(row.id).is_booked)
        assert home.row(row.id).cost is None


def test_a_lease_is_kept_while_answers_come(home: House, one: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    However long that takes, no other process fetches them meanwhile.
    """
    monkeypatch.setattr("aikit.gateway.money.poller._LEASE_S", 0.3)
    row = home.created()
    one.finish(str(row.upstream_id))
    batches = home.gateway.registry.batches
    stolen: list[Any] = []

    def hold(_: str, path: str) -> None:
        for _number in range(10 if path.endswith("/content") else 0):
            time.sleep(0.1)
            stolen.extend(batches.due(home.gateway.clock(), 1, 9.0, "another"))

    one.refuses = hold
    home.poll(lambda: home.row(row.id).is_booked)
    assert stolen == []
    assert len(one.contents()) == 1


def test_whoever_stops_while_it_leases_leaves_no_lease(
    home: House, one: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Who begins again under its name takes back its leases, and none comes after that.
    """
    row = home.created()
    one.finish(str(row.upstream_id))
    due, take_back = Batches.due, Batches.take_back
    is_leasing, is_taken, is_leased = threading.Event(), threading.Event(), threading.Event()

    def late(self: Batches, *args: Any, **named: Any) -> tuple[BatchRow, ...]:
        is_leasing.set()
        is_taken.wait(0.5)
        found = due(self, *args, **named)
        is_leased.set()
        return found

    def early(self: Batches, *args: Any) -> None:
        take_back(self, *args)
        if is_leasing.is_set():
            is_taken.set()
            is_leased.wait(5)

    monkeypatch.setattr(Batches, "take_back", early)
    home.gateway.registry.batches.hurry([row.id], 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(Batches, "due", late)
        home.poll(is_leasing.is_set)
    home.poll(lambda: home.row(row.id).is_booked)
    assert len(home.spend()) == 1


def test_who_began_again_waits_between_two_looks(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Also in another event loop, as a program has that begins again in one process.
    """
    looks, due = [0], Batches.due

    def counted(self: Batches, *args: Any, **named: Any) -> tuple[BatchRow, ...]:
        looks[0] += 1
        return due(self, *args, **named)

    home.poll(_after(0.2))
    monkeypatch.setattr(Batches, "due", counted)
    home.poll(_after(0.5))
    assert 0 < looks[0] < 60  # every 20 ms at this pace


def _after(seconds: float) -> Callable[[], bool]:
    ends_at = time.monotonic() + seconds
    return lambda: time.monotonic() > ends_at
