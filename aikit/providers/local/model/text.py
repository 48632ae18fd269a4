"""
What the built-in model says: its tokens, its words, and JSON that fits a schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

import attrs

_TOKEN: Final = re.compile(r"\s*\w{1,6}|\s*[^\w\s]|\s+")
_DEEP: Final = 4
"""From here on what is optional is left out."""
_MOST_VALUES: Final = 10_000
_MOST_ITEMS: Final = 100
_MOST_CHARACTERS: Final = 10_000
_MOST_NUMBER: Final = 1e15
_WORDS: Final = 10
_FORMATS: Final = {
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "date-time": "2026-01-31T12:00:00Z",
    "duration": "P1D",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uri": "https://example.com/",
}


@attrs.frozen
class Reply:
    """
    A text as far as it was allowed to go.

    Attributes:
        tokens: How many it took.

        is_cut: Whether there was more to say.
    """

    text: str
    tokens: int
    is_cut: bool


def tokens_of(text: str) -> list[str]:
    """
    Return the pieces that the model counts: up to six letters or digits, or one sign, each with the blanks before it.
    """
    return _TOKEN.findall(text)


def reply(text: str, max_tokens: int | None, stop: Sequence[str] = ()) -> Reply:
    """
    Return *text* up to the first of *stop*, in no more than *max_tokens*.
    """
    ends = [end for word in stop if word and (end := text.find(word)) >= 0]
    pieces = tokens_of(text[: min(ends)] if ends else text)
    kept = pieces if max_tokens is None else pieces[:max_tokens]
    return Reply("".join(kept), len(kept), is_cut=len(kept) < len(pieces))


def json_reply(text: str) -> str:
    """
    Return a JSON object that says *text*.
    """
    return json.dumps({"answer": text}, ensure_ascii=False)


def schema_reply(schema: Any, text: str) -> str:
    """
    Return JSON that fits *schema*, with the first words of *text* in its strings.
    """
    words = "".join(tokens_of(text)[:_WORDS]).strip()
    return json.dumps(_Sampler(schema, words).value(schema, 0), ensure_ascii=False)


@attrs.define
class _Sampler:
    """
    Makes a value that fits a schema of the kind that OpenAI's structured outputs take.
    """

    # https://developers.openai.com/api/docs/guides/structured-outputs (read 2026-11-22): no allOf, not, if; $ref to
    # $defs or to the root; strings with pattern or format, numbers with bounds, arrays with counts.

    root: Any
    words: str
    _left: int = _MOST_VALUES

    def value(self, schema: Any, depth: int) -> Any:
        schema = self._resolved(schema)
        self._left -= 1
        if self._left < 0 or depth > 2 * _DEEP:  # a schema that nothing finite fits
            return None
        if "const" in schema:
            return schema["const"]
        for name in ("enum", "anyOf", "oneOf"):
            options = schema.get(name)
            if isinstance(options, list) and options:
                return options[0] if name == "enum" else self.value(_simplest(options, depth), depth + 1)
        return self._of_kind(_kind(schema, depth), schema, depth)

    def _of_kind(self, kind: str, schema: dict[str, Any], depth: int) -> Any:
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, depth)
        if kind in {"integer", "number"}:
            return _number(schema, is_whole=kind == "integer")
        return {"boolean": True, "null": None}[kind] if kind in {"boolean", "null"} else self._string(schema)

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties, required = schema.get("properties"), schema.get("required")
        if not isinstance(properties, dict):
            return {}
        needed = required if isinstance(required, list) else []
        names = [name for name in properties if depth < _DEEP or name in needed]
        return {name: self.value(properties[name], depth + 1) for name in names}

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        usual = 0 if depth >= _DEEP or schema.get("maxItems") == 0 else 1
        count = min(max(_whole(schema.get("minItems"), 0), usual), _MOST_ITEMS)
        return [self.value(schema.get("items"), depth + 1) for _ in range(count)]

    def _string(self, schema: dict[str, Any]) -> str:
        text = _FORMATS.get(str(schema.get("format")), self.words)
        least, most = _whole(schema.get("minLength"), 0), _whole(schema.get("maxLength"), len(text))
        return text[:most].ljust(min(least, _MOST_CHARACTERS), ".")

    def _resolved(self, schema: Any) -> dict[str, Any]:
        """
        Return what a schema refers to; what is no schema allows everything.
        """
        for _ in range(_DEEP):
            reference = schema.get("$ref") if isinstance(schema, dict) else None
            if not isinstance(reference, str):
                break
            schema = self.root
            for step in filter(None, reference.removeprefix("#").split("/")):
                schema = schema.get(step) if isinstance(schema, dict) else None
        return schema if isinstance(schema, dict) else {}


def _simplest(schemas: list[Any], depth: int) -> Any:
    """
    Return the first, or, where it gets deep, null if it is among them: so that recursion ends.
    """
    nulls = [schema for schema in schemas if isinstance(schema, dict) and schema.get("type") == "null"]
    return nulls[0] if nulls and depth >= _DEEP else schemas[0]


def _kind(schema: dict[str, Any], depth: int) -> str:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = "null" if "null" in kind and depth >= _DEEP else next(iter(kind), "string")
    return str(kind)


def _number(schema: dict[str, Any], *, is_whole: bool) -> float:
    """
    Return 0, or what of that which a schema allows is nearest to it.
    """
    step = _bound(schema, "multipleOf") or 1
    least, above = _bound(schema, "minimum"), _bound(schema, "exclusiveMinimum")
    most, below = _bound(schema, "maximum"), _bound(schema, "exclusiveMaximum")
    value: float = 0
    if above is not None and value <= above:
        value = (above // step + 1) * step
    if least is not None and value < least:
        value = -(-least // step) * step
    if below is not None and value >= below:
        value = (-(-below // step) - 1) * step
    if most is not None and value > most:
        value = most // step * step
    return int(value) if is_whole else value


def _bound(schema: dict[str, Any], name: str) -> float | None:
    value = schema.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return value if abs(value) < _MOST_NUMBER else None


def _whole(value: Any, default: int) -> int:
    return value if type(value) is int and value >= 0 else default
