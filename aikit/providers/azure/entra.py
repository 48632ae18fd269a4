"""
Tokens of Microsoft Entra ID, for resources without a key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import attrs

from aikit.providers.tokens import TokenLock
from aikit.types.errors import OpenAIError

_SERVICE: Final = "https://cognitiveservices.azure"
_DOMAINS: Final = ("us", "cn")  # of clouds apart; all others are the public one's


def scope_of(resource: str) -> str:
    """
    Return the scope of tokens for *resource*, unless it is told otherwise.
    """
    host = urlsplit(resource).hostname or ""
    domain = next((name for name in _DOMAINS if host.endswith(f".azure.{name}")), "com")
    return f"{_SERVICE}.{domain}/.default"


@attrs.define(eq=False)
class EntraToken:
    """
    The token of the identity that this process runs as.

    That is a managed or workload identity, a service principal in the environment, or who is signed in with Azure's
    tools. Azure's library is loaded for the first token.

    Attributes:
        scope: What tokens are asked for.

        need: Beginning of the sentence for users without the library: what there is not.
    """

    # https://learn.microsoft.com/python/api/azure-identity (1.27.0, read 2026-11-30)
    # `_lock` guards `_ask`; making it asks no network.

    scope: str
    need: str = "there is neither a key (AZURE_OPENAI_API_KEY) nor a token"
    _ask: Callable[[], str] | None = None
    _lock: TokenLock = attrs.field(factory=TokenLock, repr=False)

    def __call__(self) -> str:
        """
        Return a token that is good now; the library keeps it and renews it in time.

        Raises:
            OpenAIError: The library is not installed (code ``"token_unavailable"``).
        """
        with self._lock.here():
            if self._ask is None:
                self._ask = _provider(self.scope, self.need)
            ask = self._ask
        return ask()


def _provider(scope: str, need: str) -> Callable[[], str]:
    try:
        from azure.identity import DefaultAzureCredential, get_bearer_token_provider  # noqa: PLC0415  an extra
    except ModuleNotFoundError as error:
        message = f"{need}; for the token of an identity, pip install 'aikit-client[azure]'"
        raise OpenAIError(message=message, code="token_unavailable") from error
    token: Callable[[], str] = get_bearer_token_provider(DefaultAzureCredential(), scope)
    return token
