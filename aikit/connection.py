"""
A provider and what answers its requests, made when the first request needs it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import attrs

from aikit.providers import provider_from, require_kind
from aikit.providers.configured import ProviderSettings

if TYPE_CHECKING:
    from aikit.providers import Provider
    from aikit.wire import Transport


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
    _provider: Provider | None = attrs.field(default=None, init=False)
    _transport: Transport | None = attrs.field(default=None, init=False)
    _lock: Any = attrs.field(factory=threading.Lock, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        require_kind(self.settings.kind)

    @property
    def provider(self) -> Provider:
        """The provider, made once."""
        if self._provider is None:
            self._provider = provider_from(self.settings)  # a value: made twice by two threads, it is the same
        return self._provider

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

    def start_over(self) -> None:
        """
        In a child made by fork, make a transport anew: two processes must not read from one socket.
        """
        self._lock, self._transport = threading.Lock(), None
