"""
Files that are not there: Google answers 403 about them, as about those of others.
"""

from __future__ import annotations

from typing import Final

import attrs

from aikit.http.context import CallContext
from aikit.http.messages import Request, Response, Transport

# https://github.com/googleapis/python-genai/issues/1218 (read 2026-11-30)
_WORDS: Final = b"permission to access the File "
_DOUBT: Final = b"or it may not exist"


@attrs.frozen
class MissingTransport:
    """
    A transport that gives such an answer the status 404: what is missing may be new, over, or deleted already.
    """

    inner: Transport

    def send(self, request: Request, context: CallContext) -> Response:
        """
        Make one exchange; see `aikit.http.messages.Transport.send`.
        """
        response = self.inner.send(request, context)
        is_missing = response.status == 403 and _WORDS in response.body and _DOUBT in response.body
        return attrs.evolve(response, status=404) if is_missing else response

    def close(self) -> None:
        """
        Let go of connections.
        """
        self.inner.close()
