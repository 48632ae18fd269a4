"""
The body of a request to the built-in model, looked at parameter by parameter, and refused in OpenAI's words.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, NoReturn

import attrs

from aikit.providers.local.api.file_rules import Refusal
from aikit.validation.lines import parsed
from aikit.validation.problems import excerpt

_KINDS: Final[tuple[tuple[type, str], ...]] = (
    (bool, "a boolean"),
    (int, "an integer"),
    (float, "a decimal"),
    (str, "a string"),
    (list, "an array"),
    (dict, "an object"),
    (type(None), "null"),
)


@attrs.frozen
class Body:
    """
    What is asked of the model; a parameter that is null counts as not there.

    Attributes:
        fields: The body's parameters, or those of an object within it.

        place: Where that object is, as parameters are named, for example ``"messages[0]."``.
    """

    # https://developers.openai.com/api/docs/guides/error-codes (read 2026-11-21)

    fields: dict[str, Any]
    place: str = ""

    def get(self, name: str, *kinds: type) -> Any:
        """
        Return a parameter of one of *kinds*, ``None`` where there is none.

        Raises:
            Refusal: It is of another kind.
        """
        value = self.fields.get(name)
        if value is not None and type(value) not in kinds:
            refuse_type(self.place + name, " or ".join(kind_of(kind) for kind in kinds), value)
        return value

    def required(self, name: str, *kinds: type) -> Any:
        """
        Return a parameter that must be there.

        Raises:
            Refusal: It is not there, or of another kind.
        """
        value = self.get(name, *kinds)
        if value is None:
            param = self.place + name
            raise Refusal(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")
        return value

    def whole(self, name: str, least: int, most: int | None = None) -> int | None:
        """
        Return a whole number within bounds, ``None`` where there is none.

        Raises:
            Refusal: It is none, or out of bounds.
        """
        value: int | None = self.get(name, int)
        if value is not None:
            self._require_within(name, value, least, most, "integer")
        return value

    def number(self, name: str, least: float, most: float) -> float | None:
        """
        Return a number within bounds, ``None`` where there is none.

        Raises:
            Refusal: It is none, or out of bounds.
        """
        value: float | None = self.get(name, int, float)
        if value is not None:
            self._require_within(name, value, least, most, "decimal")
        return value

    def choice(self, name: str, allowed: Collection[str]) -> str | None:
        """
        Return a word that is among *allowed*, ``None`` where there is none.

        Raises:
            Refusal: It is another one.
        """
        value: str | None = self.get(name, str)
        if value is not None and value not in allowed:
            listed = ", ".join(f"'{word}'" for word in allowed)
            message = f"Invalid value: '{excerpt(value)}'. Supported values are: {listed}."
            raise Refusal(message, self.place + name, "invalid_value")
        return value

    def inner(self, name: str) -> Body:
        """
        Return an object within, empty where there is none.
        """
        return Body(self.get(name, dict) or {}, f"{self.place}{name}.")

    def _require_within(self, name: str, value: float, least: float, most: float | None, kind: str) -> None:
        param = self.place + name
        if value < least:
            message = f"Invalid '{param}': {kind} below minimum value. Expected a value >= {least}, but got {value}"
            raise Refusal(f"{message} instead.", param, f"{kind}_below_min_value")
        if most is not None and value > most:
            message = f"Invalid '{param}': {kind} above maximum value. Expected a value <= {most}, but got {value}"
            raise Refusal(f"{message} instead.", param, f"{kind}_above_max_value")


def body_from(raw: bytes) -> Body:
    """
    Read the body of a request.

    Raises:
        Refusal: It is no JSON object.
    """
    try:
        value = parsed(raw)
    except ValueError as error:
        raise Refusal(f"We could not parse the JSON body of your request. {error}") from None
    if type(value) is not dict:
        refuse_type("body", "an object", value)
    return Body(value)


def kind_of(kind: type) -> str:
    """
    Return what JSON calls values of *kind*, with its article.
    """
    return next(word for known, word in _KINDS if issubclass(kind, known))


def refuse_type(param: str, expected: str, value: Any) -> NoReturn:
    """
    Refuse a parameter that has another JSON type than *expected*.
    """
    message = f"Invalid type for '{param}': expected {expected}, but got {kind_of(type(value))} instead."
    raise Refusal(message, param, "invalid_type")


def require_filled(param: str, value: Any) -> None:
    """
    Refuse an empty string or array.
    """
    if not value:
        kind = "string" if isinstance(value, str) else "array"
        message = (
            f"Invalid '{param}': empty {kind}. Expected one with minimum length 1, but got an empty {kind} instead."
        )
        raise Refusal(message, param, f"empty_{kind}")
