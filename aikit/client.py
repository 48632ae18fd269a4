"""
The client: what all calls of a program share.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from aikit.providers.config import Providers, ProviderSettings
from aikit.resources.client_arguments import bandwidth_of, checked_prices, require_workers
from aikit.resources.session import Connection, Connections
from aikit.runtime.parameters import OpenAIParameters, are_headers, checked_hooks
from aikit.storage import home_folder
from aikit.types.errors import CancelledError

if TYPE_CHECKING:
    from aikit.billing.ledger import Ledger
    from aikit.billing.recorder import BillingRecorder, Hook
    from aikit.dispatch import Dispatcher
    from aikit.providers import Provider
    from aikit.resources.batches import BatchesAPI
    from aikit.resources.files import FilesAPI
    from aikit.resources.uploads import UploadsAPI
    from aikit.runtime.scheduler import Scheduler
    from aikit.runtime.task import Task
    from aikit.storage.upload_journal import Journal


_GRACE_S: Final = 0.5
_MIN_CONNECTIONS: Final = 16
_clients: Final[weakref.WeakSet[OpenAIClient]] = weakref.WeakSet()


class OpenAIClient:
    """
    A client of one provider's API; one serves many threads.

    Used as a context manager, it finishes what is pending when the block ends. It cannot be pickled.

    Attributes:
        defaults: *timeout* and *max_retries* of calls that name none.
    """

    # The arguments are 4D AIKit's in Python spelling: https://developer.4d.com/docs/aikit/openai (read 2026-11-21)

    def __init__(
        self,
        api_key: str | None = None,
        *,
        provider: str | None = None,
        base_url: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        timeout: float = 600.0,
        max_retries: int = 2,
        custom_headers: Mapping[str, str] | None = None,
        http_agent: Any = None,
        max_workers: int = 6,
        dispatcher: Any = None,
        home: str | os.PathLike[str] | None = None,
        concurrency: int | None = None,
        prices: Mapping[str, Any] | None = None,
        ledger: bool = True,
        hooks: Iterable[Hook] = (),
        bandwidth: float | None = None,
    ) -> None:
        """
        Make a client; nothing is sent and nothing is opened yet.

        Args:
            api_key: Without it, that of the named provider, or ``OPENAI_API_KEY``; ``""`` sends none.

            provider: Name from the provider file, or ``"local"`` for the embedded one.

            base_url: Address of an OpenAI-format API; else ``OPENAI_BASE_URL``, else OpenAI's.

            organization: Else ``OPENAI_ORG_ID``.

            project: Else ``OPENAI_PROJECT_ID``.

            timeout: Seconds without a byte after which an attempt fails.

            max_retries: Tries after the first.

            custom_headers: Sent with every request; win over built-in ones.

            http_agent: A ``requests`` adapter to send with; it stays the caller's to close.

            max_workers: Calls with callbacks that are under way at once; waiting ones do not count. With the timer and
                the main thread, six make eight threads. While contents go up or down, there is one more for what is
                short, such as a list, unless *max_workers* is 1.

            dispatcher: Where callbacks run: ``"immediate"`` (the pool's threads), ``"queue"`` (in `pump`),
                ``"asyncio"`` (the running loop), ``"qt"``, ``"wx"``, or one of `aikit.dispatch`.

            home: Folder of the embedded provider, the ledger and ``prices.json``; else ``AIKIT_HOME``, else
                ``~/.aikit``.

            concurrency: Lines of batches that the embedded provider has answered at once, 16 unless told. With
                *base_url* they are answered there, with *api_key* and *custom_headers*; without, by a built-in model.

            prices: Model → US dollars per million tokens, ``{"input": 0.15, "output": 0.6}`` and more, see
                `aikit.billing.price_overrides`; they win over ``prices.json``, which wins over the price list.

            ledger: ``False`` books nothing of what becomes of batches.

            hooks: Called with each `OpenAIBatchEvent` that this client books, in the thread that books it.

            bandwidth: Bytes a second that all calls together may send, and as many that they may fetch; at least
                1,024. Without it, as many as the line takes.

        Raises:
            TypeError: An argument has the wrong type.
            ValueError: An argument cannot be used, or no such provider is configured.
            RuntimeError: The dispatcher is ``"asyncio"``, and no loop is running; or a toolkit's, without application.
            ModuleNotFoundError: The dispatcher is that of a toolkit that is not installed.
        """
        require_workers(max_workers)
        are_headers("custom_headers", custom_headers)
        self.defaults = OpenAIParameters(timeout=timeout, max_retries=max_retries, http_agent=http_agent)
        self._given = ProviderSettings(
            api_key=api_key,
            base_url=base_url,
            organization=organization,
            project=project,
            custom_headers=custom_headers,
            home=Path(home) if home is not None else None,
            concurrency=concurrency,
        )
        self._prices, self._hooks = checked_prices(prices), checked_hooks(hooks, is_kept=ledger)
        self._is_kept = ledger
        self.bandwidth = bandwidth_of(bandwidth)
        self._max_workers = max_workers
        self._dispatcher = _dispatcher_of(dispatcher) if dispatcher is not None else None
        self._lock = threading.Lock()
        self._pool: Scheduler | None = None
        self._is_closed = self._is_cancelled = False
        self._inline: set[Task] = set()
        self._files: FilesAPI | None = None
        self._uploads: UploadsAPI | None = None
        self._batches: BatchesAPI | None = None
        self._books: BillingRecorder | None = None
        self._journal: Journal | None = None
        _clients.add(self)
        self._connections = Connections(self._given, self.max_connections, http_agent)
        self._main = self._connections.main(provider)

    def __repr__(self) -> str:
        return f"OpenAIClient({self.provider.kind}, base_url={self.provider.base_url!r})"

    def __reduce__(self) -> Any:
        raise TypeError("an OpenAIClient cannot be pickled, it has a key and threads; make a new one there")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self._stop()
        else:
            self.close()

    @property
    def provider(self) -> Provider:
        """The provider that calls go to unless they name another."""
        return self._main.provider

    @property
    def max_workers(self) -> int:
        """Calls with callbacks that are under way at once."""
        return self._max_workers

    @property
    def max_connections(self) -> int:
        """Connections that are kept for further requests."""
        return max(self._max_workers, _MIN_CONNECTIONS)

    @property
    def home(self) -> Path:
        """The folder where this client keeps things."""
        return self._given.home or home_folder()

    @property
    def files(self) -> FilesAPI:
        """The Files API."""
        if self._files is None:
            from aikit.resources.files import FilesAPI  # noqa: PLC0415  a client that is made and not used stays small

            self._files = FilesAPI(self)
        return self._files

    @property
    def uploads(self) -> UploadsAPI:
        """The Uploads API."""
        if self._uploads is None:
            from aikit.resources.uploads import UploadsAPI  # noqa: PLC0415  likewise, of those without large files

            self._uploads = UploadsAPI(self)
        return self._uploads

    @property
    def batches(self) -> BatchesAPI:
        """The Batches API."""
        if self._batches is None:
            from aikit.resources.batches import BatchesAPI  # noqa: PLC0415  likewise, also of clients of files only

            self._batches = BatchesAPI(self)
        return self._batches

    @property
    def ledger(self) -> Ledger:
        """What was booked of batches in this client's home, by whichever program: ``ledger.events()``."""
        return self.books.ledger

    @property
    def books(self) -> BillingRecorder:
        """Prices, ledger and hooks."""
        if self._books is None:
            from aikit.billing.recorder import BillingRecorder  # noqa: PLC0415  likewise

            books = BillingRecorder(
                home=self.home,
                own_prices=self._prices,
                is_kept=self._is_kept,
                hooks=self._hooks,
            )
            with self._lock:
                self._books = self._books or books
        return self._books

    @property
    def journal(self) -> Journal:
        """What has arrived of files in parts, for interrupted uploads to go on with."""
        if self._journal is None:
            from aikit.storage.upload_journal import Journal  # noqa: PLC0415  likewise, of those without large files

            journal = Journal(self.home)
            with self._lock:
                self._journal = self._journal or journal
        return self._journal

    @property
    def dispatcher(self) -> Dispatcher:
        """Where callbacks run."""
        if self._dispatcher is None:
            self._dispatcher = _dispatcher_of(None)
        return self._dispatcher

    @property
    def providers(self) -> Providers:
        """The configured providers, read once."""
        return self._connections.providers

    def pump(self) -> int:
        """
        Run in this thread the callbacks that wait for it.

        Returns:
            How many calls had callbacks waiting.
        """
        pump: Callable[[], int] | None = getattr(self._dispatcher, "pump", None)
        return pump() if pump else 0

    def close(self, *, cancel: bool = False) -> None:
        """
        Finish what is pending, run the callbacks, and let go of threads and sockets; what is paused goes on.

        Args:
            cancel: ``True`` cancels what is pending, in other threads too; its callbacks run all the same, but cannot
                make further calls.
        """
        if cancel:
            self._cancel_all()
        self._finish()
        self._is_closed = True
        self._each_pool(lambda pool: pool.close())
        self._connections.close()
        for kept in (self._books, self._journal):
            if kept is not None:
                kept.close()

    def _stop(self) -> None:
        """
        Cancel what is pending because of Ctrl-C, and wait no longer than the user would.
        """
        self._cancel_all(keep=True)
        self._each_pool(lambda pool: pool.wait(_GRACE_S))
        self.pump()

    def _cancel_all(self, *, keep: bool = False) -> None:
        self._is_closed = self._is_cancelled = True
        for call in list(self._inline):
            call.cancel(CancelledError(keeps=keep))
        self._each_pool(lambda pool: pool.cancel_all(keep=keep))

    def _finish(self) -> None:
        """
        Wait until no call is pending and no callback waits: callbacks may make further calls.
        """
        while True:
            self._each_pool(lambda pool: pool.resume_all())
            self._each_pool(lambda pool: pool.wait())
            if not self.pump():
                return

    def after_fork_in_child(self) -> None:
        """
        In a child made by fork, leave the parent's threads and sockets to the parent.
        """
        self._lock, self._pool, self._books, self._journal = threading.Lock(), None, None, None
        if self._dispatcher is not None and hasattr(self._dispatcher, "start_over"):
            self._dispatcher.start_over()
        if self.bandwidth is not None:
            self.bandwidth.after_fork_in_child()
        self._connections.after_fork_in_child()

    def _each_pool(self, work: Callable[[Scheduler], object]) -> None:
        with self._lock:
            pool = self._pool
        if pool is not None:
            work(pool)

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

    def drive(self, call: Task) -> None:
        """
        Drive *call* in this thread, which may take days, unless another thread closes the client and cancels it.
        """
        from aikit.runtime.inline import run_inline  # noqa: PLC0415  the first call imports it

        self._inline.add(call)
        if self._is_cancelled:
            call.cancel()
        try:
            run_inline(call)
        finally:
            self._inline.discard(call)

    def running_pool(self) -> Scheduler:
        """
        Return the pool that drives calls with callbacks, made by the first of them.
        """
        from aikit.runtime.scheduler import Scheduler  # noqa: PLC0415  programs that only wait need no pool

        with self._lock:
            if self._pool is None:
                self._pool = Scheduler(self._max_workers, self.pump)
                if self._is_cancelled:  # by another thread, while this one was making its call
                    self._pool.cancel_all()
            return self._pool


def _dispatcher_of(value: Any) -> Dispatcher:
    from aikit.dispatch import dispatcher_of  # noqa: PLC0415  a client without callbacks needs none

    return dispatcher_of(value)


def _after_fork_in_child() -> None:
    for client in list(_clients):
        client.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
