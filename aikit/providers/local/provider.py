"""
The embedded provider: OpenAI's flows, answered by a store in this process instead of a socket.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from aikit.http.headers import Headers
from aikit.http.messages import Transport
from aikit.http.signal import Signal
from aikit.providers.account import Account, as_text
from aikit.providers.config import ProviderSettings
from aikit.providers.local import BASE_URL, UPSTREAM_FIELD
from aikit.providers.local.batches.answer_settings import CONCURRENCY, AnswerSettings
from aikit.providers.local.ends import watching_end
from aikit.providers.openai import OpenAIProvider
from aikit.storage import home_folder
from aikit.validation.limits import Limits, limits_for

if TYPE_CHECKING:
    from aikit.providers.local.batches.answerer import Answerer
    from aikit.types.batches import OpenAIBatch


@attrs.frozen(kw_only=True)
class LocalProvider(OpenAIProvider):
    """
    OpenAI's rules on a folder of this machine: no server, no key, no network, unless *upstream* says so.

    Attributes:
        home: The folder.

        upstream: Address of a server in OpenAI's format that answers the lines of batches; ``None``: the built-in
            model does.

        upstream_headers: Sent to that server with every request, including the API key.

        concurrency: Lines answered at once.
    """

    base_url: str = BASE_URL
    kind: str = "local"
    home: Path = attrs.field(factory=home_folder)
    upstream: str | None = None
    upstream_headers: Headers = attrs.field(factory=Headers)
    concurrency: int = CONCURRENCY

    @classmethod
    def from_settings(cls, settings: ProviderSettings) -> LocalProvider:
        """
        Return the provider that *settings* describe; of the environment only the home counts.
        """
        return cls(
            home=settings.home or home_folder(),
            upstream=settings.base_url,
            upstream_headers=OpenAIProvider.from_settings(settings).headers if settings.base_url else Headers(),
            concurrency=settings.concurrency or CONCURRENCY,
        )

    @property
    def address(self) -> str:
        """The folder."""
        return str(self.home)

    @property
    def model_address(self) -> str:
        """That of *upstream*, if there is one."""
        return self.upstream or ""

    @property
    def identity(self) -> str:
        """Kind, base URL, folder and upstream."""
        return " ".join(filter(None, (super().identity, str(self.home), self.upstream)))

    @property
    def is_embedded(self) -> bool:
        """True: this process answers."""
        return True

    def watching_end(self, batch_id: str) -> AbstractContextManager[Signal]:
        """
        Return a context with a signal that is set when a thread of this process ends the batch.
        """
        return watching_end(batch_id)

    @property
    def limits(self) -> Limits:
        """OpenAI's limits, without its rates; a server upstream may know more parameters."""
        limits = limits_for("local")
        return limits if self.upstream is None else attrs.evolve(limits, has_other_parameters=True)

    def account(self, batch: OpenAIBatch | None = None) -> Account:
        """
        Return the account of the folder, however its path is written; what the built-in model answers is free.
        """
        server = self.upstream if batch is None else batch.extra.get(UPSTREAM_FIELD)
        return Account(self.kind, os.path.realpath(self.home), is_free=server is None)

    def account_key(self, extra_headers: Mapping[str, str] | None = None) -> str:  # noqa: ARG002  no headers tell users apart here
        """
        Return a key made of the folder: all who use it see the same files.
        """
        return f"{self.kind} {as_text(self.home)}"

    def make_transport(self, *, connections: int, http_agent: Any = None) -> Transport:  # noqa: ARG002  no socket here
        """
        Return a transport whose other end is the folder.
        """
        from aikit.providers.local.transport import LocalTransport  # noqa: PLC0415  SQLite is loaded by the first call

        return LocalTransport(self.home, answers=self.answers(http_agent))

    def answers(self, http_agent: Any) -> AnswerSettings:
        """
        Return how lines of batches are answered: by the built-in model, or by *upstream* through *http_agent*.
        """
        if self.upstream is None:
            return AnswerSettings(concurrency=self.concurrency)
        opened = partial(_upstream, self.upstream, self.upstream_headers, self.concurrency, http_agent)
        return AnswerSettings(upstream=self.upstream, open_answerer=opened, concurrency=self.concurrency)


@contextmanager
def _upstream(base_url: str, headers: Headers, connections: int, http_agent: Any) -> Iterator[Answerer]:
    from aikit.providers.local.batches.upstream import Upstream  # noqa: PLC0415  requests is imported by the first line

    server = OpenAIProvider(base_url=base_url, headers=headers)
    transport = server.make_transport(connections=connections, http_agent=http_agent)
    try:
        yield Upstream(base_url=base_url, transport=transport, headers=headers)
    finally:
        transport.close()
