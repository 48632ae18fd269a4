"""
Members of a row, read with their types: of nulls as if they were not there, for Google writes many of them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from aikit.types.wire import NOTHING


class MisfitError(ValueError):
    """
    A row whose answer is not of the shape that it must have; the text says what is wrong with it.
    """


def text_in(value: Mapping[str, Any], name: str) -> str | None:
    """
    Return a member that is a text.

    Raises:
        MisfitError: It is something else.
    """
    found = value.get(name)
    if found is not None and type(found) is not str:
        raise MisfitError(f"{name} is no text")
    return found


def list_in(value: Mapping[str, Any], name: str) -> list[Any]:
    """
    Return a member that is a list, empty where there is none.

    Raises:
        MisfitError: It is something else.
    """
    found = value.get(name)
    if found is not None and type(found) is not list:
        raise MisfitError(f"{name} is no list")
    return found or []


def object_in(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """
    Return a member that is an object, empty where there is none.

    Raises:
        MisfitError: It is something else.
    """
    found = value.get(name)
    if found is not None and type(found) is not dict:
        raise MisfitError(f"{name} is no object")
    return found or NOTHING


def compact_json(value: Any) -> str:
    """
    Return *value* as JSON; numbers that are not finite, which JSON does not have, are null in it.
    """
    try:
        return _encode(value)
    except ValueError:
        return _encode(_finite(value))


def json_bytes(value: Any) -> bytes:
    """
    Return *value* as JSON in UTF-8; halves of characters, which that does not have, are escaped, and all else likewise.
    """
    try:
        return compact_json(value).encode()
    except UnicodeEncodeError:
        return json.dumps(_finite(value)).encode()


_encode: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":"), ensure_ascii=False).encode


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list):
        return list(map(_finite, value))
    return None if isinstance(value, float) and not math.isfinite(value) else value
