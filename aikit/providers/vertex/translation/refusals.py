"""
The refusal of a line that cannot be translated, and the checks of its values that end in one.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, NoReturn, TypeVar

from aikit.types.suggestions import did_you_mean
from aikit.validation.problems import kind_of

T = TypeVar("T")
_NOTHINGS: Any = (None, "", [], {}, False)


class RefusedError(Exception):
    """
    A line cannot be translated.

    Attributes:
        message: Why, in a sentence or two.

        param: What is at fault.

        code: Of the problem.
    """

    def __init__(self, message: str, param: str, code: str = "unsupported") -> None:
        super().__init__(message)
        self.message, self.param, self.code = message, param, code


def refuse(param: str, why: str) -> NoReturn:
    """
    Refuse the value at *param*, since *why*: the rest of a sentence that begins with its place.

    Raises:
        RefusedError: Always.
    """
    raise RefusedError(f"'{param}' {why}.", param)


def expect(value: Any, kind: type[T], param: str) -> T:
    """
    Return *value* if it is of the JSON type *kind*.

    Raises:
        RefusedError: It is of another.
    """
    if type(value) is kind:
        return value
    raise _wrong_type(value, kind_of(kind()), param)


def expect_members(value: Mapping[str, Any], known: AbstractSet[str], param: str) -> None:
    """
    Check that *value*, an object at *param*, has only *known* members, and others only as far as they say nothing.

    Raises:
        RefusedError: It has another, which would be lost.
    """
    if value.keys() <= known:
        return
    for name, member in value.items():
        if name not in known and member not in _NOTHINGS:
            place, near = f"{param}.{name[:60]}", did_you_mean(name, known)
            raise RefusedError(f"'{place}' is nothing that Vertex AI can be told; leave it out{near or '.'}", place)


def expect_number(value: Any, param: str) -> float:
    """
    Return *value* if it is a number.

    Raises:
        RefusedError: It is none.
    """
    if type(value) is int or type(value) is float:
        return value
    raise _wrong_type(value, "a number", param)


def expect_integer(value: Any, least: int, most: int, param: str) -> int:
    """
    Return *value* if it is an integer from *least* to *most*.

    Raises:
        RefusedError: It is none.
    """
    number = expect(value, int, param)
    if not least <= number <= most:
        refuse(param, f"is {str(number)[:30]}; Vertex AI takes {least} to {most}")
    return number


def expect_choice(value: Any, choices: Mapping[str, T], param: str) -> T:
    """
    Return what *value* stands for among *choices*.

    Raises:
        RefusedError: It is none of them.
    """
    text = expect(value, str, param)
    if text not in choices:
        refuse(param, f'is "{text[:60]}"; what can be translated is {", ".join(choices)}')
    return choices[text]


def _wrong_type(value: Any, expected: str, param: str) -> RefusedError:
    message = f"Invalid type for '{param}': expected {expected}, but got {kind_of(value)} instead."
    return RefusedError(message, param, "invalid_type")
