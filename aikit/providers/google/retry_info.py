"""
When to ask again: Google says so in the body of a refusal, and not in a header.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

from aikit.http.context import CallContext
from aikit.http.messages import Request, Response, Transport

_STATUSES: Final = frozenset((429, 503))
_DELAY: Final = re.compile(rb'"retryDelay": {0,4}"(\d{1,6}(?:\.\d{1,9})?)s"')
_LOOKED_AT: Final = 64 * 1024


@attrs.frozen
class RetryInfoTransport:
    """
    A transport that repeats the delay of a RetryInfo as ``Retry-After``, where there is none.
    """

    # https://google.aip.dev/193 (read 2026-11-30)

    inner: Transport

    def send(self, request: Request, context: CallContext) -> Response:
        """
        Make one exchange; see `aikit.http.messages.Transport.send`.
        """
        response = self.inner.send(request, context)
        if response.status not in _STATUSES or "retry-after" in response.headers:
            return response
        delay = _DELAY.search(response.body, 0, _LOOKED_AT)
        if delay is None:
            return response
        return attrs.evolve(response, headers=response.headers.merged({"Retry-After": delay[1].decode()}))

    def close(self) -> None:
        """
        Let go of connections.
        """
        self.inner.close()
