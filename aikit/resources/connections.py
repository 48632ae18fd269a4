"""
How the calls of one client reach providers: a connection for each, made when a call first needs it.
"""

from __future__ import annotations

import os
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs

from aikit.providers import provider_from
from aikit.providers.config import ProviderSettings
from aikit.providers.config.logins import is_signed, logins_in
from aikit.resources import later
from aikit.storage import home_folder

if TYPE_CHECKING:
    from aikit.http.messages import Transport
    from aikit.providers import Provider
    from aikit.providers.config.providers import Providers


@attrs.define(eq=False)
class Connection:
    """
    How to reach a provider; the provider and its transport are made when the first call needs them.

    Attributes:
        connections: Exchanges that can be under way at once.

        http_agent: A ``requests`` adapter of the caller's.
    """

    settings: ProviderSettings
    connections: int
    http_agent: Any = None
    _transport: Transport | None = attrs.field(default=None, init=False)
    _lock: Any = attrs.field(factory=threading.Lock, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.settings.require_usable()

    @cached_property
    def provider(self) -> Provider:
        """The provider, made once."""
        return provider_from(self.settings)  # a value: made twice by two threads, it is the same

    def transport(self) -> Transport:
        """
        Return the transport, made once.
        """
        if self._transport is None:
            with self._lock:
                if self._transport is None:
                    self._transport = self.provider.make_transport(
                        connections=self.connections, http_agent=self.http_agent
                    )
        return self._transport

    def close(self) -> None:
        """
        Let go of sockets and files.
        """
        with self._lock:
            transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def after_fork_in_child(self) -> None:
        """
        In a child made by fork, make a transport anew: two processes must not read from one socket.
        """
        self._lock, self._transport = threading.Lock(), None


@attrs.define(eq=False)
class Connections:
    """
    The connections of one client: one for each provider that it was asked to reach.

    Attributes:
        given: What the client was made with.

        size: Exchanges that can be under way at once on each.

        http_agent: A ``requests`` adapter of the caller's.

        own_providers: The configured providers, if the caller has them; their homes count.
    """

    given: ProviderSettings
    size: int
    http_agent: Any = None
    own_providers: Providers | None = None
    _made: dict[str | None, Connection] = attrs.field(factory=dict, init=False)
    _providers: Providers | None = attrs.Factory(lambda self: self.own_providers, takes_self=True)
    _lock: Any = attrs.field(factory=threading.Lock, init=False, repr=False)

    @property
    def providers(self) -> Providers:
        """The configured providers, read once."""
        if self._providers is None:
            self._providers = later.providers.Providers.load(home=self.given.home)
        return self._providers

    def main(self, name: str | None) -> Connection:
        """
        Return the connection that calls go through unless they name another provider.

        Raises:
            ValueError: No provider of that *name* is configured, or what was given is for another one.
        """
        settings = self._main_settings(name)
        if self.given.concurrency is not None and not settings.is_embedded:
            raise ValueError(f'concurrency is for the embedded provider, provider="local"; this one is {settings.kind}')
        if settings.is_embedded and settings.home is None:
            home_folder()  # what it would keep has to have a place
        connection = self._made[name] = self._to(settings)
        return connection

    def named(self, name: str) -> Connection:
        """
        Return the connection to the provider of that name, made once.

        Raises:
            ValueError: None is configured.
        """
        with self._lock:
            if name not in self._made:
                self._made[name] = self._to(self._at_home(self.providers.get(name)))
            return self._made[name]

    def close(self) -> None:
        """
        Let go of sockets and files.
        """
        with self._lock:
            made = list(self._made.values())
        for connection in made:
            connection.close()

    def after_fork_in_child(self) -> None:
        """
        In a child made by fork, make all transports anew.
        """
        self._lock = threading.Lock()
        for connection in self._made.values():
            connection.after_fork_in_child()

    def _to(self, settings: ProviderSettings) -> Connection:
        return Connection(settings, self.size, self.http_agent)

    def _at_home(self, settings: ProviderSettings) -> ProviderSettings:
        own = settings.home if self.own_providers is not None else None
        return attrs.evolve(settings, home=own or self.given.home or settings.home)

    def _main_settings(self, name: str | None) -> ProviderSettings:
        if name is None:
            settings = self.given.or_environment()
            known = {} if is_signed(settings) else logins_in(os.environ, settings.home)
            key = later.kept_keys.kept_key(settings.kind, settings, known) if settings.kind in known else None
            return settings if key is None else attrs.evolve(settings, api_key=key)
        said = attrs.asdict(
            self.given,
            recurse=False,
            filter=lambda field, value: value is not None and field.name not in {"kind", "options", "home"},
        )
        settings = self._at_home(self.providers.get(name, said))
        self.providers.require_own_key(name, settings)
        return settings
