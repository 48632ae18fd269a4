"""
Bearer tokens: a transport that gives each request to a provider the token of the moment.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

import attrs

from aikit.http.context import CallContext
from aikit.http.messages import Request, Response, Transport
from aikit.providers.addresses import origin
from aikit.types.errors import OpenAIError

if TYPE_CHECKING:
    from aikit.types.batches import BatchOrder
    from aikit.types.files import FileOrder
    from aikit.types.uploads import UploadOrder

TokenCallable = Callable[[], str]
"""Returns a bearer token that is good now; it keeps it, and renews it in time, by itself."""

_SESSION: Final = re.compile(r"[?&]upload_id=")


@attrs.frozen(kw_only=True)
class TokenTransport:
    """
    A transport that adds ``Authorization: Bearer …`` to the requests to some origins, and to no other.

    Attributes:
        inner: What answers the requests.

        token: Asked before each request, in the thread that sends it; may block.

        base_urls: An address of each origin whose requests get it, unless they are to a session that was opened there:
            its address is its own credential.
    """

    inner: Transport
    token: TokenCallable = attrs.field(repr=False)
    base_urls: tuple[str, ...]

    def send(self, request: Request, context: CallContext) -> Response:
        """
        Make one exchange; one that is refused with 401 is made again if there is another token by now.

        Raises:
            OpenAIError: There is no token (code ``"token_unavailable"``); nothing was sent.
        """
        if origin(request.url) not in map(origin, self.base_urls) or _SESSION.search(request.url):
            return self.inner.send(request, context)
        token = self._token()
        response = self.inner.send(_with(request, token), context)
        if response.status != 401 or not request.is_replayable or (another := self._token()) == token:
            return response
        return self.inner.send(_with(request, another), context)

    def close(self) -> None:
        """
        Let go of connections.
        """
        self.inner.close()

    def _token(self) -> str:
        try:
            token: Any = self.token()
        except OpenAIError:  # a sentence of our own
            raise
        except Exception as error:  # of a foreign library, or the caller's own
            raise _unavailable(f"{type(error).__name__}: {error}") from error
        if isinstance(token, Coroutine):
            token.close()
            raise _unavailable("what came is a coroutine; pass a plain function that returns the token")
        if not isinstance(token, str) or not token.strip() or not (token.isascii() and token.isprintable()):
            raise _unavailable("what came is no token")
        return token.strip()


@attrs.define(eq=False)
class TokenLock:
    """
    A lock for the making of tokens, which may take long: a fork amid that leaves the child one that is free.
    """

    _lock: Any = attrs.field(factory=threading.Lock, repr=False)
    _pid: int = attrs.field(factory=os.getpid)

    def here(self) -> Any:
        """
        Return the lock of this process.
        """
        if self._pid != os.getpid():
            self._lock, self._pid = threading.Lock(), os.getpid()
        return self._lock


def with_tokens(transport: Transport, token: TokenCallable | None, *base_urls: str) -> Transport:
    """
    Return *transport*, with a *token* for the origins of *base_urls* if there is one.
    """
    return transport if token is None else TokenTransport(inner=transport, token=token, base_urls=base_urls)


def _with(request: Request, token: str) -> Request:
    return attrs.evolve(request, headers=request.headers.merged({"Authorization": f"Bearer {token}"}))


def unsupported(message: str) -> OpenAIError:
    """
    Return the error for what a provider cannot do; nothing was sent.
    """
    return OpenAIError(message=message, code="unsupported")


def require_no_extra(name: str, order: FileOrder | UploadOrder | BatchOrder) -> None:
    """
    Refuse further fields of an *order* to a provider whose requests are of another form than OpenAI's.

    Raises:
        OpenAIError: There are some (code ``"unsupported"``).
    """
    if order.extra:
        raise unsupported(f"{name} takes no further fields; leave extra_body out")


def _unavailable(why: str) -> OpenAIError:
    message = f"no token could be had for the provider ({why[:300]}); sign in anew, or pass another token"
    return OpenAIError(message=message, code="token_unavailable")
