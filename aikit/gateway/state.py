"""
What one gateway has: its settings, one client for all accounts, the registry, and threads for what waits.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any, Final, ParamSpec, Self, TypeVar

import attrs

from aikit.client import OpenAIClient
from aikit.gateway.incoming.spool import Spool
from aikit.gateway.kept_uploads import KeptUploads
from aikit.gateway.limits import Limits
from aikit.gateway.money.poller import Poller
from aikit.gateway.registry.registry import Registry
from aikit.gateway.settings import GatewaySettings, client_of
from aikit.gateway.values import Deployment
from aikit.providers import Provider, provider_from

P = ParamSpec("P")
T = TypeVar("T")

_UPLOADS: Final = "gateway-uploads"
_DATABASE_THREADS: Final = 4
_WORKERS: Final = 32  # calls to providers that are under way at once


@attrs.define(eq=False, kw_only=True)
class Gateway:
    """
    A gateway that is open.

    Attributes:
        spool: Where bodies are kept while a request lasts.

        limits: What keys do in this minute.

        poller: Looks after batches while its ``run`` has a task.

        clock: Seconds since 1970.

        is_draining: Whether it is to end, and takes no new work.

        taking: Held while settings are read and taken, so that the newest come last.
    """

    settings: GatewaySettings
    client: OpenAIClient
    registry: Registry
    spool: Spool
    limits: Limits = attrs.field(factory=Limits)
    clock: Callable[[], float] = time.time
    is_draining: bool = False
    taking: Any = attrs.field(factory=threading.Lock, init=False)
    poller: Poller = attrs.field(init=False)
    _threads: ThreadPoolExecutor = attrs.field(
        factory=partial(ThreadPoolExecutor, _DATABASE_THREADS, "aikit-gateway"), init=False
    )

    _lookers: ThreadPoolExecutor = attrs.field(
        factory=partial(ThreadPoolExecutor, _DATABASE_THREADS, "aikit-gateway-look"), init=False
    )
    kept_uploads: KeptUploads = attrs.field(init=False)
    _providers: dict[str, Provider] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.kept_uploads = KeptUploads(self.settings.home / _UPLOADS, self.clock)
        self.poller = Poller(gateway=self, name=f"{socket.gethostname()} {self.settings.home}")

    @classmethod
    def open(cls, settings: GatewaySettings, *, clock: Callable[[], float] = time.time, **options: Any) -> Self:
        """
        Open the registry, whose tables are brought up to date, and make the client.

        Args:
            settings: What the configuration says.

            clock: Seconds since 1970.

            options: Of the client, such as *timeout*.
        """
        with ExitStack() as opened:
            registry = Registry.open(settings.database_url, clock=clock)
            opened.callback(registry.close)
            spool = Spool.open(settings.spool)
            opened.callback(spool.close)
            # the registry is the gateway's ledger, so that answers are fetched and counted once
            client = client_of(settings, **({"max_workers": _WORKERS, "ledger": False} | options))
            opened.pop_all()
        return cls(settings=settings, client=client, registry=registry, spool=spool, clock=clock)

    def close(self) -> None:
        """
        Let calls under way end, and close what `open` opened.
        """
        self.client.close()
        self._threads.shutdown()
        self._lookers.shutdown()
        self.spool.close()
        self.registry.close()

    def provider(self, deployment: Deployment) -> Provider:
        """
        Return the provider of an account, for its limits and its rules for lines; calls go through the client.
        """
        known = self._providers.get(deployment.name)
        if known is None:
            known = self._providers[deployment.name] = provider_from(self.client.providers.get(deployment.name))
        return known

    def take(self, settings: GatewaySettings) -> OpenAIClient | None:
        """
        Go on with other *settings*; return the client from before, to be closed, if calls go through another from now.
        """
        if settings.is_reached_as(self.settings):
            self.settings = attrs.evolve(settings, providers=self.settings.providers)
            return None
        old, self.client = self.client, client_of(settings, max_workers=self.client.max_workers, ledger=False)
        self.settings = settings
        self._providers.clear()
        return old

    async def in_thread(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """
        Call what waits, such as the registry, in a thread; not for calls of the client, which wait in their own.
        """
        call = partial(function, *arguments, **named) if named else partial(function, *arguments)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    async def look(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """
        Call what reads only, in a thread for which nothing waits that has to write while another has the database.
        """
        call = partial(function, *arguments, **named) if named else partial(function, *arguments)
        return await asyncio.get_running_loop().run_in_executor(self._lookers, call)
