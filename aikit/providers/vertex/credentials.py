"""
Tokens of Google's own library, and the credentials that they are made of.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from aikit.providers.tokens import TokenLock
from aikit.storage import shown
from aikit.types.errors import ExchangeError, OpenAIError

VARIABLE: Final = "GOOGLE_APPLICATION_CREDENTIALS"
_MOST_BYTES: Final = 1024 * 1024
_LONG: Final = 300


def credentials_in(source: str | None) -> Mapping[str, Any]:
    """
    Return what credentials say: those of *source*, else those that gcloud keeps for programs; empty without any.

    Args:
        source: Path of a JSON file, or its text.

    Raises:
        ValueError: They cannot be read, or are none.
    """
    if source is not None and source.lstrip().startswith("{"):
        return _parsed("the text given as credentials", source.encode())
    path = _of_gcloud() if source is None else Path(source).expanduser()
    try:
        with path.open("rb") as file:
            return _parsed(f"credentials {shown(path)}", file.read(_MOST_BYTES))
    except OSError as error:
        if source is None:
            return {}
        raise ValueError(f"credentials {shown(path)} cannot be read: {error.strerror}; correct the path") from None


def _parsed(what: str, content: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):  # whose text would quote a key
        data = None
    if not isinstance(data, dict) or not isinstance(data.get("type"), str):
        raise ValueError(  # noqa: TRY004  a wrong file, not a wrong argument
            f"{what} cannot be understood: it must be the JSON of a service account or of gcloud"
        )
    return data


def _of_gcloud() -> Path:
    # https://cloud.google.com/docs/authentication/application-default-credentials (read 2026-11-30)
    folder = os.environ.get("CLOUDSDK_CONFIG")
    if folder is None and os.name == "nt":
        folder = os.path.join(os.environ.get("APPDATA", ""), "gcloud")  # noqa: PTH118  a text
    return Path(folder or "~/.config/gcloud").expanduser() / "application_default_credentials.json"


@attrs.define(eq=False)
class GoogleToken:
    """
    The token of a service account, of a user of gcloud, or of the machine that this process runs on.

    Google's library is loaded for the first token.

    Attributes:
        source: Path of the file of credentials, or its text; without it, Google's library looks for them.
    """

    # https://googleapis.dev/python/google-auth/latest/ (2.63, read 2026-11-30)
    # `_lock` guards `_credentials`, and is held while a token is renewed, so that one thread asks for all.

    source: str | None = attrs.field(default=None, repr=False)
    _credentials: Any = attrs.field(default=None, repr=False)
    _lock: TokenLock = attrs.field(factory=TokenLock, repr=False)

    def __call__(self) -> str:
        """
        Return a token that is good now; one that ends within minutes is renewed.

        Raises:
            ExchangeError: The server of tokens does not answer; asking again may help.
            OpenAIError: The library is not installed (code ``"token_unavailable"``).
            ValueError: The credentials are none.
        """
        with self._lock.here():
            library = _library()
            try:
                if self._credentials is None:
                    self._credentials = self._loaded(library)
                if not self._credentials.valid:
                    self._credentials.refresh(library.Asking())
            except Exception as error:
                if library.is_passing(error):
                    raise _unanswered(error) from error
                raise
            token: str = self._credentials.token
            return token

    def _loaded(self, library: Any) -> Any:
        """
        Return the credentials; those of Google's own variable, of whatever type, are its library's to read.

        Raises:
            ValueError: They cannot be read, or may lead a token anywhere.
        """
        if self.source is None or self.source == os.environ.get(VARIABLE, "").strip():
            return library.loaded(None)
        info = credentials_in(self.source)
        found = library.loaded(info)
        if found is None:
            kind = shown(info["type"])
            raise ValueError(f"credentials of type {kind!r} are taken from {VARIABLE} alone; name their file there")
        return found


def _library() -> Any:
    """
    Return what asks Google's library.

    Raises:
        OpenAIError: It is not installed (code ``"token_unavailable"``).
    """
    try:
        from aikit.providers.vertex import google_library  # noqa: PLC0415  of an extra, which takes half a second
    except ModuleNotFoundError as error:
        message = (
            "no token is given, and Google's library, which makes tokens, is not there: pip install "
            "'aikit-client[vertex]'"
        )
        raise OpenAIError(message=message, code="token_unavailable") from error
    return google_library


def _unanswered(error: Exception) -> OpenAIError:
    message = f"the server of Google's tokens does not answer as it should ({str(error)[:_LONG]}); look at the network"
    return ExchangeError(message=message, code="token_unavailable", is_ambiguous=False)
