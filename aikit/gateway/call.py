"""
One request on its way through the gateway: who makes it, what it names, and the calls of the client that it takes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any, Final, Protocol, TypeVar

import attrs
from starlette.requests import Request

from aikit.gateway.choice import Said, choose, names_of, require_provider, said_in
from aikit.gateway.outgoing.errors import of_provider, status_of
from aikit.gateway.state import Gateway
from aikit.gateway.values import Deployment, Principal
from aikit.http.headers import Headers
from aikit.runtime.parameters import OpenAIParameters
from aikit.runtime.result import OpenAIResult
from aikit.types.errors import OpenAIError

log: Final = logging.getLogger("aikit.gateway")

_LOGGED: Final = 3
R = TypeVar("R", bound=OpenAIResult[Any])


class Row(Protocol):
    """
    A row of the registry: it knows where its object is.
    """

    @property
    def id(self) -> str:
        """The gateway's id of the object."""
        ...

    @property
    def deployment(self) -> str:
        """Name of the account."""
        ...

    @property
    def upstream_id(self) -> str | None:
        """The provider's id of the object."""
        ...


@attrs.define(eq=False, kw_only=True)
class Call:
    """
    A request, and what its answer's headers tell.

    Attributes:
        principal: Who makes it.

        ids: Ids of the address, by their names in the template; decoded once.

        named: What path, headers and query name, in this order.

        call_id: ``x-litellm-call-id`` of the answer.

        started: When it came, of `time.perf_counter`.

        deployment: The account that was chosen.

        upstream: Headers of the provider's last answer.

        cost: US dollars that it cost.

        own_ids: A provider's id → the gateway's, which errors tell instead.
    """

    gateway: Gateway
    request: Request
    principal: Principal
    ids: Mapping[str, str]
    call_id: str
    started: float = attrs.field(factory=time.perf_counter)
    named: tuple[Said, ...] = ()
    deployment: Deployment | None = None
    upstream: Mapping[str, str] = attrs.field(factory=Headers)
    cost: float | None = None
    own_ids: dict[str, str] = attrs.field(factory=dict)

    @property
    def names(self) -> frozenset[str] | None:
        """Names of the accounts that path, headers and query name; ``None`` where they name none."""
        return names_of(self.gateway.settings, self.named, self.principal) if any(self.named) else None

    @property
    def account(self) -> Deployment:
        """The account that was chosen."""
        if self.deployment is None:
            raise RuntimeError("no account was chosen; call choose() before")
        return self.deployment

    def choose(self, fields: Mapping[str, Any] | None = None, row: Row | None = None) -> Deployment:
        """
        Return the account that the request is for.

        Args:
            fields: Of the form or the JSON body.

            row: What the registry says of the id; its account holds the object, whatever else is named.

        Raises:
            OpenAIError: A name is unknown, the account is configured no more, or the key may not use it.
        """
        settings = self.gateway.settings
        if row is None:
            places = self.named if fields is None else (*self.named, said_in(fields))
            self.deployment = choose(settings, places, self.principal)
            return self.deployment
        if row.upstream_id is not None:
            self.own_ids[row.upstream_id] = row.id
        try:
            self.deployment = settings.deployment(row.deployment)
        except KeyError:
            message = f"The account {row.deployment!r} that holds this is configured no more."
            raise OpenAIError(message=message, status=503, code="unknown_provider") from None
        require_provider(self.principal, self.deployment)
        return self.deployment

    async def ask(self, begin: Callable[[Any], R], **options: Any) -> R:
        """
        Make a call of the client at the chosen account, and return its result when it is over.

        Args:
            begin: Given the options, starts the call.

            options: More options of the call.

        Raises:
            Rejected: It failed.
            OpenAIError: Nothing was sent, since an argument cannot be used.
        """
        name = self.account.name
        try:
            pending = begin({"provider": name, "background": True, **options} if options else _plain_options(name))
        except (TypeError, ValueError) as error:
            raise OpenAIError(message=str(error), code="invalid_value") from None
        result = await pending
        self.upstream = result.headers
        if result.errors:
            level = logging.WARNING if status_of(result.errors[0]) >= 500 else logging.INFO
            log.log(level, "request %s: %s", self.call_id, "; ".join(map(str, result.errors[:_LOGGED])))
            raise of_provider(result.errors, self.own_ids, self.account.api_base)
        return result


@lru_cache(1_000)
def _plain_options(provider: str) -> OpenAIParameters:
    """
    Return the options of most calls, checked once.
    """
    return OpenAIParameters(provider=provider, background=True)


Route = Callable[[Call], Awaitable[Any]]
"""Answers a request; what it returns is a Starlette response."""
