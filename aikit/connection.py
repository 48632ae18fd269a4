"""
A provider and what answers its requests, made when the first request needs it.
"""

from __future__ import annotations

import threading
from typing import Any

import attrs

from aikit.providers import Provider
from aikit.wire import Transport


@attrs.define(eq=False)
class Connection:
    """
    A provider and its transport.

    Attributes:
        connections: Exchanges that can be under way at once.

        http_agent: A ``requests`` adapter of the caller's.
    """

    provider: Provider
    connections: int
    http_agent: Any = None
    _transport: Transport | None = None
    _lock: Any = attrs.field(factory=threading.Lock, repr=False)

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
