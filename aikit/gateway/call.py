"""
One request on its way through the gateway: who makes it, what it names, and the calls of the client that it takes.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

import attrs
from starlette.requests import Request

from aikit.gateway.choice import Said, choose, require_provider, said_in
from aikit.gateway.outgoing.errors import of_provider
from aikit.gateway.state import Gateway
from aikit.gateway.values import Deployment, Principal
from aikit.http.headers import Headers
from aikit.runtime.result import OpenAIResult
from aikit.types.errors import OpenAIError

R = TypeVar("R", bound=OpenAIResult[Any])


class Row(Protocol):
    """
    A row of the registry: it knows where its object is.
    """

    @property
    def deployment(self) -> str:
        """Name of the account."""
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

    @property
    def is_naming(self) -> bool:
        """Whether path, headers or query name an account."""
        return any(self.named)

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
        try:
            self.deployment = settings.deployment(row.deployment)
        except KeyError:
            message = f"The account {row.deployment!r} that holds this is configured no more."
            raise OpenAIError(message=message, status=503, code="unknown_provider") from None
        require_provider(self.principal, self.deployment)
        return self.deployment

    async def ask(self, begin: Callable[[Mapping[str, Any]], R], **options: Any) -> R:
        """
        Make a call of the client at the chosen account, and return its result when it is over.

        Args:
            begin: Given the options, starts the call.

            options: More options of the call.

        Raises:
            Rejected: It failed.
            OpenAIError: Nothing was sent, since an argument cannot be used.
        """
        if self.deployment is None:
            raise RuntimeError("no account was chosen; call choose() before")
        try:
            pending = begin({"provider": self.deployment.name, "background": True, **options})
        except (TypeError, ValueError) as error:
            raise OpenAIError(message=str(error), code="invalid_value") from None
        result = await pending
        self.upstream = result.headers
        if result.errors:
            raise of_provider(result.errors)
        return result


Route = Callable[[Call], Awaitable[Any]]
"""Answers a request; what it returns is a Starlette response."""
