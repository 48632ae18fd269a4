"""
Keys in the keyring of the operating system.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from aikit.providers.config.logins import LIST, is_signed, logins_in, origin_for_key
from aikit.providers.config.settings import ProviderSettings
from aikit.storage import replace
from aikit.storage.private import make_private, private_opener
from aikit.types.interruptions import let_through

_SERVICE: Final = "aikit"
_LONG: Final = 200


class KeyringError(ValueError):
    """
    The keyring is not there, or did not do what it was asked for; the message is one sentence.
    """


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
    part = home / f"{LIST}.part"
    with open(part, "w", encoding="utf-8", opener=private_opener) as file:
        json.dump(dict(known), file, indent=1)
    replace(part, home / LIST)
