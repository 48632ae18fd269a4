"""
JSON of a successful answer without what must not be kept: secrets that servers repeat, and halves of characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

_MIN_SECRET: Final = 8
"""A shorter key of a local server may well be a word in names and texts."""
_MIN_SECRET_IN_ID: Final = 16
_HALF: Final = re.compile("[\ud800-\udfff]")


def cleaned(value: Any, secrets: Sequence[str]) -> Any:
    """
    Return *value*, which is decoded JSON, with *secrets* as ``***``.

    Lone surrogates, which nothing can write, become U+FFFD, but in ids: those are refused by who reads them.
    """
    return _cleaned(value, [one for one in secrets if len(one) >= _MIN_SECRET], is_id=False)


def _cleaned(value: Any, secrets: list[str], *, is_id: bool) -> Any:
    if isinstance(value, str):
        return _plain(value, secrets, is_id=is_id)
    if isinstance(value, list):
        return [_cleaned(one, secrets, is_id=is_id) for one in value]
    if isinstance(value, dict):
        return {
            _plain(name, secrets, is_id=False): _cleaned(one, secrets, is_id=name == "id" or name.endswith("_id"))
            for name, one in value.items()
        }
    return value


def _plain(text: str, secrets: list[str], *, is_id: bool) -> str:
    for secret in secrets:
        if not is_id or len(secret) >= _MIN_SECRET_IN_ID:
            text = text.replace(secret, "***")
    return text if is_id else _HALF.sub("\ufffd", text)
