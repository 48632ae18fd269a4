"""
Values as JSON: ``to_dict`` of errors, objects, progress and costs, and the hook that `json.dumps` asks for them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any

import attrs


class Jsonable:
    """
    A value that can be told as JSON.
    """

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """
        Return its attributes as JSON has them: dollars and paths are strings, unknown is ``None``.

        An object of an API is told as the API does: without what is unknown, and with fields that aikit does not know.
        """
        kind: Any = type(self)
        values = {name: as_json(getattr(self, name)) for name in _names_of(kind)}
        extra = values.pop("extra", None)
        if extra is None:
            return values
        return {name: value for name, value in values.items() if value is not None} | dict(extra)


@cache
def _names_of(kind: Any) -> tuple[str, ...]:
    """
    Return the fields of a class, then its properties: those that may be read by others.
    """
    properties = [name for base in kind.__mro__ for name, value in vars(base).items() if isinstance(value, property)]
    names = dict.fromkeys((*(field.name for field in attrs.fields(kind)), *properties))
    return tuple(name for name in names if not name.startswith("_"))


def to_json(value: object) -> Any:
    """
    Return *value* as something that `json.dumps` knows; made for ``json.dumps(result, default=aikit.to_json)``.

    Args:
        value: A result, an error, an object, progress or costs of aikit; a `Decimal`, which becomes a string, exact to
            the last digit; a path; a mapping, sequence or set of such values. Keys and other secrets are left out, and
            so are contents.

    Raises:
        TypeError: It is none of these, such as bytes.
    """
    if isinstance(to_dict := getattr(value, "to_dict", None), type(Jsonable().to_dict)):
        return to_dict()
    if (decimal := sys.modules.get("decimal")) and isinstance(value, decimal.Decimal):  # imported by who makes one
        return f"{value:f}"
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(name): as_json(one) for name, one in value.items()}
    if isinstance(value, Sequence | AbstractSet) and not isinstance(value, bytes | bytearray | memoryview):
        return [as_json(one) for one in value]
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def as_json(value: Any) -> Any:
    """
    Return *value*, and all that is in it, in JSON's own types.

    Raises:
        TypeError: Something in it cannot be told as JSON.
    """
    if isinstance(value, float):
        return value if value - value == 0 else None  # JSON knows no number that is none, and none without end
    return value if value is None or isinstance(value, str | int) else to_json(value)
