"""
JSON Schemas as Gemini's.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.providers.vertex.translation.translating import refusal_of, request_of


def _format(schema: Any) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}}


def _translated(schema: Any) -> Any:
    return request_of(**_format(schema))["generationConfig"]["responseSchema"]


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "string"}, {"type": "STRING"}),
        ({"type": ["string", "null"]}, {"type": "STRING", "nullable": True}),
        (
            {"type": ["string", "integer", "null"], "description": "d"},
            {
                "anyOf": [
                    {"type": "STRING", "description": "d", "nullable": True},
                    {"type": "INTEGER", "description": "d", "nullable": True},
                ]
            },
        ),
        (
            {"anyOf": [{"type": "number"}, {"type": "null"}], "title": "T"},
            {"type": "NUMBER", "title": "T", "nullable": True},
        ),
        ({"oneOf": [{"type": "number"}, {"type": "string"}]}, {"anyOf": [{"type": "NUMBER"}, {"type": "STRING"}]}),
        (
            {"allOf": [{"type": "string", "description": "d"}], "description": "e"},
            {"type": "STRING", "description": "e"},
        ),
        (
            {"allOf": [{**_object(a={"type": "string"}), "required": ["a"]}, {**_object(b=True), "required": ["b"]}]},
            {
                "type": "OBJECT",
                "properties": {"a": {"type": "STRING"}, "b": {"nullable": True}},
                "required": ["a", "b"],
                "propertyOrdering": ["a", "b"],
            },
        ),
        ({"enum": ["a", "b", None]}, {"type": "STRING", "enum": ["a", "b"], "nullable": True}),
        ({"type": "integer", "enum": [1, 2]}, {"type": "INTEGER", "format": "enum", "enum": ["1", "2"]}),
        ({"enum": [True, False]}, {"type": "BOOLEAN"}),
        ({"const": "a"}, {"type": "STRING", "enum": ["a"]}),
        ({"const": None}, {"type": "NULL"}),
        (
            {"oneOf": [{"const": None}, {"enum": [1.5]}]},
            {"type": "NUMBER", "format": "enum", "enum": ["1.5"], "nullable": True},
        ),
        ({"type": "integer", "exclusiveMinimum": 0, "maximum": 9}, {"type": "INTEGER", "minimum": 1, "maximum": 9}),
        (
            {"type": "array", "items": {}, "minItems": 1, "default": []},
            {"type": "ARRAY", "items": {"nullable": True}, "minItems": "1"},
        ),
        (
            {
                "type": "object",
                "properties": {},
                "required": [],
                "additionalProperties": False,
                "$schema": "s",
                "x-y": 1,
            },
            {"type": "OBJECT"},
        ),
        (
            {"type": "object", "additionalProperties": {"type": "integer"}},
            {"type": "OBJECT", "additionalProperties": {"type": "INTEGER"}},
        ),
        (
            {"type": "string", "description": None, "format": "date", "pattern": "^a"},
            {"type": "STRING", "format": "date", "pattern": "^a"},
        ),
    ],
)
def test_schemas_are_translated_into_what_the_importer_can_read(schema: Any, told: Any) -> None:
    """
    Without lists of types, nulls, empty objects and keywords with a dollar; nothing stands beside alternatives.
    """
    assert _translated(schema) == told


def test_references_are_replaced_by_what_they_name() -> None:
    """
    In properties and alternatives, in several places, with a description of their own, with odd letters in names.
    """
    schema = {
        **_object(
            first={"$ref": "#/$defs/a~1b%20c"},
            second={"$ref": "#/$defs/a~1b%20c", "description": "own"},
            third={"anyOf": [{"$ref": "#/definitions/other"}, {"type": "null"}]},
        ),
        "$defs": {"a/b c": {"type": "string", "description": "d"}},
        "definitions": {"other": {"$ref": "#/$defs/a~1b%20c"}},
    }
    assert _translated(schema)["properties"] == {
        "first": {"type": "STRING", "description": "d"},
        "second": {"type": "STRING", "description": "own"},
        "third": {"type": "STRING", "description": "d", "nullable": True},
    }


def _nested(levels: int) -> dict[str, Any]:
    return _object(a=_nested(levels - 1)) if levels else {"type": "string"}


def _bomb(levels: int) -> dict[str, Any]:
    definitions = {f"d{level}": {"anyOf": [{"$ref": f"#/$defs/d{level + 1}"}] * 9} for level in range(levels)}
    return {"$ref": "#/$defs/d0", "$defs": {**definitions, f"d{levels}": {"type": "string"}}}


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({**_object(a={"$ref": "#"})}, "recursive"),
        ({"$ref": "#/$defs/n", "$defs": {"n": _object(a={"$ref": "#/$defs/n"})}}, "recursive"),
        ({"$ref": "#/$defs/n", "$defs": {"n": {"allOf": [{"$ref": "#/$defs/n"}]}}}, "recursive"),
        ({"$ref": "#/$defs/gone"}, "not in it"),
        ({"$ref": "https://example.org/schema"}, "not in it"),
        (_nested(6), "nested too deeply"),
        (_nested(150), "nested too deeply"),
        (_bomb(5), "too large"),
        (_object(**{"first name": {"type": "string"}}), "rename the property"),
        (_object(ä={"type": "string"}), "rename the property"),
        (_object(a={"type": "string"}, A={"type": "string"}), "rename the property"),
        ({"type": "text"}, "there are string"),
        ({"type": "array", "uniqueItems": True}, "'uniqueItems'"),
        ({"not": {"type": "string"}}, "'not'"),
        ({"type": "number", "exclusiveMinimum": 0}, "exclusive bound"),
        ({"const": True}, "texts nor of numbers"),
        ({"enum": ["a", 1]}, "texts nor of numbers"),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]}, "two different 'type'"),
        ({"type": "array", "items": [{"type": "string"}]}, "expected an object"),
        ({"type": "array", "items": False}, "expected an object"),
        ({"type": "string", "maxLength": "5"}, "expected an integer"),
        ({"type": "string", "maxLength": -1}, "takes 0 to"),
        ({"type": "array", "maxItems": 2**63}, "takes 0 to"),
        ({"anyOf": []}, "empty anyOf"),
        ({"type": []}, "empty type"),
        ("string", "expected an object"),
    ],
)
def test_what_gemini_does_not_know_of_schemas_is_refused(schema: Any, said: str) -> None:
    """
    With the line, and the place of the schema.
    """
    error = refusal_of(**_format(schema))
    assert (error.line, error.param) == (2, "body.response_format.json_schema.schema")
    assert said in error.message


def test_a_schema_of_just_as_many_levels_as_the_importer_reads_is_taken() -> None:
    """
    Fifteen, with the line and the request around it; the lists at the bottom count, too.
    """
    assert _translated(_nested(5))
    deepest = _nested(5)
    place = deepest
    for _ in range(5):
        place = place["properties"]["a"]
    place["enum"] = ["x"]
    assert _translated(deepest)
    place["items"] = {"type": "array", "items": {"type": "string"}}
    assert "nested too deeply" in refusal_of(**_format(deepest)).message
