"""
The end of a batch: told in pieces, told while somebody looks, and told late.
"""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

import pytest

from aikit.types.errors import OpenAIError
from tests.gateway.batch_house import House
from tests.gateway.upstream import Upstream

_HALF = {"total": 2, "completed": 1, "failed": 1}


@pytest.mark.parametrize("status", ["completed", "expired", "cancelled"])
def test_an_error_file_that_is_named_late_is_its_owners(home: House, one: Upstream, status: str) -> None:
    """
    A batch with failed lines is not booked before its error file is named, since nobody asks for it afterwards.
    """
    client = home.key()
    row = home.created(client)
    one.finish(str(row.upstream_id), status, request_counts=_HALF, error_file_id=None)
    home.gateway.poller.speed = 10.0
    home.poll(lambda: home.row(row.id).status == status)
    asked = len(one.asked)
    home.poll(lambda: len(one.asked) > asked)
    assert not home.row(row.id).is_booked
    one.finish(str(row.upstream_id), status, request_counts=_HALF)
    home.poll(lambda: home.row(row.id).is_booked)
    told = client.get(f"/v1/batches/{row.id}").json
    listed = [file["id"] for file in client.get("/v1/files").json["data"]]
    assert {told["output_file_id"], told["error_file_id"]} < set(listed)
    assert client.get(f"/v1/files/{told['error_file_id']}/content").status == 200
    (spend,) = home.spend()
    assert spend.cost == Decimal("0.02")


def test_an_error_file_that_is_never_named_holds_up_no_booking(home: House, one: Upstream) -> None:
    """
    Some providers put failed lines into the output.
    """
    row = home.created()
    long_ago = int(time.time()) - 121
    one.finish(str(row.upstream_id), request_counts=_HALF, error_file_id=None, completed_at=long_ago)
    home.poll(lambda: home.row(row.id).is_booked)
    assert home.row(row.id).error_file_id is None


def test_an_end_that_a_request_saw_first_is_booked_at_once(home: House, one: Upstream) -> None:
    """
    The poller, which was told before that the batch is under way, does not put its next look off by minutes.
    """
    row = home.created()
    home.gateway.clock = lambda: time.time() + 10_000
    home.gateway.poller.speed = 1.0

    def end(_: str) -> None:
        one.on_retrieve = one.finish
        body = {**home.row(row.id).body, "status": "completed"}
        now = home.gateway.clock()
        home.gateway.registry.batches.update(row.id, status="completed", body=body, next_poll_at=now)
        home.gateway.poller._wake.set()

    one.on_retrieve = end
    home.gateway.registry.batches.hurry([row.id], time.time())
    home.poll(lambda: home.row(row.id).is_booked)
    assert home.row(row.id).cost == Decimal("0.04")


def test_answers_of_a_batch_that_took_days_are_asked_for_again(home: House, one: Upstream) -> None:
    """
    The two days after which they are given up begin with its end: some providers let a batch wait for three.
    """
    row = home.created()
    home.gateway.clock = lambda: time.time() + 3 * 86_400.0
    one.finish(str(row.upstream_id), completed_at=int(home.gateway.clock()))
    one.refuses = lambda _, path: 400 if path.endswith("/content") else None
    home.poll(lambda: len(one.contents()) > 1 or home.row(row.id).is_booked)
    assert (home.row(row.id).status, home.row(row.id).is_booked) == ("completed", False)
    one.refuses = lambda *_: None
    home.poll(lambda: home.row(row.id).is_booked)
    assert home.row(row.id).cost == Decimal("0.04")


@pytest.mark.parametrize("wanted", ["86400", "1e300", "0"])
def test_an_account_is_left_alone_for_minutes_at_most(home: House, wanted: str) -> None:
    """
    Whatever it asks for, and after any number of failures: what it has is to be booked once it can be asked again.
    """
    row = home.created()
    error = OpenAIError(message="no", status=429, headers={"retry-after": wanted})
    poller = home.gateway.poller
    poller.speed = 1.0

    async def bear() -> float | None:
        for _ in range(1100):
            next_at = await poller._bear(row, error)
        return next_at

    next_at = asyncio.run(bear())
    assert next_at is not None
    assert next_at < home.gateway.clock() + 310
