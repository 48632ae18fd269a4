"""
The poller: looks after every batch that is not over or not booked, whether its owner asks or not.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from aikit.gateway.ids import new_id
from aikit.gateway.money.correcting import correct_all
from aikit.gateway.money.watching import book, give_up, is_forgotten, is_of_account, refresh, settle
from aikit.gateway.outgoing.batch_objects import batch_in
from aikit.gateway.registry.batches import ENDED
from aikit.gateway.values import Principal
from aikit.http.retry import retry_after_s
from aikit.resources.batches.rows.join import SETTLED_S, lacks_errors, lacks_output
from aikit.types.errors import Rejected
from aikit.types.events import ended_at

if TYPE_CHECKING:
    from aikit.gateway.money.means import Means
    from aikit.gateway.registry.rows import BatchRow
    from aikit.types.errors import OpenAIError

log: Final = logging.getLogger("aikit.gateway")

T = TypeVar("T")

_SOONEST_S: Final = 2.0
_LATEST_S: Final = 300.0
_LATEST_HERE_S: Final = 15.0  # batches that this process runs cost nothing to be asked for
_LATEST_ENDING_S: Final = 20.0
_LONGEST_S: Final = 3 * _LATEST_S  # after a rest of its account
_GROWTH: Final = 0.1  # of a batch's age
_LEASE_S: Final = 120.0
_CORRECT_AGAIN_S: Final = 3600.0
_IDLE_S: Final = 1.0
_AT_ONCE: Final = 8
_ENDING: Final = frozenset(("finalizing", "cancelling"))
_TIMEOUT_S: Final = 30.0
_PATIENCE_S: Final = 2.0


@attrs.define
class _Rest:
    """
    How long an account is left alone that could not be asked.
    """

    failures: int = 0
    until: float = 0.0


@attrs.define(eq=False, kw_only=True)
class Poller:
    """
    Asks for batches at growing intervals, and books those that are over; it needs one task and no thread.

    Several processes may share a registry: each leases the batches that it looks after. Of one that was killed, the
    leases end by themselves, or when it starts again under the same name.

    Attributes:
        name: Of this process among those that share the registry; the same after a restart.

        speed: By how much all intervals are shorter; tests raise it.

        unsettled_s: Seconds after which a batch was never created whose creation had no answer and which is not found.
    """

    gateway: Means
    name: str = attrs.field(factory=lambda: new_id("batch_"))
    speed: float = 1.0
    unsettled_s: float = 300.0
    _tasks: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)
    _rests: dict[str, _Rest] = attrs.field(factory=dict, init=False)
    _kept: set[asyncio.Future[Any]] = attrs.field(factory=set, init=False)
    _waited_for: dict[str, asyncio.Event] = attrs.field(factory=dict, init=False)
    _looked_at: float = attrs.field(default=0.0, init=False)
    _corrected_for: Any = attrs.field(default=None, init=False)
    _correcting: asyncio.Future[None] | None = attrs.field(default=None, init=False)
    _is_running: bool = attrs.field(default=False, init=False)
    _wake: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    async def run(self) -> None:
        """
        Look after batches until the task is cancelled.
        """
        self._wake = asyncio.Event()  # of this loop
        await self._begin()
        self._is_running = True
        try:
            while True:
                self._wake.clear()
                self._correct()
                if not await self._lease():
                    await self._pause()
        finally:
            self._is_running = False
            under_way = [*self._tasks, *self._kept]  # what is cut off here is found again after the next start
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    def _correct(self) -> None:
        """
        Begin to correct costs, once for each configuration, which may have prices that were not there.
        """
        if self._corrected_for is not self.gateway.settings:
            self._corrected_for = self.gateway.settings
            if self._correcting is not None:
                self._correcting.cancel()
            self._correcting = asyncio.ensure_future(self._correct_all())
            self.keep(self._correcting)

    async def _correct_all(self) -> None:
        while True:
            try:
                if await correct_all(self.gateway):
                    return
            except Exception:
                log.exception("costs without a price could not be looked at; they are in an hour")
            await asyncio.sleep(_CORRECT_AGAIN_S / self.speed)

    def keep(self, task: asyncio.Future[Any]) -> None:
        """
        Hold *task* until it is over, also when nobody waits for it any more.
        """
        self._kept.add(task)
        task.add_done_callback(self._forget)

    async def hurry(self, ids: Collection[str]) -> None:
        """
        Look after batches now.
        """
        if ids:
            await self.gateway.in_thread(self.gateway.registry.batches.hurry, list(ids), self.gateway.clock())
            self._wake.set()

    async def booked(self, row: BatchRow) -> BatchRow:
        """
        Return the batch of *row*, which is over, with its cost if that can be known within two seconds.
        """
        if not self._is_running:
            return row
        over = self._waited_for.setdefault(row.id, asyncio.Event())
        await self.hurry([row.id])
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), _PATIENCE_S)
        self._waited_for.pop(row.id, None)
        return await self._stored(row)

    async def _stored(self, row: BatchRow) -> BatchRow:
        return await self.gateway.in_thread(self.gateway.registry.batches.get, row.id, Principal()) or row

    async def _begin(self) -> None:
        """
        Take back what this process had leased before it was killed, and have batches go on that are run here.
        """
        here = [one.name for one in self.gateway.settings.forms if one.runs_lines or one.provider == "local"]
        while True:
            try:
                await self.gateway.in_thread(self.gateway.registry.batches.take_back, self.name, here)
                await self._heal(_LONGEST_S)
            except Exception:
                log.exception("the registry cannot be used; it is tried again")
                await asyncio.sleep(_IDLE_S)
            else:
                return

    async def _heal(self, within_s: float) -> None:
        """
        Make due what would be looked after later than that: it was put off by a clock that has been set back since.
        """
        now, heal = self.gateway.clock(), self.gateway.registry.batches.heal
        await self.gateway.in_thread(heal, now, due_by=now + within_s, leased_by=now + _LEASE_S)

    async def _pause(self) -> None:
        waking = asyncio.ensure_future(self._wake.wait())
        try:
            busy = self._tasks if len(self._tasks) >= _AT_ONCE else ()
            await asyncio.wait({waking, *busy}, timeout=_IDLE_S / self.speed, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waking.cancel()

    async def _lease(self) -> bool:
        """
        Begin with what is due, as far as there is room; return whether there was any.
        """
        room = _AT_ONCE - len(self._tasks)
        if not room:
            return False
        try:
            batches, now = self.gateway.registry.batches, self.gateway.clock()
            if now < self._looked_at - _SOONEST_S:
                await self._heal(0.0)
            self._looked_at = now
            rows = await _through(self.gateway.in_thread(batches.due, now, limit=room, lease_s=_LEASE_S, by=self.name))
        except Exception:
            log.exception("the registry does not tell which batches are due; it is asked again")
            return False
        for row in rows:
            task = asyncio.create_task(self._look_after(row))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return bool(rows)

    async def _look_after(self, row: BatchRow) -> None:
        """
        Do what is to be done for one batch; whatever happens, all others are looked after.
        """
        try:
            with self._renewing(row):
                next_at = await self._step(row)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("batch %s could not be looked after; it is tried again", row.id)
            next_at = self._in(_LATEST_S)
        if next_at is not None and await self._release(row, next_at):
            return
        if (over := self._waited_for.pop(row.id, None)) is not None:
            over.set()

    @contextmanager
    def _renewing(self, row: BatchRow) -> Iterator[None]:
        """
        Keep the lease of *row* while the block runs: the answers of a large batch may be long in coming.
        """
        loop, batches = asyncio.get_running_loop(), self.gateway.registry.batches
        timer = loop.call_later(_LEASE_S / 3, lambda: renew())  # noqa: PLW0108  it is made below

        def renew() -> None:
            nonlocal timer
            until = self.gateway.clock() + _LEASE_S
            self.keep(asyncio.ensure_future(self.gateway.in_thread(batches.renew, row.id, row.fence, until)))
            timer = loop.call_later(_LEASE_S / 3, renew)

        try:
            yield
        finally:
            timer.cancel()

    def _forget(self, task: asyncio.Future[Any]) -> None:
        self._kept.discard(task)
        if not task.cancelled():
            task.exception()  # who asked for it may be gone, and then nobody looks at it

    async def _release(self, row: BatchRow, next_at: float) -> bool:
        """
        Give the lease of *row* back until *next_at*; return whether it ended meanwhile, and is looked after at once.
        """
        try:
            batches = self.gateway.registry.batches
            now = await self.gateway.in_thread(batches.update, row.id, fence=row.fence, next_poll_at=next_at)
            if now is None or now.is_booked or now.status not in ENDED or row.status in ENDED:
                return False
            await self.hurry([row.id])
        except Exception:
            log.exception("batch %s stays leased until that ends", row.id)
            return False
        return True

    async def _step(self, row: BatchRow) -> float | None:
        """
        Ask for the batch, book it if it is over; return when to look again, ``None`` for never.
        """
        rest = self._rests.get(row.deployment)
        if rest is not None:
            now = self.gateway.clock()
            if now < rest.until <= now + _LATEST_S:  # the clock may have been set back
                return rest.until + random.uniform(0, _SOONEST_S) / self.speed  # noqa: S311  nothing secret
            rest.until = self._in(_TIMEOUT_S)  # this one tries, and the others wait for what comes of it
        try:
            next_at = await (self._settle(row) if row.upstream_id is None else self._ask(row))
        except KeyError:
            return await self._do_without_account(row)
        except Rejected as failure:
            return await self._bear(row, failure.errors[0])
        self._rests.pop(row.deployment, None)
        return next_at

    async def _ask(self, row: BatchRow) -> float | None:
        batch = batch_in(row)
        if not batch.is_ended or lacks_output(batch) or lacks_errors(batch):
            row = await refresh(self.gateway, row, max_retries=0, timeout=_TIMEOUT_S)
            batch = batch_in(row)
        if not batch.is_ended:
            return self._in(self._interval_s(row))
        age_s = abs(self.gateway.clock() - (ended_at(batch) or row.created_at)) * self.speed  # clocks may be apart
        if lacks_errors(batch) and age_s < SETTLED_S:  # nobody looks for them once it is booked
            return self._in(_LATEST_ENDING_S)
        await book(self.gateway, row)
        return None

    async def _settle(self, row: BatchRow) -> float | None:
        found = await settle(self.gateway, row)
        if found is not None:
            return self._in(_SOONEST_S)
        age_s = (self.gateway.clock() - row.created_at) * self.speed
        if age_s < self.unsettled_s:
            return self._in(max(age_s / 4, _SOONEST_S))
        log.warning("batch %s was never created: the provider has none with its intent", row.id)
        await self.gateway.in_thread(self.gateway.registry.batches.remove, row.id)
        return None

    async def _do_without_account(self, row: BatchRow) -> float | None:
        if not is_forgotten(row, self.gateway.clock()):
            return self._in(_LATEST_S)
        if row.upstream_id is None:
            await self.gateway.in_thread(self.gateway.registry.batches.remove, row.id)
            return None
        await give_up(self.gateway, row, f"the account {row.deployment!r} is configured no more")
        return None

    async def _bear(self, row: BatchRow, error: OpenAIError) -> float | None:
        """
        Return when to ask again after *error*; an account that cannot be asked at all is left alone for longer.
        """
        now = self.gateway.clock()
        if is_of_account(error):
            rest = self._rests.setdefault(row.deployment, _Rest())
            rest.failures += 1
            wanted_s = retry_after_s(error.headers, time.time()) or 0.0
            rest.until = self._in(min(max(2.0 ** min(rest.failures, 9), wanted_s), _LATEST_S))
            log.warning("account %r cannot be asked for batches: %s", row.deployment, error)
            # another one tries first then: it may be this batch that cannot be asked for
            return rest.until + (_SOONEST_S + self._interval_s(row)) / self.speed
        self._rests.pop(row.deployment, None)
        row = await self._stored(row)  # perhaps with its end
        if is_forgotten(row, now):
            await give_up(self.gateway, row, str(error))
            return None
        log.info("batch %s is asked for again: %s", row.id, error)
        return self._in(self._interval_s(row))

    def _interval_s(self, row: BatchRow) -> float:
        deployment = self.gateway.settings.deployment(row.deployment)
        latest_s = _LATEST_HERE_S if deployment.runs_lines or deployment.provider == "local" else _LATEST_S
        latest_s = min(latest_s, _LATEST_ENDING_S) if row.status in _ENDING else latest_s
        return min(max((self.gateway.clock() - row.created_at) * _GROWTH, _SOONEST_S), latest_s)

    def _in(self, seconds: float) -> float:
        return self.gateway.clock() + seconds / self.speed


async def _through(call: Awaitable[T]) -> T:
    """
    Wait for *call*, also when cancelled meanwhile: what it writes must not come after what is written next.
    """
    running = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        raise
