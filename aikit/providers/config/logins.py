"""
Keys in the keyring of the operating system, and the list in the home of those that were put there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from aikit.http.headers import is_secret
from aikit.providers.addresses import origin
from aikit.providers.config.settings import ProviderSettings
from aikit.providers.kinds import KINDS, LOCAL
from aikit.storage import NoHomeError, home_folder
from aikit.storage.private import make_private, private_opener
from aikit.types.interruptions import let_through

_SERVICE: Final = "aikit"
_FILE: Final = "logins.json"
_LONG: Final = 200


class KeyringError(ValueError):
    """
    The keyring is not there, or did not do what it was asked for; the message is one sentence.
    """


def logins_in(environ: Mapping[str, str], home: Path | None) -> dict[str, str]:
    """
    Return the names whose keys are in the keyring, each with the origin that its key is for; asks no keyring.
    """
    try:
        data = json.loads(((home or home_folder(environ)) / _FILE).read_bytes())
    except (OSError, NoHomeError, ValueError, RecursionError):
        return {}
    if not isinstance(data, dict):
        return {}
    return {name: place for name, place in data.items() if isinstance(place, str)}


def origin_for_key(settings: ProviderSettings) -> str | None:
    """
    Return the origin that a key of *settings* is sent to; ``None`` if it is sent nowhere.
    """
    has_none = settings.kind == LOCAL or settings.missing is not None
    url = settings.base_url or (None if has_none else KINDS[settings.kind].base_url)
    return origin(url) if url else None


def is_signed(settings: ProviderSettings) -> bool:
    """
    Return whether *settings* have a key or a token, be it an empty one, so that no keyring is asked.
    """
    return settings.api_key is not None or settings.token is not None or any(map(is_secret, settings.options))


def kept_key(name: str, settings: ProviderSettings, known: Mapping[str, str]) -> str | None:
    """
    Return the key of the provider *name* from the keyring; ``None`` without one for the origin of *settings*.

    Args:
        name: Of the provider.

        settings: Where the key is to go.

        known: What `logins_in` returned.

    Raises:
        KeyringError: There was one, and it cannot be had; the message says what to do.
    """
    if name not in known or is_signed(settings) or known[name] != origin_for_key(settings):
        return None
    key: Any = _ask("get_password", name, known[name])
    if not isinstance(key, str) or not key:
        raise KeyringError(
            f"the keyring has lost the key of provider {name!r}; aikit providers login {name}, or logout"
        )
    return key


def log_in(name: str, place: str, key: str, home: Path) -> None:
    """
    Keep *key* in the keyring, for calls of the provider *name* to the origin *place*, and look whether it is kept.

    Raises:
        KeyringError: There is no keyring, or it does not keep the key.
        OSError: The home cannot be written.
    """
    known = logins_in({}, home)
    if known.get(name, place) != place:
        log_out(name, home)
    _ask("set_password", name, place, key)
    if _ask("get_password", name, place) != key:
        raise KeyringError("the keyring did not keep the key; set another one up, or use an environment variable")
    _note(home, {**known, name: place})


def log_out(name: str, home: Path) -> bool:
    """
    Delete the key of the provider *name* from the keyring; return whether there was one.

    Raises:
        KeyringError: The keyring cannot be asked.
        OSError: The home cannot be written.
    """
    known = logins_in({}, home)
    place = known.pop(name, None)
    if place is None:
        return False
    if _ask("get_password", name, place) is not None:
        _ask("delete_password", name, place)
    _note(home, known)
    return True


def _ask(operation: str, name: str, place: str, *more: str) -> Any:
    try:
        import keyring  # noqa: PLC0415  an extra
    except ModuleNotFoundError:
        message = f"the key of provider {name!r} is one of the keyring's, which needs pip install"
        raise KeyringError(f"{message} 'aikit-client[keyring]'") from None
    try:
        return getattr(keyring, operation)(_SERVICE, f"{name} at {place}", *more)
    except Exception as error:  # noqa: BLE001  each system's keyring fails in ways of its own
        let_through(error)
        told = " ".join(str(error).split())[:_LONG]
        for secret in more:
            told = told.replace(secret, "***")
        raise KeyringError(f"the keyring cannot be used ({type(error).__name__}: {told})") from None


def _note(home: Path, known: Mapping[str, str]) -> None:
    make_private(home)
    part = home / f"{_FILE}.part"
    with open(part, "w", encoding="utf-8", opener=private_opener) as file:
        json.dump(dict(known), file, indent=1)
    part.replace(home / _FILE)
