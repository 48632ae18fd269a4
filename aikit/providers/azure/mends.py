"""
How refusals are mended whose own words do not say it.
"""

from __future__ import annotations

from typing import Final, TypeVar

import attrs

from aikit.http.flow import Flow
from aikit.providers.azure.quota import FULL
from aikit.types.errors import OpenAIError

T = TypeVar("T")

_UNREADABLE: Final = "reading blobs takes a SAS in blob_storage that is good now, or the role Storage Blob Data Reader"
_BY_CODE: Final = {
    "quotaExceeded": FULL,
    "token_limit_exceeded": "the queue is full: create the batch when others have ended, or with max_queue_wait",
    "404": "is the endpoint that of a resource, and is its api-version one that there is?",
    "AuthenticationFailed": _UNREADABLE,
    "AuthorizationFailure": _UNREADABLE,
    "AuthorizationPermissionMismatch": _UNREADABLE,
    "NoAuthenticationInformation": _UNREADABLE,
    "PublicAccessNotPermitted": _UNREADABLE,
}
_BY_WORDS: Final = {
    "invalid value for purpose": "an api-version may be too old for a purpose: leave it out, or take a newer one",
    "audience is incorrect": "give AZURE_SCOPE what the host wants, such as https://ai.azure.com/.default",
}


def mending(flow: Flow[T]) -> Flow[T]:
    """
    Drive *flow*; what the service refuses is told with how it is mended, where that is known.
    """
    try:
        return (yield from flow)
    except OpenAIError as error:
        words = error.message.lower()
        mend = _BY_CODE.get(error.code or "") or next((said for part, said in _BY_WORDS.items() if part in words), None)
        if mend is None:
            raise
        raise attrs.evolve(error, message=f"{error.message.rstrip('.')}; {mend}") from error.__cause__
