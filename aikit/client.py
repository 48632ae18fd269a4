"""
The client: where a caller's arguments become a flow, and a flow becomes a result.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import attrs

from aikit.connection import Connection
from aikit.dispatch import dispatcher_of
from aikit.objects import Progress
from aikit.parameters import OpenAIParameters, are_headers
from aikit.providers import Provider, provider_from
from aikit.providers.configured import Providers, ProviderSettings
from aikit.resources.files import FilesAPI
from aikit.results import OpenAIResult
from aikit.retry import RetryPolicy, retried, through
from aikit.runners import Call, Pool, run_inline
from aikit.watch import Watch
from aikit.wire import Flow, Request, Response

R = TypeVar("R", bound=OpenAIResult[Any])
log: Final = logging.getLogger("aikit")

Operation = Callable[[Provider, Watch], Flow[Any]]
"""Makes the flow of one call."""


class OpenAIClient:
    """
    A client of one provider's API; one serves many threads.

    Used as a context manager, it finishes what is pending when the block ends. It cannot be pickled.

    Attributes:
        files: The Files API.
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
        max_workers: int = 8,
        dispatcher: Any = None,
        home: str | os.PathLike[str] | None = None,
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

            max_workers: Calls with callbacks that are under way at once.

            dispatcher: Where callbacks run: ``"immediate"`` (the pool's threads), ``"queue"`` (in `pump`),
                ``"asyncio"`` (the running loop), or one of `aikit.dispatch`.

            home: Folder of the embedded provider; else ``AIKIT_HOME``, else ``~/.aikit``.

        Raises:
            TypeError: An argument has the wrong type.
            ValueError: An argument cannot be used, or no such provider is configured.
        """
        if isinstance(max_workers, bool) or not isinstance(max_workers, int) or max_workers < 1:
            raise ValueError(f"max_workers must be a whole number from 1, not {max_workers!r}")
        if api_key is not None and not isinstance(api_key, str):
            raise TypeError(f"api_key must be a string, not {type(api_key).__name__}")
        are_headers("custom_headers", custom_headers)
        self._defaults = OpenAIParameters(timeout=timeout, max_retries=max_retries)
        self._given = ProviderSettings(
            api_key=api_key,
            base_url=base_url,
            organization=organization,
            project=project,
            custom_headers=custom_headers,
            home=Path(home) if home is not None else None,
        )
        self._max_workers, self._http_agent = max_workers, http_agent
        self._dispatcher = dispatcher_of(dispatcher)
        self._lock = threading.Lock()
        self._connections: dict[str | None, Connection] = {}
        self._pool: Pool | None = None
        self._is_closed = False
        self._main = self._connections[provider] = self._connection_to(self._main_settings(provider))
        self.files = FilesAPI(self)

    def __repr__(self) -> str:
        provider = self._main.provider
        return f"OpenAIClient({provider.kind}, base_url={provider.base_url!r})"

    def __reduce__(self) -> Any:
        raise TypeError("an OpenAIClient cannot be pickled, it has a key and threads; make a new one there")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(cancel=kind is not None and issubclass(kind, KeyboardInterrupt))

    @property
    def provider(self) -> Provider:
        """The provider that calls go to unless they name another."""
        return self._main.provider

    @cached_property
    def providers(self) -> Providers:
        """The configured providers, read once."""
        return Providers.load()

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
        Finish what is pending, run the callbacks, and let go of threads and sockets.

        Args:
            cancel: ``True`` cancels what is pending; its callbacks run all the same.
        """
        with self._lock:
            self._is_closed, pool = True, self._pool
        if pool is not None:
            if cancel:
                pool.cancel_all()
            pool.close()
        self.pump()
        for connection in self._connections.values():
            connection.close()

    def start(self, result: R, operation: Operation, parameters: OpenAIParameters) -> R:
        """
        Run *operation* as *parameters* ask: here and now, or on the pool.

        Returns:
            *result*, terminated unless the call runs in the background.

        Raises:
            RuntimeError: The client is closed.
            OpenAIError: *parameters* ask to throw, and the call failed.
        """
        call = self._call(result, operation, parameters)
        if parameters.is_background:
            pool = self._running_pool()
            result._handle = _Handle(pool, call)  # noqa: SLF001  results and client are one mechanism
            pool.submit(call)
            return result
        run_inline(call)
        return result.throw() if parameters.throw else result

    def _call(self, result: OpenAIResult[Any], operation: Operation, parameters: OpenAIParameters) -> Call:
        if self._is_closed:
            raise RuntimeError("the client is closed; make a new one")
        connection = self._connection(parameters)
        watch = Watch(on_progress=self._progress(parameters.on_progress))
        flow = through(operation(connection.provider, watch), partial(self._carry_out, parameters))
        deliver = partial(self._deliver, result, parameters)
        return Call(flow, connection.transport, watch, lambda outcome: result._settle(outcome, deliver))  # noqa: SLF001  likewise

    def _carry_out(self, parameters: OpenAIParameters, request: Request) -> Flow[Response]:
        timeout_s = parameters.timeout or self._defaults.timeout or request.timeout_s
        headers = request.headers.merged(parameters.extra_headers) if parameters.extra_headers else request.headers
        max_retries = self._defaults.max_retries if parameters.max_retries is None else parameters.max_retries
        request = attrs.evolve(request, timeout_s=timeout_s, headers=headers)
        return retried(request, RetryPolicy(max_retries=max_retries or 0))

    def _connection(self, parameters: OpenAIParameters) -> Connection:
        connection = self._connected(parameters.provider) if parameters.provider else self._main
        if parameters.http_agent is None:
            return connection
        return Connection(connection.provider, connection.connections, parameters.http_agent)

    def _connected(self, name: str) -> Connection:
        with self._lock:
            if name not in self._connections:
                home = self._given.home
                settings = self.providers.get(name)
                self._connections[name] = self._connection_to(attrs.evolve(settings, home=home) if home else settings)
            return self._connections[name]

    def _connection_to(self, settings: ProviderSettings) -> Connection:
        return Connection(provider_from(settings), max(self._max_workers, 16), self._http_agent)

    def _main_settings(self, name: str | None) -> ProviderSettings:
        if name is None:
            return self._given.or_environment()
        fields = attrs.asdict(
            self._given, recurse=False, filter=lambda field, value: value is not None and field.name != "kind"
        )
        return attrs.evolve(self.providers.get(name), **fields)

    def _running_pool(self) -> Pool:
        with self._lock:
            if self._pool is None:
                self._pool = Pool(self._max_workers, self.pump)
            return self._pool

    def _deliver(self, result: OpenAIResult[Any], parameters: OpenAIParameters) -> None:
        first = parameters.on_response if result.success else parameters.on_error
        callbacks = [callback for callback in (first, parameters.on_terminate) if callback is not None]
        if callbacks:
            self._dispatcher.deliver(partial(_run, callbacks, result))

    def _progress(self, on_progress: Callable[[Progress], object] | None) -> Callable[[Progress], None] | None:
        if on_progress is None:
            return None
        return lambda progress: self._dispatcher.deliver(partial(_run, [on_progress], progress))


@attrs.frozen
class _Handle:
    """
    A result's hold on its call in the pool.
    """

    pool: Pool
    call: Call

    def cancel(self) -> None:
        self.pool.cancel(self.call)

    def assist(self) -> None:
        self.pool.assist(self.call)


def _run(callbacks: list[Callable[[Any], object]], value: Any) -> None:
    """
    Call each with *value*; one that raises is logged and changes nothing else.
    """
    for callback in callbacks:
        try:
            callback(value)
        except Exception:
            log.exception("callback %r raised", callback)
