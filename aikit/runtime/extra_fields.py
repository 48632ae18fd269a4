"""
Fields that a caller adds to what a call sends, for what a provider takes beside OpenAI's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def fits_beside(own: Iterable[str], *, in_form: bool = False) -> Callable[[str, Any], None]:
    """
    Return a check of further fields of a request.

    Args:
        own: What the call says itself, which further fields cannot override.

        in_form: Whether the fields go into a form, which has neither lists nor ``None``.
    """
    taken = frozenset(own)

    def check(name: str, value: Any) -> None:
        if value is None or value == {}:
            return
        if not isinstance(value, Mapping):
            raise TypeError(f"{name} must be a mapping, not {type(value).__name__}")
        for field in value:
            _require_free(name, field, taken)
        try:
            json.dumps(value, allow_nan=False, ensure_ascii=False, default=_mapping).encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{name} has a lone surrogate, which nothing can carry") from error
        except RecursionError as error:
            raise ValueError(f"{name} is nested too deep") from error
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name} cannot be told as JSON: {error}") from error
        if in_form:
            _require_sayable(name, value)

    return check


def _mapping(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is none of its types")


def _require_free(name: str, field: Any, taken: frozenset[str]) -> None:
    if not isinstance(field, str):
        raise TypeError(f"{name} must have strings as names, not {field!r}")
    if not field:
        raise ValueError(f"{name} has a field without a name")
    if field.partition("[")[0].partition(".")[0] in taken:
        raise ValueError(f"{name} must not have {field!r}: the call says it itself, by an argument or an option")


def _require_sayable(name: str, value: Mapping[str, Any]) -> None:
    for field, one in value.items():
        if isinstance(one, Mapping):
            _require_sayable(name, one)
        elif not isinstance(one, str | int | float):
            raise TypeError(
                f"{name} {field!r} must be a string, a number, a truth value or a mapping: it is for a form"
            )
