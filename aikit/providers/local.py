"""
The embedded provider: OpenAI's flows, answered by a store in this process instead of a socket.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from aikit.disk import home_folder
from aikit.limits import Limits, limits_for
from aikit.local import BASE_URL
from aikit.providers.configured import ProviderSettings
from aikit.providers.openai import OpenAIProvider
from aikit.wire import Transport


@attrs.frozen(kw_only=True)
class LocalProvider(OpenAIProvider):
    """
    OpenAI's rules on a folder of this machine: no server, no key, no network.

    Attributes:
        home: The folder.
    """

    base_url: str = BASE_URL
    kind: str = "local"
    home: Path = attrs.field(factory=home_folder)

    @classmethod
    def from_settings(cls, settings: ProviderSettings) -> LocalProvider:
        """
        Return the provider that *settings* describe; only ``home`` matters.
        """
        return cls(home=settings.home or home_folder())

    @property
    def limits(self) -> Limits:
        """What this provider takes."""
        return limits_for("local")

    def make_transport(self, *, connections: int, http_agent: Any = None) -> Transport:  # noqa: ARG002  no socket here
        """
        Return what answers this provider's requests: the store.
        """
        from aikit.local.transport import LocalTransport  # noqa: PLC0415  SQLite is loaded by the first call

        return LocalTransport(self.home)
