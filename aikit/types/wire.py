"""
Reading the JSON objects that providers send: required fields, and those that are not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aikit.types.errors import OpenAIError

NOTHING: Final[Mapping[str, Any]] = {}
"""Shared by all that have no further fields."""


def others(data: Mapping[str, Any], known: frozenset[str]) -> Mapping[str, Any]:
    """
    Return the fields of *data* that are not *known*.
    """
    return {key: value for key, value in data.items() if key not in known} or NOTHING


def unreadable(what: str, data: Any, why: str) -> OpenAIError:
    """
    Return the error for a response that is not a valid *what* object.
    """
    return OpenAIError(
        message=f"the answer is not a {what} object: {why}; is the base URL that of an OpenAI-format API?",
        code="invalid_response",
        body=data,
    )


def require_fields(what: str, data: Any, fields: Mapping[str, type]) -> None:
    """
    Check that *data* is an object that has *fields*, each of its type, and an id that is not empty.

    Raises:
        OpenAIError: It is no *what* (code ``"invalid_response"``).
    """
    if not isinstance(data, dict):
        raise unreadable(what, data, f"it is {type(data).__name__}, not an object")
    for name, kind in fields.items():
        if name not in data:
            raise unreadable(what, data, f"{name!r} is missing")
        if type(data[name]) is not kind:  # so no bool is a number
            raise unreadable(what, data, f"{name!r} is not of type {kind.__name__}")
    if not data["id"]:
        raise unreadable(what, data, "'id' is empty")
