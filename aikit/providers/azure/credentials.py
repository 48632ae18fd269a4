"""
The one credential that a request carries: a key, or a token.
"""

from __future__ import annotations

from typing import Final

import attrs

from aikit.http.context import CallContext
from aikit.http.headers import USER_AGENT, Headers
from aikit.http.messages import Request, Response, Transport
from aikit.providers.config import ProviderSettings
from aikit.providers.tokens import TokenTransport

_KEY: Final = "api-key"
_BEARER: Final = "authorization"


def signed_headers(settings: ProviderSettings) -> tuple[Headers, bool]:
    """
    Return the headers of all requests, and whether a key or a token is among them: one of the two, never both.

    The caller's own headers count, then a callable that gives tokens, then the key, then a token that is given.
    """
    own = Headers(settings.custom_headers)
    agent = Headers({"User-Agent": USER_AGENT})
    if any(own.get(name) for name in (_KEY, _BEARER)):
        return agent.merged(own), True
    ad_token = settings.setting("ad_token")
    if settings.token is None and settings.api_key:
        return agent.merged({_KEY: settings.api_key}, own), True
    if settings.token is None and settings.api_key is None and ad_token:
        return agent.merged({"Authorization": f"Bearer {ad_token}"}, own), True
    return agent.merged(own), False


@attrs.frozen(kw_only=True)
class OneCredential:
    """
    A transport for requests of which one call may have brought a credential of its own, which then is the only one.

    Attributes:
        signed: What answers the others; it may add a token.

        headers: Those that all requests have.

        has_token: Whether *signed* adds one.
    """

    signed: Transport
    headers: Headers
    has_token: bool

    def send(self, request: Request, context: CallContext) -> Response:
        """
        Make one exchange; see `aikit.http.messages.Transport`.
        """
        usual = next((name for name in (_KEY, _BEARER) if name in self.headers), _BEARER if self.has_token else None)
        other = {_KEY: _BEARER, _BEARER: _KEY}.get(usual or "", "")
        if other not in request.headers or other in self.headers:
            return self.signed.send(request, context)
        kept = Headers({name: value for name, value in request.headers.items() if name.lower() != usual})
        bare = self.signed.inner if isinstance(self.signed, TokenTransport) else self.signed
        return bare.send(attrs.evolve(request, headers=kept), context)

    def close(self) -> None:
        """
        Let go of connections.
        """
        self.signed.close()
