"""
Tools and the choice among them as Gemini's function declarations and tool configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from aikit.providers.vertex.translation.refusals import expect, expect_choice, expect_members, refuse
from aikit.providers.vertex.translation.schemas import gemini_schema

_PARAMETERS_LEVEL: Final = 7
"""Of nesting, of the parameters of a function: below line, request, tools, tool, functionDeclarations and function."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
_PARAMETERS: Final = frozenset(("properties", "additionalProperties", "anyOf"))
_FUNCTION: Final = frozenset(("name", "description", "parameters", "strict"))
MODES: Final = {"none": "NONE", "auto": "AUTO", "required": "ANY"}


def functions_of(tools: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """
    Yield the functions in *tools*, and the place of each.

    Raises:
        RefusedError: A tool is no function.
    """
    for number, tool in enumerate(expect(tools, list, "tools")):
        param = f"tools[{number}]"
        expect_choice(expect(tool, dict, param).get("type"), {"function": None}, f"{param}.type")
        expect_members(tool, {"type", "function"}, param)
        function = expect(tool.get("function"), dict, f"{param}.function")
        expect_members(function, _FUNCTION, f"{param}.function")
        expect(function.get("name"), str, f"{param}.function.name")
        yield function, f"{param}.function"


def parameters_of(function: dict[str, Any], param: str, level: int) -> dict[str, Any]:
    """
    Return the schema of the parameters of *function*, an object also where that is not said, at a *level* of nesting.

    Raises:
        RefusedError: It is of something else, or cannot be translated.
    """
    place = f"{param}.parameters"
    schema = gemini_schema(function.get("parameters") or {"type": "object"}, place, level)
    if "anyOf" not in schema and schema.setdefault("type", "OBJECT") != "OBJECT":
        refuse(f"{place}.type", f'is "{schema["type"].lower()}"; the parameters of a function are an object')
    return schema


def gemini_tools(tools: Any) -> list[dict[str, Any]]:
    """
    Return *tools* as one tool of Gemini with all functions.

    Raises:
        RefusedError: One cannot be translated.
    """
    declarations = []
    for function, param in functions_of(tools):
        name = function["name"]
        if not _NAME.fullmatch(name):
            refuse(
                f"{param}.name", f'is "{name[:60]}"; Vertex AI takes letters, digits and _ . : - after a letter or _'
            )
        told = {"name": name}
        if function.get("description"):
            told["description"] = expect(function["description"], str, f"{param}.description")
        parameters = parameters_of(function, param, _PARAMETERS_LEVEL)
        if not _PARAMETERS.isdisjoint(
            parameters
        ):  # else there are none, and models refuse an object without properties
            told["parameters"] = parameters
        declarations.append(told)
    return [{"functionDeclarations": declarations}]


def gemini_choice(choice: Any) -> dict[str, Any]:
    """
    Return what *choice* among tools is as a tool configuration.

    Raises:
        RefusedError: It cannot be translated.
    """
    names = chosen_names(choice)
    if names is None:
        return {"functionCallingConfig": {"mode": expect_choice(choice, MODES, "tool_choice")}}
    return {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": names}}


def chosen_names(choice: Any) -> list[str] | None:
    """
    Return the functions of which *choice* demands one; ``None`` if it names none.

    Raises:
        RefusedError: It is of an unknown form.
    """
    if type(choice) is not dict:
        return None
    kinds = {"function": [choice], "allowed_tools": choice.get("allowed_tools")}
    given = expect_choice(choice.get("type"), kinds, "tool_choice.type")
    if type(given) is dict:
        expect_choice(given.get("mode"), {"required": None}, "tool_choice.allowed_tools.mode")
        given = given.get("tools")
    return [_name(tool) for tool in expect(given, list, "tool_choice.allowed_tools.tools")]


def _name(tool: Any) -> str:
    function = expect(expect(tool, dict, "tool_choice").get("function"), dict, "tool_choice.function")
    return expect(function.get("name"), str, "tool_choice.function.name")
