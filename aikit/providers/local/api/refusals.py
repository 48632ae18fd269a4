"""
Answers that say no, in OpenAI's words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import attrs

from aikit.validation.problems import excerpt, kind_of

N = TypeVar("N", int, float)


@attrs.frozen(slots=False, str=False)
class Refusal(Exception):  # noqa: N818  an answer, not a fault of this program
    """
    A refusal: an error answer in OpenAI's format.

    Attributes:
        message: OpenAI's words where they are known.

        param: The parameter at fault, if one is.

        code: OpenAI's name of the kind of problem, if it has one.

        status: HTTP status.

        type: OpenAI's class of error.

        headers: Further headers of the answer.
    """

    # https://developers.openai.com/api/docs/guides/error-codes (read 2026-11-21)

    message: str
    param: str | None = None
    code: str | None = None
    status: int = 400
    type: str = "invalid_request_error"
    headers: Mapping[str, str] = attrs.field(factory=dict)

    def to_wire(self) -> dict[str, Any]:
        """
        Return the body of the answer.
        """
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


def require_known(fields: Iterable[str], known: frozenset[str]) -> None:
    """
    Refuse unknown parameters.
    """
    for name in fields:
        if name not in known:
            raise Refusal(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")


def integer(text: str, param: str, low: int, high: int) -> int:
    """
    Return *text* as a number.

    Raises:
        Refusal: *text* is not a number between *low* and *high*.
    """
    if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 20):
        raise Refusal(
            f"Invalid type for '{param}': expected an integer, but got '{text}' instead.", param, "invalid_type"
        )
    return bounded(int(text), param, low, high)


def bounded(value: N, param: str, low: float, high: float | None = None, kind: str = "integer") -> N:
    """
    Return *value* if it is within bounds.

    Raises:
        Refusal: *value* is not between *low* and *high*.
    """
    if value < low:
        raise _out_of_bounds(value, param, f"{kind} below min", f">= {low}")
    if high is not None and value > high:
        raise _out_of_bounds(value, param, f"{kind} above max", f"<= {high}")
    return value


def _out_of_bounds(value: float, param: str, where: str, expected: str) -> Refusal:
    message = f"Invalid '{param}': {where}imum value. Expected a value {expected}, but got {value} instead."
    return Refusal(message, param, f"{where.replace(' ', '_')}_value")


def wrong_type(param: str, expected: str, value: Any) -> Refusal:
    """
    Return the refusal of a value of another JSON type than *expected*, which reads like ``"a string"``.
    """
    message = f"Invalid type for '{param}': expected {expected}, but got {kind_of(value)} instead."
    return Refusal(message, param, "invalid_type")


def missing(param: str) -> Refusal:
    """
    Return the refusal of a request without a required parameter.
    """
    return Refusal(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")


def unsupported(value: str, param: str, allowed: Sequence[str]) -> Refusal:
    """
    Return the refusal of a value that is not one of *allowed*.
    """
    quoted = [f"'{each}'" for each in allowed]
    comma = "," if len(quoted) > 2 else ""
    listed = f"{', '.join(quoted[:-1])}{comma} and {quoted[-1]}" if len(quoted) > 1 else quoted[0]
    return Refusal(f"Invalid value: '{excerpt(value)}'. Supported values are: {listed}.", param, "invalid_value")
