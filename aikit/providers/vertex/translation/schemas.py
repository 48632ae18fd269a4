"""
JSON Schemas as those of Gemini: a part of OpenAPI's, without references, as the importer of batches can read them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote

import attrs

from aikit.providers.vertex.translation.importing import MOST_LEVELS, names_problem
from aikit.providers.vertex.translation.refusals import expect, expect_integer, expect_number, refuse

_MOST_NODES: Final = 5_000
_LARGEST: Final = 2**63 - 1
_CHOICES: Final = frozenset(("anyOf", "oneOf"))
_NULLS: Final[tuple[Any, ...]] = ({"type": "null"}, {"const": None}, {"enum": [None]})
_TYPES: Final = ("string", "number", "integer", "boolean", "array", "object", "null")
_ANYTHING: Final[Mapping[str, Any]] = {"nullable": True}  # an empty object is nothing that the importer could read
_NOTES: Final = frozenset(
    (
        *("$schema", "$id", "$comment", "$defs", "definitions", "default", "example", "examples", "deprecated"),
        *("readOnly", "writeOnly", "strict", "discriminator", "contentEncoding", "contentMediaType"),
    )
)
"""Keywords that restrict nothing, or have done their duty; left out, as are those that begin with ``x-``."""


def gemini_schema(schema: Any, param: str, level: int) -> dict[str, Any]:
    """
    Return *schema* as Gemini takes it.

    Args:
        schema: A JSON Schema.

        param: Its place in the line.

        level: Of nesting, at which the translated schema will stand in its line.

    Raises:
        RefusedError: It is none, or has what cannot be translated.
    """
    # https://cloud.google.com/vertex-ai/docs/reference/rest/v1/Schema (discovery document of 2026-11-06)
    return _Translation(root=schema, param=param).of(schema, level, ())


@attrs.define
class _Translation:
    """
    The translation of one schema.

    Attributes:
        root: The whole, to which references are.

        param: Its place in the line.
    """

    root: Any
    param: str
    _nodes: int = 0

    def of(self, schema: Any, level: int, seen: tuple[str, ...]) -> dict[str, Any]:
        """
        Return a part of it, at a *level* of nesting; *seen* are the references that led there.
        """
        self._count(level)
        if schema is True or schema == {}:
            return dict(_ANYTHING)
        schema, seen = self._whole(expect(schema, dict, self.param), seen)
        if schema in _NULLS:
            return {"type": "NULL"}
        if not _CHOICES.isdisjoint(schema) or type(schema.get("type")) is list:
            return self._any_of(schema, level, seen)
        found: dict[str, Any] = {}
        for keyword, value in schema.items():
            if value is None or keyword in _NOTES or keyword.startswith("x-"):
                continue
            if keyword not in _KEYWORDS:
                self.refuse(f"has {keyword[:60]!r}, which Gemini does not know; leave it out, or describe it in words")
            _KEYWORDS[keyword](_Place(self, found, schema, level, seen), value)
        if "properties" in found and len(found["properties"]) > 1:
            found.setdefault("propertyOrdering", list(found["properties"]))  # else Gemini answers in another order
        if level == MOST_LEVELS and any(type(value) in {dict, list} for value in found.values()):
            self._count(level + 1)
        return found or dict(_ANYTHING)

    def _any_of(self, schema: dict[str, Any], level: int, seen: tuple[str, ...]) -> dict[str, Any]:
        """
        Return a schema of alternatives; nothing may stand beside them, so each gets what does.
        """
        keyword = next((name for name in ("anyOf", "oneOf") if name in schema), "type")
        given = expect(schema[keyword], list, self.param)
        if not given:
            self.refuse(f"has an empty {keyword}, which nothing fits")
        if keyword == "type":
            given = [{"type": kind} for kind in given]
        beside = {name: value for name, value in schema.items() if name != keyword and name not in _NOTES}
        real = [{} if one is True else expect(one, dict, self.param) for one in given if one not in _NULLS]
        if len(real) < len(given):
            beside["nullable"] = True
        if not real:
            return {"type": "NULL"}
        if len(real) == 1:
            return self.of(self._merged(beside, real[0]), level, seen)
        return {"anyOf": [self.of(self._merged(beside, one), level + 2, seen) for one in real]}

    def refuse(self, why: str) -> Any:
        """
        Refuse the schema, since *why*.
        """
        refuse(self.param, why)

    def _count(self, level: int) -> None:
        self._nodes += 1
        if level > MOST_LEVELS:
            self.refuse(f"is nested too deeply; batches on Vertex AI take {MOST_LEVELS} levels in all")
        if self._nodes > _MOST_NODES:
            self.refuse("is too large when its references are replaced by what they name")

    def _whole(self, schema: dict[str, Any], seen: tuple[str, ...]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """
        Return *schema* with what it refers to, and all parts of an ``allOf``, in one.
        """
        while "$ref" in schema or "allOf" in schema:
            schema = dict(schema)
            if "$ref" in schema:
                pointer = expect(schema.pop("$ref"), str, self.param)
                if pointer in seen or pointer == "#":
                    self.refuse(f"is recursive ({pointer[:60]}); batches on Vertex AI take no recursive schemas")
                seen = (*seen, pointer)
                parts = [self._target(pointer)]
            else:
                parts = expect(schema.pop("allOf"), list, self.param)
            found: dict[str, Any] = {}
            for part in parts:
                self._count(0)
                whole, seen = self._whole({} if part is True else expect(part, dict, self.param), seen)
                found = self._merged(found, whole)
            schema = self._merged(found, schema)
        return schema, seen

    def _target(self, pointer: str) -> Any:
        target = self.root
        for step in pointer.removeprefix("#/").split("/"):
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            if not pointer.startswith("#/") or type(target) is not dict or name not in target:
                self.refuse(f"refers to {pointer[:60]!r}, which is not in it")
            target = target[name]
        return target

    def _merged(self, first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
        merged = first | second
        for keyword in first.keys() & second.keys():
            one, other = first[keyword], second[keyword]
            if keyword == "properties" and type(one) is type(other) is dict:
                merged[keyword] = one | other
            elif keyword == "required" and type(one) is type(other) is list:
                merged[keyword] = [*one, *(name for name in other if name not in one)]
            elif one != other and keyword not in _NOTES and keyword not in {"title", "description"}:
                self.refuse(f"demands two different {keyword[:60]!r} of the same value by allOf or $ref")
        return merged


@attrs.frozen
class _Place:
    """
    Where a keyword stands.

    Attributes:
        found: The translated keywords, which get another.

        schema: The keywords beside it.
    """

    translation: _Translation
    found: dict[str, Any]
    schema: Mapping[str, Any]
    level: int
    seen: tuple[str, ...]

    @property
    def param(self) -> str:
        return self.translation.param

    def below(self, schema: Any, levels: int) -> dict[str, Any]:
        return self.translation.of(schema, self.level + levels, self.seen)


_Keyword = Callable[[_Place, Any], None]


def _copied(name: str, kind: type) -> _Keyword:
    def keyword(place: _Place, value: Any) -> None:
        place.found[name] = expect(value, kind, place.param)

    return keyword


def _bound(name: str, step: int = 0) -> _Keyword:
    def keyword(place: _Place, value: Any) -> None:
        bound = expect_number(value, place.param)
        if step and (place.schema.get("type") != "integer" or type(bound) is not int or name in place.schema):
            place.translation.refuse("has an exclusive bound, which Gemini knows of integers only; take another")
        place.found[name] = bound + step

    return keyword


def _count_of(name: str) -> _Keyword:
    def keyword(place: _Place, value: Any) -> None:
        place.found[name] = str(
            expect_integer(value, 0, _LARGEST, place.param)
        )  # an int64, of which protocol buffers make a string

    return keyword


def _type(place: _Place, value: Any) -> None:
    if value not in _TYPES:
        place.translation.refuse(f"has the type {str(value)[:60]!r}; there are {', '.join(_TYPES)}")
    place.found["type"] = value.upper()


def _properties(place: _Place, value: Any) -> None:
    properties = expect(value, dict, place.param)
    problem = names_problem(properties)
    if problem is not None:
        place.translation.refuse(f"{problem}: rename the property")
    if properties:
        place.found["properties"] = {name: place.below(schema, 2) for name, schema in properties.items()}


def _items(place: _Place, value: Any) -> None:
    place.found["items"] = place.below(value, 1)


def _other_properties(place: _Place, value: Any) -> None:
    if type(value) is dict and value:
        place.found["additionalProperties"] = place.below(value, 1)  # Gemini adds none unasked: false needs no word


def _names(name: str) -> _Keyword:
    def keyword(place: _Place, value: Any) -> None:
        names = [expect(one, str, place.param) for one in expect(value, list, place.param)]
        if names:
            place.found[name] = names

    return keyword


def _enum(place: _Place, value: Any) -> None:
    values = expect(value, list, place.param)
    real = [one for one in values if one is not None]
    kinds = {type(one) for one in real}
    if len(real) < len(values):
        place.found["nullable"] = True
    if kinds == {bool} and len(set(real)) == 2:
        place.found["type"] = "BOOLEAN"
    elif kinds and kinds <= {int, float}:
        place.found.setdefault("type", "INTEGER" if kinds == {int} else "NUMBER")
        place.found.update(format="enum", enum=[str(one) for one in real])
    elif kinds == {str}:
        place.found.setdefault("type", "STRING")
        place.found["enum"] = real
    else:
        place.translation.refuse(
            "has an enum or const that is neither of texts nor of numbers; Gemini knows those only"
        )


def _const(place: _Place, value: Any) -> None:
    _enum(place, [value])


_KEYWORDS: Final[Mapping[str, _Keyword]] = {
    "type": _type,
    **{name: _copied(name, str) for name in ("title", "description", "format", "pattern")},
    "nullable": _copied("nullable", bool),
    **{name: _bound(name) for name in ("minimum", "maximum")},
    "exclusiveMinimum": _bound("minimum", 1),
    "exclusiveMaximum": _bound("maximum", -1),
    **{
        name: _count_of(name)
        for name in ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
    },
    "properties": _properties,
    "items": _items,
    "additionalProperties": _other_properties,
    "required": _names("required"),
    "propertyOrdering": _names("propertyOrdering"),
    "enum": _enum,
    "const": _const,
}
