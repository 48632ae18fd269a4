"""
A clock that is set while batches are looked after: they are asked for and booked as if it had not been.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import attrs
import pytest

from tests.gateway.batch_house import House
from tests.gateway.upstream import Upstream

_HOUR_S = 3_600.0
_DAY_S = 86_400.0


@attrs.define
class _Clock:
    """
    A clock that is wrong by some seconds.
    """

    wrong_by_s: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.wrong_by_s


@pytest.fixture
def clock(home: House) -> _Clock:
    """The clock of the gateway and of its registry."""
    clock = _Clock()
    home.gateway.clock = home.gateway.registry.batches.clock = clock
    return clock


def _poll_across(home: House, clock: _Clock, jump_s: float, then: Callable[[], object]) -> None:
    """
    Have the poller run, and set the clock in the middle of it.
    """

    async def run() -> None:
        async with home.polling():
            await asyncio.sleep(0.3)
            clock.wrong_by_s += jump_s
            then()
            await home.eventually(lambda: all(row.is_booked for row in home.rows()))

    asyncio.run(run())


@pytest.mark.parametrize("jump_s", [-_HOUR_S, _DAY_S])
def test_polling_goes_on_whatever_the_clock_does(home: House, one: Upstream, clock: _Clock, jump_s: float) -> None:
    """
    An hour back, a day forward: the end is seen and booked once, at its cost.
    """
    rows = [home.created() for _ in range(3)]

    def end() -> None:
        for row in rows:
            one.finish(str(row.upstream_id))

    _poll_across(home, clock, jump_s, end)
    assert {home.admin.get(f"/v1/batches/{row.id}").json["aikit"]["cost"] for row in rows} == {0.04}
    assert len(home.spend()) == 3


def test_an_account_at_rest_is_asked_again_after_the_clock_is_set_back(
    home: House, one: Upstream, clock: _Clock
) -> None:
    """
    It rests for minutes at most, by whatever clock.
    """
    row = home.created()
    one.refuses = lambda *_: 503

    def recover() -> None:
        one.refuses = lambda *_: None
        one.finish(str(row.upstream_id))

    _poll_across(home, clock, -_HOUR_S, recover)
    assert len(home.spend()) == 1


def test_what_was_put_off_before_a_restart_is_looked_after(home: House, one: Upstream, clock: _Clock) -> None:
    """
    The clock was an hour ahead while another process leased the batch, was killed, and the clock was put right.
    """
    row = home.created()
    one.finish(str(row.upstream_id))
    clock.wrong_by_s = _HOUR_S
    batches = home.gateway.registry.batches
    batches.hurry([row.id], 0.0)
    assert batches.due(clock(), 9, 120.0, "another")
    batches.update(row.id, next_poll_at=clock() + 100)
    clock.wrong_by_s = 0.0
    _poll_across(home, clock, 200.0, lambda: None)  # the other's lease is over then
    assert len(home.spend()) == 1


def test_failed_lines_do_not_hold_up_a_batch_that_ends_in_the_future(home: House, one: Upstream, clock: _Clock) -> None:
    """
    With failed lines and no error file the provider has two minutes, not as long as the clock was set back by.
    """
    row = home.created()
    counts = {"total": 2, "completed": 1, "failed": 1}
    one.finish(str(row.upstream_id), request_counts=counts, error_file_id=None)
    clock.wrong_by_s = -_HOUR_S
    home.poll(lambda: home.row(row.id).is_booked)
    assert len(home.spend()) == 1
