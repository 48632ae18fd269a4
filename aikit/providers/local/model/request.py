"""
The body of a request to the built-in model, looked at parameter by parameter, and refused in OpenAI's words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from aikit.providers.local.api.refusals import Refusal, bounded, missing, require_known, unsupported, wrong_type
from aikit.validation.body_parameters import known_parameters
from aikit.validation.lines import parsed
from aikit.validation.problems import kind_of


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
            raise wrong_type(self.place + name, " or ".join(kind_of(kind()) for kind in kinds), value)
        return value

    def required(self, name: str, *kinds: type) -> Any:
        """
        Return a parameter that must be there.

        Raises:
            Refusal: It is not there, or of another kind.
        """
        value = self.get(name, *kinds)
        if value is None:
            raise missing(self.place + name)
        return value

    def whole(self, name: str, least: int, most: int | None = None) -> int | None:
        """
        Return a whole number within bounds, ``None`` where there is none.

        Raises:
            Refusal: It is none, or out of bounds.
        """
        value: int | None = self.get(name, int)
        return None if value is None else bounded(value, self.place + name, least, most)

    def number(self, name: str, least: float, most: float) -> float | None:
        """
        Return a number within bounds, ``None`` where there is none.

        Raises:
            Refusal: It is none, or out of bounds.
        """
        value: float | None = self.get(name, int, float)
        return None if value is None else bounded(value, self.place + name, least, most, "decimal")

    def choice(self, name: str, allowed: Sequence[str]) -> str | None:
        """
        Return a word that is among *allowed*, ``None`` where there is none.

        Raises:
            Refusal: It is another one.
        """
        value: str | None = self.get(name, str)
        if value is not None and value not in allowed:
            raise unsupported(value, self.place + name, allowed)
        return value

    def inner(self, name: str) -> Body:
        """
        Return an object within, empty where there is none.
        """
        return Body(self.get(name, dict) or {}, f"{self.place}{name}.")


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
        raise wrong_type("body", "an object", value)
    return Body(value)


def require_recognized(url: str, body: Body) -> None:
    """
    Refuse parameters that OpenAI's endpoint does not know, in the words of that endpoint.
    """
    # Responses name the first in code and param; the older endpoints list all and have neither
    # https://developers.openai.com/api/docs/guides/error-codes (read 2026-11-30)
    known = known_parameters(url)
    unknown = [name for name in body.fields if name not in known]
    if url == "/v1/responses":
        require_known(unknown, known)
    if unknown:
        raise Refusal(f"Unrecognized request argument{'s'[: len(unknown) - 1]} supplied: {', '.join(unknown)}")


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
