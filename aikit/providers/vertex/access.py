"""
Who signs requests to Vertex AI and Cloud Storage, and for which project.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import attrs

from aikit.http.headers import USER_AGENT, Headers
from aikit.providers.config import ProviderSettings
from aikit.providers.kinds import KINDS
from aikit.providers.tokens import TokenCallable
from aikit.providers.vertex.credentials import VARIABLE, GoogleToken, credentials_in

_BEARER: Final = "authorization"
_QUOTA: Final = "x-goog-user-project"


@attrs.frozen
class Access:
    """
    What signs the requests of one provider, and the project of its credentials.

    Attributes:
        headers: Of all requests; no token is among them that the caller has not put there.

        token: Returns the token of the moment, for Google's own addresses; ``None`` if there is none.

        project: Where the credentials name one.
    """

    headers: Headers
    token: TokenCallable | None = attrs.field(repr=False)
    project: str | None

    @classmethod
    def of(cls, settings: ProviderSettings) -> Access:
        """
        Return the access that *settings* give.

        The caller's own header counts, then a callable, then the key, which is a token, then credentials; a key of no
        letters sends none, and no credentials are looked at.

        Raises:
            ValueError: The credentials cannot be read.
        """
        own, token, info = Headers(settings.custom_headers), settings.token, dict[str, Any]()
        if token is None and settings.api_key:
            token = partial(str, settings.api_key)
        if _BEARER in own:
            token = None
        elif token is None and settings.api_key is None:
            source = settings.setting("credentials") or os.environ.get(VARIABLE, "").strip() or None
            token, info = GoogleToken(source), dict(credentials_in(source))
        quota, project = (
            (settings.setting("quota_project") or _text(info, "quota_project_id")),
            _text(info, "project_id"),
        )
        if quota:
            KINDS[settings.kind].require_form("quota_project", quota)
        headers = {"User-Agent": USER_AGENT, **({_QUOTA: quota} if quota else {})}
        return cls(Headers(headers).merged(own), token, project or quota)


def _text(info: Mapping[str, Any], name: str) -> str | None:
    value = info.get(name)
    return value if isinstance(value, str) and value else None
