"""
Reading the JSON objects that providers send: numbers, times, required fields, and those that are not known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from aikit.types.errors import OpenAIError

NOTHING: Final[Mapping[str, Any]] = {}
"""Shared by all that have no further fields."""

MOST: Final = 2**63
"""No number that a provider sends is as large."""

LAST_TIME: Final = 10**11
"""No time is as late, in Unix seconds: the year 5138."""

_MAX_DIGITS: Final = 18
_LEAST_TIME: Final = 10**8  # 1973: what is less is a year, or a count of something
_LONGEST_DATE: Final = 40
_SHOWN: Final = 40
_KINDS: Final = {str: "a string", list: "an array", dict: "an object"}
_LONGEST_ID: Final = 2000  # gateways encode names of models and ids of others
_DOTS: Final = re.compile(r"(^|[/\\])\.{1,2}([/\\]|$)")


@attrs.frozen(kw_only=True, slots=False, str=False)
class UnreadableError(OpenAIError):
    """
    JSON of a provider that is not the object it should be.

    Attributes:
        why: What is wrong with it; the field is named.
    """

    code: str | None = "invalid_response"
    why: str = ""


def whole_number(value: Any) -> int | None:
    """
    Return *value* if it is a whole number, also one written ``10.0`` or ``"10"``; no truth value is.
    """
    if isinstance(value, float):
        value = int(value) if value.is_integer() else None
    elif isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= _MAX_DIGITS:
        value = int(value)
    return value if type(value) is int and -MOST < value < MOST else None


def unix_time(value: Any) -> int | None:
    """
    Return *value* in whole Unix seconds: a number, one in a string, or an ISO date, which is UTC if it names no zone.

    Numbers that would be thousands of years away are milliseconds, or thousandths of these.
    """
    number = int(value) if isinstance(value, float) and _LEAST_TIME <= value < MOST else whole_number(value)
    if not isinstance(value, str) or (number is not None and number >= _LEAST_TIME):
        while number is not None and LAST_TIME <= number < MOST:
            number //= 1000
        return number
    try:
        moment = datetime.fromisoformat(value.strip().upper()) if len(value) <= _LONGEST_DATE else None
    except ValueError:
        return None
    return None if moment is None else int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def text(value: Any) -> str | None:
    """
    Return *value* if it is a string.
    """
    return value if isinstance(value, str) else None


def others(data: Mapping[str, Any], known: frozenset[str]) -> Mapping[str, Any]:
    """
    Return the fields of *data* that are not *known*.
    """
    return {key: value for key, value in data.items() if key not in known} or NOTHING


def is_id(value: str) -> bool:
    """
    Return whether other calls can name an object by *value*, which becomes one segment of an address.
    """
    has_no_space = value.isprintable() and " " not in value
    return has_no_space and 0 < len(value) <= _LONGEST_ID and ("." not in value or _DOTS.search(value) is None)


def usable_id(value: Any) -> str | None:
    """
    Return *value* if it is a string that `is_id`.
    """
    return value if isinstance(value, str) and is_id(value) else None


def unreadable(what: str, data: Any, why: str) -> UnreadableError:
    """
    Return the error for a response that is not a valid *what* object; where it has an id, that is named.
    """
    name = usable_id(data.get("id")) if isinstance(data, dict) else None
    hint = "is the base URL that of an OpenAI-format API?" if name is None else f"its id is {name}"
    return UnreadableError(message=f"the answer is not a {what} object: {why}; {hint}", body=data, why=why)


def read_fields(
    what: str,
    data: Any,
    required: Mapping[str, Callable[[Any], Any]],
    optional: Mapping[str, Callable[[Any], Any]] = NOTHING,
) -> dict[str, Any]:
    """
    Return the *required* and *optional* fields of *data*, each as its reader returns it.

    Raises:
        UnreadableError: *data* is no object, a required field is missing, a field cannot be read, or the id is empty.
    """
    if not isinstance(data, dict):
        raise unreadable(what, data, f"it is {type(data).__name__}, not an object")
    read: dict[str, Any] = {}
    for name, reader in (*required.items(), *optional.items()):
        value = data.get(name)
        read[name] = None if value is None and name in optional else reader(value)
        if name not in data and name in required:
            raise unreadable(what, data, f"{name!r} is missing")
        if read[name] is None and (value is not None or name in required):
            kind = "str" if reader is text else "int"
            raise unreadable(what, data, f"{name!r} is not of type {kind} but another type, {_shown(value)}")
    if not is_id(read["id"]):
        why = "cannot be one: it is very long, or has white space, other characters that are not seen, or dot segments"
        raise unreadable(what, data, f"'id' {why if read['id'] else 'is empty'}")
    return read


def _shown(value: Any) -> str:
    """
    Return *value* if it is a short number or the like, else its kind: a string may be a secret that a server repeats.
    """
    kind = next((name for kind, name in _KINDS.items() if isinstance(value, kind)), None)
    shown = kind or json.dumps(value)
    return shown if len(shown) <= _SHOWN else "a long number"
