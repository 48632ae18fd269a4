"""
What the APIs of one client share: connections, scheduler, dispatcher, bandwidth, and the records in its home.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aikit.http.bandwidth import Bandwidth
from aikit.providers.config import ProviderSettings
from aikit.resources import later
from aikit.resources.connections import Connection, Connections
from aikit.runtime.callback_checks import checked_hooks
from aikit.runtime.parameters import OpenAIParameters, are_headers, is_flag
from aikit.storage import NO_HOME, NoHomeError, home_folder

if TYPE_CHECKING:
    from aikit.billing.ledger import Ledger
    from aikit.billing.recorder import BillingRecorder, Hook
    from aikit.dispatch import Dispatcher
    from aikit.dispatch.windows import Gate, Tie
    from aikit.http.flow import Gather
    from aikit.providers import Provider
    from aikit.providers.config.providers import Providers
    from aikit.runtime.scheduler import Scheduler
    from aikit.runtime.task import Task
    from aikit.storage.upload_journal import Journal

_MAX_WORKERS: Final = 1_000
_MIN_CONNECTIONS: Final = 16
_GRACE_S: Final = 0.5
_PUMP_S: Final = 0.1
_sessions: Final[weakref.WeakSet[Session]] = weakref.WeakSet()


class Session:
    """
    What the APIs of one client share; most of it is made when a call first needs it.

    Attributes:
        defaults: *timeout* and *max_retries* of calls that name none.

        max_workers: Calls with callbacks that are under way at once.

        bandwidth: Shared by all calls; ``None`` does not limit them.
    """

    # `_lock` guards making the scheduler, the recorder and the journal. No other lock is taken under it but that of
    # the interpreter's end, which a new scheduler tells of itself, and no user code runs under it.

    def __init__(
        self,
        given: ProviderSettings,
        provider: str | None,
        *,
        timeout: float,
        max_retries: int,
        http_agent: Any,
        max_workers: int,
        dispatcher: Any,
        prices: Mapping[str, Any] | None,
        ledger: bool,
        hooks: Iterable[Hook],
        bandwidth: float | None,
        providers: Providers | None,
    ) -> None:
        _require_workers(max_workers)
        are_headers("custom_headers", given.custom_headers)
        defaults = OpenAIParameters(timeout=timeout, max_retries=max_retries, http_agent=http_agent)
        self.defaults: OpenAIParameters = defaults
        self.max_workers = max_workers
        self._given = given
        is_flag("ledger", ledger)
        self.bandwidth: Bandwidth | None = None if bandwidth is None else Bandwidth.of(bandwidth)
        self._has_own_dispatcher = dispatcher is not None
        self._dispatcher = later.dispatch.dispatcher_of(dispatcher) if self._has_own_dispatcher else None
        self._tie: Tie | None = None
        can_await = hasattr(self._dispatcher, "spawn")
        self._hooks = checked_hooks(hooks, is_kept=ledger, can_await=can_await)
        self._prices = None if prices is None else later.price_overrides.checked_prices("prices", prices)
        self._is_kept = ledger
        self._lock = threading.Lock()
        self._scheduler: Scheduler | None = None
        self._is_closed = self._is_cancelled = False
        self._has_noticed_loop = False  # that a call blocks it; twice, where two threads ask at once, does no harm
        self._inline: weakref.WeakSet[Task] = weakref.WeakSet()  # those that wait for their reader are his
        self._recorder: BillingRecorder | None = None
        self._journal: Journal | None = None
        _sessions.add(self)
        self._connections = Connections(given, self.max_connections, http_agent, providers)
        self._main = self._connections.main(provider)

    @property
    def provider(self) -> Provider:
        """The provider of calls that name no other."""
        return self._main.provider

    @property
    def providers(self) -> Providers:
        """The configured providers, read once."""
        return self._connections.providers

    @property
    def max_connections(self) -> int:
        """Connections that are kept for further requests."""
        return max(self.max_workers, _MIN_CONNECTIONS)

    @property
    def home(self) -> Path:
        """The folder where this client keeps things; ValueError where there is none."""
        return self._given.home or home_folder()

    @property
    def home_if_any(self) -> Path:
        """The same, or one in which nothing can be kept: no call fails for want of a home that it could do without."""
        try:
            return self.home
        except NoHomeError:
            return NO_HOME

    @property
    def dispatcher(self) -> Dispatcher:
        """Where callbacks run."""
        if self._dispatcher is None:
            self._dispatcher = later.dispatch.dispatcher_of(None)
        return self._dispatcher

    def newest_only(self, tell: Callable[[Any], object], dispatcher: Dispatcher) -> Callable[[Any], None]:
        """
        Return a callback that has *dispatcher* call *tell* with the newest value of those that wait for it.
        """
        return later.dispatch.Newest(dispatcher, tell).tell

    @property
    def ledger(self) -> Ledger:
        """The ledger in *home*; ValueError where there is none."""
        _ = self.home
        return self.recorder.ledger

    @property
    def recorder(self) -> BillingRecorder:
        """Prices, ledger and hooks."""
        if self._recorder is None:
            recorder = later.recorder.BillingRecorder(
                home=self.home_if_any,
                own_prices=self._prices,
                is_kept=self._is_kept,
                hooks=self._hooks,
                dispatcher=self._dispatcher,
            )
            with self._lock:
                self._recorder = self._recorder or recorder
        return self._recorder

    @property
    def journal(self) -> Journal:
        """The journal of files that go up in parts, for interrupted uploads to resume."""
        if self._journal is None:
            journal = later.upload_journal.Journal(self.home_if_any)
            with self._lock:
                self._journal = self._journal or journal
        return self._journal

    @property
    def scheduler(self) -> Scheduler:
        """The scheduler of calls with callbacks, made by the first of them."""
        with self._lock:
            if self._scheduler is None:
                self._scheduler = later.scheduler.Scheduler(self.max_workers, self.pump, is_awaited=self._tie is None)
                if self._is_cancelled:  # by another thread, while this one was making its call
                    self._scheduler.cancel_all()
            return self._scheduler

    def connection_for(self, parameters: OpenAIParameters) -> Connection:
        """
        Return the connection that a call with *parameters* goes through.

        Raises:
            RuntimeError: The client is closed.
            ValueError: No provider of the name that *parameters* give is configured.
        """
        if self._is_closed:
            raise RuntimeError("the client is closed; make a new one")
        connection = self._connections.named(parameters.provider) if parameters.provider else self._main
        if parameters.http_agent is None:
            return connection
        return Connection(connection.settings, connection.connections, parameters.http_agent)

    def run_here(self, task: Task) -> None:
        """
        Run *task* in this thread, which may take days, unless another thread closes the client and cancels it.
        """
        try:
            self._inline.add(task)
            if self._is_cancelled:
                task.cancel()
            task.run_here(_gather_beside)
        finally:
            if task.full is None:
                self._inline.discard(task)

    def notices_loop(self) -> bool:
        """
        Return whether an event loop runs in this thread, which a call would block; once for each client.

        Not in a notebook, where one always runs.
        """
        events = sys.modules.get("asyncio.events")  # a program that has not loaded it has no loop
        if events is None or self._has_noticed_loop or "ipykernel" in sys.modules:
            return False
        if events._get_running_loop() is None:  # noqa: SLF001  documented; the other one raises where there is none
            return False
        self._has_noticed_loop = True
        return True

    def pump(self) -> int:
        """
        Run in this thread the callbacks that wait for it; return how many calls had some.
        """
        pump: Callable[[], int] | None = getattr(self._dispatcher, "pump", None)
        return pump() if pump else 0

    def close(self, *, cancel: bool) -> None:
        """
        Finish or *cancel* what is pending, run the callbacks, and let go of threads, sockets and files.
        """
        if cancel:
            self._cancel_all()
        self._finish()
        self._is_closed = True
        self._with_scheduler(lambda scheduler: scheduler.close())
        self._connections.close()
        for kept in (self._recorder, self._journal):
            if kept is not None:
                kept.close()

    def close_with(self, window: Any) -> None:
        """
        Cancel all calls, without callbacks, and close when *window* and all others named are gone.
        """
        if self._is_closed:
            raise RuntimeError("the client is closed; make a new one")
        windows = later.dispatch.of_windows()
        loop = windows.loop_of(window)
        if self._tie is None:
            own = self._dispatcher if self._has_own_dispatcher else windows.LoopDispatcher(loop)
            gate = self._dispatcher = windows.Gate(own)
            self._tie = windows.Tie(partial(self._leave, gate), partial(self.close, cancel=False))
        self._tie.add(window)

    def _leave(self, gate: Gate) -> None:
        gate.is_open = False
        self._cancel_all(keep=True)

    def end_with(self, error: type[BaseException] | None) -> None:
        """
        Close as the end of a ``with`` block does, which raised *error*.
        """
        if self._tie is not None:
            self._tie.end()
        elif error is not None and issubclass(error, KeyboardInterrupt):
            self.stop()
        else:
            self.close(cancel=False)

    def stop(self) -> None:
        """
        Cancel all calls because of Ctrl-C, and wait half a second for their callbacks.
        """
        self._cancel_all(keep=True)
        self._with_scheduler(lambda scheduler: scheduler.wait(_GRACE_S))
        self.pump()

    def _cancel_all(self, *, keep: bool = False) -> None:
        self._is_closed = self._is_cancelled = True
        for task in list(self._inline):
            task.cancel(keep=keep)
        self._with_scheduler(lambda scheduler: scheduler.cancel_all(keep=keep))

    def _finish(self) -> None:
        """
        Wait until no call is pending and no callback waits: callbacks may make further calls. Open streams end.
        """
        for task in list(self._inline):
            if task.full is not None:
                task.cancel()
        while True:
            self._with_scheduler(lambda scheduler: scheduler.resume_all())
            self._with_scheduler(self._wait)
            if not self.pump():
                return

    def _wait(self, scheduler: Scheduler) -> None:
        """
        Wait for all calls, and run callbacks meanwhile that wait for this thread: a call may wait for an answer.
        """
        longest_s = _PUMP_S if hasattr(self._dispatcher, "pump") else None
        while not scheduler.wait(longest_s):
            self.pump()

    def _with_scheduler(self, work: Callable[[Scheduler], object]) -> None:
        with self._lock:
            scheduler = self._scheduler
        if scheduler is not None:
            work(scheduler)

    def after_fork_in_child(self) -> None:
        """
        In a child made by fork, leave the parent's threads, sockets and files to the parent.
        """
        self._lock, self._scheduler, self._recorder, self._journal = threading.Lock(), None, None, None
        self._tie = None  # the windows are the parent's
        self._inline = weakref.WeakSet()  # to cancel one would cut off the parent's connection
        if self._dispatcher is not None and hasattr(self._dispatcher, "start_over"):
            self._dispatcher.start_over()
        if self.bandwidth is not None:
            self.bandwidth.after_fork_in_child()
        self._connections.after_fork_in_child()


def _require_workers(count: Any) -> None:
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= _MAX_WORKERS:
        raise ValueError(f"max_workers must be a whole number from 1 to {_MAX_WORKERS:,}, not {count!r}")


def _gather_beside(task: Task, step: Gather) -> None:
    later.beside.gather_beside(task, step)


def _after_fork_in_child() -> None:
    for session in list(_sessions):
        session.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
