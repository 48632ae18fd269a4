"""
What is asked of Google's own library, which is loaded with this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import google.auth
from google.auth import identity_pool
from google.auth.exceptions import TransportError
from google.auth.transport.requests import Request
from google.oauth2 import credentials, service_account

_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_PATIENCE_S: Final = 10.0


class Asking(Request):  # type: ignore[misc]  # of a library without types
    """
    What asks for tokens; it waits ten seconds for an answer, not two minutes.
    """

    def __call__(self, *args: Any, timeout: float | None = None, **others: Any) -> Any:
        """
        Ask as Google's own does.
        """
        return super().__call__(*args, timeout=timeout or _PATIENCE_S, **others)


def loaded(info: Mapping[str, Any] | None) -> Any:
    """
    Return the credentials that *info* says, or that the library finds; ``None`` if they may lead a token anywhere.
    """
    if info is None:
        return google.auth.default(scopes=[_SCOPE], request=Asking())[0]
    match info["type"]:
        case "service_account":
            return service_account.Credentials.from_service_account_info(info, scopes=[_SCOPE])
        case "authorized_user":
            return credentials.Credentials.from_authorized_user_info(info)
        case "external_account" if "executable" not in (info.get("credential_source") or {}):
            return identity_pool.Credentials.from_info(info, scopes=[_SCOPE])
    return None


def is_passing(error: BaseException) -> bool:
    """
    Return whether the library failed because a server did not answer, or only for now.
    """
    return (
        isinstance(error, TransportError)
        or isinstance(error.__cause__, TransportError)
        or getattr(error, "retryable", False)
    )
