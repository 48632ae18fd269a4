"""
What looking after batches takes: as much of a gateway as that needs, so that a gateway can have the poller.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

from aikit.client import OpenAIClient
from aikit.gateway.registry.registry import Registry
from aikit.gateway.settings import GatewaySettings

P = ParamSpec("P")
T = TypeVar("T")


class Means(Protocol):
    """
    A gateway, see `aikit.gateway.state.Gateway`.
    """

    settings: GatewaySettings
    client: OpenAIClient
    registry: Registry
    clock: Callable[[], float]

    async def in_thread(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call what waits in a thread."""
        ...
