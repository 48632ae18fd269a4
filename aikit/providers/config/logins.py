"""
The list in the home of the keys that are in the keyring of the operating system.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from aikit.http.headers import is_secret
from aikit.providers.addresses import origin
from aikit.providers.config.settings import ProviderSettings
from aikit.providers.kinds import KINDS, LOCAL
from aikit.storage import NoHomeError, home_folder

LIST: Final = "logins.json"


def logins_in(environ: Mapping[str, str], home: Path | None) -> dict[str, str]:
    """
    Return the names whose keys are in the keyring, each with the origin that its key is for; asks no keyring.
    """
    try:
        data = json.loads(((home or home_folder(environ)) / LIST).read_bytes())
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
