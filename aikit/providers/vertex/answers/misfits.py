"""
Members of a row, read with their types: of nulls as if they were not there, for Google writes many of them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from aikit.types.wire import NOTHING

_MOST_LEVELS: Final = 100  # of a value that cannot be written as it is


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


def decoded(raw: bytes | bytearray) -> Any:
    """
    Return what *raw* says in JSON; NaN, which JSON does not have, tells nothing.

    Raises:
        ValueError: It is none.
    """
    text, value = raw.decode(), None
    try:
        try:
            value, end = _scan(text, 0)
        except StopIteration:
            end = -1
        return value if end == len(text) else _DECODER.decode(text)  # which says what is wrong
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


_DECODER: Final = json.JSONDecoder(parse_constant=lambda _: None)
_scan: Final[Callable[[str, int], tuple[Any, int]]] = _DECODER.scan_once  # type: ignore[attr-defined]  # the scanner itself, without what only makes messages of its errors


def compact_json(value: Any) -> str:
    """
    Return *value* as JSON in ASCII.

    Numbers that are not finite, which JSON does not have, are null in it, and so is what is nested too deeply.
    """
    try:
        return _encode(value)
    except (RecursionError, ValueError):
        return _encode(_finite(value))


def arguments_in(value: Mapping[str, Any], name: str) -> str:
    """
    Return a member that is an object, or nothing, as the JSON that the arguments of a call are.

    Raises:
        MisfitError: It is something else.
    """
    found = object_in(value, name)
    try:
        return _encode_letters(found)
    except (RecursionError, ValueError):
        return _encode_letters(_finite(found))


# takes half as long as with other letters than ASCII's; and halves of characters, which UTF-8 has not, come through
_encode_letters: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_encode: Final = json.JSONEncoder(check_circular=False, allow_nan=False, separators=(",", ":")).encode


def _finite(value: Any, levels: int = _MOST_LEVELS) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each, levels - 1) for name, each in value.items()} if levels else None
    if isinstance(value, list):
        return [_finite(each, levels - 1) for each in value] if levels else None
    return None if isinstance(value, float) and not math.isfinite(value) else value
